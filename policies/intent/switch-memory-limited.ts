import type { PolicyResource } from "@pulumi/policy";
import { bytes } from "../../sdk/units/size.ts";
import { type Asking, asking, sayUnplaced } from "../ask.ts";
import { where } from "../claims.ts";
import { type Findings, labPolicy } from "../lab-policy.ts";
import { GENERATING, type Machine, ofType } from "../machine.ts";
import { flag, keys, positions, type Reading, text, titleOf, UNKNOWN } from "../property.ts";
import { fewOf, property } from "../sentence.ts";

const PROGRAMS = ["lxc:Container", "traffic:Forwarder", ...GENERATING] as const;
const UNDECIDED = "whether the switch leaves huge pages to others";

/**
 * Where others take huge pages as well, the switch's memory has a limit, and none below what it takes at its start.
 *
 * `socketMemory` is what the switch begins with. For packet buffers it takes more where it finds some, hundreds of MiB for each MTU of a node's ports: a guest, container or traffic
 * program that starts later gets none, though all were counted to suffice. Since 2.17 nothing limits it unasked. With a limit it halves its packet buffers until they fit.
 * `OvsDpdkBridge` sets one.
 *
 * A limit below `socketMemory` contradicts it, and loses: what is taken at the start is taken before the limit counts.
 *
 * Change `socketLimit` of the daemon: to its `socketMemory`, or to as much more as it is meant to have.
 *
 * @severity medium
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/memory/ and ovs-vswitchd.conf.db(5), dpdk-socket-limit
 */
export const switchMemoryLimited = labPolicy({
  name: "switch-memory-limited",
  description: "Where others take huge pages as well, the switch's memory has a limit.",
  severity: "medium",
  checks: ["P16"],
  level: "advisory",
  remediationSteps: "Set socketLimit of the daemon to its socketMemory.",
  url: "https://docs.openvswitch.org/en/latest/topics/dpdk/memory/",
  notApplicable: ({ resources }) =>
    ofType(resources, "ovs:Daemon").length === 0 ? "this stack sets no option of a switch" : undefined,
  judge: ({ machines, unplaced }, findings) => {
    sayUnplaced(unplaced, ["ovs:Daemon", "libvirt:Domain", ...PROGRAMS], findings, UNDECIDED);
    for (const machine of machines)
      for (const daemon of ofType(machine.members, "ovs:Daemon")) judgeDaemon(daemon, machine, findings);
  },
});

function judgeDaemon(daemon: PolicyResource, machine: Machine, findings: Findings): void {
  const ask = asking(findings, UNDECIDED);
  const [start, limit] = [perNode(daemon, "socketMemory"), perNode(daemon, "socketLimit")];
  if (start === undefined || limit === undefined || !mayGrow(daemon, start, ask)) return;
  for (const [node, size] of start) {
    const least = limit.get(node);
    if (least === undefined || bytes(least) >= bytes(size)) continue;
    findings.violation(
      `${property(where(daemon, ["socketLimit", node]), least)} is below ${property(where(daemon, ["socketMemory", node]), size)}, which is taken at the start ` +
        `all the same, expected "${size}" or more: change one of the two.`,
      daemon.urn,
    );
  }
  if (start.size > 0 && [...start.keys()].every((node) => limit.has(node))) return;
  const others = takersOn(machine, ask, findings);
  // A switch that isn't told where to take memory takes it wherever it has a port.
  const nodes = start.size > 0 ? start.keys() : new Set(others.flatMap(({ nodes }) => nodes));
  for (const node of nodes) {
    const beside = others.filter((other) => other.nodes.includes(node)).map(({ title }) => title);
    if (limit.has(node) || beside.length === 0) continue;
    const [size, bound] = [start.get(node), where(daemon, ["socketLimit", node])];
    const [taken, change] =
      size === undefined
        ? ["", `set socketMemory and ${bound.property}`]
        : [
            `${property(where(daemon, ["socketMemory", node]), size)}, and then `,
            `set ${bound.property} to "${size}"`,
          ];
    findings.violation(
      `the switch takes ${taken}as many huge pages of node ${node} of ${machine.name} as it finds, where ${fewOf(beside)} ${beside.length === 1 ? "needs" : "need"} some as well, ` +
        `expected a limit by ${bound.property} of ${bound.resource}: ${change}.`,
      daemon.urn,
    );
  }
}

