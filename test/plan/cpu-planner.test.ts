import { describe, expect, it } from "vitest";
import { bootArguments } from "../../sdk/plan/cpu-planner/boot-arguments.ts";
import { explain } from "../../sdk/plan/cpu-planner/explain.ts";
import { pinDemand } from "../../sdk/plan/cpu-planner/pin-demand.ts";
import { type CpuPlan, planCpus } from "../../sdk/plan/cpu-planner/plan.ts";
import type { CpuDemand } from "../../sdk/schema/cpu-demand.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { factsOf, twoSockets, workedDemand } from "./cpu-planner-machines.ts";

const facts = factsOf(twoSockets);
const golden = (name: string) => `../golden/planner/${name}.txt`;

const cpusOf = (plan: CpuPlan, role: string, owner?: string) =>
  plan.assignments
    .filter((assignment) => assignment.role === role && assignment.owner === owner)
    .map(({ cpus }) => cpus);

describe("the worked example", () => {
  const plan = planCpus(facts, workedDemand);

  it("gives each role its CPUs", () => {
    expect(cpusOf(plan, "housekeeping")).toEqual(["0,20", "10,30"]);
    expect(cpusOf(plan, "lcore")).toEqual(["0"]);
    expect(cpusOf(plan, "pmd")).toEqual(["8-9,28-29"]);
    expect(plan.vnfs).toEqual({
      vnf1: {
        vcpuPins: ["1", "2", "3"],
        emulatorCpus: "0,20",
        ioThreadCpus: "0,20",
        topology: { cores: 3, threads: 1 },
        cells: [{ vcpus: "0-2", memory: "8GiB", numaNode: 0 }],
      },
    });
    expect(plan.coLoads).toEqual({ noise: "11-19,31-39" });
    expect(cpusOf(plan, "idle")).toEqual(["21-23"]);
    expect(cpusOf(plan, "spare")).toEqual(["4-7,24-27"]);
  });

  it("isolates all of node 0 but its system core, and nothing of node 1", () => {
    expect(plan.isolated).toBe("1-9,21-29");
    expect(plan.housekeeping).toBe("0,10-20,30-39");
    expect(plan.interruptMask).toBe("ff,c01ffc01");
  });

  it("has the switch's masks and memory", () => {
    expect(plan.switch).toEqual({
      pmdCpus: "8-9,28-29",
      pmdMask: "0x30000300",
      lcoreCpus: "0",
      lcoreMask: "0x1",
      socketMemory: { 0: "1GiB", 1: "0KiB" },
    });
  });

  it("leaves siblings of polling CPUs idle where that is asked for", () => {
    const quiet = planCpus(facts, {
      ...workedDemand,
      switch: { ...workedDemand.switch, pmd: { siblings: "idle" } },
    });
    expect(quiet.switch?.pmdMask).toBe("0x300");
    expect(quiet.isolated).toBe("1-9,21-29");
    expect(cpusOf(quiet, "idle")).toEqual(["21-23,28-29"]);
  });

  it("adds up huge pages", () => {
    expect(plan.hugepages.map(({ numaNode, size, count }) => [numaNode, size, count])).toEqual([
      [0, "1GiB", 12],
      [1, "1GiB", 2],
    ]);
    expect(plan.hugepages[0]?.uses.map(({ what, count }) => [what, count])).toEqual([
      ["switch", 1],
      ["switch's reserve", 1],
      ["vnf1", 8],
      ["spare", 2],
    ]);
  });

  it("says what the kernel must be booted with", () => {
    expect(bootArguments(plan).join(" ")).toBe(
      "isolcpus=managed_irq,domain,1-9,21-29 nohz_full=1-9,21-29 rcu_nocbs=1-9,21-29 irqaffinity=0,10-20,30-39 " +
        "default_hugepagesz=1G hugepagesz=1G hugepages=0:12,1:2",
    );
  });

  it("explains every CPU", async () => {
    await expect(explain(plan)).toMatchFileSnapshot(golden("worked-example"));
  });

  it("is the same when each of its choices is made by hand", () => {
    const again = planCpus(facts, pinDemand(workedDemand, plan));
    expect(again.hash).toBe(plan.hash);
    expect(CpuSet.parse(again.isolated).equals(CpuSet.parse(plan.isolated))).toBe(true);
  });

  it("starts where the machine is tuned as planned, and not where it is not", () => {
    const tuned = factsOf({
      ...twoSockets,
      isolatedCpus: "1-9,21-29",
      nodes: [
        { node: 0, memoryMib: 65536, pages: { "1GiB": 12 } },
        { node: 1, memoryMib: 65536, pages: { "1GiB": 2 } },
      ],
    });
    const start = { ...workedDemand, stage: "start" } as const;
    expect(planCpus(tuned, start).advice).toEqual([]);
    expect(planCpus(tuned, start).hash).toBe(plan.hash);
    expect(() => planCpus(facts, start)).toThrow(/need 12 x 1GiB, have 0 total[\s\S]*reboot required/);
  });
});

