import { spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { admitLink, dismissLink, linkEndOf, linkOf } from "../../sdk/plan/migration-link.ts";
import type { Step } from "../../sdk/plan/step.ts";

/** Its own file systems, as root. */
const apart = spawnSync("unshare", ["--mount", "true"]).status === 0;
const link = linkOf("0badcafe", "out");
const key = "ssh-ed25519 AAAAC3Nza nfvlab-0badcafe-out";
const mine = "ssh-ed25519 AAAAmine admin@desk\n";

/** The steps run here, for a user whose home is a folder of the test's. */
describe("keys that are let in", () => {
  let home = "";
  const file = () => join(home, ".ssh/authorized_keys");

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "nfvlab keys-"));
    mkdirSync(join(home, "bin"));
    writeFileSync(join(home, "bin/getent"), `#!/bin/sh\necho "me:x:0:0::${home}:/bin/sh"\n`, { mode: 0o755 });
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  const run = ({ argv, stdin = "" }: Step) => {
    const [program, ...args] = argv;
    const env = { ...process.env, PATH: `${join(home, "bin")}:${process.env["PATH"]}` };
    const { status, stdout, stderr } = spawnSync(program, args, { input: stdin, env, encoding: "utf8" });
    return { status, stdout, stderr };
  };
  const write = (text: string, mode = 0o600) => {
    mkdirSync(join(home, ".ssh"), { recursive: true });
    writeFileSync(file(), text);
    chmodSync(file(), mode);
  };

  it("get one more, which leads to libvirt alone, and are afterwards what they were", () => {
    write(mine, 0o640);
    const { status, stdout, stderr } = run(admitLink(link, key, "198.18.100.1", 600));
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^@user /m);
    const [first, second, ...more] = readFileSync(file(), "utf8").split("\n");
    expect([`${first}\n`, more]).toEqual([mine, [""]]);
    expect(second).toMatch(
      /^restrict,port-forwarding,command="\/bin\/false",from="198\.18\.100\.1",expiry-time="\d{14}" ssh-ed25519 AAAAC3Nza nfvlab-0badcafe-out$/,
    );
    expect(statSync(file()).mode & 0o777).toBe(0o640);
    expect(run(dismissLink(link)).status).toBe(0);
    expect(readFileSync(file(), "utf8")).toBe(mine);
    expect(statSync(file()).mode & 0o777).toBe(0o640);
  });

  it("hold a link's key once, however often it is let in", () => {
    write(mine);
    run(admitLink(link, key, "198.18.100.1", 600));
    run(admitLink(link, key.replace("AAAAC3Nza", "AAAAother"), "198.18.100.1", 600));
    const text = readFileSync(file(), "utf8");
    expect(text.match(/nfvlab-0badcafe-out/g)).toHaveLength(1);
    expect(text).toContain("AAAAother");
  });

  it("that end without a line's end are no less whole", () => {
    write(mine.trimEnd());
    run(admitLink(link, key, "198.18.100.1", 600));
    expect(readFileSync(file(), "utf8").split("\n")).toHaveLength(3);
  });

  it("are made where there are none, for nobody else to read, and gone with the link", () => {
    expect(run(admitLink(link, key, "198.18.100.1", 600)).status).toBe(0);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    run(dismissLink(link));
    expect(() => statSync(file())).toThrow(/ENOENT/);
  });

  it("stay where a link leads to that is their file", () => {
    write(mine);
    const real = join(home, "keys");
    writeFileSync(real, mine);
    rmSync(file());
    symlinkSync(real, file());
    run(admitLink(link, key, "198.18.100.1", 600));
    expect(lstatSync(file()).isSymbolicLink()).toBe(true);
    expect(readFileSync(real, "utf8")).toContain("nfvlab-0badcafe-out");
    run(dismissLink(link));
    expect(readFileSync(real, "utf8")).toBe(mine);
  });

  it.skipIf(!apart)("stay what they are where the disk is full", () => {
    const lines = `${mine.repeat(150)}ssh-ed25519 AAAA ${link.mark}\n`;
    const full = `mount -t tmpfs -o size=12k keys "$0" && cat >"$0/authorized_keys" && { "$@"; code=$?; cat "$0/authorized_keys"; ls -A "$0" >&2; exit $code; }`;
    mkdirSync(join(home, ".ssh"));
    const { status, stdout, stderr } = run({
      ...dismissLink(link),
      argv: ["unshare", "--mount", "sh", "-c", full, join(home, ".ssh"), ...dismissLink(link).argv],
      stdin: lines,
    });
    expect([status, stderr.split("\n").filter((line) => line.startsWith("authorized"))]).toEqual([
      1,
      ["authorized_keys"],
    ]);
    expect(stdout).toBe(lines);
  });

  it("of others are left alone by a link that was never let in", () => {
    write(`${mine}# nfvlab-0badcafe-outer\n`);
    const before = statSync(file()).mtimeMs;
    expect(run(dismissLink(link)).status).toBe(0);
    expect(statSync(file()).mtimeMs).toBe(before);
  });

  it("come with the machine's own, where it has any", () => {
    write(mine);
    const { stdout } = run(admitLink(link, key, "198.18.100.1", 600));
    expect(() => linkEndOf(stdout.replace(/^@socket.*\n/gm, ""), "b")).toThrow(/no socket of libvirt/);
  });
});
