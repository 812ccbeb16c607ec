import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { explain } from "../../sdk/plan/cpu-planner/explain.ts";
import { pinDemand } from "../../sdk/plan/cpu-planner/pin-demand.ts";
import { type CpuPlan, planCpus } from "../../sdk/plan/cpu-planner/plan.ts";
import type { PlannerFacts } from "../../sdk/plan/cpu-planner/topology.ts";
import type { CpuDemand } from "../../sdk/schema/cpu-demand.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { InputError } from "../../sdk/units/errors.ts";
import { labs, machines } from "./cpu-planner-arbitraries.ts";
import { judge } from "./cpu-planner-oracles.ts";

const runs = { numRuns: 150 };

/** The plan, or the refusal; anything else that is thrown is a fault of the planner. */
function outcome(facts: PlannerFacts, demand: CpuDemand): CpuPlan | InputError {
  try {
    return planCpus(facts, demand);
  } catch (error) {
    if (error instanceof InputError && error.code === "cpu-plan") return error;
    throw error;
  }
}

const isPlan = (result: CpuPlan | InputError): result is CpuPlan => !(result instanceof InputError);
const errorsOf = (refusal: InputError) => (refusal.cause as AggregateError).errors as InputError[];

function expectObeyed(facts: PlannerFacts, demand: CpuDemand, plan: CpuPlan): void {
  const { faults, advice } = judge(facts, demand, plan);
  expect(Object.entries(faults).filter(([, found]) => found.length > 0)).toEqual([]);
  // Margins of memory are advice of their own, told apart from errors only inside the planner.
  const given = new Set(
    plan.advice.map(({ rule }) => rule).filter((rule) => rule !== "B20" && rule !== "B21"),
  );
  expect([...given].sort()).toEqual([...advice].sort());
}

function expectSentences(refusal: InputError): void {
  for (const error of errorsOf(refusal)) {
    expect(error).toBeInstanceOf(InputError);
    expect(error.code).toMatch(/^cpu-plan-(b\d\d|cores|demand)$/);
    expect([error.property, error.observed, error.expected, error.hint].every(Boolean)).toBe(true);
    expect(refusal.message).toContain(error.message);
  }
}

/** The machine as a plan would have it, but for some pages of each pool. */
function tunedFor(facts: PlannerFacts, plan: CpuPlan, fewer: number): PlannerFacts {
  return {
    ...facts,
    kernel: { ...facts.kernel, isolatedCpus: plan.isolated },
    numaNodes: facts.numaNodes.map((node) => ({
      ...node,
      hugepages: node.hugepages.map(({ size }) => {
        const planned = plan.hugepages.find((pages) => pages.numaNode === node.node && pages.size === size);
        const total = Math.max(0, (planned?.count ?? 0) - fewer);
        return { size, total, free: total, surplus: 0 };
      }),
    })),
  };
}

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const each of Object.values(value)) frozen(each);
  }
  return value;
}

/** The same value with the keys of every map the other way round, or turned by some. */
function reordered<T>(value: T, turn: number): T {
  if (Array.isArray(value)) return value.map((each) => reordered(each, turn)) as T;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, reordered(each, turn)] as const);
  if (turn === 0) entries.reverse();
  else entries.push(...entries.splice(0, turn % Math.max(1, entries.length)));
  return Object.fromEntries(entries) as T;
}

