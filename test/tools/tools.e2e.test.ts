import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");

/** A clone of its own, made of the real tools and a small project, so that nothing here meets the state of this one. */
let clone: string;
let log: string;

beforeAll(() => {
  clone = mkdtempSync(join(tmpdir(), "nfvlab tools-"));
  log = join(clone, "provider.log");
  cpSync(join(import.meta.dirname, "project"), clone, { recursive: true });
  cpSync(join(root, "tools"), join(clone, "tools"), { recursive: true });
  for (const name of ["package.json", "package-lock.json"]) cpSync(join(root, name), join(clone, name));
  symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
  mkdirSync(join(clone, "stacks/config"));
});
afterAll(() => {
  for (const pid of processesOfClone()) process.kill(pid, "SIGKILL");
  rmSync(clone, { recursive: true, force: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly said: string }>;
}

/** What a tool finds set: nothing of Pulumi's from the shell that runs the tests, whose backend and passphrase are others. */
function environment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const {
    PULUMI_BACKEND_URL,
    PULUMI_ACCESS_TOKEN,
    PULUMI_CONFIG_PASSPHRASE,
    PULUMI_CONFIG_PASSPHRASE_FILE,
    ...env
  } = process.env;
  return { ...env, TRIAL_LOG: log, NO_COLOR: "1", ...extra };
}

function start(tool: string, args: readonly string[], extra: Record<string, string> = {}): Started {
  const child = spawn(process.execPath, [join(clone, "tools", tool), ...args], {
    cwd: clone,
    env: environment(extra),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  }
  const ended = new Promise<{ code: number | null; said: string }>((resolve) => {
    child.once("close", (code) => resolve({ code, said }));
  });
  return { child, ended };
}

function runTool(tool: string, args: readonly string[] = [], extra: Record<string, string> = {}) {
  return start(tool, args, extra).ended;
}

async function state(): Promise<string> {
  const { said } = await runTool("pulumi.mjs", ["stack", "export", "--stack", "dev"]);
  return said;
}

async function logSays(text: string): Promise<void> {
  for (let tries = 0; tries < 2400; tries += 1) {
    if (existsSync(log) && readFileSync(log, "utf8").includes(text)) return;
    await sleep(50);
  }
  throw new Error(`the provider's log does not say "${text}"`);
}

/** Process ids of what runs in the clone, by name or all. The kernel keeps 15 characters of a name. */
function processesOfClone(name?: string): number[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        const isHere = readlinkSync(`/proc/${pid}/cwd`).startsWith(clone);
        return isHere && (name === undefined || readFileSync(`/proc/${pid}/comm`, "utf8").trim() === name);
      } catch {
        return false;
      }
    })
    .map(Number);
}

