import { describe, expect, it } from "vitest";
import { planCpus } from "../../sdk/plan/cpu-planner/plan.ts";
import type { PlannerFacts } from "../../sdk/plan/cpu-planner/topology.ts";
import type { CpuDemand, VnfDemand } from "../../sdk/schema/cpu-demand.ts";
import { InputError } from "../../sdk/units/errors.ts";
import { factsOf, type Machine, type MachineCore, twoSockets, workedDemand } from "./cpu-planner-machines.ts";

/** What the planner says: every error of a refused demand, or the advice that goes with its plan. */
function said(
  facts: PlannerFacts,
  demand: CpuDemand,
): { refused: boolean; rules: string[]; messages: string[] } {
  try {
    const { advice } = planCpus(facts, demand);
    return {
      refused: false,
      rules: advice.map(({ rule }) => rule),
      messages: advice.map(({ rule, message }) => `${rule} ${message}`),
    };
  } catch (error) {
    if (!(error instanceof InputError) || !(error.cause instanceof AggregateError)) throw error;
    const errors = error.cause.errors as InputError[];
    for (const { message } of errors) expect(error.message).toContain(message);
    const rule = ({ code }: InputError) => code.replace("cpu-plan-", "").toUpperCase();
    return {
      refused: true,
      rules: errors.map(rule),
      messages: errors.map((each) => `${rule(each)} ${each.message}`),
    };
  }
}

const vnf1 = workedDemand.vnfs?.["vnf1"] as VnfDemand;
const guest = (changes: Partial<VnfDemand>): CpuDemand => ({
  ...workedDemand,
  vnfs: { vnf1: { ...vnf1, ...changes } },
});
const wired = (changes: CpuDemand["switch"], more: Partial<CpuDemand> = {}): CpuDemand => ({
  ...workedDemand,
  ...more,
  switch: { ...workedDemand.switch, ...changes },
});
const alone: VnfDemand = { vcpus: 3, memory: "8GiB", pageSize: "1GiB" };

const small = (cores: readonly MachineCore[], more: Partial<Machine> = {}): Machine => ({
  cores,
  nodes: [{ node: 0, memoryMib: 65536 }],
  ...more,
});
const singles = (count: number, cache = (_core: number) => "l3"): MachineCore[] =>
  Array.from({ length: count }, (_, cpu) => ({ numaNode: 0, cache: cache(cpu), cpus: [cpu] }));
const pairsOfCores = small(singles(12, (core) => `l3-${Math.floor(core / 4)}`));

const facts = factsOf(twoSockets);
const unsaid = factsOf({ ...twoSockets, nics: { ...twoSockets.nics, "0000:05:00.0": -1 } });
const off24 = factsOf({ ...twoSockets, offline: [4] });
const tuned: Machine = {
  ...twoSockets,
  isolatedCpus: "1-9,21-29",
  nodes: [0, 1].map((node) => ({ node, memoryMib: 65536, pages: { "1GiB": 12, "2MiB": 0 } })),
};
const poll = (cpus: string) => ({ pmd: { cpus } });
const polls = { ...small(singles(8)), kernelArguments: "quiet rcu_nocbs=1-7 rcu_nocb_poll" };
const sniffer = { pid: 4711, command: "testpmd", cpus: "2-3" };
const link = {
  address: "0000:05:00.0",
  width: 8,
  maxWidth: 8,
  speed: "8.0 GT/s PCIe",
  maxSpeed: "8.0 GT/s PCIe",
};
const generator = { workers: 2, numaNode: 1 };

interface Case {
  readonly rule: string;
  readonly refuses: boolean;
  readonly violates: readonly [PlannerFacts, CpuDemand];
  readonly keeps: readonly [PlannerFacts, CpuDemand];
}

const breaks = (
  rule: string,
  violates: readonly [PlannerFacts, CpuDemand],
  keeps: readonly [PlannerFacts, CpuDemand],
): Case => ({ rule, refuses: true, violates, keeps });
const advises = (...of: Parameters<typeof breaks>): Case => ({ ...breaks(...of), refuses: false });

