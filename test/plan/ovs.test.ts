import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsePmdRxqShow, polling } from "../../sdk/observe/ovs.ts";
import {
  checkDaemonOwner,
  desiredOptions,
  foundOptions,
  observedOptions,
  ownDaemon,
  permitRestart,
  planDaemon,
  restoreOptions,
} from "../../sdk/plan/ovs-daemon.ts";
import { canonicalFlow, planFlows, sameFlows } from "../../sdk/plan/ovs-flows.ts";
import { portFault } from "../../sdk/plan/ovs-port.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";

const host = { name: "dut", connection: { kind: "local" as const } };
const cpus = fc
  .uniqueArray(fc.integer({ min: 0, max: 130 }), { minLength: 1, maxLength: 8 })
  .map((list) => CpuSet.of(list).format());
const mib = fc.integer({ min: 0, max: 4096 }).map((count) => `${count}MiB` as const);
const inputs = fc
  .record(
    {
      pmdCpus: cpus,
      lcoreCpus: cpus,
      socketMemory: fc.dictionary(fc.constantFrom("0", "1", "3"), mib, { minKeys: 1 }),
      pmdSleepMax: fc.integer({ min: 0, max: 10000 }).map((us) => `${us}us` as const),
      autoLoadBalance: fc.boolean(),
      emcInsertInverseProbability: fc.nat(),
    },
    { requiredKeys: ["pmdCpus"] },
  )
  .map((options) => ({ host, ...options }));
const config = fc.dictionary(
  fc.constantFrom("pmd-cpu-mask", "dpdk-socket-mem", "dpdk-init", "smc-enable", "other"),
  fc.constantFrom("0x1", "0x6", "0,256"),
);

/** What ovs-vsctl would make of a plan. */
function apply(plan: ReturnType<typeof planDaemon>, before: Record<string, string>): Record<string, string> {
  const after = { ...before };
  for (const { argv } of plan.steps) {
    argv.forEach((word, index) => {
      const set = /^other_config:([^=]+)=(.*)$/.exec(word);
      if (set !== null) after[set[1] as string] = set[2] as string;
      if (word === "other_config") delete after[argv[index + 1] as string];
    });
  }
  return after;
}

describe("the daemon's plan", () => {
  it("reaches what is desired, is then empty, and is undone to what was found", () => {
    fc.assert(
      fc.property(inputs, config, (wanted, before) => {
        const desired = desiredOptions(wanted, { version: "3.5.0" });
        const found = foundOptions(desired, before);
        const after = apply(planDaemon(desired, { otherConfig: before, initialized: false }), before);
        expect(planDaemon(desired, { otherConfig: after, initialized: true }).steps).toEqual([]);
        const { target } = restoreOptions(desired, found, after);
        const undone = apply(planDaemon(target, { otherConfig: after, initialized: false }), after);
        expect(undone["other"]).toBe(before["other"]);
        expect(planDaemon(found, { otherConfig: undone, initialized: false }).steps).toEqual([]);
      }),
    );
  });

  it("reads its own writing back as the user spelled it", () => {
    fc.assert(
      fc.property(inputs, (wanted) => {
        const { host: _, ...options } = wanted;
        expect(
          observedOptions(wanted, { otherConfig: desiredOptions(wanted, { version: "3.5.0" }) }),
        ).toEqual(options);
      }),
    );
  });

  it("belongs to one resource, which is noted and taken back", () => {
    expect(() => checkDaemonOwner({}, "a1", "dut")).not.toThrow();
    expect(() => checkDaemonOwner({ owner: "a1" }, "a1", "dut")).not.toThrow();
    expect(() => checkDaemonOwner({ owner: "b2" }, "a1", "dut")).toThrow(
      "the options of ovs-vswitchd on dut are set by another resource already: observed nfvlab-owner=b2",
    );
    expect(ownDaemon({ owner: "a1" }, "a1")).toEqual([]);
    expect(ownDaemon({}, "a1")[0]?.argv).toContain("external_ids:nfvlab-owner=a1");
    expect(ownDaemon({ owner: "a1" }, undefined)[0]?.argv).toContain("remove");
  });

  it("tries DPDK again by a restart where it failed at the daemon's start", () => {
    const desired = { "dpdk-init": "try", "pmd-cpu-mask": "0x4" };
    const failed = planDaemon(desired, { otherConfig: desired, initialized: false });
    expect(failed).toEqual({ steps: [], restartFor: ["dpdk_initialized: false => true"] });
    expect(planDaemon(desired, { otherConfig: desired, initialized: true }).restartFor).toEqual([]);
    expect(planDaemon(desired, { otherConfig: {}, initialized: false }).restartFor).toEqual([]);
  });

  it("needs no restart before DPDK runs, and permission after", () => {
    const desired = { "dpdk-socket-mem": "0,512", "pmd-cpu-mask": "0x4" };
    expect(planDaemon(desired, { otherConfig: {}, initialized: false }).restartFor).toEqual([]);
    const plan = planDaemon(desired, { otherConfig: { "dpdk-socket-mem": "0,256" }, initialized: true });
    expect(plan.restartFor).toEqual(["dpdk-socket-mem: 0,256 => 0,512"]);
    const interfaces = [
      {
        ...{ name: "vhu0", type: "dpdkvhostuserclient", bridge: "br0", uuid: "a1" },
        ...{ options: {}, status: {}, settings: {}, statistics: {} },
      },
    ];
    expect(() => permitRestart(plan, "deny", { interfaces })).toThrowErrorMatchingInlineSnapshot(
      `[HostError: restart: these options count only after a restart of ovs-vswitchd, which is not allowed: observed dpdk-socket-mem: 0,256 => 0,512, expected restart: "allow"; a restart interrupts br0/vhu0]`,
    );
    expect(() => permitRestart(plan, "allow", { interfaces })).not.toThrow();
  });

  it("calls the sleep of 3.1 by its old name", () => {
    const inputs = { host, pmdCpus: "2", pmdSleepMax: "50us" as const };
    const known = new Set(["pmd-maxsleep"]);
    expect(desiredOptions(inputs, { version: "3.1.0", known })).toMatchObject({ "pmd-maxsleep": "50" });
    expect(observedOptions(inputs, { otherConfig: { "pmd-maxsleep": "50" } })).toMatchObject({
      pmdSleepMax: "50us",
    });
  });
});

