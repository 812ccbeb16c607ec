import type { StackValidationPolicy } from "@pulumi/policy";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exclusiveCpus } from "../../policies/intent/exclusive-cpus.ts";
import { readLab } from "../../policies/lab.ts";
import { intent } from "../../policies/packs.ts";
import { type Declared, judge, resourcesOf, unknown } from "../../policies/testing.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { type Stage, testbed } from "./testbed.ts";
import { workedReference } from "./worked-reference.ts";

const stages = fc.constantFrom<Stage>("first-preview", "up");

/** Who has each of 24 CPUs: nobody, or one of the exclusive roles; each role has one at least. */
const partitions = fc.shuffledSubarray([...Array(24).keys()], { minLength: 4 }).map((cpus) => ({
  housekeeping: cpus.filter((_, index) => index % 4 === 0),
  pmd: cpus.filter((_, index) => index % 4 === 1),
  first: cpus.filter((_, index) => index % 4 === 2),
  second: cpus.filter((_, index) => index % 4 === 3),
}));
type Partition = { readonly [Role in "housekeeping" | "pmd" | "first" | "second"]: readonly number[] };

function planOf({ housekeeping, pmd, first, second }: Partition, stage: Stage): Declared[] {
  const declared = testbed({
    stage,
    server: { numaNodes: [{ cpus: "0-23", memory: "4GiB" }] },
    cpus: { housekeeping: CpuSet.of(housekeeping).format(), isolated: unknown },
    daemon: { pmdCpus: CpuSet.of(pmd).format() },
    domain: { vcpuPins: first.map(String), emulatorCpus: CpuSet.of(housekeeping).format() },
  });
  const guest = declared.find(({ name }) => name === "vnf-domain") as Declared;
  const other = {
    ...guest,
    name: "other-domain",
    props: { ...guest.props, name: "other", vcpuPins: second.map(String) },
  };
  return [...declared, other];
}

describe("exclusive-cpus", () => {
  it("passes every plan whose roles share nothing", async () => {
    await fc.assert(
      fc.asyncProperty(partitions, stages, async (partition, stage) => {
        expect((await judge(exclusiveCpus, planOf(partition, stage))).violations).toEqual([]);
      }),
    );
  });

  it("refuses every plan where two roles share a CPU, and names it", async () => {
    const roles = fc.shuffledSubarray(["housekeeping", "pmd", "first", "second"] as const, {
      minLength: 2,
      maxLength: 2,
    });
    await fc.assert(
      fc.asyncProperty(partitions, roles, stages, async (partition, [from, to], stage) => {
        if (from === undefined || to === undefined) return;
        const [shared] = partition[from];
        if (shared === undefined) return;
        const plan = planOf({ ...partition, [to]: [...partition[to], shared] }, stage);
        const { violations } = await judge(exclusiveCpus, plan);
        expect(violations).toHaveLength(1);
        expect(violations[0]).toContain(`CPU ${shared} of dut belongs to `);
      }),
    );
  });
});

/** Testbeds that break rules of every policy, and some that break none. */
const testbeds = fc
  .record({
    stage: stages,
    pmd: fc.constantFrom("0", "2", "2-3", "5"),
    pins: fc.constantFrom(["3"], ["2", "3"], ["0", "4"]),
    emulator: fc.constantFrom("0-1", "1-2", "4"),
    node: fc.constantFrom(0, 1),
    pages: fc.constantFrom(100, 200, 512),
  })
  .map(({ stage, pmd, pins, emulator, node, pages }) =>
    testbed({
      stage,
      daemon: { pmdCpus: pmd },
      domain: { vcpuPins: pins, emulatorCpus: emulator, numaNode: node },
      pool: { count: pages },
    }),
  );

/** Paths that a preview may not know. */
const blind = fc.constantFrom<readonly [resource: string, ...path: string[]]>(
  ["dut", "cpus"],
  ["dut", "cpus", "housekeeping"],
  ["dut", "cpus", "isolated"],
  ["br0-daemon", "pmdCpus"],
  ["br0-daemon", "socketMemory"],
  ["br0-daemon", "socketMemory", "1"],
  ["br0-daemon", "socketLimit"],
  ["br0-vhu0", "interface"],
  ["dut-hugepages", "count"],
  ["dut-hugepages", "numaNode"],
  ["vnf-domain", "vcpuPins"],
  ["vnf-domain", "vcpuPins", "0"],
  ["vnf-domain", "emulatorCpus"],
  ["vnf-domain", "memory"],
  ["vnf-domain", "nics"],
  ["vnf-domain", "nics", "east"],
);

function blinded(declared: readonly Declared[], [name, ...path]: readonly string[]): Declared[] {
  return structuredClone(declared as Declared[]).map((resource) => {
    if (resource.name !== name) return resource;
    let holder = resource.props as Record<string, unknown>;
    for (const step of path.slice(0, -1)) holder = holder[step] as Record<string, unknown>;
    holder[path.at(-1) as string] = unknown;
    return resource;
  });
}

