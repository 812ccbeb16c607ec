import type { PolicyResource } from "@pulumi/policy";
import type { Lab } from "./lab.ts";
import { keys, knownPositions, text } from "./property.ts";

/** A way through network functions and switches, as a ServiceChain declares it. */
export interface Chain {
  readonly name: string;
  readonly resource: PolicyResource;
  /** Resources of what packets go through: of its functions, its switches and itself. */
  readonly members: readonly PolicyResource[];
}

const CHAIN = "nfvlab:components:ServiceChain";
const STACK = "pulumi:pulumi:Stack";

/** The chains of a stack. */
export function chainsOf({ resources }: Lab): readonly Chain[] {
  const chains = resources.filter(({ type }) => type === CHAIN);
  if (chains.length === 0) return [];
  const parts = new Map<string, PolicyResource[]>();
  for (const resource of resources) {
    const { name } = declaredOf(resource);
    const members = parts.get(name);
    if (members === undefined) parts.set(name, [resource]);
    else members.push(resource);
  }
  return chains.map((resource) => {
    const passed = new Set([resource.name, ...passedBy(resource)]);
    return { name: resource.name, resource, members: [...passed].flatMap((name) => parts.get(name) ?? []) };
  });
}

/** The outermost component that has it, which is what the program says `new` of. */
function declaredOf(resource: PolicyResource): PolicyResource {
  let outermost = resource;
  for (let up = resource.parent; up !== undefined && up.type !== STACK; up = up.parent) outermost = up;
  return outermost;
}

/** Functions and switches that packets go through, by name; none of a chain whose path isn't known. */
function passedBy(chain: PolicyResource): string[] {
  if (typeof keys(chain, "path") !== "object") return [];
  const named = (list: string, field: string) =>
    knownPositions(chain, "path", list).flatMap((index) => {
      const name = text(chain, "path", list, index, field);
      return typeof name === "string" ? [name] : [];
    });
  return [...named("stations", "name"), ...named("segments", "over")];
}
