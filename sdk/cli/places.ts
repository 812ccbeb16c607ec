import { isSecret, isUnknown, type Properties, valueAt } from "./engine-value.ts";
import type { PreviewedResource } from "./preview.ts";
import { nameOf } from "./state-resource.ts";

const TUNED_HOST = "nfvlab:components:TunedHost";
const CHAIN = "nfvlab:components:ServiceChain";
const STACK = "pulumi:pulumi:Stack";
const SERVER = "nfvlab:emulate:Server";

/** Where each resource of a stack belongs: to which machine, to which chain, and to what the program names. */
export interface Places {
  /** Empty where it is on no machine, or the preview can't tell on which. */
  hostOf(urn: string): string;
  /** `pvp`, or `vnf (VhostUserVnf)` where no chain goes through it; empty of what the stack has no resource for. */
  chainOf(urn: string): string;
  /** The outermost component that has it, which is what the program says `new` of. */
  declared(urn: string): PreviewedResource | undefined;
}

export function placesOf(resources: readonly PreviewedResource[]): Places {
  const byUrn = new Map(resources.map((resource) => [resource.urn, resource]));
  const children = new Map<string, PreviewedResource[]>();
  for (const resource of resources)
    children.set(resource.parent, [...(children.get(resource.parent) ?? []), resource]);

  const hosts = new Map<string, string>();
  const hostOf = (urn: string): string => {
    const found = hosts.get(urn);
    if (found !== undefined) return found;
    // Whoever asks again on the way gets no answer, so that nothing goes round in circles.
    hosts.set(urn, "");
    const resource = byUrn.get(urn);
    const host = resource === undefined ? "" : find(resource);
    hosts.set(urn, host);
    return host;
  };
  const find = (resource: PreviewedResource): string => {
    const own = resource.type === TUNED_HOST ? nameOf(resource.urn) : ownHost(resource);
    if (own !== "") return own;
    const parent = byUrn.get(resource.parent);
    if (parent?.type === TUNED_HOST) return nameOf(parent.urn);
    const others = [
      ...(resource.dependencies["host"] ?? []),
      ...(resource.type.startsWith("nfvlab:components:")
        ? (children.get(resource.urn) ?? []).map(({ urn }) => urn)
        : []),
    ];
    for (const other of others) {
      const host = hostOf(other);
      if (host !== "") return host;
    }
    // Of an emulated server that is yet to be made not even the name is known; what a TunedHost has on it tells.
    const servers = others.filter((other) => byUrn.get(other)?.type === SERVER);
    const neighbour = resources.find(
      (each) =>
        byUrn.get(each.parent)?.type === TUNED_HOST &&
        each.dependencies["host"]?.some((other) => servers.includes(other)) === true,
    );
    return neighbour === undefined ? "" : nameOf(neighbour.parent);
  };

  const declared = (urn: string): PreviewedResource | undefined => {
    let resource = byUrn.get(urn);
    const passed = new Set<string>();
    for (let up = resource; up !== undefined && up.type !== STACK && !passed.has(up.urn); ) {
      passed.add(up.urn);
      resource = up;
      up = byUrn.get(up.parent);
    }
    return resource?.type === STACK ? undefined : resource;
  };

  const chains = resources
    .filter(({ type }) => type === CHAIN)
    .map((chain) => ({
      name: nameOf(chain.urn),
      through: new Set(throughs(chain)),
    }));
  const chainOf = (urn: string): string => {
    const part = declared(urn);
    if (part === undefined) return "";
    const name = nameOf(part.urn);
    const through = chains.filter((chain) => chain.name === name || chain.through.has(name));
    return through.length > 0
      ? through.map((chain) => chain.name).join(", ")
      : `${name} (${part.type.split(":").at(-1) ?? ""})`;
  };
  return { hostOf, chainOf, declared };
}

/** By the machine it names, else by its id, which begins with that name. */
function ownHost({ type, before, after }: PreviewedResource): string {
  for (const properties of [after?.inputs, after?.outputs, before?.inputs]) {
    const name = valueAt(properties, ["host", "name"]);
    if (typeof name === "string" && !isUnknown(name) && !isSecret(name)) return name;
  }
  const id = before?.id ?? "";
  return ON_A_MACHINE.test(type) && id.includes("/") ? (id.split("/")[0] ?? "") : "";
}

const ON_A_MACHINE = /^nfvlab:(host|ovs|libvirt|lxc|net|pci|traffic|bench):/;

/** Functions and switches that packets of a chain go through. */
function throughs({ after, before }: PreviewedResource): string[] {
  const path = (after?.outputs["path"] ?? before?.outputs["path"]) as Properties | undefined;
  const names = (list: unknown, field: string) =>
    Array.isArray(list) ? list.map((item: Properties) => String(item?.[field] ?? "")) : [];
  return [...names(path?.["stations"], "name"), ...names(path?.["segments"], "over")];
}
