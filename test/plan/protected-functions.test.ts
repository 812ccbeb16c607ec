import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { managementPath } from "../../sdk/observe/management-path.ts";
import type { ObservedFunction } from "../../sdk/observe/pci.ts";
import {
  type ProtectionFacts,
  protectedFunctions,
  requireUnprotected,
} from "../../sdk/plan/protected-functions.ts";
import { HostError } from "../../sdk/units/errors.ts";
import { recorded } from "../observe/recorded.ts";
import { refusalOf } from "./refusal.ts";

const NIC = "0000:5e:00.0";
const VF = "0000:5e:10.0";
const DISK = "0000:02:00.0";

const pci = (address: string, facts: Partial<ObservedFunction> = {}): ObservedFunction => ({
  ...{ address, class: "0x020000", interfaces: [] },
  ...facts,
});
const facts = (
  more: Partial<ProtectionFacts["path"]>,
  rest: Partial<ProtectionFacts> = {},
): ProtectionFacts => ({
  path: { carried: [], stacks: [], mounts: [{ target: "/", functions: [DISK] }], ...more },
  functions: new Map(
    [pci(NIC), pci(VF, { physicalFunction: NIC }), pci(DISK, { class: "0x010802" })].map((each) => [
      each.address,
      each,
    ]),
  ),
  switchInterfaces: [],
  ...rest,
});
const route = (name: string) => ({ name, what: "the default route" });
const reasons = (given: ProtectionFacts) => Object.fromEntries(protectedFunctions(given));
const disk = { [DISK]: ["holds the file system at /"] };

describe("protected functions", () => {
  test("are those of a recorded machine: its network card and its disk", () => {
    const path = managementPath.parse(recorded("machine/debian-13/management-path.txt"));
    expect(reasons({ path, functions: new Map(), switchInterfaces: [] })).toEqual({
      "0000:00:01.0": ["holds the file system at /"],
      "0000:00:02.0": [
        "carries the SSH session from 10.0.2.2 (enp0s2)",
        "carries the address 10.0.2.15/24 (enp0s2)",
      ],
    });
  });
  test("are below bonds, bridges and VLANs", () => {
    const stacks = [
      { name: "p0", functions: [NIC], lowers: [] },
      { name: "bond0", functions: [], lowers: ["p0"] },
      { name: "bond0.7", functions: [], lowers: ["bond0"] },
      { name: "br0", functions: [], lowers: ["bond0.7"] },
    ];
    expect(reasons(facts({ carried: [route("br0")], stacks }))).toEqual({
      ...disk,
      [NIC]: ["carries the default route (p0, below br0)"],
    });
  });
  test("are the physical one of a virtual one", () => {
    const stacks = [{ name: "p0v0", functions: [VF], lowers: [] }];
    expect(reasons(facts({ carried: [route("p0v0")], stacks }))).toEqual({
      ...disk,
      [VF]: ["carries the default route (p0v0)"],
      [NIC]: [`its virtual function ${VF} carries the default route (p0v0)`],
    });
  });
  test("are on the same bridge of a switch, and beyond its patch ports, DPDK's own among them", () => {
    const switchInterfaces = [
      { name: "br-mgmt", type: "internal", options: {}, bridge: "br-mgmt" },
      { name: "to-phy", type: "patch", options: { peer: "to-mgmt" }, bridge: "br-mgmt" },
      { name: "to-mgmt", type: "patch", options: { peer: "to-phy" }, bridge: "br-phy" },
      { name: "dpdk0", type: "dpdk", options: { "dpdk-devargs": `${NIC},n_rxq=2` }, bridge: "br-phy" },
      { name: "dpdk1", type: "dpdk", options: { "dpdk-devargs": VF }, bridge: "br-other" },
    ];
    const stacks = [{ name: "br-mgmt", functions: [], lowers: [] }];
    expect(reasons(facts({ carried: [route("br-mgmt")], stacks }, { switchInterfaces }))).toEqual({
      ...disk,
      [NIC]: ["carries the default route (dpdk0, below br-mgmt)"],
    });
  });
  test("are all storage controllers where nothing tells what the root file system is on", () => {
    expect(reasons(facts({ mounts: [{ target: "/", functions: [] }] }))).toEqual({
      [DISK]: ["is a storage controller, and nothing tells what the root file system is on"],
    });
  });
  test("refuse with the reason, and without a way around", async () => {
    const protection = protectedFunctions(
      facts({
        carried: [{ name: "bond0", what: "the SSH session from 198.51.100.7" }],
        stacks: [
          { name: "p0", functions: [NIC], lowers: [] },
          { name: "bond0", functions: [], lowers: ["p0"] },
        ],
      }),
    );
    const refusals = [NIC, DISK].map((address) =>
      refusalOf(
        () =>
          requireUnprotected([address], protection, {
            property: "address",
            action: `bind vfio-pci to ${address}`,
            host: "dut",
          }),
        HostError,
      ),
    );
    requireUnprotected([VF], protection, { property: "address", action: "bind", host: "dut" });
    await expect(`${refusals.join("\n")}\n`).toMatchFileSnapshot("../golden/pci/protected.txt");
  });
});