/** Sizes by node as written, undefined where they aren't known. None is zero, which stands for nothing: no memory at the start, or no limit. */
function perNode(
  daemon: PolicyResource,
  property: "socketMemory" | "socketLimit",
): ReadonlyMap<string, string> | undefined {
  const nodes = keys(daemon, property);
  if (nodes === UNKNOWN) return undefined;
  const sizes = new Map<string, string>();
  for (const node of nodes ?? []) {
    const size = text(daemon, property, node);
    if (size === UNKNOWN) return undefined;
    if (size !== undefined && bytes(size) > 0) sizes.set(node, size);
  }
  return sizes;
}

/** Whether it is known to take memory beyond what it starts with: DPDK runs inside it, and not by its old way of memory, which keeps to that. */
function mayGrow(daemon: PolicyResource, start: ReadonlyMap<string, string>, ask: Asking): boolean {
  const eal = positions(daemon, "ealArguments") ?? [];
  const isOldWay = (argument: Reading<string>) => argument === UNKNOWN || argument === "--legacy-mem";
  const keeps = eal === UNKNOWN || eal.some((index) => isOldWay(text(daemon, "ealArguments", index)));
  return ask.differs("false", daemon, "init") && !(keeps && start.size > 0);
}

interface Taker {
  readonly title: string;
  readonly nodes: readonly string[];
}

/** Who else takes huge pages on a machine, and of which nodes. */
function takersOn(machine: Machine, ask: Asking, { pending }: Findings): Taker[] {
  const guests = machine.guests.flatMap(({ resource, name }) => {
    const [page, node] = [ask.text(resource, "pageSize"), ask.number(resource, "numaNode")];
    return page === undefined || page === "4KiB" || node === undefined
      ? []
      : [{ title: `guest ${name}`, nodes: [String(node)] }];
  });
  const programs = ofType(machine.members, ...PROGRAMS).flatMap((program) => {
    const { title, at, isTaker } = programFrom(program);
    if (!isTaker) return [];
    const { topology } = machine;
    if (topology === undefined) {
      pending(`which node ${title} of ${machine.name} runs on`, UNDECIDED, program.urn);
      return [];
    }
    if (text(program, ...at, "cpus") === undefined) return [{ title, nodes: topology.nodes.map(String) }];
    const nodes = [...(ask.cpus(program, ...at, "cpus") ?? [])].map((cpu) => topology.nodeOf(cpu));
    return [{ title, nodes: [...new Set(nodes)].map(String) }];
  });
  return [...guests, ...programs];
}

/** A container takes none unless it has them mounted, a traffic program takes some unless it is told not to. */
function programFrom(program: PolicyResource) {
  const title = titleOf(program);
  if (program.type === "nfvlab:lxc:Container")
    return { title: `container ${title}`, at: [], isTaker: flag(program, "hugepages") === true } as const;
  if (program.type === "nfvlab:traffic:Forwarder")
    return { title: `forwarder ${title}`, at: [], isTaker: isTrueOrAbsent(program, "hugepages") } as const;
  const at = ["generator"] as const;
  return {
    ...{ title: `the generator of ${title}`, at },
    isTaker: keys(program, ...at) !== undefined && isTrueOrAbsent(program, ...at, "hugepages"),
  };
}

function isTrueOrAbsent(program: PolicyResource, ...path: readonly string[]): boolean {
  const told = flag(program, ...path);
  return told === true || told === undefined;
}
