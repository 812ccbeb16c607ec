import type { PolicyResource } from "@pulumi/policy";
import { type Machine, machineFrom } from "./machine.ts";
import { text } from "./property.ts";

/** The testbed that a stack describes: its machines with everything on them, and what can't be placed on one yet. */
export interface Lab {
  /** All resources of the stack, those of others among them. */
  readonly resources: readonly PolicyResource[];
  readonly machines: readonly Machine[];
  /** Resources on a machine whose name the preview can't tell. */
  readonly unplaced: readonly PolicyResource[];
}

const SERVER = "nfvlab:emulate:Server";
const TUNED_HOST = "nfvlab:components:TunedHost";
const ON_A_MACHINE = /^nfvlab:(host|ovs|libvirt|lxc|net|pci|traffic|bench):/;

/**
 * Gathers the resources of a stack by machine.
 *
 * A resource says by `host.name` where it lives. Until a machine exists its `host` may be unknown as a whole, connection and name alike: then
 * what `host` hangs on tells machines apart, which for an emulated server is the server itself.
 */
export function readLab(resources: readonly PolicyResource[]): Lab {
  const servers = resources.filter(({ type }) => type === SERVER);
  const located = resources.filter(({ type }) => ON_A_MACHINE.test(type));
  const names = namesByOrigin(located);
  const machines = new Map<string, PolicyResource[]>();
  const unplaced: PolicyResource[] = [];
  const put = (name: string, resource: PolicyResource) => {
    const members = machines.get(name);
    if (members === undefined) machines.set(name, [resource]);
    else members.push(resource);
  };
  for (const resource of located) {
    const name = placeOf(resource, names);
    if (name === undefined) unplaced.push(resource);
    else put(name, resource);
  }
  for (const resource of resources) if (resource.type === TUNED_HOST) put(nameOfTuned(resource), resource);
  return {
    resources,
    machines: [...machines].map(([name, members]) =>
      machineFrom(name, members, serverOf(name, members, servers)),
    ),
    unplaced,
  };
}

/** What a resource's `host` hangs on: an emulated server, else all it depends on; `""` where nothing. */
function originOf(resource: PolicyResource): string {
  const origins = resource.propertyDependencies["host"] ?? [];
  const servers = origins.filter(({ type }) => type === SERVER);
  return (servers.length === 1 ? servers : origins)
    .map(({ urn }) => urn)
    .sort()
    .join(" ");
}

function knownName(resource: PolicyResource): string | undefined {
  const name = text(resource, "host", "name");
  if (typeof name === "string") return name;
  return resource.parent?.type === TUNED_HOST ? nameOfTuned(resource.parent) : undefined;
}

/** A TunedHost gives its own name to its machine, so the name is known where the reference is not. */
function nameOfTuned(tuned: PolicyResource): string {
  const name = text(tuned, "reference", "name");
  return typeof name === "string" ? name : tuned.name;
}

function namesByOrigin(located: readonly PolicyResource[]): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>();
  for (const resource of located) {
    const origin = originOf(resource);
    const name = knownName(resource);
    if (origin !== "" && name !== undefined) names.set(origin, (names.get(origin) ?? new Set()).add(name));
  }
  return names;
}

function placeOf(
  resource: PolicyResource,
  names: ReadonlyMap<string, ReadonlySet<string>>,
): string | undefined {
  const known = knownName(resource);
  if (known !== undefined) return known;
  const origin = originOf(resource);
  const candidates = [...(names.get(origin) ?? [])];
  if (candidates.length === 1) return candidates[0];
  const server = (resource.propertyDependencies["host"] ?? []).filter(({ type }) => type === SERVER);
  if (candidates.length > 1 || server.length !== 1) return undefined;
  const name = server[0] && text(server[0], "name");
  return typeof name === "string" ? name : undefined;
}

function serverOf(
  name: string,
  members: readonly PolicyResource[],
  servers: readonly PolicyResource[],
): PolicyResource | undefined {
  const origins = new Set(members.map(originOf));
  return (
    servers.find(({ urn }) => origins.has(urn)) ?? servers.find((server) => text(server, "name") === name)
  );
}