describe("flows", () => {
  it.each([
    ["in_port=1,actions=output:2", "in_port=1 actions=output:2"],
    ["in_port=LOCAL,actions=1", "in_port=LOCAL actions=output:1"],
    ["priority=32768,in_port=1,actions=LOCAL", "in_port=1 actions=LOCAL"],
    ["ip,in_port=1,actions=normal", "in_port=1,ip actions=NORMAL"],
  ])("%s is %s", (ours, theirs) => {
    expect(canonicalFlow(ours)).toBe(canonicalFlow(theirs));
  });

  it("keeps what differs apart", () => {
    expect(sameFlows(["in_port=1,actions=2"], ["in_port=1,actions=3"])).toBe(false);
    expect(sameFlows(["priority=5,in_port=1,actions=2"], ["in_port=1,actions=2"])).toBe(false);
  });

  it("replaces its own in one bundle", () => {
    expect(planFlows("br0", "0xab", ["in_port=1,actions=2"], [])[0]?.stdin).toBe(
      "delete cookie=0xab/-1\nadd cookie=0xab,in_port=1,actions=2\n",
    );
    expect(planFlows("br0", "0xab", ["in_port=1,actions=2"], ["in_port=1 actions=output:2"])).toEqual([]);
  });
});

describe("pmd-rxq-show", () => {
  it.each([
    [
      "2.8",
      "pmd thread numa_id 0 core_id 1:\n\tisolated : false\n\tport: p0\tqueue-id: 0 1\n",
      [
        ["p0", 0],
        ["p0", 1],
      ],
    ],
    [
      "2.9",
      "pmd thread numa_id 0 core_id 1:\n\tisolated : true\n\tport: dpdk0            \tqueue-id:  0\tpmd usage: 12 %\n",
      [["dpdk0", 0]],
    ],
    [
      "2.16",
      "pmd thread numa_id 0 core_id 3:\n  isolated : false\n  port: p0                queue-id:  1 (disabled)  pmd usage: 12 %\n  overhead:  2 %\n",
      [["p0", 1]],
    ],
    [
      "3.5",
      "Displaying last 60 seconds pmd usage %\npmd thread numa_id 1 core_id 2:\n  isolated : false\n  port: vx                queue-id:  0 (enabled)   pmd usage: NOT AVAIL\n  overhead: NOT AVAIL\n",
      [["vx", 0]],
    ],
  ])("reads the format of %s", (_, text, queues) => {
    const [thread] = parsePmdRxqShow(text as string);
    expect(thread?.queues.map(({ port, queue }) => [port, queue])).toEqual(queues);
  });

  it("tells a port that is without error, connected, and dead", () => {
    const row = {
      name: "vhu0",
      type: "dpdkvhostuserclient",
      options: {},
      status: { status: "connected" },
      ofport: 1,
    };
    const shown = (stdout: string) => polling.parse({ code: 0, stdout, stderr: "" });
    const others = shown("pmd thread numa_id 1 core_id 2:\n  isolated : false\n");
    expect(portFault("dpdkvhostuserclient", row, { polling: others })).toMatch(
      /no poll-mode thread polls it/,
    );
    expect(portFault("dpdkvhostuserclient", row, { polling: shown("") })).toBe("no poll-mode thread runs");
    const silent = polling.parse({
      code: 142,
      stdout: "",
      stderr: "2026-01-01T00:00:00Z|00001|fatal_signal|WARN|terminating with signal 14 (Alarm clock)\n",
    });
    expect(portFault("dpdkvhostuserclient", row, { polling: silent })).toMatch(
      /^ovs-vswitchd does not say who polls it: .*Alarm clock/,
    );
    const served = shown(
      "pmd thread numa_id 1 core_id 2:\n  isolated : false\n  port: vhu0  queue-id:  0 (enabled)   pmd usage:  1 %\n",
    );
    expect(portFault("dpdkvhostuserclient", row, { polling: served })).toBeUndefined();
  });
});
