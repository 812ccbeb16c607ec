import { createHash } from "node:crypto";
import ssh2 from "ssh2";
import { InputError } from "../units/errors.ts";

/** A public key by its type and its bytes on the wire. */
export interface HostKey {
  readonly type: string;
  readonly blob: Buffer;
}

/** Each type of host key with the signature algorithms that prove it. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
};

/**
 * Reads pinned keys: `ssh-ed25519 AAAA… [comment]`, or lines of known_hosts with the host names before that. Empty lines and
 * comments are passed over.
 *
 * @throws InputError `host-key-format` for anything else, and where no key is left
 */
export function parseHostKeys(hostKey: string | readonly string[]): [HostKey, ...HostKey[]] {
  const lines = [hostKey]
    .flat()
    .flatMap((text) => text.split("\n"))
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const [first, ...rest] = lines.map(parseLine);
  if (first === undefined) throw malformed("nothing");
  return [first, ...rest];
}

/** SHA256 fingerprint of a public key, by its text or its bytes, as `ssh-keygen -l` prints it. */
export function fingerprint(publicKey: string | Buffer): string {
  const blob = typeof publicKey === "string" ? parseHostKeys(publicKey)[0].blob : publicKey;
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/**
 * What to offer a server: the pinned keys' algorithms first, so that it shows one of these where it has them, then the others,
 * so that a machine with other keys shows what it has and the error can name it.
 */
export function algorithmsFor(pinned: readonly HostKey[]): string[] {
  const types = [...pinned.map(({ type }) => type), ...Object.keys(ALGORITHMS)];
  return [...new Set(types.flatMap((type) => ALGORITHMS[type] ?? []))];
}

/** A new ed25519 key pair in OpenSSH's forms. */
export function generateKeyPair(): { privateKey: string; publicKey: string } {
  // ssh2 strips leading zero bytes of a key, so one pair in 256 is a byte short and no program can read it.
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync("ed25519");
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) {
      return { privateKey: pair.private, publicKey: pair.public };
    }
  }
}

// Lines that begin with a marker, `@revoked` and `@cert-authority`, pin no key and are refused with the rest.
function parseLine(line: string): HostKey {
  const words = line.split(/\s+/);
  const at = words.slice(0, 2).findIndex((word) => Object.hasOwn(ALGORITHMS, word));
  const type = words[at];
  const blob = Buffer.from(words[at + 1] ?? "", "base64");
  if (line.startsWith("@") || type === undefined || typeIn(blob) !== type) throw malformed(line);
  return { type, blob };
}

/** The type that the key's own bytes begin with. */
function typeIn(blob: Buffer): string | undefined {
  if (blob.length < 32) return undefined;
  const length = blob.readUInt32BE(0);
  return length > blob.length - 4 ? undefined : blob.toString("latin1", 4, 4 + length);
}

function malformed(observed: string): InputError {
  return new InputError({
    code: "host-key-format",
    property: "hostKey",
    problem: "not a public host key",
    observed: JSON.stringify(observed.slice(0, 60)),
    expected: "a line such as ssh-ed25519 AAAA…",
    hint: "take it from /etc/ssh/ssh_host_ed25519_key.pub on the machine itself",
  });
}