describe.each(intent.map((policy) => [policy.name, policy as StackValidationPolicy] as const))(
  "%s",
  (_, policy) => {
    it("finds the same in every order of the resources", async () => {
      await fc.assert(
        fc.asyncProperty(testbeds, fc.infiniteStream(fc.nat()), async (declared, numbers) => {
          const order = declared.map((resource) => [numbers.next().value as number, resource] as const);
          const shuffled = order.sort(([a], [b]) => a - b).map(([, resource]) => resource);
          const [there, here] = [await judge(policy, declared), await judge(policy, shuffled)];
          expect(here.violations).toHaveLength(there.violations.length);
          expect(here.advice).toHaveLength(there.advice.length);
        }),
      );
    });

    it("accuses nobody for want of a value, and never fails for it", async () => {
      await fc.assert(
        fc.asyncProperty(testbeds, blind, async (declared, path) => {
          const seeing = await judge(policy, declared);
          const blindly = await judge(policy, blinded(declared, path));
          expect(blindly.violations.length).toBeLessThanOrEqual(seeing.violations.length);
          // What is no longer said has a word in its place.
          if (blindly.violations.length < seeing.violations.length) expect(blindly.advice).not.toEqual([]);
        }),
      );
    });
  },
);

describe("the lab", () => {
  it("is placed by the emulated server while its host is unknown, by name once it is known", () => {
    for (const stage of ["first-preview", "up"] as const) {
      const { machines, unplaced } = readLab(resourcesOf(testbed({ stage })));
      expect(machines.map(({ name }) => name)).toEqual(["dut"]);
      expect(unplaced).toEqual([]);
      expect(machines[0]?.topology?.source).toBe(
        stage === "up" ? "facts of dut-facts" : "numaNodes of dut-machine-server",
      );
    }
  });

  it("takes the server's name for a machine that no component names", () => {
    const withoutComponent = testbed({ stage: "first-preview" })
      .filter(({ name }) => name !== "dut")
      .map(({ parent, ...resource }) => resource);
    const { machines } = readLab(resourcesOf(withoutComponent));
    expect(machines.map(({ name }) => name)).toEqual(["dut-machine"]);
  });

  it("places what hangs on a leased machine with the one TunedHost that does", () => {
    const on = (name: string): Declared => ({ type: "metal:index:Machine", name, props: {} });
    const host = (name: string, machine: string): Declared[] => [
      {
        type: "nfvlab:components:TunedHost",
        name,
        props: { cpus: { housekeeping: "0", isolated: "1-3" }, reference: unknown },
      },
      {
        type: "nfvlab:host:Facts",
        name: `${name}-facts`,
        parent: name,
        props: { host: unknown },
        dependsOn: { host: [machine] },
      },
      {
        type: "nfvlab:ovs:Daemon",
        name: `${name}-daemon`,
        props: { host: unknown, pmdCpus: "2" },
        dependsOn: { host: [machine] },
      },
    ];
    const apart = readLab(
      resourcesOf([on("box1"), on("box2"), ...host("one", "box1"), ...host("two", "box2")]),
    );
    expect(apart.machines.map(({ name, switches }) => [name, switches.length])).toEqual([
      ["one", 1],
      ["two", 1],
    ]);
    const shared = readLab(resourcesOf([on("rack"), ...host("one", "rack"), ...host("two", "rack")]));
    expect(shared.machines.map(({ switches }) => switches.length)).toEqual([0, 0]);
    expect(shared.unplaced.map(({ name }) => name)).toEqual(["one-daemon", "two-daemon"]);
  });

  it("knows nodes, siblings, NICs and pages by the facts", () => {
    const [machine] = readLab(resourcesOf(workedReference())).machines;
    const { topology } = machine ?? {};
    expect(topology?.nodeOf(29)).toBe(0);
    expect(topology?.cpusOf(1).format()).toBe("10-19,30-39");
    expect(topology?.siblingsOf(3)?.format()).toBe("3,23");
    expect(topology?.nodeOfNic("0000:05:00.0")).toBe(0);
    expect(topology?.pagesSeen(0, "1GiB")).toBe(12);
    expect(topology?.pagesSeen(1, "1GiB")).toBe(0);
    expect(topology?.pagesSeen(2, "1GiB")).toBeUndefined();
  });

  it("never touches what opens a machine", () => {
    const trap = new Proxy({}, { get: () => expect.unreachable("a connection was read"), ownKeys: () => [] });
    const resources = resourcesOf([]);
    const [daemon] = resourcesOf(
      testbed()
        .filter(({ name }) => name === "br0-daemon")
        .map(({ dependsOn, ...rest }) => rest),
    );
    if (daemon === undefined) throw new Error("no daemon");
    daemon.props = { host: { name: "dut", connection: trap }, pmdCpus: "2" };
    expect(readLab([...resources, daemon]).machines).toHaveLength(1);
  });
});
