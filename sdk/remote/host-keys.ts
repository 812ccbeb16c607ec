import { createHash } from "node:crypto";
import ssh2 from "ssh2";
import { InputError } from "../units/errors.ts";

/** A public key by its type and its bytes on the wire. */
export interface HostKey {
  readonly type: string;
  readonly blob: Buffer;
}

/**
 * Reads one pinned key: `ssh-ed25519 AAAA… [comment]`, or a line of known_hosts with the host name before it.
 *
 * @throws InputError `host-key-format`
 */
export function parseHostKey(text: string): HostKey {
  const words = text.trim().split(/\s+/);
  const at = words.findIndex((word) => /^(ssh-|ecdsa-|sk-)/.test(word));
  const type = words[at];
  const blob = Buffer.from(words[at + 1] ?? "", "base64");
  if (
    at < 0 ||
    type === undefined ||
    blob.length < 32 ||
    !blob.subarray(4).toString("latin1").startsWith(type)
  ) {
    throw new InputError({
      code: "host-key-format",
      property: "hostKey",
      problem: "not a public host key",
      observed: JSON.stringify(text.slice(0, 60)),
      expected: "a line such as ssh-ed25519 AAAA…",
      hint: "take it from /etc/ssh/ssh_host_ed25519_key.pub on the machine itself",
    });
  }
  return { type, blob };
}

/** SHA256 fingerprint as OpenSSH prints it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/** Signature algorithms by which a server can prove one of these keys, so that it does not offer one that is not pinned. */
export function algorithmsFor(keys: readonly HostKey[]): string[] {
  return [
    ...new Set(keys.flatMap(({ type }) => (type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type]))),
  ];
}

/** A new ed25519 key pair in OpenSSH's forms. */
export function generateKeyPair(): { privateKey: string; publicKey: string } {
  const pair = ssh2.utils.generateKeyPairSync("ed25519");
  return { privateKey: pair.private, publicKey: pair.public };
}
