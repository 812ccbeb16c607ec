import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { restartSteps } from "../../sdk/plan/ovs-daemon.ts";

/** What the tools of Open vSwitch 3.1 print of a bridge with a group, a flow with a cookie, and one that somebody made by hand. */
const TOOLS: Readonly<Record<string, string>> = {
  "ovs-appctl": "echo br0; echo br1",
  "ovs-vsctl": `
case "$*" in
  *" set "*flow-restore-wait=true) : > "$LAB/waits" ;;
  *" remove "*flow-restore-wait) rm "$LAB/waits" ;;
esac`,
  "ovs-ofctl": `
while [ $# -gt 2 ]; do case $1 in dump-*|add-*|replace-*) break ;; esac; shift; done
case $1 in
  dump-groups)
    echo 'OFPST_GROUP_DESC reply (OF1.5) (xid=0x2):'
    echo ' group_id=1,type=all,bucket=bucket_id:0,actions=output:1' ;;
  dump-flows)
    [ "$2" != "$MUTE" ] || exit 1
    echo ' cookie=0x1, reset_counts ip,in_port=1,nw_proto=2 actions=group:1'
    echo ' reset_counts priority=5,in_port=1 actions=output:2' ;;
  *)
    [ "$2" != "$REFUSES" ] || exit 1
    [ -e "$LAB/waits" ] && [ -e "$LAB/restarted" ] || exit 1
    cp "$3" "$LAB/$2.$1" ;;
esac`,
  systemctl: 'echo "$*" > "$LAB/restarted"; exit "${RESTARTS:-0}"',
};

let lab: string;
beforeEach(() => {
  lab = mkdtempSync(join(tmpdir(), "nfvlab-restart-"));
  mkdirSync(join(lab, "bin"));
  mkdirSync(join(lab, "tmp"));
  for (const [name, script] of Object.entries(TOOLS))
    writeFileSync(join(lab, "bin", name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
});
afterEach(() => {
  rmSync(lab, { recursive: true });
});

const restarted = (how: Readonly<Record<string, string>> = {}) => {
  const [{ argv, stdin } = expect.fail("no step")] = restartSteps();
  const [program, ...args] = argv;
  const { status, stderr } = spawnSync(program, args, {
    ...{ input: String(stdin), encoding: "utf8" as const },
    env: { PATH: `${join(lab, "bin")}:${process.env.PATH}`, LAB: lab, TMPDIR: join(lab, "tmp"), ...how },
  });
  return { status, stderr: stderr.trim(), waits: existsSync(join(lab, "waits")) };
};
const saved = () => readdirSync(join(lab, "tmp"));
const text = (...path: readonly string[]) => readFileSync(join(lab, ...path), "utf8");
const GROUPS = "group_id=1,type=all,bucket=bucket_id:0,actions=output:1\n";
const FLOWS =
  "cookie=0x1, reset_counts ip,in_port=1,nw_proto=2 actions=group:1\nreset_counts priority=5,in_port=1 actions=output:2\n";

describe("a switch that is restarted", () => {
  it("has every flow and group again, also those without a cookie", () => {
    expect(restarted()).toEqual({ status: 0, stderr: "", waits: false });
    expect(text("restarted")).toBe("restart ovs-vswitchd\n");
    for (const bridge of ["br0", "br1"])
      expect([text(`${bridge}.add-groups`), text(`${bridge}.replace-flows`)]).toEqual([GROUPS, FLOWS]);
    expect(saved()).toEqual([]);
  });

  it("does not wait for flows that nobody gives it where it does not start, and they are not lost", () => {
    const { status, stderr, waits } = restarted({ RESTARTS: "1" });
    expect([status, waits]).toEqual([1, false]);
    const [folder = ""] = saved();
    expect(stderr).toBe(
      `flows of all bridges may be missing: those from before the restart are in ${join(lab, "tmp", folder)}`,
    );
    expect(text("tmp", folder, "br0.flows")).toBe(FLOWS);
  });

  it("says which bridge does not take its flows, once the others have theirs", () => {
    const { status, stderr, waits } = restarted({ REFUSES: "br0" });
    expect([status, waits]).toEqual([1, false]);
    const [folder = ""] = saved();
    expect(stderr).toContain("flows of br0 may be missing: ");
    expect(text("tmp", folder, "br0.flows")).toBe(FLOWS);
    expect(text("br1.replace-flows")).toBe(FLOWS);
  });

  it("is left as it is where a bridge does not tell its flows", () => {
    expect(restarted({ MUTE: "br1" })).toEqual({ status: 1, stderr: "", waits: false });
    expect([existsSync(join(lab, "restarted")), saved()]).toEqual([false, []]);
  });
});
