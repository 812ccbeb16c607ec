import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { outcomeOf } from "../../sdk/measure/migration.ts";
import { parseMigrationRun } from "../../sdk/observe/migration.ts";
import { inUnit } from "../../sdk/plan/benchmarks.ts";
import {
  cancelAfter,
  leaveNoJob,
  MIGRATION_SLACK_S,
  migrationRun,
  PATIENCE,
  type Patience,
  runSlack,
} from "../../sdk/plan/migration.ts";

/**
 * A libvirt of one guest, with a migration of it: `job` is there while one goes on. What it is asked is in `asked`. A word of `hangs` makes it never answer; domjobabort takes effect
 * the `takes`th time.
 */
const VIRSH = `#!/bin/sh
cd "$LIBVIRT"
[ "$1" = --quiet ] && shift 3
echo "$1" >>asked
case " $(cat hangs 2>/dev/null) " in *" $1 "*) exec sleep 1000;; esac
case $1 in
  domstate) echo running;;
  list) [ -e silent ] && exit 1; [ -e gone ] || echo vnf;;
  domjobinfo)
    [ -e silent ] && exit 1
    [ -e gone ] && exit 1
    if [ -e job ]; then printf 'Job type: 2\\n\\noperation: %s\\ntime_elapsed: 1000\\nmemory_total: 4096\\nmemory_iteration: 1\\n' "$(cat job)"; else echo 'Job type: 0'; fi;;
  domjobabort)
    [ "$(grep -c domjobabort asked)" -ge "$(cat takes)" ] || { echo 'error: keepalive timeout' >&2; exit 1; }
    rm -f job;;
  qemu-monitor-event)
    echo "event MIGRATION at 1796041327.617772 for domain 'vnf': {\\"status\\":\\"setup\\"}"
    [ -e deaf ] && trap '' INT
    while [ ! -e ended ] && [ -e takes ]; do sleep 0.2; done
    cat ended;;
  qemu-monitor-command) echo '{"return":{"status":"cancelled"},"id":"libvirt-1"}';;
esac`;

/** A client of a migration: it waits for the job's end, as virsh does. */
const CLIENT = `cd "$LIBVIRT"; echo 5 >job
while [ -e job ]; do sleep 0.1; done
touch ended; echo 'error: operation aborted' >&2; exit 1`;
const DONE = `cd "$LIBVIRT"; echo 5 >job; sleep 1; rm job; touch gone
echo "event MIGRATION at 1796041329.617772 for domain 'vnf': {\\"status\\":\\"completed\\"}" >ended`;
/** virsh that lost libvirt: the migration goes on without it, and completes. */
const LOST = `cd "$LIBVIRT"; echo 5 >job
( sleep 3; rm job; touch gone; echo "event MIGRATION at 1796041329.617772 for domain 'vnf': {\\"status\\":\\"completed\\"}" >ended ) >/dev/null 2>&1 &
echo 'error: connection closed due to keepalive timeout' >&2; exit 1`;

const patient: Patience = { look: 5, cancel: 60 };
const SLOW_MS = 200_000;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nfvlab migration-"));
  writeFileSync(join(folder, "virsh"), VIRSH, { mode: 0o755 });
  writeFileSync(join(folder, "takes"), "1");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const set = (file: string, text = "") => writeFileSync(join(folder, file), text);
const has = (file: string) => existsSync(join(folder, file));
const asked = (word: string) =>
  readFileSync(join(folder, "asked"), "utf8")
    .split("\n")
    .filter((line) => line === word).length;
const environment = () => ({
  ...process.env,
  PATH: `${folder}:${process.env["PATH"]}`,
  LIBVIRT: folder,
  TMPDIR: folder,
});
const run = ([program, ...args]: readonly [string, ...string[]], more: NodeJS.ProcessEnv = {}) => {
  const begun = performance.now();
  const { status, stdout } = spawnSync(program, args, {
    env: { ...environment(), ...more },
    encoding: "utf8",
    timeout: 180_000,
  });
  return { status, stdout, seconds: (performance.now() - begun) / 1000 };
};
const migrate = (client: string, limit: number, patience = patient) =>
  run(migrationRun("vnf", limit, ["sh", "-c", client], patience));
/** Of a machine that is busy with other tests, beyond what the script itself may take. */
const BUSY_S = 40;

