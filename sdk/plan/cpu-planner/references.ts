import type { CpuDemand } from "../../schema/cpu-demand.ts";
import { CpuSet } from "../../units/cpuset.ts";
import { type NicNodes, nodesInWords, nodesOf } from "./draft.ts";
import type { Finding } from "./finding.ts";
import { byName } from "./name-order.ts";
import { threadsOf } from "./node-choice.ts";
import type { PlannerFacts, Topology } from "./topology.ts";

type Report = (property: string, problem: string, observed: unknown, expected: string, hint: string) => void;

/** What a demand names must be there, and its numbers must go together; the rules take that as given. */
export function checkReferences(
  facts: PlannerFacts,
  demand: CpuDemand,
  topology: Topology,
  nodeOfNic: NicNodes,
): Finding[] {
  const findings: Finding[] = [];
  const report: Report = (property, problem, observed, expected, hint) => {
    findings.push({
      rule: "demand",
      severity: "error",
      property,
      problem,
      observed: `${observed}`,
      expected,
      hint,
    });
  };
  checkNics(facts, demand, nodeOfNic, report);
  checkNodes(facts, demand, topology, report);
  checkPaths(demand, report);
  checkCounts(demand, topology, report);
  return findings;
}

function checkNics(facts: PlannerFacts, demand: CpuDemand, nodeOfNic: NicNodes, report: Report): void {
  const named = nicsOf(demand);
  for (const [address] of byName(demand.nics)) named.push([`nics["${address}"]`, address]);
  const present = facts.nics.map(({ address }) => address).join(", ") || "none";
  for (const [property, address] of named) {
    if (nodeOfNic(address) === "missing") {
      report(
        property,
        "the machine has no such NIC",
        address,
        `one of ${present}`,
        "name a NIC of its facts",
      );
    }
  }
  const ports = new Map<string, string>();
  for (const [name, { nic }] of byName(demand.switch?.ports)) {
    const other = ports.get(nic);
    if (other !== undefined) {
      report(
        `switch.ports.${name}.nic`,
        `ports ${other} and ${name} are one NIC`,
        nic,
        "a NIC for each port",
        "name another function",
      );
    }
    ports.set(nic, name);
  }
}

/** Every NIC that carries traffic, by the property that names it. */
export function nicsOf(demand: CpuDemand): [property: string, address: string][] {
  return [
    ...byName(demand.switch?.ports).map(([name, { nic }]): [string, string] => [
      `switch.ports.${name}.nic`,
      nic,
    ]),
    ...byName(demand.vnfs).flatMap(([name, vnf]) =>
      byName(vnf.nics).flatMap(([nic, wanted]): [string, string][] =>
        wanted.kind === "sr-iov" ? [[`vnfs.${name}.nics.${nic}.address`, wanted.address]] : [],
      ),
    ),
    ...byName(demand.generators).flatMap(([name, { nics = [] }]) =>
      nics.map((address, at): [string, string] => [`generators.${name}.nics[${at}]`, address]),
    ),
  ];
}

function checkNodes(facts: PlannerFacts, demand: CpuDemand, topology: Topology, report: Report): void {
  const withCpus = topology.nodes.map(({ numaNode }) => numaNode);
  const all = [...new Set([...withCpus, ...facts.numaNodes.map(({ node }) => node)])];
  const check = (property: string, node: number | undefined, allowed: readonly number[], what: string) => {
    if (node === undefined || allowed.includes(node)) return;
    report(
      property,
      `the machine has no ${what} ${node}`,
      node,
      nodesInWords(allowed),
      "name one of its nodes",
    );
  };
  for (const [address, { numaNode }] of byName(demand.nics)) {
    check(`nics["${address}"].numaNode`, numaNode, all, "NUMA node");
  }
  const computing = "NUMA node with CPUs";
  for (const [name, vnf] of byName(demand.vnfs)) {
    check(`vnfs.${name}.numaNode`, vnf.numaNode, withCpus, computing);
  }
  for (const [name, { numaNode }] of byName(demand.generators)) {
    check(`generators.${name}.numaNode`, numaNode, withCpus, computing);
  }
  for (const [name, { numaNode }] of byName(demand.coLoads)) {
    check(`coLoads.${name}.numaNode`, numaNode, withCpus, computing);
  }
}

function checkPaths(demand: CpuDemand, report: Report): void {
  const ports = Object.keys(demand.switch?.ports ?? {});
  const vnfs = Object.keys(demand.vnfs ?? {});
  for (const [name, { path }] of byName(demand.chains)) {
    for (const [at, hop] of path.entries()) {
      const property = `chains.${name}.path[${at}]`;
      if (ports.includes(hop) && vnfs.includes(hop)) {
        report(property, "a port and a VNF have this name", hop, "one of them", "rename the port or the VNF");
      } else if (!ports.includes(hop) && !vnfs.includes(hop)) {
        const expected = `one of ${[...new Set([...ports, ...vnfs])].sort().join(", ") || "none"}`;
        report(property, "neither a port nor a VNF", hop, expected, "name a port of the switch or a VNF");
      }
    }
  }
}

function checkCounts(demand: CpuDemand, topology: Topology, report: Report): void {
  for (const [name, vnf] of byName(demand.vnfs)) {
    const threads = threadsOf(vnf);
    if (vnf.vcpus % threads !== 0) {
      report(
        `vnfs.${name}.threadsPerCore`,
        "the guest's cores would not be whole",
        `${vnf.vcpus} vCPUs of ${threads} a core`,
        `a multiple of ${threads} vCPUs`,
        "ask for whole cores, or for 1 thread a core",
      );
    }
    const beyond = [...CpuSet.parse(vnf.realtime?.vcpus ?? "")].filter((vcpu) => vcpu >= vnf.vcpus);
    if (beyond.length > 0) {
      report(
        `vnfs.${name}.realtime.vcpus`,
        "names vCPUs that the guest has not",
        CpuSet.of(beyond),
        `vCPUs among 0-${vnf.vcpus - 1}`,
        "count vCPUs from 0",
      );
    }
  }
  for (const [name, { cpus, workers }] of byName(demand.generators)) {
    if (cpus === undefined || CpuSet.parse(cpus).size === workers + 2) continue;
    report(
      `generators.${name}.cpus`,
      "not as many CPUs as the generator needs",
      cpus,
      `${workers + 2}: master, latency and ${workers} workers`,
      "name as many, or change workers",
    );
  }
  for (const [name, { cpus, cpuCount, numaNode }] of byName(demand.coLoads)) {
    if (cpus === undefined) continue;
    const set = CpuSet.parse(cpus);
    if (cpuCount !== undefined && set.size !== cpuCount) {
      report(
        `coLoads.${name}.cpus`,
        "not as many CPUs as cpuCount says",
        cpus,
        `${cpuCount}`,
        "leave one of them out",
      );
    }
    const nodes = nodesOf(topology, set).filter((node) => node !== numaNode);
    if (nodes.length > 0) {
      report(
        `coLoads.${name}.cpus`,
        `CPUs on ${nodesInWords(nodes)}`,
        cpus,
        `CPUs of node ${numaNode}`,
        "split the load by node",
      );
    }
  }
  for (const [name, { rxqAffinity = {}, rxQueues = 1 }] of byName(demand.switch?.ports)) {
    for (const queue of Object.keys(rxqAffinity)) {
      if (Number(queue) < rxQueues) continue;
      report(
        `switch.ports.${name}.rxqAffinity["${queue}"]`,
        "the port has no such receive queue",
        queue,
        `queues 0-${rxQueues - 1}`,
        "raise rxQueues or leave the queue out",
      );
    }
  }
}
