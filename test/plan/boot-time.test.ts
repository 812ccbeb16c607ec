import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { parseGuestBoot } from "../../sdk/observe/guest-boot.ts";
import { bootFailure, planBootTime } from "../../sdk/plan/boot-time.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import { bootTime } from "../../sdk/schema/latency.ts";

const folder = mkdtempSync(join(tmpdir(), "nfvlab-boot-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A libvirt of one guest, whose state is a file: what the script does with the answers is looked at here, real guests in the lab. */
const VIRSH = `#!/bin/sh
cd ${JSON.stringify(folder)}
for word; do case $word in -*|qemu:*|vnf|agent,acpi|{*) ;; *) set -- "$word"; break ;; esac; done
echo "$1" >> asked
case $1 in
  domstate) cat state ;;
  dominfo) echo "Persistent:     $(cat persistent)" ;;
  shutdown) [ -e stays ] || { sleep 0.3; echo "shut off" > state; } ;;
  start) [ ! -e broken ] || exit 1; echo running > state; echo 1 > started ;;
  qemu-agent-command) [ ! -e mute ] && [ -e started ] ;;
esac
`;

const inputs = (more: object = {}) =>
  bootTime.inputs.parse({
    ...{ host: { name: "dut", connection: { kind: "local" } }, name: "boot", domain: "vnf" },
    ...{ shutdownTimeout: "2s", bootTimeout: "2s", ...more },
  }) as Inputs<typeof bootTime>;

/** @param group takes the place of a container's control group */
function run(
  of = inputs(),
  group?: string,
): { child: ChildProcess; done: Promise<{ code: number; stdout: string; stderr: string }> } {
  const [program, ...planned] = planBootTime(of).argv;
  const args = group === undefined ? planned : [...planned.slice(0, -1), group];
  const child = spawn(program, args, {
    env: { ...process.env, PATH: [folder, process.env["PATH"]].join(delimiter) },
  });
  const texts = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].on("data", (chunk: Buffer) => {
      texts[stream] += chunk.toString("utf8");
    });
  return {
    child,
    done: new Promise((resolve) => child.on("close", (code) => resolve({ code: code ?? -1, ...texts }))),
  };
}

const put = (file: string, text = "") => writeFileSync(join(folder, file), text);
const state = () => readFileSync(join(folder, "state"), "utf8").trim();
const asked = () => readFileSync(join(folder, "asked"), "utf8").trim().split("\n");

describe("a guest that is started to be timed", () => {
  beforeEach(() => {
    for (const file of ["asked", "started", "stays", "broken", "mute"])
      rmSync(join(folder, file), { force: true });
    put("state", "running\n");
    put("persistent", "yes");
    put("virsh", VIRSH);
    chmodSync(join(folder, "virsh"), 0o755);
  });

  it("goes down, comes back, and answers", async () => {
    const { code, stdout, stderr } = await run().done;
    expect([code, stderr]).toEqual([0, ""]);
    const { startMs, answerMs } = parseGuestBoot(stdout);
    expect(answerMs).toBeGreaterThanOrEqual(startMs);
    expect(state()).toBe("running");
  });

  it.each([
    ["that does not run", () => put("state", "shut off\n"), "guest vnf does not run", "shut off"],
    ["that would be gone", () => put("persistent", "no"), "guest vnf is transient", "running"],
    ["that does not listen", () => put("stays"), "did not shut down: observed it runs after 2s", "running"],
    ["that can't start", () => put("broken"), "guest vnf did not start: observed exit code 68", "shut off"],
    [
      "that stays mute",
      () => put("mute"),
      "guest vnf did not answer: observed nothing of its agent within 2s",
      "running",
    ],
  ])("%s is told of, and is not forced", async (_, prepare, sentence, left) => {
    prepare();
    const ran = await run().done;
    expect(bootFailure(inputs(), ran).message).toContain(sentence);
    expect(state()).toBe(left);
    if (left === "running") expect(asked().filter((word) => word === "destroy")).toEqual([]);
  });

  it("is started again where whoever times it is ended half-way", async () => {
    const { child, done } = run();
    while (!existsSync(join(folder, "asked")) || !asked().includes("shutdown")) await sleep(10);
    child.kill("SIGTERM");
    const { code, stdout } = await done;
    expect([code, stdout]).toEqual([143, ""]);
    expect(state()).toBe("running");
    expect(asked().filter((word) => word === "start")).toHaveLength(1);
  });

  it("is given time to be brought back", () => {
    const plan = planBootTime(inputs({ shutdownTimeout: "30s", bootTimeout: "100s" }));
    expect(plan).toMatchObject({ seconds: 250, endSeconds: 150, repetitions: 3 });
    expect(plan.properties).toContain("TimeoutStopSec=150");
  });
});

/** A container of systemd's and of LXC's, whose state is a file. */
const SYSTEMCTL = `#!/bin/sh
cd ${JSON.stringify(folder)}
echo "$1" >> asked
case $1 in
  is-active) [ "$(cat state)" = running ] ;;
  cat) [ "$(cat persistent)" = yes ] ;;
  stop) [ -e stays ] || { rm -rf group; echo "shut off" > state; } ;;
  start) [ ! -e broken ] || exit 1; mkdir -p group; echo 4096 > group/memory.current; echo 2097152 > group/hugetlb.2MB.current; echo 0 > group/hugetlb.2MB.rsvd.current; echo running > state ;;
esac
`;
const LXC = `#!/bin/sh
case $0 in */lxc-execute) echo 6.0.4 ;; *) [ ! -e ${JSON.stringify(join(folder, "mute"))} ] && [ "$(cat ${JSON.stringify(join(folder, "state"))})" = running ] ;; esac
`;

describe("a container that is started to be timed", () => {
  const named = { domain: undefined, container: "fw" };
  const runContainer = () => run(inputs(named), join(folder, "group"));

  beforeEach(() => {
    for (const file of ["asked", "stays", "broken", "mute"]) rmSync(join(folder, file), { force: true });
    put("state", "running\n");
    put("persistent", "yes");
    for (const [file, text] of [
      ["systemctl", SYSTEMCTL],
      ["lxc-attach", LXC],
      ["lxc-execute", LXC],
    ] as const) {
      put(file, text);
      chmodSync(join(folder, file), 0o755);
    }
  });

  it("stops, comes back, answers, and says what memory it takes", async () => {
    const { code, stdout, stderr } = await runContainer().done;
    expect([code, stderr]).toEqual([0, ""]);
    expect(parseGuestBoot(stdout)).toMatchObject({ memoryBytes: 2_097_152 + 4096, lxc: "6.0.4" });
    expect(state()).toBe("running");
    expect(asked().filter((word) => word !== "is-active")).toEqual(["cat", "stop", "start"]);
  });

  it.each([
    [
      "that does not run",
      () => put("state", "shut off\n"),
      "container fw does not run",
      "its Container does",
    ],
    [
      "that does not listen",
      () => put("stays"),
      "container fw did not shut down: observed it runs after 2s",
      "it is not forced",
    ],
    [
      "that can't start",
      () => put("broken"),
      "container fw did not start: observed exit code 68",
      "journalctl -u nfvlab-lxc-fw.service",
    ],
  ])("%s is told of", async (_, prepare, sentence, hint) => {
    prepare();
    const { message } = bootFailure(inputs(named), await runContainer().done);
    expect(message).toContain(sentence);
    expect(message).toContain(hint);
  });

  it("is one thing: a guest or a container", () => {
    for (const [more, observed] of [
      [{ domain: undefined }, "neither"],
      [{ container: "fw" }, "guest vnf and container fw"],
    ] as const)
      expect(() => planBootTime(inputs(more))).toThrow(
        `domain: one thing is started and timed, a guest or a container: observed ${observed}, expected domain or container`,
      );
  });
});

describe("the times of a start", () => {
  it("have no memory where nobody could tell it", () => {
    expect(parseGuestBoot("@booted 10 20 40 \n")).toEqual({ startMs: 10, answerMs: 30 });
    expect(parseGuestBoot("@booted 10 20 40 4096\n")).toEqual({
      startMs: 10,
      answerMs: 30,
      memoryBytes: 4096,
    });
  });

  it.each(["", "@booted 5 4 6\n", "@booted 1 2\n", "@booted 1 2 3 much\n"])(
    "that are %o are refused",
    (text) => expect(() => parseGuestBoot(text)).toThrow("could not read the times of the guest's start"),
  );
});
