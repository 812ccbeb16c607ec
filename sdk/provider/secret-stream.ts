const SECRET = Buffer.from("[secret]").toString("latin1");

/**
 * Bytes without the secrets in them, also where one comes in two chunks: what may be the beginning of one waits for what follows. All other bytes stay as they are.
 */
export class SecretStream {
  readonly #pattern: RegExp | undefined;
  readonly #longest: number;
  #held = "";

  constructor(secrets: readonly string[]) {
    // A byte a character, so that bytes which are no text stay what they are. The longest first, since one may begin with another.
    const texts = secrets
      .filter((secret) => secret !== "")
      .map((secret) => Buffer.from(secret).toString("latin1"))
      .sort((one, other) => other.length - one.length);
    this.#longest = texts[0]?.length ?? 0;
    this.#pattern = texts.length === 0 ? undefined : new RegExp(texts.map(literal).join("|"), "g");
  }

  take(chunk: Uint8Array): Uint8Array {
    return this.#cleaned(Buffer.from(chunk).toString("latin1"), false);
  }

  /** What still waited. */
  end(): Uint8Array {
    return this.#cleaned("", true);
  }

  #cleaned(more: string, isLast: boolean): Uint8Array {
    const text = this.#held + more;
    // A secret that begins here or later may be longer than what has come of it.
    const open = isLast ? text.length : Math.max(0, text.length - Math.max(0, this.#longest - 1));
    let clean = "";
    let at = 0;
    for (const { index, 0: found } of this.#pattern === undefined ? [] : text.matchAll(this.#pattern)) {
      if (index >= open) break;
      clean += text.slice(at, index) + SECRET;
      at = index + found.length;
    }
    const until = Math.max(at, open);
    this.#held = text.slice(until);
    return Buffer.from(clean + text.slice(at, until), "latin1");
  }
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
