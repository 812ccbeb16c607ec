import type { PolicyResource } from "@pulumi/policy";
import type * as pulumi from "@pulumi/pulumi";
import { chainsOf } from "./chains.ts";
import type { CpuRole } from "./claims.ts";
import type { Lab } from "./lab.ts";
import { matches } from "./pattern.ts";
import type { Stated } from "./property.ts";

/** Which resources of a lab are meant; each that is given narrows it down. */
export interface Selection {
  /** Name of the machine that they are on; `*` for any characters. */
  readonly host?: string;
  /** Name of a ServiceChain that goes through what they belong to; `*` for any characters. */
  readonly chain?: string;
  /** What they claim CPUs for. */
  readonly role?: CpuRole;
}

/** A resource class of this SDK. */
export interface ClassOf<R> {
  /** Type token. */
  readonly __pulumiType: string;
  new (name: string, args: never): R;
}

/** What a resource's state holds, by its class: the values of its outputs. */
export type StateIn<R> = {
  readonly [K in Exclude<keyof R, keyof pulumi.CustomResource>]: R[K] extends pulumi.Output<infer V>
    ? V
    : never;
};

/**
 * Resources of a lab by type, machine, chain and role, in the order of the program.
 *
 * A resource that can't be placed on a machine yet is on none: name its type among the policy's `concerns`, and that is said.
 *
 * @param type a class, whose properties are then known by name, or a type token
 * @example
 * const pools = select(lab, host.Hugepages, { host: "dut-*" });
 */
export function select<R>(lab: Lab, type: ClassOf<R>, selection?: Selection): readonly Stated<StateIn<R>>[];
export function select(lab: Lab, type: string, selection?: Selection): readonly PolicyResource[];
export function select(
  lab: Lab,
  type: ClassOf<unknown> | string,
  { host, chain, role }: Selection = {},
): readonly PolicyResource[] {
  const token = typeof type === "string" ? type : type.__pulumiType;
  const sets: ReadonlySet<string>[] = [];
  if (host !== undefined)
    sets.push(urns(lab.machines.filter(({ name }) => matches(host, name)).flatMap(({ members }) => members)));
  if (chain !== undefined)
    sets.push(urns(chainsOf(lab).flatMap(({ name, members }) => (matches(chain, name) ? members : []))));
  if (role !== undefined)
    sets.push(urns(lab.machines.flatMap(({ claims }) => claims.filter((claim) => claim.role === role))));
  return lab.resources.filter((each) => each.type === token && sets.every((set) => set.has(each.urn)));
}

function urns(of: readonly { readonly urn: string }[]): ReadonlySet<string> {
  return new Set(of.map(({ urn }) => urn));
}