const cases: readonly Case[] = [
  breaks(
    "B01",
    [
      facts,
      { ...guest({ pins: ["1", "2", "8"] }), switch: { ...workedDemand.switch, ...poll("8-9,28-29") } },
    ],
    [
      facts,
      { ...guest({ pins: ["1", "2", "7"] }), switch: { ...workedDemand.switch, ...poll("8-9,28-29") } },
    ],
  ),
  breaks(
    "B02",
    [facts, { ...workedDemand, housekeeping: { cpus: "0,20" } }],
    [facts, { ...workedDemand, housekeeping: { cpus: "0,20,19,39" } }],
  ),
  breaks(
    "B03",
    [facts, { ...workedDemand, housekeeping: { cpus: "4,24,10,30" } }],
    [facts, { ...workedDemand, housekeeping: { cpus: "0,20,10,30" } }],
  ),
  breaks(
    "B04",
    [facts, { ...workedDemand, isolation: { isolatedCpus: "1-9,21-29", housekeepingCpus: "0,10,20,30" } }],
    [facts, { ...workedDemand, isolation: { isolatedCpus: "1-9,21-29", housekeepingCpus: "0,10-20,30-39" } }],
  ),
  advises(
    "B05",
    [factsOf(polls), { vnfs: { a: alone }, housekeeping: { coresPerNode: 1 } }],
    [factsOf(polls), { vnfs: { a: { ...alone, vcpus: 2 } }, housekeeping: { coresPerNode: 2 } }],
  ),
  breaks("B06", [off24, guest({ pins: ["1", "2", "4"] })], [facts, guest({ pins: ["1", "2", "4"] })]),
  breaks(
    "B07",
    [facts, { vnfs: { a: { ...alone, pins: ["1", "2", "3"] }, b: { ...alone, pins: ["4", "21", "5"] } } }],
    [facts, { vnfs: { a: { ...alone, pins: ["1", "2", "3"] }, b: { ...alone, pins: ["4", "6", "5"] } } }],
  ),
  advises(
    "B08",
    [facts, wired({ ...poll("8,9"), lcore: { cpus: "29" } })],
    [facts, wired({ ...poll("8,9"), lcore: { cpus: "27" } })],
  ),
  breaks(
    "B09",
    [facts, wired({ ...poll("8-9"), ports: { far: { nic: "0000:85:00.0" } } }, { chains: {} })],
    [facts, wired({ ...poll("8-9,18"), ports: { far: { nic: "0000:85:00.0" } } }, { chains: {} })],
  ),
  breaks(
    "B10",
    [facts, { ...guest({ numaNode: 1 }), coLoads: {} }],
    [facts, { ...guest({ numaNode: 0 }), coLoads: {} }],
  ),
  advises(
    "B11",
    [factsOf(pairsOfCores), { vnfs: { a: { ...alone, pins: ["3", "4", "5"] } } }],
    [factsOf(pairsOfCores), { vnfs: { a: { ...alone, pins: ["4", "5", "6"] } } }],
  ),
  breaks("B12", [facts, guest({ pins: ["1-2", "3", "4"] })], [facts, guest({ pins: ["2", "3", "4"] })]),
  breaks(
    "B13",
    [facts, guest({ pins: ["1", "2", "3"], emulator: { cpus: "0-1" } })],
    [facts, guest({ pins: ["1", "2", "3"], emulator: { cpus: "0,7" } })],
  ),
  breaks(
    "B14",
    [facts, guest({ realtime: { vcpus: "1-2" } })],
    [facts, guest({ realtime: { vcpus: "1-2", throttling: "off" } })],
  ),
  advises(
    "B15",
    [facts, guest({ realtime: { vcpus: "0-2", throttling: "kept" } })],
    [facts, guest({ realtime: { vcpus: "0,2", throttling: "kept" } })],
  ),
  breaks("B16", [facts, wired({ pmd: { mask: "0x300" } })], [facts, wired({ pmd: { mask: "30000300" } })]),
  breaks(
    "B17",
    [facts, wired({ ...poll("8-9"), lcore: { cpus: "0,9" } })],
    [facts, wired({ ...poll("8-9"), lcore: { cpus: "0,20" } })],
  ),
  advises(
    "B18",
    [
      facts,
      wired(
        { ports: { east: { nic: "0000:05:00.0", rxQueues: 3 } }, pmd: { coresPerPort: 1 } },
        { chains: {} },
      ),
    ],
    [facts, wired({ ports: { east: { nic: "0000:05:00.0", rxQueues: 3 } } }, { chains: {} })],
  ),
  advises(
    "B19",
    [
      facts,
      {
        ...guest({ numaNode: 0, nics: { lan: { kind: "vhost-user", queues: 2 } } }),
        switch: poll("9"),
        chains: {},
      },
    ],
    [
      facts,
      {
        ...guest({ numaNode: 0, nics: { lan: { kind: "vhost-user", queues: 2 } } }),
        switch: poll("8-9"),
        chains: {},
      },
    ],
  ),
  breaks(
    "B20",
    [factsOf({ ...tuned, nodes: twoSockets.nodes }), { ...workedDemand, stage: "start" }],
    [factsOf(tuned), { ...workedDemand, stage: "start" }],
  ),
  breaks("B21", [facts, guest({ memory: "56GiB" })], [facts, guest({ memory: "53GiB" })]),
  breaks(
    "B22",
    [unsaid, workedDemand],
    [unsaid, { ...workedDemand, nics: { "0000:05:00.0": { numaNode: 0 } } }],
  ),
  breaks(
    "B23",
    [factsOf({ ...tuned, isolatedCpus: "1-9" }), { ...workedDemand, stage: "start" }],
    [factsOf(tuned), { ...workedDemand, stage: "start" }],
  ),
  breaks(
    "B24",
    [{ ...facts, pinnedProcesses: [sniffer] }, workedDemand],
    [
      {
        ...facts,
        pinnedProcesses: [
          { ...sniffer, cpus: "4-7" },
          { ...sniffer, cpus: "0-39" },
        ],
      },
      workedDemand,
    ],
  ),
  breaks(
    "B25",
    [facts, { generators: { trex: generator } }],
    [facts, { generators: { trex: { ...generator, labOnly: true } } }],
  ),
  advises(
    "B26",
    [{ ...facts, nicLinks: [{ ...link, width: 4 }] }, workedDemand],
    [{ ...facts, nicLinks: [link, { ...link, address: "0000:85:00.0", width: 1 }] }, workedDemand],
  ),
  breaks(
    "B27",
    [
      facts,
      guest({
        cells: [
          { vcpus: "0-1", memory: "4GiB" },
          { vcpus: "2", memory: "4GiB", numaNode: 7 },
        ],
      }),
    ],
    [
      facts,
      guest({
        cells: [
          { vcpus: "0-1", memory: "4GiB" },
          { vcpus: "2", memory: "4GiB" },
        ],
      }),
    ],
  ),
  breaks(
    "B28",
    [facts, guest({ memory: "8704MiB" })],
    [facts, guest({ memory: "8704MiB", pageSize: "2MiB" })],
  ),
];