describe("the script of a migration", () => {
  it(
    "cancels nothing that ends by itself",
    () => {
      const { status, stdout } = migrate(DONE, 30);
      const seen = parseMigrationRun(stdout);
      expect([status, outcomeOf(seen)]).toEqual([0, "completed"]);
      expect(seen).toMatchObject({ code: 0, late: false, stuck: false });
      expect(asked("domjobabort")).toBe(0);
    },
    SLOW_MS,
  );

  it(
    "cancels at its limit, also where libvirt tells nothing of the job any more",
    () => {
      set("hangs", "domjobinfo list qemu-monitor-command");
      const [limit, patience] = [2, { look: 4, cancel: 12 }];
      const { status, stdout, seconds } = migrate(CLIENT, limit, patience);
      expect(asked("domjobabort")).toBeGreaterThan(0);
      expect(has("job")).toBe(false);
      expect(status).not.toBeNull();
      expect(parseMigrationRun(stdout)).toMatchObject({ late: true });
      expect(seconds).toBeLessThan(limit + runSlack(patience) + BUSY_S);
    },
    SLOW_MS,
  );

  it(
    "cancels again where libvirt did not hear it the first time",
    () => {
      set("takes", "3");
      const { status, stdout } = migrate(CLIENT, 1);
      expect([status, asked("domjobabort")]).toEqual([0, 3]);
      expect(parseMigrationRun(stdout)).toMatchObject({ code: 1, late: true, stuck: false });
    },
    SLOW_MS,
  );

  it(
    "goes on watching what goes on without its client",
    () => {
      const { stdout } = migrate(LOST, 30);
      const seen = parseMigrationRun(stdout);
      expect(outcomeOf(seen)).toBe("completed");
      expect(seen).toMatchObject({
        code: 1,
        late: false,
        said: expect.stringContaining("keepalive timeout"),
      });
      expect(asked("domjobabort")).toBe(0);
    },
    SLOW_MS,
  );

  it(
    "ends by itself and says so where libvirt does not cancel, though everything hangs",
    () => {
      set("takes", "1000");
      set("hangs", "domstate domjobinfo domjobabort list qemu-monitor-command");
      set("deaf");
      const patience = { look: 1, cancel: 3 };
      const { status, stdout, seconds } = migrate(CLIENT, 1, patience);
      expect(status).toBe(1);
      const seen = parseMigrationRun(stdout);
      expect([seen.late, seen.stuck, outcomeOf(seen)]).toEqual([true, true, "not converged"]);
      expect(seconds).toBeLessThan(1 + runSlack(patience) + BUSY_S);
      set("ended");
    },
    SLOW_MS,
  );

  it(
    "cancels when it is ended",
    async () => {
      const [program, ...args] = migrationRun("vnf", 60, ["sh", "-c", CLIENT], patient);
      const child = spawn(program, args, { env: environment(), stdio: "ignore", detached: true });
      const code = new Promise((resolve) => child.on("exit", resolve));
      while (!has("job")) await new Promise((resolve) => setTimeout(resolve, 50));
      process.kill(child.pid!, "SIGTERM");
      expect(await code).toBe(143);
      expect([asked("domjobabort"), has("job")]).toEqual([1, false]);
      set("ended");
    },
    SLOW_MS,
  );

  it("has a unit that gives it more than it can take", () => {
    expect(MIGRATION_SLACK_S).toBeGreaterThan(runSlack(PATIENCE));
    // Each question may hang, and each second one more for whatever is between.
    expect(runSlack({ look: 10, cancel: 30 }) - runSlack({ look: 10, cancel: 0 })).toBe(30);
    expect(runSlack({ look: 11, cancel: 0 }) - runSlack({ look: 10, cancel: 0 })).toBe(6);
  });
});

describe("what is done behind a unit that was ended", () => {
  /** Words of the command, as systemd takes them from a property. */
  const words = (property: string): [string, ...string[]] => {
    const [, program = "", script = "", domain = ""] =
      /^ExecStopPost=-(\S+) -c '([^']*)' sh (\S+)$/.exec(property) ?? [];
    // Each of these would be read another way by systemd, or end the quotes.
    expect(script.replaceAll("$$", "")).not.toMatch(/[$%\\\n]/);
    return [program, "-c", script.replaceAll("$$", "$"), "sh", domain];
  };

  it(
    "cancels a migration that goes on, and tries it again",
    () => {
      set("job", "5");
      set("takes", "2");
      expect(run(words(cancelAfter("vnf")), { SERVICE_RESULT: "timeout" }).status).not.toBeNull();
      expect([asked("domjobabort"), has("job")]).toEqual([2, false]);
    },
    SLOW_MS,
  );

  it(
    "leaves alone what comes in, what is another job, and what ended well",
    () => {
      for (const [job, SERVICE_RESULT] of [
        ["4", "timeout"],
        ["51", "timeout"],
        ["5", "success"],
      ] as const) {
        set("asked");
        set("job", job);
        run(words(cancelAfter("vnf")), { SERVICE_RESULT });
        expect([job, asked("domjobabort")]).toEqual([job, 0]);
      }
    },
    SLOW_MS,
  );

  it("is a property of its unit", () => {
    const argv = inUnit("u", 60 + MIGRATION_SLACK_S, migrationRun("vnf", 60, ["virsh"]), [
      cancelAfter("vnf"),
    ]);
    expect(argv.filter((word) => word.startsWith("--property=ExecStopPost="))).toHaveLength(1);
    expect(argv).toContain(`--property=RuntimeMaxSec=${60 + MIGRATION_SLACK_S}`);
  });
});

describe("a guest that nobody migrates any more", () => {
  const leave = (seconds = 3, look = 5) => run(leaveNoJob("vnf", seconds, look).argv);

  it("is left alone where it has no job, or is not there", () => {
    expect(leave().status).toBe(0);
    set("gone");
    expect(leave().status).toBe(0);
    expect(asked("domjobabort")).toBe(0);
  });

  it(
    "has its migration cancelled, as often as that takes",
    () => {
      set("job", "5");
      set("takes", "3");
      expect([leave(30).status, asked("domjobabort"), has("job")]).toEqual([0, 3, false]);
    },
    SLOW_MS,
  );

  it("is waited for where it comes in: that is cancelled where it comes from", () => {
    set("job", "4");
    expect([leave(1).status, asked("domjobabort")]).toEqual([1, 0]);
  });

  it(
    "is not known to have no job where libvirt does not answer",
    () => {
      set("job", "5");
      set("silent");
      expect(leave(1)).toMatchObject({ status: 1, stdout: "\n" });
      rmSync(join(folder, "silent"));
      set("hangs", "list domjobinfo");
      expect(leave(1)).toMatchObject({ status: 1, stdout: "\n" });
      expect(has("job")).toBe(true);
    },
    SLOW_MS,
  );

  it("that is in a post-copy keeps its job, which is told", () => {
    set("job", "5");
    set("takes", "1000");
    const { status, stdout } = leave(2);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^Job type: 2\n\noperation: 5\n/);
  });
});
