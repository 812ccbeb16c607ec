import { where } from "../claims.ts";
import type { Guest } from "../guests.ts";
import { type Findings, labPolicy } from "../lab-policy.ts";
import type { Machine, SwitchPort } from "../machine.ts";
import { UNKNOWN } from "../property.ts";
import { cited, property } from "../sentence.ts";
import { placement, type Topology } from "../topology.ts";

/**
 * What one packet passes lies on one NUMA node: the NIC, the poll-mode thread, the switch's memory, the guest's huge pages and its vCPUs.
 *
 * Crossing nodes costs each packet a trip over the socket interconnect. A vhost-user port is on the node of its guest's memory, and OVS polls a
 * port from another node only with a line in its log (`There's no available (non-isolated) pmd thread on numa node`).
 *
 * Change `pmdCpus` or `socketMemory` of the daemon, `vcpuPins` or `numaNode` of the domain, or take another NIC.
 *
 * @severity high
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/pmd/ and https://docs.openvswitch.org/en/latest/topics/dpdk/memory/
 */
export const oneNumaNodePerChain = labPolicy({
  name: "one-numa-node-per-chain",
  description: "The vCPUs, memory, poll-mode threads and NICs of one chain are on one NUMA node.",
  severity: "high",
  checks: ["P04"],
  remediationSteps: "Choose pmdCpus, socketMemory, vcpuPins and numaNode from the node of the chain's NIC.",
  url: "https://docs.openvswitch.org/en/latest/topics/dpdk/pmd/",
  notApplicable: ({ machines, unplaced }) =>
    unplaced.length === 0 && machines.every(({ guests, ports }) => guests.length + nics(ports).length === 0)
      ? "this stack has no chain: no guest, and no NIC that is polled"
      : undefined,
  judge: ({ machines, unplaced }, findings) => {
    for (const machine of machines) {
      const { topology, guests, ports } = machine;
      const [first] = [...guests, ...nics(ports)];
      if (first === undefined) continue;
      if (topology === undefined) {
        const undecided = "whether its chains stay on one node";
        findings.pending(`the NUMA topology of ${machine.name}`, undecided, first.resource.urn);
        continue;
      }
      for (const gap of machine.gaps.filter(({ property }) => PLACED.test(property))) {
        findings.pending(
          `${gap.property} of ${gap.resource}`,
          "whether its chain stays on one node",
          gap.urn,
        );
      }
      for (const { resource, ...port } of ports) {
        for (const property of ["bridge", "socketPath", "devargs"] as const) {
          if (port[property] !== UNKNOWN) continue;
          findings.pending(
            `${property} of ${resource.name}`,
            "whether its chain stays on one node",
            resource.urn,
          );
        }
      }
      for (const guest of guests) judgeGuest(guest, machine, topology, findings);
      for (const nic of nics(ports)) judgeNic(nic, machine, topology, findings);
    }
    for (const { name, urn } of unplaced.filter(({ type }) => /:(Domain|Port)$/.test(type))) {
      findings.pending(`host of ${name}`, "whether its chain stays on one node", urn);
    }
  },
});

/** Properties that put a part of a chain on a node. */
const PLACED = /^(pmdCpus|socketMemory|vcpuPins)\b/;