describe("the rules", () => {
  it("are 28", () => {
    expect(cases.map(({ rule }) => rule)).toEqual(
      Array.from({ length: 28 }, (_, at) => `B${String(at + 1).padStart(2, "0")}`),
    );
  });

  it.each(cases)("$rule finds what breaks it", ({ rule, refuses, violates }) => {
    const { refused, rules } = said(...violates);
    expect(rules).toContain(rule);
    expect(refused).toBe(refuses);
  });

  it.each(cases)("$rule is content with what keeps it", ({ rule, keeps }) => {
    const { refused, rules } = said(...keeps);
    expect(refused).toBe(false);
    expect(rules).not.toContain(rule);
  });

  it("say what is wrong, what was expected and what to do", async () => {
    const text = cases.map(({ rule, violates }) =>
      said(...violates)
        .messages.filter((message) => message.startsWith(rule))
        .join("\n"),
    );
    await expect(`${text.join("\n")}\n`).toMatchFileSnapshot("../golden/planner/rules.txt");
  });
});

const both = (demand: CpuDemand, at = facts) => said(at, demand).messages.join("\n");

describe("finer points of the rules", () => {
  it("two vCPUs of a guest on siblings are threads of a core only if the guest is told so", () => {
    const pins = ["1", "21", "2", "22"];
    const one = { vnfs: { a: { ...alone, vcpus: 4, pins } } };
    expect(both(one)).toContain("the guest takes vCPUs 0 and 1 for two cores");
    const two = { vnfs: { a: { ...alone, vcpus: 4, pins, threadsPerCore: 2 as const } } };
    expect(said(facts, two).rules).toEqual(["B23"]);
    const crossed = {
      vnfs: { a: { ...alone, vcpus: 4, pins: ["1", "2", "21", "22"], threadsPerCore: 2 as const } },
    };
    expect(both(crossed)).toContain("vCPUs 0 and 1 for threads of one core");
  });

  it("a guest may cross nodes where that is asked for, with advice", () => {
    const demand = guest({ numaNode: 1, allowCrossNuma: true });
    expect(said(facts, { ...demand, coLoads: {} }).rules).toEqual(["B10", "B23"]);
  });

  it("a queue with an affinity needs its PMD CPU on the port's node, and keeps that from all others", () => {
    const port = (rxqAffinity: Record<string, number>, rxQueues = 1) =>
      wired(
        { ...poll("8-9,18"), ports: { east: { nic: "0000:05:00.0", rxQueues, rxqAffinity } } },
        { chains: {} },
      );
    expect(said(facts, port({ 0: 8 })).refused).toBe(false);
    expect(both(port({ 0: 18 }))).toContain("would be polled by CPU 18 on node 1");
    expect(both(port({ 0: 7 }))).toContain("CPU 7 does not poll");
    expect(both(port({ 1: 8 }))).toContain("no such receive queue");
    expect(both(port({ 0: 8, 1: 9 }, 3))).toContain("B09");
  });

  it("what only practice says of the switch's memory is advice", () => {
    const pages = (count: number) =>
      factsOf({
        ...tuned,
        nodes: [0, 1].map((node) => ({ node, memoryMib: 65536, pages: { "1GiB": count } })),
      });
    expect(said(pages(12), { ...workedDemand, stage: "start" }).rules).toEqual([]);
    expect(said(pages(9), { ...workedDemand, stage: "start" })).toMatchObject({
      refused: false,
      rules: ["B20"],
    });
    expect(said(pages(8), { ...workedDemand, stage: "start" })).toMatchObject({
      refused: true,
      rules: ["B20"],
    });
  });

  it("an emulated server may leave its system less memory than a real one", () => {
    const tiny = { ...twoSockets, nodes: [0, 1].map((node) => ({ node, memoryMib: 2048 })) };
    const demand: CpuDemand = { vnfs: { a: { vcpus: 1, memory: "256MiB", pageSize: "2MiB" } } };
    expect(said(factsOf(tiny), demand)).toMatchObject({ refused: true, rules: ["B21"] });
    expect(said(factsOf({ ...tiny, emulated: true }), demand)).toMatchObject({
      refused: false,
      rules: ["B21", "B23"],
    });
  });

  it("CPU 0 is the system's only where there is one", () => {
    const without = factsOf(small(singles(8), { offline: [0] }));
    expect(planCpus(without, { vnfs: { a: alone } }).housekeeping).toBe("1");
  });

  it("a NIC of unknown node is on the only one", () => {
    const one = factsOf(small(singles(8), { nics: { "0000:05:00.0": -1 } }));
    const plan = planCpus(one, { switch: { ports: { east: { nic: "0000:05:00.0" } } } });
    expect(plan.switch?.pmdCpus).toBe("7");
  });
});

