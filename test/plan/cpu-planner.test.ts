import { describe, expect, it } from "vitest";
import { bootArguments } from "../../sdk/plan/cpu-planner/boot-arguments.ts";
import { explain } from "../../sdk/plan/cpu-planner/explain.ts";
import { pinDemand } from "../../sdk/plan/cpu-planner/pin-demand.ts";
import { type CpuPlan, planCpus } from "../../sdk/plan/cpu-planner/plan.ts";
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