describe("every plan of any machine", () => {
  it("obeys all rules and comes with the advice that is due; without a plan there is a sentence for each fault", () => {
    let plans = 0;
    fc.assert(
      fc.property(labs, ([facts, demand]) => {
        const result = outcome(facts, demand);
        if (!isPlan(result)) return expectSentences(result);
        plans += 1;
        expectObeyed(facts, demand, result);
      }),
      runs,
    );
    // Were all demands refused, nothing would have been tried.
    expect(plans).toBeGreaterThan(runs.numRuns / 10);
  });

  it("is made of frozen facts, and the same each time, whatever the order of keys", () => {
    fc.assert(
      fc.property(labs, fc.nat(5), ([facts, demand], turn) => {
        const once = outcome(frozen(facts), frozen(demand));
        const again = outcome(facts, reordered(demand, turn));
        if (isPlan(once)) expect(again).toEqual(once);
        else expect(`${again}`).toBe(`${once}`);
      }),
      runs,
    );
  });

  it("is accepted when somebody writes it out by hand", () => {
    fc.assert(
      fc.property(labs, ([facts, demand]) => {
        const plan = outcome(facts, demand);
        if (!isPlan(plan)) return;
        const pinned = pinDemand(demand, plan);
        const again = outcome(facts, pinned);
        expect(again).toMatchObject({ hash: plan.hash, advice: expect.anything() });
        if (isPlan(again)) {
          const plain = ({ assignments, ...rest }: CpuPlan) => ({
            ...rest,
            assignments: assignments.map(({ reason: _, ...each }) => each),
          });
          expect(plain(again)).toEqual(plain(plan));
        }
      }),
      runs,
    );
  });

  it("is refused, or obeys all rules still, when a CPU of it is changed by hand", () => {
    let refused = 0;
    fc.assert(
      fc.property(labs, fc.nat(600), fc.nat(40), ([facts, demand], cpu, where) => {
        const plan = outcome(facts, demand);
        if (!isPlan(plan)) return;
        const changed = disturbed(pinDemand(demand, plan), cpu, where);
        const result = outcome(facts, changed);
        if (isPlan(result)) expectObeyed(facts, changed, result);
        else refused += 1;
      }),
      runs,
    );
    expect(refused).toBeGreaterThan(0);
  });

  it("explains each CPU that is online", () => {
    fc.assert(
      fc.property(labs, ([facts, demand]) => {
        const plan = outcome(facts, demand);
        if (!isPlan(plan)) return;
        const told = explain(plan)
          .split("\n")
          .flatMap((line) => /^ {2}([\d,-]+) {2,}\S/.exec(line)?.[1] ?? [])
          .flatMap((list) => [...CpuSet.parse(list)]);
        expect(CpuSet.of(told).format()).toBe(facts.onlineCpus);
        expect(plan.assignments.every(({ reason }) => reason.length > 10)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("may start on a machine that is tuned as it says, and not on one that lacks a page", () => {
    fc.assert(
      fc.property(labs, ([facts, demand]) => {
        const plan = outcome(facts, demand);
        if (!isPlan(plan)) return;
        const start: CpuDemand = { ...demand, stage: "start" };
        const tuned = outcome(tunedFor(facts, plan, 0), start);
        expect(tuned).toMatchObject({ hash: plan.hash });
        if (isPlan(tuned)) expectObeyed(tunedFor(facts, plan, 0), start, tuned);
        const lacking = outcome(tunedFor(facts, plan, 1), start);
        const needed = plan.hugepages.some(({ count, uses }) => {
          const without = uses.reduce((sum, use) => sum + use.needed, 0);
          return without === count;
        });
        if (needed) expect(`${lacking}`).toContain("have");
        expect(isPlan(lacking)).toBe(!needed);
      }),
      runs,
    );
  });
});

describe("guests that name their node", () => {
  it("are placed exactly where their cores suffice", () => {
    const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.nat(7)), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(machines, sizes, (facts, guests) => {
        const online = facts.cpus.filter((cpu) => cpu.online);
        const nodes = [...new Set(online.map(({ numaNode }) => numaNode))];
        const cores = (node: number) =>
          new Set(online.filter(({ numaNode }) => numaNode === node).map(({ siblings }) => siblings)).size;
        const demand: CpuDemand = {
          vnfs: Object.fromEntries(
            guests.map(([vcpus, at], name) => [
              `g${name}`,
              { vcpus, memory: "1GiB", pageSize: "1GiB", numaNode: nodes[at % nodes.length]! },
            ]),
          ),
        };
        const wanted = (node: number) =>
          Object.values(demand.vnfs!).reduce((sum, vnf) => sum + (vnf.numaNode === node ? vnf.vcpus : 0), 0);
        const suffices = nodes.every((node) => wanted(node) <= cores(node) - 1);
        const result = outcome({ ...facts, pinnedProcesses: [] }, demand);
        expect(isPlan(result)).toBe(suffices);
        if (!isPlan(result))
          expect(errorsOf(result).every(({ code }) => code === "cpu-plan-cores")).toBe(true);
      }),
      runs,
    );
  });
});

/** Changes one thing of a demand that names every CPU: mostly a CPU of a list, sometimes what goes with it. */
function disturbed(demand: CpuDemand, cpu: number, where: number): CpuDemand {
  const changed = structuredClone(demand);
  const with_ = (list: string | undefined) => CpuSet.of([...CpuSet.parse(list ?? ""), cpu]).format();
  const without = (list: string | undefined) => {
    const all = [...CpuSet.parse(list ?? "")];
    return CpuSet.of(all.filter((_, at) => at !== cpu % all.length)).format();
  };
  const free = (change: () => void) => () => {
    delete changed.isolation;
    change();
  };
  const moves: (() => void)[] = [
    free(() => {
      const rest = without(changed.housekeeping?.cpus);
      changed.housekeeping = rest === "" ? {} : { cpus: rest };
    }),
    free(() => {
      changed.switch = { ...changed.switch, lcore: { cpus: `${cpu}` } };
    }),
    free(() => {
      const polling = [...CpuSet.parse(changed.switch?.pmd?.cpus ?? "0")];
      changed.switch = { ...changed.switch, lcore: { cpus: `${polling[cpu % polling.length]}` } };
    }),
    free(() => {
      // A thread of a polling core turns from its sibling to the main threads.
      const polling = [...CpuSet.parse(changed.switch?.pmd?.cpus ?? "0")];
      const last = polling.pop();
      if (polling.length === 0) return;
      changed.switch = {
        ...changed.switch,
        pmd: { ...changed.switch?.pmd, cpus: CpuSet.of(polling).format() },
        lcore: { cpus: `${last}` },
      };
    }),
    free(() => {
      const [polling] = CpuSet.parse(changed.switch?.pmd?.cpus ?? "0");
      changed.switch = { ...changed.switch, pmd: { ...changed.switch?.pmd, cpus: `${polling}` } };
    }),
    () => {
      const mask = CpuSet.of([...CpuSet.parse(changed.switch?.pmd?.cpus ?? ""), cpu]).toMask();
      changed.switch = { ...changed.switch, pmd: { ...changed.switch?.pmd, mask } };
    },
    ...Object.values(changed.generators ?? {}).map((generator) => () => {
      generator.labOnly = cpu % 2 === 0;
    }),
    ...Object.values(changed.vnfs ?? {}).flatMap((vnf) => [
      () => {
        vnf.realtime = cpu % 2 === 0 ? { vcpus: "0" } : { vcpus: "0", throttling: "off" };
      },
      () => {
        const amounts = ["1536MiB", "1537MiB", "127GiB", "110GiB"] as const;
        vnf.memory = amounts[cpu % amounts.length] ?? "1GiB";
      },
      () => {
        const memory = cpu % 2 === 0 ? "512MiB" : vnf.memory;
        vnf.cells = [
          {
            vcpus: CpuSet.of(Array.from({ length: vnf.vcpus }, (_, at) => at)).format(),
            memory,
            numaNode: cpu % 9,
          },
        ];
      },
    ]),
    () => {
      changed.housekeeping = { ...changed.housekeeping, cpus: with_(changed.housekeeping?.cpus) };
    },
    () => {
      changed.isolation = { ...changed.isolation, isolatedCpus: with_(changed.isolation?.isolatedCpus) };
    },
    () => {
      delete changed.isolation;
      changed.switch = {
        ...changed.switch,
        pmd: { ...changed.switch?.pmd, cpus: with_(changed.switch?.pmd?.cpus) },
      };
    },
    () => {
      changed.switch = { ...changed.switch, lcore: { cpus: `${cpu}` } };
    },
    ...Object.values(changed.switch?.ports ?? {}).map((port) => () => {
      port.rxqAffinity = { 0: cpu };
    }),
    ...Object.values(changed.switch?.ports ?? {}).map((port) => () => {
      const polling = [...CpuSet.parse(changed.switch?.pmd?.cpus ?? "")];
      port.rxqAffinity = { 0: polling[cpu % polling.length] ?? cpu };
    }),
    ...Object.values(changed.vnfs ?? {}).flatMap((vnf) => [
      () => {
        vnf.emulator = { cpus: `${cpu}` };
      },
      () => {
        vnf.pins = vnf.pins?.map((pin, at) => (at === 0 ? `${cpu}` : pin));
      },
      () => {
        delete changed.isolation;
        vnf.pins = vnf.pins?.map((pin, at) => (at === 0 ? `${cpu}` : pin));
      },
      () => {
        delete vnf.numaNode;
        delete changed.isolation;
        vnf.pins = vnf.pins?.map((pin, at) => (at === 0 ? with_(pin) : pin));
      },
    ]),
    ...Object.values(changed.coLoads ?? {}).map((load) => () => {
      delete load.cpuCount;
      load.cpus = with_(load.cpus);
    }),
  ];
  moves[where % moves.length]?.();
  return changed;
}