describe("a demand that names what is not there", () => {
  it("is refused with all of it at once", async () => {
    const demand: CpuDemand = {
      nics: { "0000:aa:00.0": { numaNode: 5 } },
      switch: {
        ports: {
          a: { nic: "0000:05:00.0" },
          b: { nic: "0000:05:00.0", rxqAffinity: { 4: 8 } },
          c: { nic: "0000:06:00.0" },
        },
      },
      vnfs: {
        a: { ...alone, numaNode: 4 },
        odd: { ...alone, threadsPerCore: 2, realtime: { vcpus: "7", throttling: "kept" } },
        huge: { ...alone, vcpus: 30, numaNode: 0 },
      },
      chains: { pvp: { path: ["a", "nobody"] } },
      generators: { trex: { workers: 3, cpus: "11-12", labOnly: true } },
      coLoads: { noise: { numaNode: 1, cpus: "5-6", cpuCount: 3 } },
    };
    await expect(`${both(demand)}\n`).toMatchFileSnapshot("../golden/planner/demand.txt");
  });

  it("is refused where it is no demand at all", () => {
    const demand = {
      vnfs: { a: { ...alone, vcpus: 0, memory: "8GB" } },
      colour: "red",
    } as unknown as CpuDemand;
    expect(both(demand)).toMatchInlineSnapshot(`
      "DEMAND vnfs.a.vcpus: not what it must be: observed 0, expected a whole number from 1 to 710
      DEMAND vnfs.a.memory: not what it must be: observed "8GB", expected a whole number with KiB, MiB, GiB or TiB, for instance "8GiB"
      DEMAND colour: there is no such property; leave it out"
    `);
  });
});
