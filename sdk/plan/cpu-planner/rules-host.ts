import { CpuSet } from "../../units/cpuset.ts";
import { bytes } from "../../units/size.ts";
import { claimant, type Draft, isExclusive, type NodeMemory } from "./draft.ts";
import type { Finding } from "./finding.ts";
import { byName } from "./name-order.ts";
import { systemBytes } from "./node-choice.ts";
import { nicsOf } from "./references.ts";
import type { Rule } from "./rules-cpus.ts";

export const pagesAreThere: Rule = ({ facts, demand, memory }) => {
  const start = demand.stage === "start";
  return memory.flatMap((wanted): Finding[] => {
    const { numaNode, size, count, needed, uses } = wanted;
    const node = facts.numaNodes.find((candidate) => candidate.node === numaNode);
    const pool = node?.hugepages.find((candidate) => bytes(candidate.size) === bytes(size));
    const fit = Math.floor(((node?.memoryTotalKib ?? 0) * 1024) / bytes(size));
    // Before the machine is tuned its memory is the limit, afterwards what was set aside and nobody has taken.
    const have = pool === undefined ? 0 : start ? Math.min(pool.total, pool.free) : fit;
    if (count <= have && pool !== undefined) return [];
    const state =
      pool === undefined
        ? `no pages of ${size}`
        : start
          ? `${pool.total} total, ${pool.free} free`
          : `room for ${fit}`;
    return [
      {
        rule: "B20",
        severity: needed > have || pool === undefined ? "error" : "advice",
        property: "hugepages",
        problem: `node ${numaNode}: need ${count} x ${size}, have ${state}`,
        observed: uses.map((use) => `${use.what} ${use.count}`).join(", "),
        expected: `${count} pages${needed < count ? `, at least ${needed} without margins` : ""}`,
        hint:
          pool === undefined
            ? "choose a page size that the CPU has (1GiB needs the flag pdpe1gb)"
            : start
              ? "raise the pool, or stop what uses its pages"
              : "ask for less memory, or for another node",
      },
    ];
  });
};

/** Bytes of huge pages on a node once the plan is in force: its own sizes as planned, all others as they are. */
function plannedBytes({ facts, memory }: Draft, numaNode: number): number {
  const planned = memory.filter((wanted) => wanted.numaNode === numaNode);
  const node = facts.numaNodes.find((candidate) => candidate.node === numaNode);
  const sizes = (wanted: NodeMemory) => bytes(wanted.size);
  const kept = (node?.hugepages ?? []).filter(({ size }) => !planned.map(sizes).includes(bytes(size)));
  return (
    planned.reduce((sum, { size, count }) => sum + count * bytes(size), 0) +
    kept.reduce((sum, { size, total }) => sum + total * bytes(size), 0)
  );
}

/** On an emulated server it is advice: nothing is measured there but that things work, and its nodes are small. */
export const memoryForTheSystem: Rule = (draft) => {
  const nodes = [...new Set(draft.memory.map(({ numaNode }) => numaNode))];
  return nodes.flatMap((numaNode): Finding[] => {
    const total = draft.facts.numaNodes.find(({ node }) => node === numaNode)?.memoryTotalKib ?? 0;
    const left = total * 1024 - plannedBytes(draft, numaNode);
    if (left >= systemBytes(total)) return [];
    return [
      {
        rule: "B21",
        severity: draft.facts.identity.emulated ? "advice" : "error",
        property: "hugepages",
        problem: `node ${numaNode}: only ${Math.max(0, Math.floor(left / 2 ** 20))} MiB left for the OS`,
        observed: `${Math.floor(total / 1024)} MiB, of which ${Math.floor(plannedBytes(draft, numaNode) / 2 ** 20)} MiB in huge pages`,
        expected: `${Math.ceil(systemBytes(total) / 2 ** 20)} MiB or more left`,
        hint: "plan fewer huge pages on that node",
      },
    ];
  });
};

export const nicNodesKnown: Rule = ({ demand, topology, nodeOfNic }) =>
  nicsOf(demand).flatMap(([property, address]): Finding[] =>
    nodeOfNic(address) !== "unknown"
      ? []
      : [
          {
            rule: "B22",
            severity: "error",
            property,
            problem: `${address}: NUMA node unknown; set override`,
            observed: "-1 from the firmware",
            expected: `one of ${topology.nodes.map(({ numaNode }) => numaNode).join(", ")}`,
            hint: `say nics: { "${address}": { numaNode } }`,
          },
        ],
  );

export const isolationIsLive: Rule = ({ facts, demand, isolated }) => {
  const live = CpuSet.parse(facts.kernel.isolatedCpus);
  if (live.equals(isolated)) return [];
  return [
    {
      rule: "B23",
      severity: demand.stage === "start" ? "error" : "advice",
      property: "isolation",
      problem: `host isolates ${live.format() || "no CPU"}, plan needs ${isolated.format() || "none"}; reboot required`,
      observed: live.format() || "none",
      expected: isolated.format() || "none",
      hint: "put the plan's boot arguments in force and boot",
    },
  ];
};

export const nobodyElsePinned: Rule = ({ facts, topology, claims }) => {
  const alone = claims.filter(({ role }) => isExclusive(role));
  return (facts.pinnedProcesses ?? []).flatMap(({ pid, command, cpus }): Finding[] => {
    const allowed = CpuSet.parse(cpus);
    // What may run everywhere is pinned nowhere.
    if (topology.online.isSubsetOf(allowed)) return [];
    const taken = alone.flatMap((claim) => claim.cpus.filter((cpu) => allowed.has(cpu)));
    const [first] = taken;
    if (first === undefined) return [];
    const who = [
      ...new Set(alone.filter((claim) => claim.cpus.some((cpu) => allowed.has(cpu))).map(claimant)),
    ];
    return [
      {
        rule: "B24",
        severity: "error",
        property: alone.find((claim) => claim.cpus.includes(first))?.property ?? "switch",
        problem: `CPU ${CpuSet.of(taken)} already used by pid ${pid} (${command})`,
        observed: `it may run on ${allowed} alone; planned for ${who.join(", ")}`,
        expected: "no process of anybody else there",
        hint: "choose other CPUs, or stop the process",
      },
    ];
  });
};

export const generatorElsewhere: Rule = ({ demand }) =>
  byName(demand.generators).flatMap(([name, { labOnly }]): Finding[] =>
    labOnly === true
      ? []
      : [
          {
            rule: "B25",
            severity: "error",
            property: `generators.${name}`,
            problem: "traffic generator on the system under test invalidates results",
            observed: "on this machine",
            expected: "on another machine, or labOnly: true",
            hint: "move it, or confirm by labOnly that nothing is published",
          },
        ],
  );

export const linksAtFullWidth: Rule = ({ facts, demand }) => {
  const used = new Map(nicsOf(demand).map(([property, address]) => [address, property]));
  return (facts.nicLinks ?? []).flatMap(({ address, width, maxWidth, speed, maxSpeed }): Finding[] => {
    const property = used.get(address);
    const slower = Number.parseFloat(speed) < Number.parseFloat(maxSpeed);
    if (property === undefined || (width >= maxWidth && !slower)) return [];
    return [
      {
        rule: "B26",
        severity: "advice",
        property,
        problem: `${address}: x${width} of x${maxWidth} ${speed}`,
        observed: `x${width} at ${speed}`,
        expected: `x${maxWidth} at ${maxSpeed}`,
        hint: "move the card to a slot that has all its lanes, and look at the BIOS",
      },
    ];
  });
};