function judgeGuest(guest: Guest, machine: Machine, topology: Topology, findings: Findings): void {
  const { resource, name, numaNode: node, vcpus } = guest;
  if (node === UNKNOWN) {
    findings.pending(`numaNode of ${resource.name}`, `whether ${name} stays on one node`, resource.urn);
    return;
  }
  if (node === undefined) return;
  const memory = `memory on node ${node} (${property(where(resource, ["numaNode"]), node)})`;
  for (const vcpu of vcpus) {
    if (vcpu.cpus.isSubsetOf(topology.cpusOf(node))) continue;
    findings.violation(
      `${cited(vcpu)} is on ${placement(vcpu.cpus, topology)}, but the guest has its ${memory}: ` +
        `pin it to one of ${topology.cpusOf(node).format()} or change numaNode (nodes by ${topology.source}).`,
      resource.urn,
    );
  }
  for (const [nic, socket] of guest.sockets) {
    if (socket === UNKNOWN) {
      findings.pending(`nics.${nic}.socketPath of ${resource.name}`, "what polls it", resource.urn);
      continue;
    }
    const port = machine.ports.find(({ socketPath }) => socketPath !== undefined && socketPath === socket);
    if (port === undefined) continue;
    const served = `${port.resource.name} serves nics.${nic} of ${name}, which has its ${memory}`;
    judgeSwitches(served, node, machine, topology, findings);
    for (const uplink of nics(machine.ports).filter(({ bridge }) => bridge === port.bridge)) {
      const nicNode = topology.nodeOfNic(uplink.address);
      if (nicNode === undefined || nicNode < 0 || nicNode === node) continue;
      findings.violation(
        `${served}, but its bridge's NIC is on node ${nicNode} (${devargs(uplink)}): ` +
          `move the guest to node ${nicNode} or take a NIC of node ${node} (nodes by ${topology.source}).`,
        resource.urn,
      );
    }
  }
}

/** A vhost-user port needs a poll-mode thread and the switch's memory on the node of its guest. */
function judgeSwitches(
  served: string,
  node: number,
  machine: Machine,
  topology: Topology,
  findings: Findings,
) {
  for (const { resource: daemon, pmd, socketMemory } of machine.switches) {
    if (pmd !== undefined && pmd.cpus.intersect(topology.cpusOf(node)).size === 0) {
      findings.violation(
        `${served}, but ${cited(pmd)} are on ${placement(pmd.cpus, topology)}: ` +
          `add one of ${topology.cpusOf(node).format()} to pmdCpus (nodes by ${topology.source}).`,
        daemon.urn,
      );
    }
    if (socketMemory !== undefined && (socketMemory.get(node) ?? 0) === 0) {
      const given = [...socketMemory].filter(([, bytes]) => bytes !== 0).map(([other]) => `node ${other}`);
      findings.violation(
        `${served}, but the switch takes memory on ${given.join(" and ") || "no node"} only (socketMemory of ${daemon.name}): ` +
          `add node ${node} to socketMemory.`,
        daemon.urn,
      );
    }
  }
}

function judgeNic(nic: PolledNic, machine: Machine, topology: Topology, findings: Findings): void {
  const node = topology.nodeOfNic(nic.address);
  if (node === undefined || node < 0) {
    const undecided = "whether it is polled from there";
    findings.pending(`the NUMA node of NIC ${nic.address} (${devargs(nic)})`, undecided, nic.resource.urn);
    return;
  }
  for (const { resource: daemon, pmd } of machine.switches) {
    if (pmd === undefined || pmd.cpus.intersect(topology.cpusOf(node)).size > 0) continue;
    findings.violation(
      `the NIC of ${nic.resource.name} is on node ${node} (${devargs(nic)}), but ${cited(pmd)} are on ` +
        `${placement(pmd.cpus, topology)}: add one of ${topology.cpusOf(node).format()} to pmdCpus (nodes by ${topology.source}).`,
      daemon.urn,
    );
  }
}

interface PolledNic extends SwitchPort {
  /** PCI address in its devargs. */
  readonly address: string;
}

/** Ports on a real PCI function; virtual devices such as eth_null0 are on no node. */
function nics(ports: readonly SwitchPort[]): PolledNic[] {
  return ports.flatMap((port) => {
    const address =
      typeof port.devargs === "string"
        ? /^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]/.exec(port.devargs)?.[0]
        : undefined;
    return address === undefined ? [] : [{ ...port, address }];
  });
}

function devargs({ resource, address }: PolledNic): string {
  return property(where(resource, ["interface", "devargs"]), address);
}
