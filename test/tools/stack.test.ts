import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dropSalt, isLockedByTheDead, stackOf } from "../../tools/pulumi.mjs";
import { resourceTimes, timeTable, wasUpdated } from "../../tools/where-time-went.mjs";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nfvlab-stack-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("the stack", () => {
  it.each([
    [[], {}, "dev", []],
    [[], { NFVLAB_STACK: "rack" }, "rack", []],
    [["--stack", "x", "--diff"], { NFVLAB_STACK: "rack" }, "x", ["--diff"]],
    [["--diff", "--stack=x"], {}, "x", ["--diff"]],
    [["-s", "x"], {}, "x", []],
    [["--target", "a=b"], {}, "dev", ["--target", "a=b"]],
  ])("of %j in %j is %s, and %j is left", (args, env, stack, rest) => {
    expect(stackOf(args, env)).toEqual({ stack, rest });
  });
  it.each([[["--stack"]], [["--stack="]], [["-s"]]])("of %j is asked for", (args) => {
    expect(() => stackOf(args, {})).toThrow("wants the name of a stack");
  });

  it.each([["--stack=rack"], ["--stack", "rack"]])(
    "is not another one because npm kept %s %s",
    (...options: readonly string[]) => {
      // npm's own way: an option that is not behind -- is npm's.
      const scripts = { down: `node ${join(import.meta.dirname, "trial-stack.mjs")}` };
      writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "lab", scripts }));
      const npm = (...args: readonly string[]) =>
        spawnSync("npm", ["run", "--silent", "down", ...args], { cwd: folder, encoding: "utf8" }).stdout;
      expect(npm(...options)).toBe(
        "npm took --stack for an option of its own. Put -- before what is not npm's: npm run down -- --stack rack\n",
      );
      expect(npm("--", ...options)).toBe("rack\n");
    },
  );
});

describe("the salt of the clone's passphrase", () => {
  const file = () => join(folder, "Pulumi.dev.yaml");

  it("goes, and the file with it where it held nothing else", () => {
    writeFileSync(file(), "encryptionsalt: v1:abc=:v1:def\n");
    dropSalt("dev", folder);
    expect(existsSync(file())).toBe(false);
  });
  it("goes, and the configuration stays", () => {
    writeFileSync(file(), "encryptionsalt: v1:abc\nconfig:\n  nfvlab:host: 10.0.0.1\n");
    dropSalt("dev", folder);
    expect(readFileSync(file(), "utf8")).toBe("config:\n  nfvlab:host: 10.0.0.1\n");
  });
  it.each([
    ["it encrypts something", "encryptionsalt: v1:abc\nconfig:\n  nfvlab:key:\n    secure: v1:xyz\n"],
    ["there is none", "config:\n  a: b\n"],
  ])("stays where %s", (_, text) => {
    writeFileSync(file(), text);
    dropSalt("dev", folder);
    expect(readFileSync(file(), "utf8")).toBe(text);
  });
  it("needs no file", () => {
    expect(() => dropSalt("dev", folder)).not.toThrow();
  });
});

describe("the lock of a stack", () => {
  const lock = (name: string, pid: number, host = hostname()): void =>
    writeFileSync(
      join(folder, `${name}.json`),
      JSON.stringify({ pid, username: "root", hostname: host, timestamp: "" }),
    );

  it("is the dead's when its process is gone, or another by now", () => {
    lock("gone", 2 ** 22 + 1);
    lock("other", process.pid);
    expect(isLockedByTheDead(folder)).toBe(true);
  });
  it("is not when it was taken on another machine", () => {
    lock("away", 2 ** 22 + 1, `not-${hostname()}`);
    expect(isLockedByTheDead(folder)).toBe(false);
  });
  it("is not while an engine has that process id", async () => {
    const engine = join(folder, "pulumi");
    copyFileSync("/bin/sleep", engine);
    const child = spawn(engine, ["60"], { stdio: "ignore" });
    await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    try {
      lock("gone", 2 ** 22 + 1);
      lock("alive", child.pid ?? 0);
      expect(isLockedByTheDead(folder)).toBe(false);
    } finally {
      child.kill("SIGKILL");
    }
  });
  it("is none without a file", () => {
    expect(isLockedByTheDead(folder)).toBe(false);
    expect(isLockedByTheDead(join(folder, "nowhere"))).toBe(false);
  });
});

describe("where the time went", () => {
  const log = readFileSync(join(import.meta.dirname, "../fixtures/tools/events.jsonl"), "utf8");

  it("is read from the engine's events", () => {
    expect(resourceTimes(log)).toEqual([
      { name: "update pulumi:providers:exp default", seconds: 0 },
      { name: "create exp:index:R evt", seconds: 2 },
    ]);
  });

  it("is known to have been an update, or only a preview", () => {
    expect(wasUpdated(log)).toBe(true);
    expect(wasUpdated(log.replace('"isPreview":false', '"isPreview":true'))).toBe(false);
    expect(wasUpdated("")).toBe(false);
  });

  it("is told as a table, with what took long below the engine", () => {
    const steps = [
      { name: "npm packages", seconds: 0.21 },
      { name: "pulumi up", seconds: 65.04 },
      { name: "evidence", seconds: 2.5 },
    ];
    const resources = [
      { name: "create nfvlab:ovs:Port p", seconds: 0 },
      { name: "create nfvlab:host:Facts dut", seconds: 3 },
      { name: "create nfvlab:emulate:Server dut", seconds: 41 },
    ];
    expect(timeTable(steps, resources, "pulumi up")).toBe(
      [
        "Where the time went",
        "  npm packages                             0.2 s",
        "  pulumi up                               65.0 s",
        "    create nfvlab:emulate:Server dut        41 s",
        "    create nfvlab:host:Facts dut             3 s",
        "  evidence                                 2.5 s",
      ].join("\n"),
    );
  });
});
