import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import { afterAll, describe, expect, test } from "vitest";
import { algorithmsFor, fingerprint, generateKeyPair, parseHostKeys } from "../../sdk/remote/host-keys.ts";

const folder = mkdtempSync(join(tmpdir(), "nfvlab-keys-"));
afterAll(() => rmSync(folder, { recursive: true }));

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2WQ0wn+tLbNwrjQaNrGcRDYRhqRlOw9JhLuqMt0JQk";

describe("a pinned key", () => {
  const [{ blob }] = parseHostKeys(KEY);

  test.each([
    ["with a comment", `${KEY} root@dut`],
    ["as a line of known_hosts", `10.0.0.7,dut ${KEY}`],
    ["behind a host name that looks like a key type", `ssh-gateway ${KEY}`],
    ["behind a hashed host name", `|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ${KEY}`],
    ["among comments and empty lines", `# dut\n\n${KEY}\n`],
  ])("is read %s", (_, text) => {
    expect(parseHostKeys(text)).toEqual([{ type: "ssh-ed25519", blob }]);
  });

  test("may be one of several", () => {
    const other = generateKeyPair().publicKey;
    expect(parseHostKeys([KEY, other])).toHaveLength(2);
    expect(parseHostKeys(`${KEY}\n${other}\n`)).toHaveLength(2);
  });

  test.each([
    ["nothing", ""],
    ["no key at all", []],
    ["a fingerprint", "SHA256:jeUN/Mp42EhsXsu0lyPsBUK8rFaEUmGmqXHuo8A+Ncg"],
    ["a revoked key", `@revoked * ${KEY}`],
    ["a certificate authority", `@cert-authority * ${KEY}`],
    ["a key whose bytes are of another type", KEY.replace("ssh-ed25519", "ssh-rsa")],
    ["a key cut short", KEY.slice(0, 40)],
    ["a private key", generateKeyPair().privateKey],
  ])("is not %s", (_, text) => {
    expect(() => parseHostKeys(text)).toThrow(expect.objectContaining({ code: "host-key-format" }));
  });

  test("comes first in what is offered, and others follow so that an error can name them", () => {
    const algorithms = algorithmsFor(parseHostKeys(KEY));
    expect(algorithms[0]).toBe("ssh-ed25519");
    expect(algorithms).toContain("rsa-sha2-512");
    expect(new Set(algorithms).size).toBe(algorithms.length);
  });
});

test("generated keys are OpenSSH's own kind, with the fingerprint that ssh-keygen prints", () => {
  for (let run = 0; run < 20; run += 1) {
    const { privateKey, publicKey } = generateKeyPair();
    const file = join(folder, `key-${run}`);
    writeFileSync(file, privateKey, { mode: 0o600 });
    const derived = execFileSync("ssh-keygen", ["-y", "-f", file], { encoding: "utf8" });
    expect(derived.split(" ")[1]?.trim()).toBe(publicKey.split(" ")[1]);
    expect(execFileSync("ssh-keygen", ["-l", "-f", file], { encoding: "utf8" })).toContain(
      fingerprint(publicKey),
    );
  }
});

test("every generated pair is usable, also one whose key begins with zero bytes", () => {
  const message = Buffer.from("signed");
  for (let run = 0; run < 1000; run += 1) {
    const { privateKey, publicKey } = generateKeyPair();
    const [signer, verifier] = [privateKey, publicKey].map((text) => ssh2.utils.parseKey(text));
    if (signer === undefined || signer instanceof Error) throw new Error(`no private key: ${signer}`);
    if (verifier === undefined || verifier instanceof Error) throw new Error(`no public key: ${verifier}`);
    expect(verifier.verify(message, signer.sign(message))).toBe(true);
  }
});