/** Two nodes of two chiplets of eight cores each, two threads a core: what lies behind one cache is far less than a node. */
const chiplets = factsOf({
  cores: Array.from({ length: 32 }, (_, core) => ({
    numaNode: Math.floor(core / 16),
    cache: `ccx-${Math.floor(core / 8)}`,
    cpus: [core, core + 32],
  })),
  nodes: [
    { node: 0, memoryMib: 131072 },
    { node: 1, memoryMib: 131072 },
    { node: 2, memoryMib: 262144 },
  ],
  nics: { "0000:c1:00.0": 0, "0000:c1:00.1": 0, "0000:41:00.0": 1 },
});
const guest = { memory: "4GiB", pageSize: "1GiB" } as const;

describe("a machine with several last-level caches a node", () => {
  const demand: CpuDemand = {
    switch: { ports: { up: { nic: "0000:c1:00.0", rxQueues: 3 }, down: { nic: "0000:c1:00.1", mtu: 9000 } } },
    vnfs: {
      router: { ...guest, vcpus: 4, nics: { a: { kind: "vhost-user" }, b: { kind: "vhost-user" } } },
      firewall: { ...guest, vcpus: 6, threadsPerCore: 2, nics: { a: { kind: "vhost-user", queues: 2 } } },
      direct: { ...guest, vcpus: 2, nics: { vf: { kind: "sr-iov", address: "0000:41:00.0" } } },
      wide: {
        ...guest,
        vcpus: 4,
        allowCrossNuma: true,
        cells: [
          { vcpus: "0-1", memory: "2GiB", numaNode: 0 },
          { vcpus: "2-3", memory: "2GiB", numaNode: 1 },
        ],
      },
      free: { ...guest, vcpus: 2, emulator: { cpus: "31,63" } },
    },
    chains: { service: { path: ["up", "firewall", "router", "down"] } },
    generators: { trex: { workers: 2, nics: ["0000:41:00.0"], memory: "1GiB", labOnly: true } },
    coLoads: { noise: { numaNode: 1, cpuCount: 4 } },
  };
  const plan = planCpus(chiplets, demand);

  it("keeps each guest behind one cache, by the threads that poll for it where there is room", () => {
    expect(plan.switch?.pmdCpus).toBe("14-15,46-47");
    expect(plan.vnfs["router"]?.vcpuPins).toEqual(["1", "2", "3", "4"]);
  });

  it("gives siblings to a guest that sees threads, in a row", () => {
    expect(plan.vnfs["firewall"]).toMatchObject({
      vcpuPins: ["8", "40", "9", "41", "10", "42"],
      topology: { cores: 3, threads: 2 },
    });
  });

  it("puts each cell on its node, and a guest with a NIC of its own on the NIC's", () => {
    const nodeOf = (pin = "") => Math.floor((Number(pin) % 32) / 16);
    expect(plan.vnfs["wide"]?.vcpuPins.map(nodeOf)).toEqual([0, 0, 1, 1]);
    expect(plan.vnfs["direct"]?.vcpuPins.map(nodeOf)).toEqual([1, 1]);
  });

  it("leaves cores of threads that only sleep and wake out of the isolated ones", () => {
    expect(plan.vnfs["free"]?.emulatorCpus).toBe("31,63");
    expect(CpuSet.parse(plan.isolated).intersect(CpuSet.parse("31,63")).size).toBe(0);
  });

  it("asks for no pages of 2 MiB at boot", () => {
    expect(plan.hugepages.map(({ numaNode, size, count }) => `${numaNode} ${size} ${count}`)).toEqual([
      "0 1GiB 15",
      "1 1GiB 10",
      "1 2MiB 512",
    ]);
    expect(bootArguments(plan).at(-1)).toBe("hugepages=0:15,1:10");
  });

  it("explains every CPU", async () => {
    await expect(explain(plan)).toMatchFileSnapshot(golden("chiplets"));
  });
});

describe("a machine of which nothing is asked", () => {
  it("keeps its lowest cores for the system, and isolates nothing", () => {
    const plan = planCpus(facts, {});
    expect(plan).toMatchObject({ isolated: "", housekeeping: "0-39", hugepages: [], advice: [], vnfs: {} });
    expect(plan.switch).toBeUndefined();
    expect(bootArguments(plan)).toEqual([]);
  });
});