/** Machines of up to twelve interfaces, each on a function of its own or on others, loops among them. */
const machines = fc.integer({ min: 1, max: 12 }).chain((count) =>
  fc.record({
    lowers: fc.array(fc.uniqueArray(fc.nat(count - 1), { maxLength: 3 }), {
      minLength: count,
      maxLength: count,
    }),
    onCard: fc.array(fc.boolean(), { minLength: count, maxLength: count }),
    virtual: fc.array(fc.boolean(), { minLength: count, maxLength: count }),
    carried: fc.uniqueArray(fc.nat(count - 1), { maxLength: 3 }),
  }),
);
type Machine = typeof machines extends fc.Arbitrary<infer M> ? M : never;

const address = (index: number) => `0000:${(0x10 + index).toString(16)}:10.0`;
const parent = (index: number) => `0000:${(0x10 + index).toString(16)}:00.0`;

function factsOf({ lowers, onCard, virtual, carried }: Machine): ProtectionFacts {
  const functions = lowers.flatMap((_, index) => [
    pci(parent(index)),
    pci(address(index), virtual[index] ? { physicalFunction: parent(index) } : {}),
  ]);
  return facts(
    {
      carried: carried.map((index) => route(`if${index}`)),
      stacks: lowers.map((list, index) => ({
        name: `if${index}`,
        functions: onCard[index] ? [address(index)] : [],
        lowers: list.map((lower) => `if${lower}`),
      })),
    },
    { functions: new Map(functions.map((each) => [each.address, each])) },
  );
}

/** By another way: whatever is reached after as many steps as there are interfaces. */
function expected({ lowers, onCard, virtual, carried }: Machine): string[] {
  let reached = new Set(carried);
  for (const _ of lowers)
    reached = new Set([...reached, ...[...reached].flatMap((index) => lowers[index] ?? [])]);
  const cards = [...reached].filter((index) => onCard[index]);
  return [
    DISK,
    ...cards.flatMap((index) => [address(index), ...(virtual[index] ? [parent(index)] : [])]),
  ].sort();
}

describe("of any machine", () => {
  test("protected are all functions below what is carried, with their physical ones, and no others", () => {
    fc.assert(
      fc.property(machines, (machine) => {
        expect([...protectedFunctions(factsOf(machine)).keys()].sort()).toEqual(expected(machine));
      }),
    );
  });
  test("one more route protects no function less", () => {
    fc.assert(
      fc.property(machines, fc.nat(11), (machine, index) => {
        const more = {
          ...machine,
          carried: [...new Set([...machine.carried, index % machine.lowers.length])],
        };
        const after = protectedFunctions(factsOf(more));
        for (const [function_, why] of protectedFunctions(factsOf(machine)))
          expect(after.get(function_)).toEqual(expect.arrayContaining([...why]));
      }),
    );
  });
  test("each protected function is refused, each other one is not", () => {
    fc.assert(
      fc.property(machines, (machine) => {
        const given = factsOf(machine);
        const protection = protectedFunctions(given);
        for (const candidate of given.functions.keys()) {
          const act = () =>
            requireUnprotected([candidate], protection, { property: "address", action: "bind", host: "dut" });
          if (protection.has(candidate)) expect(act).toThrow(HostError);
          else act();
        }
      }),
    );
  });
});
