import type { ManagementPath } from "../observe/management-path.ts";
import type { ObservedInterface } from "../observe/ovs.ts";
import type { ObservedFunction, PciFunctions } from "../observe/pci.ts";
import { HostError } from "../units/errors.ts";

/** What tells which PCI functions a machine can't do without. */
export interface ProtectionFacts {
  readonly path: ManagementPath;
  readonly functions: PciFunctions;
  /** Interfaces of Open vSwitch; none where there is no switch. */
  readonly switchInterfaces: readonly Pick<ObservedInterface, "name" | "type" | "options" | "bridge">[];
}

/** Reasons by address; a function without one may be touched. */
export type ProtectedFunctions = ReadonlyMap<string, readonly string[]>;

/**
 * The functions that keep a machine reachable and running: those that carry a default route, the SSH session, a global address, the server of a mounted file
 * system, be it through a bond, a bridge, a VLAN or a switch; the physical function of such a virtual one; those that mounted file systems and swap are behind.
 * Where nothing tells what the root file system is on, every storage controller. Nothing overrides it.
 */
export function protectedFunctions({
  path,
  functions,
  switchInterfaces,
}: ProtectionFacts): ProtectedFunctions {
  const reasons = new Map<string, Set<string>>();
  const protect = (address: string, reason: string): void => {
    reasons.set(address, (reasons.get(address) ?? new Set()).add(reason));
    const physical = functions.get(address)?.physicalFunction;
    if (physical !== undefined) protect(physical, `its virtual function ${address} ${reason}`);
  };
  const below = interfacesBelow(path, switchInterfaces);
  for (const { name, what } of path.carried)
    for (const [lower, { addresses }] of reach(name, below)) {
      const by = lower === name ? name : `${lower}, below ${name}`;
      for (const address of addresses) protect(address, `carries ${what} (${by})`);
    }
  for (const { target, functions: behind } of path.mounts)
    for (const address of behind)
      protect(address, target === "swap" ? "holds swap" : `holds the file system at ${target}`);
  if (!path.mounts.some(({ target, functions: behind }) => target === "/" && behind.length > 0))
    for (const { address } of [...functions.values()].filter(isStorage))
      protect(address, "is a storage controller, and nothing tells what the root file system is on");
  return new Map([...reasons].map(([address, set]) => [address, [...set].sort()]));
}

interface Below {
  readonly addresses: readonly string[];
  readonly next: readonly string[];
}

/** What each interface stands on. One of a switch stands on all others of its bridge, and of those that patch ports lead to. */
function interfacesBelow(
  { stacks }: ManagementPath,
  switchInterfaces: ProtectionFacts["switchInterfaces"],
): ReadonlyMap<string, Below> {
  const below = new Map<string, Below>(
    stacks.map(({ name, functions, lowers }) => [name, { addresses: functions, next: lowers }]),
  );
  for (const { name, type, options, bridge } of switchInterfaces) {
    const peers = switchInterfaces.filter((other) => bridge !== undefined && other.bridge === bridge);
    const peer = type === "patch" ? [options["peer"] ?? ""] : [];
    const device = /^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]/.exec(options["dpdk-devargs"] ?? "");
    const known = below.get(name) ?? { addresses: [], next: [] };
    below.set(name, {
      addresses: [...known.addresses, ...(device ?? [])],
      next: [...known.next, ...peer, ...peers.map((other) => other.name)],
    });
  }
  return below;
}

function reach(name: string, below: ReadonlyMap<string, Below>): Map<string, Below> {
  const reached = new Map<string, Below>();
  const visit = (at: string): void => {
    const here = below.get(at);
    if (here === undefined || reached.has(at)) return;
    reached.set(at, here);
    here.next.forEach(visit);
  };
  visit(name);
  return reached;
}

function isStorage({ class: code }: ObservedFunction): boolean {
  return code.startsWith("0x01");
}

/**
 * Refuses to touch a function that the machine can't do without.
 *
 * @param action what was to be done, `bind vfio-pci to it`
 * @throws HostError `function-protected`
 */
export function requireUnprotected(
  addresses: readonly string[],
  protection: ProtectedFunctions,
  { property, action, host }: { readonly property: string; readonly action: string; readonly host: string },
): void {
  const [address] = addresses.filter((candidate) => protection.has(candidate));
  if (address === undefined) return;
  throw new HostError({
    code: "function-protected",
    property,
    problem: `refused to ${action} on ${host}, which would not do without ${address}`,
    observed: `it ${(protection.get(address) ?? []).join(", and ")}`,
    expected: "a function that neither management nor the system's disks go through",
    hint: "no setting overrides this: move that elsewhere first, or name another function",
  });
}