describe("the tools, with the real engine", () => {
  it("bring a stack up under its policies and say where the time went", async () => {
    const { code, said } = await runTool("up.mjs", [], { TRIAL_SECONDS: "2" });
    expect(said).toMatch(/ok {3}npm packages {2,}\d+\.\d s \(unchanged\)/);
    expect(said).toMatch(/ok {3}stack dev {2,}\d+\.\d s \(made\)/);
    expect(said).toContain("trial-policies@v0.1.0");
    expect(said).toMatch(/create trial:index:Sleeper first +\d+ s/);
    expect(said).toContain("summed up: summary dev");
    expect(code, said).toBe(0);
    expect(readFileSync(log, "utf8")).toBe("create begins\ncreate ends\n");
    expect(statSync(join(clone, ".nfvlab/passphrase")).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(clone, ".nfvlab")).sort()).toEqual(["passphrase", "reports", "state"]);
    expect(existsSync(join(clone, ".nfvlab/state/.pulumi/stacks/tools-trial/dev.json"))).toBe(true);
  });

  it("give the engine a secret from a file", async () => {
    const secret = join(clone, "secret");
    writeFileSync(secret, "line 1\nline 2\n");
    const pulumi = join(clone, "tools/pulumi.mjs");
    const set = 'exec "$1" "$2" config set --stack dev --secret trial < "$3"';
    const { status, stderr } = spawnSync("sh", ["-c", set, "sh", process.execPath, pulumi, secret], {
      encoding: "utf8",
      env: environment(),
    });
    expect(status, stderr).toBe(0);
    const { said } = await runTool("pulumi.mjs", ["config", "get", "trial", "--stack", "dev"]);
    expect(said).toContain("line 1\nline 2\n");
    await runTool("pulumi.mjs", ["config", "rm", "trial", "--stack", "dev"]);
  });

  it("tell at once what is wrong with a program, also where Pulumi's own code is in the stack", async () => {
    const { code, said } = await runTool("pulumi.mjs", ["preview", "--stack", "dev", "--non-interactive"], {
      ...{ TRIAL_SECONDS: "2", TRIAL_MISTAKE: "1" },
    });
    expect(said).toContain("TypeError: Cannot read properties of null (reading 'seconds')");
    expect(said).toMatch(/stacks\/index\.ts:\d+/);
    // The path that Node.js does not come to an end with when it marks packages.
    expect(said).toMatch(/node_modules\/@pulumi\/\w+\.ts:/);
    expect(code).not.toBe(0);
  });

  it("change nothing when nothing changed", async () => {
    const { code, said } = await runTool("up.mjs", [], { TRIAL_SECONDS: "2" });
    expect(code, said).toBe(0);
    expect(said).toContain("2 unchanged");
    expect(readFileSync(log, "utf8")).toBe("create begins\ncreate ends\n");
  });

  it("stop before anything is done when a policy forbids it, with the engine's code", async () => {
    const { code, said } = await runTool("up.mjs", [], { TRIAL_SECONDS: "61" });
    expect(code).toBe(1);
    expect(said).toContain("61 s is too long.");
    expect(said).not.toContain("summed up");
    expect(said).toContain("Where the time went");
    expect(readFileSync(log, "utf8")).toBe("create begins\ncreate ends\n");
  });

  it("fail on what was measured, with the stack up, and judge the state again on demand", async () => {
    const { code, said } = await runTool("up.mjs", [], { TRIAL_SECONDS: "2", TRIAL_READING: "61" });
    expect(said).toMatch(/Sleeper first updated/);
    expect(said).toContain("It read 61, allowed are 60.");
    expect(said).toContain("summed up: summary dev");
    expect(code, said).toBe(1);
    expect(await state()).toContain('"measured": 61');

    const pack = join(clone, "policies/pulumi-analyzer-nfvlab");
    const analyze = ["policy", "analyze", "--stack", "dev", "--policy-pack", pack];
    const bad = await runTool("pulumi.mjs", analyze);
    expect(bad.said).toContain("It read 61, allowed are 60.");
    expect(bad.code).toBe(1);
    expect((await runTool("up.mjs", [], { TRIAL_SECONDS: "2" })).code).toBe(0);
    expect((await runTool("pulumi.mjs", analyze)).code).toBe(0);
  });

  it("take it down again, and say what is left of its servers", async () => {
    const servers = join(clone, ".nfvlab/servers/tools-trial.dev/dut");
    const others = join(clone, ".nfvlab/servers/tools-trial.other/dut");
    for (const folder of [servers, others]) mkdirSync(folder, { recursive: true });
    const leave = (folder: string, ...args: string[]) =>
      spawn("sleep", ["300", ...args], { cwd: folder, stdio: "ignore" });
    const named = spawn("tail", ["-f", "/dev/null", join(servers, "overlay.qcow2")], { stdio: "ignore" });
    const inside = leave(servers);
    const another = leave(others);
    try {
      const { code, said } = await runTool("down.mjs");
      expect(code).toBe(1);
      expect(said).toContain("Stack dev is gone.");
      expect(said.split("Left behind:\n")[1]?.trimEnd().split("\n").sort()).toEqual(
        [`  ${servers}`, `  process ${named.pid}: tail`, `  process ${inside.pid}: sleep`].sort(),
      );
    } finally {
      for (const child of [named, inside, another]) child.kill("SIGKILL");
    }
    rmSync(join(clone, ".nfvlab/servers"), { recursive: true });
    const { code, said } = await runTool("down.mjs");
    expect(said).toContain("There is no stack dev.");
    expect(said).toContain("Nothing is left.");
    expect(code).toBe(0);
    expect(readFileSync(log, "utf8")).toBe("create begins\ncreate ends\ndelete\n");
    expect(readdirSync(join(clone, "stacks/config"))).toEqual([]);
  });

  it("pass one Ctrl-C on once, however often it arrives at once: what runs is finished and kept", async () => {
    rmSync(log);
    const { child, ended } = start("up.mjs", [], { TRIAL_SECONDS: "4" });
    await logSays("create begins");
    child.kill("SIGINT");
    child.kill("SIGINT");
    const { code, said } = await ended;
    expect(code, said).toBe(1);
    expect(said).toMatch(/update canceled|context canceled/);
    expect(said.match(/\^C received/g)).toHaveLength(1);
    expect(readFileSync(log, "utf8")).toBe("create begins\ncreate ends\n");
    expect(await state()).toContain("trial:index:Sleeper::first");
    expect((await runTool("down.mjs")).code).toBe(0);
  });

  it("go on after the engine was killed: its lock is no obstacle", async () => {
    rmSync(log);
    const { ended } = start("up.mjs", [], { TRIAL_SECONDS: "30" });
    await logSays("create begins");
    const [engine] = processesOfClone("pulumi");
    expect(engine).toBeDefined();
    process.kill(engine ?? 0, "SIGKILL");
    const { code } = await ended;
    expect(code).not.toBe(0);
    rmSync(log);
    const again = await runTool("up.mjs", [], { TRIAL_SECONDS: "1" });
    expect(again.said).toContain("freed: the engine that had it was killed");
    expect(again.said).toContain("An engine was killed while it created something");
    expect(again.said).not.toMatch(/pending operation/);
    expect(again.code, again.said).toBe(0);
    expect((await runTool("down.mjs")).code).toBe(0);
  });
});
