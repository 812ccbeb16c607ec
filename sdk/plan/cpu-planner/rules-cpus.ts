import { CpuSet } from "../../units/cpuset.ts";
import { type Claim, claimant, cpusOf, type Draft, isExclusive, list, tenant } from "./draft.ts";
import type { Finding } from "./finding.ts";
import { byName } from "./name-order.ts";
import { threadsOf } from "./node-choice.ts";

/** A rule: what it has to say of a draft. */
export type Rule = (draft: Draft) => Finding[];

/** Two claims, and the CPUs that they meet on. */
interface Meeting {
  readonly first: Claim;
  readonly second: Claim;
  readonly cpus: number[];
  readonly others: number[];
}

/** Gathers pairs of claims by who they are of, so that a clash of many CPUs is one sentence. */
function gathered(
  pairs: Iterable<readonly [first: Claim, second: Claim, cpu: number, other: number]>,
): Meeting[] {
  const meetings = new Map<string, Meeting>();
  for (const [a, b, cpuOfA, cpuOfB] of pairs) {
    const swap = claimant(a) > claimant(b);
    const [first, second] = swap ? [b, a] : [a, b];
    const [cpu, other] = swap ? [cpuOfB, cpuOfA] : [cpuOfA, cpuOfB];
    const key = `${claimant(first)}|${claimant(second)}`;
    const meeting = meetings.get(key) ?? { first, second, cpus: [], others: [] };
    meeting.cpus.push(cpu);
    meeting.others.push(other);
    meetings.set(key, meeting);
  }
  return [...meetings.values()];
}

/** A CPU that one role needs alone has no other: not the system, no load, no second thread that never sleeps. */
export const oneExclusiveRole: Rule = ({ claims, claimsOf }) => {
  const pairs: [Claim, Claim, number, number][] = [];
  for (const [cpu, here] of claimsOf) {
    for (const [at, a] of here.entries()) {
      for (const b of here.slice(at + 1)) {
        const exclusive = isExclusive(a.role) || isExclusive(b.role);
        // Main, emulator and I/O threads on such a CPU have rules of their own.
        const others = [a, b].filter(({ role }) => ["lcore", "emulator", "io-thread"].includes(role));
        if (exclusive && others.length === 0) pairs.push([a, b, cpu, cpu]);
      }
    }
  }
  return gathered(pairs).map(({ first, second, cpus }) => ({
    rule: "B01",
    severity: "error",
    property: second.property,
    problem: `CPU ${list(cpus)} is assigned to ${claimant(first)} and ${claimant(second)}`,
    observed: `${claimant(first)} ${cpusOfClaimant(claims, first)}, ${claimant(second)} ${cpusOfClaimant(claims, second)}`,
    expected: "one of them",
    hint: `take CPU ${list(cpus)} out of one of the lists`,
  }));
};

const cpusOfClaimant = (claims: readonly Claim[], of: Claim): string =>
  list(claims.filter((claim) => claimant(claim) === claimant(of)).flatMap(({ cpus }) => cpus));

export const housekeepingOnEveryNode: Rule = ({ topology, claims }) => {
  const system = cpusOf(claims, "housekeeping");
  return topology.nodes
    .filter(({ cpus }) => !cpus.some((cpu) => system.has(cpu)))
    .map(({ numaNode, cpus }) => ({
      rule: "B02",
      severity: "error",
      property: "housekeeping",
      problem: `node ${numaNode} would have no housekeeping CPU; at least one physical core must stay for the OS`,
      observed: `housekeeping ${system.format() || "nowhere"}`,
      expected: `some of ${list(cpus)}`,
      hint: "name fewer CPUs of the node for other roles, or add one of its cores to housekeeping.cpus",
    }));
};

/** Where CPU 0 is off, or not there, its work has gone elsewhere already. */
export const bootCpuStays: Rule = ({ topology, claims, isolated }) => {
  const system = cpusOf(claims, "housekeeping");
  if (!topology.coreOf.has(0) || (system.has(0) && !isolated.has(0))) return [];
  return [
    {
      rule: "B03",
      severity: "error",
      property: system.has(0) ? "isolation" : "housekeeping.cpus",
      problem: "CPU 0 must stay a housekeeping CPU",
      observed: system.has(0) ? `isolated ${isolated}` : `housekeeping ${system}`,
      expected: "CPU 0 among housekeeping CPUs, not isolated",
      hint: "it boots the machine and some interrupts can't leave it: choose another CPU",
    },
  ];
};

export const isolatedOrHousekeeping: Rule = ({ topology, claims, isolated, housekeeping }) => {
  const neither = topology.online.minus(isolated.union(housekeeping));
  const both = isolated.intersect(housekeeping.union(cpusOf(claims, "housekeeping")));
  const exposed = cpusOf(claims, "pmd", "vcpu", "generator").intersect(topology.online).minus(isolated);
  const observed = `isolated ${isolated.format() || "none"}, housekeeping ${housekeeping.format() || "none"}`;
  const finding = (cpus: CpuSet, what: string, hint: string): Finding[] =>
    cpus.size === 0
      ? []
      : [
          {
            rule: "B04",
            severity: "error",
            property: "isolation",
            problem: `CPUs ${cpus} are ${what}`,
            observed,
            expected: `each of ${topology.online} in one of the two`,
            hint,
          },
        ];
  return [
    ...finding(neither, "neither isolated nor housekeeping", "give one list: the other is its complement"),
    ...finding(both, "isolated and housekeeping at once", "take them out of isolation.isolatedCpus"),
    ...finding(exposed, "for one thread alone, but not isolated", "add them to isolation.isolatedCpus"),
  ];
};

