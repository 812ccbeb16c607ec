import { CpuSet } from "../../units/cpuset.ts";
import { claimant, cpusOf, type Draft, isExclusive, list, nodesOf } from "./draft.ts";
import type { Finding } from "./finding.ts";
import { byName } from "./name-order.ts";
import { mayCross, vhostQueues } from "./node-choice.ts";
import type { Rule } from "./rules-cpus.ts";

export const pollModeSiblings: Rule = ({ topology, claims, claimsOf }) => {
  const polling = cpusOf(claims, "pmd");
  return [...polling].flatMap((cpu): Finding[] => {
    const busy = (topology.coreOf.get(cpu)?.cpus ?? []).filter(
      (sibling) => sibling !== cpu && !polling.has(sibling) && claimsOf.has(sibling),
    );
    const claims = busy.flatMap((sibling) => claimsOf.get(sibling) ?? []);
    const [first] = claims;
    if (first === undefined) return [];
    return [
      {
        rule: "B08",
        severity: "advice",
        property: "switch.pmd",
        problem: `PMD CPU ${cpu} has busy sibling ${list(busy)}; expect 30-45 % lower per-thread rate`,
        observed: claims.map(claimant).join(", "),
        expected: "a sibling that polls too, or idles",
        hint: "move the other role, or leave the sibling idle",
      },
    ];
  });
};

/** CPUs that poll what no affinity names: an affinity isolates its CPU from all other queues. */
function sharedPollMode({ demand, claims }: Draft): CpuSet {
  const pinned = Object.values(demand.switch?.ports ?? {}).flatMap(({ rxqAffinity = {} }) =>
    Object.values(rxqAffinity),
  );
  return cpusOf(claims, "pmd").minus(CpuSet.of(pinned));
}

export const pollModeOnEveryPortsNode: Rule = (draft) => {
  const { demand, topology, ports, vnfs, claims } = draft;
  const polling = cpusOf(claims, "pmd");
  const nodes = nodesOf(topology, sharedPollMode(draft));
  // A switch that could not be given its cores has been refused already.
  const short = draft.findings.some(({ rule, property }) => rule === "cores" && property === "switch.pmd");
  const finding = (property: string, what: string, node: number, severity: Finding["severity"]): Finding[] =>
    short || nodes.includes(node)
      ? []
      : [
          {
            rule: "B09",
            severity,
            property,
            problem: `${what} is on node ${node}, no PMD CPU there; OVS would poll cross-NUMA`,
            observed: `PMD CPUs ${polling.format() || "none"}`,
            expected: `a PMD CPU on node ${node} that polls queues without affinity`,
            hint: `add a core of node ${node} to switch.pmd.cpus, or move the port`,
          },
        ];
  const physical = ports.flatMap(({ name, demand: { nic, rxQueues = 1, rxqAffinity = {} }, numaNode }) => {
    if (numaNode === undefined) return [];
    const property = `switch.ports.${name}`;
    const affinity = byName(rxqAffinity).flatMap(([queue, cpu]): Finding[] => {
      const at = topology.coreOf.get(cpu);
      if (at === undefined || (polling.has(cpu) && at.numaNode === numaNode)) return [];
      return [
        {
          rule: "B09",
          severity: "error",
          property: `${property}.rxqAffinity["${queue}"]`,
          problem: polling.has(cpu)
            ? `queue ${queue} of port ${name} (${nic}) on node ${numaNode} would be polled by CPU ${cpu} on node ${at.numaNode}`
            : `CPU ${cpu} does not poll, so OVS would give queue ${queue} of port ${name} to another`,
          observed: `CPU ${cpu}`,
          expected: `one of PMD CPUs ${list([...polling].filter((pmd) => topology.coreOf.get(pmd)?.numaNode === numaNode)) || "on that node"}`,
          hint: "name a PMD CPU on the port's node",
        },
      ];
    });
    const pinned = Object.keys(rxqAffinity).length;
    return [
      ...affinity,
      ...(pinned >= rxQueues ? [] : finding(property, `port ${name} (${nic})`, numaNode, "error")),
    ];
  });
  const virtual = vnfs.flatMap(({ name, demand: vnf, cells }) => {
    const node = cells[0]?.numaNode;
    if (vhostQueues(vnf) === 0 || node === undefined) return [];
    const severity = mayCross(demand, name) ? "advice" : "error";
    return finding(`vnfs.${name}.nics`, `memory of VNF ${name} behind its vhost-user ports`, node, severity);
  });
  return [...physical, ...virtual];
};

export const maskIsThePlan: Rule = ({ demand, claims }) => {
  const mask = demand.switch?.pmd?.mask;
  const polling = cpusOf(claims, "pmd");
  if (mask === undefined || CpuSet.fromMask(mask).equals(polling)) return [];
  return [
    {
      rule: "B16",
      severity: "error",
      property: "switch.pmd.mask",
      problem: `pmd-cpu-mask ${mask} selects ${CpuSet.fromMask(mask).format() || "no CPU"}, plan says ${polling.format() || "none"}`,
      observed: mask,
      expected: polling.toMask(),
      hint: "leave the mask out: the plan has it",
    },
  ];
};

export const mainThreadsOffBusyCpus: Rule = ({ claims, claimsOf }) =>
  [...cpusOf(claims, "lcore")].flatMap((cpu): Finding[] => {
    const other = claimsOf.get(cpu)?.find(({ role }) => isExclusive(role));
    if (other === undefined) return [];
    return [
      {
        rule: "B17",
        severity: "error",
        property: "switch.lcore.cpus",
        problem: `dpdk-lcore-mask core ${cpu} is used by ${claimant(other)}`,
        observed: `main threads on ${cpusOf(claims, "lcore")}`,
        expected: "housekeeping CPUs",
        hint: "keep the main threads of the switch on housekeeping CPUs",
      },
    ];
  });

export const queuesFindThreads: Rule = (draft) => {
  const shared = sharedPollMode(draft);
  return draft.ports.flatMap(({ name, numaNode, demand: { rxQueues = 1, rxqAffinity = {} } }): Finding[] => {
    const queues = rxQueues - Object.keys(rxqAffinity).length;
    const threads = [...shared].filter((cpu) => draft.topology.coreOf.get(cpu)?.numaNode === numaNode).length;
    // None at all is an error of its own.
    if (threads === 0 || queues <= threads) return [];
    return [
      {
        rule: "B18",
        severity: "advice",
        property: `switch.ports.${name}.rxQueues`,
        problem: `port ${name}: ${queues} rx queues for ${threads} PMD CPUs`,
        observed: `${queues} queues without affinity`,
        expected: `${threads} or fewer on node ${numaNode}`,
        hint: "ask for fewer queues or for more PMD cores",
      },
    ];
  });
};

export const multiqueueFindsThreads: Rule = ({ vnfs, claims }) => {
  const threads = cpusOf(claims, "pmd").size;
  return vnfs.flatMap(({ name, demand }): Finding[] => {
    const queues = vhostQueues(demand);
    if (queues < 2 || threads === 0 || threads >= 2) return [];
    return [
      {
        rule: "B19",
        severity: "advice",
        property: `vnfs.${name}.nics`,
        problem: `VNF ${name}: one PMD enqueues all packets to one of ${queues} vhost-user queues`,
        observed: `${threads} PMD CPU`,
        expected: "2 or more",
        hint: "ask for more PMD cores, or for one queue",
      },
    ];
  });
};