export const enoughHousekeeping: Rule = ({ facts, housekeeping, vnfs }) => {
  const offloads = /(^|\s)rcu_nocb_poll(\s|=|$)/.test(facts.kernel.arguments);
  if (housekeeping.size >= 2 || (!offloads && vnfs.length < 4)) return [];
  return [
    {
      rule: "B05",
      severity: "advice",
      property: "housekeeping",
      problem: `${housekeeping.size} housekeeping CPUs must run all rcuo, IRQ and emulator threads`,
      observed: `${housekeeping.format() || "none"}, ${vnfs.length} VNFs${offloads ? ", rcu_nocb_poll" : ""}`,
      expected: "2 or more",
      hint: "raise housekeeping.coresPerNode",
    },
  ];
};

export const everyCpuOnline: Rule = ({ facts, demand, topology, claims }) => {
  const present = new Set(facts.cpus.map(({ cpu }) => cpu));
  const named = new Map<string, number[]>();
  for (const { property, cpus } of claims) named.set(property, [...(named.get(property) ?? []), ...cpus]);
  for (const [property, text] of byName(demand.isolation)) {
    if (text !== undefined) named.set(`isolation.${property}`, [...CpuSet.parse(text)]);
  }
  for (const [name, { rxqAffinity = {} }] of byName(demand.switch?.ports)) {
    for (const [queue, cpu] of byName(rxqAffinity)) {
      named.set(`switch.ports.${name}.rxqAffinity["${queue}"]`, [cpu]);
    }
  }
  return [...named].flatMap(([property, cpus]): Finding[] => {
    const missing = cpus.filter((cpu) => !topology.coreOf.has(cpu));
    if (missing.length === 0) return [];
    return [
      {
        rule: "B06",
        severity: "error",
        property,
        problem: `CPU ${list(missing)} is ${missing.some((cpu) => present.has(cpu)) ? "offline" : "not in this machine"}`,
        observed: list(cpus),
        expected: `CPUs among ${topology.online}`,
        hint: "name CPUs that lscpu lists as online",
      },
    ];
  });
};

/** Hardware threads of one core slow each other, so a core has one owner. */
export const oneOwnerPerCore: Rule = (draft) => [...foreignSiblings(draft), ...disguisedSiblings(draft)];

const foreignSiblings: Rule = ({ topology, claimsOf }) => {
  const pairs: [Claim, Claim, number, number][] = [];
  for (const core of new Set(topology.coreOf.values())) {
    for (const [at, cpu] of core.cpus.entries()) {
      for (const sibling of core.cpus.slice(at + 1)) {
        for (const a of claimsOf.get(cpu) ?? []) {
          for (const b of claimsOf.get(sibling) ?? []) {
            if (claimant(a) === claimant(b) || !(isExclusive(a.role) || isExclusive(b.role))) continue;
            pairs.push([a, b, cpu, sibling]);
          }
        }
      }
    }
  }
  return gathered(pairs).map(({ first, second, cpus, others }) => ({
    rule: "B07",
    severity: tenant(first) === tenant(second) ? "advice" : "error",
    property: second.property,
    problem: `CPU ${list(cpus)} (${claimant(first)}) shares a physical core with CPU ${list(others)} (${claimant(second)})`,
    observed: `siblings of ${tenant(first) === tenant(second) ? "one owner in two roles" : `${tenant(first)} and ${tenant(second)}`}`,
    expected: "the sibling idle, or of the same owner",
    hint: "give one of them a core of its own",
  }));
};

/** What the guest's topology says of siblings must be true, or its scheduler is misled. */
const disguisedSiblings: Rule = ({ topology, vnfs }) =>
  vnfs.flatMap(({ name, demand, pins }): Finding[] => {
    const threads = threadsOf(demand);
    const coreAt = (vcpu: number) => topology.coreOf.get(pins[vcpu]?.first ?? -1);
    const wrong = pins.flatMap((_, vcpu) =>
      pins.slice(vcpu + 1).flatMap((_, offset) => {
        const other = vcpu + 1 + offset;
        const [a, b] = [coreAt(vcpu), coreAt(other)];
        if (a === undefined || b === undefined) return [];
        const together = Math.floor(vcpu / threads) === Math.floor(other / threads);
        return (a === b) === together ? [] : [[vcpu, other] as const];
      }),
    );
    const [first] = wrong;
    if (first === undefined) return [];
    const [a, b] = first;
    const same = coreAt(a) === coreAt(b);
    return [
      {
        rule: "B07",
        severity: "advice",
        property: `vnfs.${name}.pins`,
        problem: `VNF ${name}: the guest takes vCPUs ${a} and ${b} for ${same ? "two cores" : "threads of one core"}`,
        observed: `CPUs ${pins[a]} and ${pins[b]}, ${same ? "siblings" : "of two cores"}`,
        expected: `${threads} vCPU${threads === 1 ? "" : "s"} a physical core`,
        hint: "change threadsPerCore, or pin the threads of a core to siblings in a row",
      },
    ];
  });
