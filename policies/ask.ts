import type { PolicyResource } from "@pulumi/policy";
import { CpuSet } from "../sdk/units/cpuset.ts";
import { written } from "./claims.ts";
import type { Findings } from "./lab-policy.ts";
import { ofType } from "./machine.ts";
import {
  flag,
  keys,
  number,
  type Path,
  type PathIn,
  positions,
  type Reading,
  type Stated,
  text,
  UNKNOWN,
} from "./property.ts";
import { fewOf } from "./sentence.ts";

/** Reads properties; one that isn't known yet is said, and is undefined for who asked, as one that isn't there. */
export interface Asking {
  text<S>(resource: Stated<S>, ...path: PathIn<NoInfer<S>>): string | undefined;
  number<S>(resource: Stated<S>, ...path: PathIn<NoInfer<S>>): number | undefined;
  flag<S>(resource: Stated<S>, ...path: PathIn<NoInfer<S>>): boolean | undefined;
  cpus<S>(resource: Stated<S>, ...path: PathIn<NoInfer<S>>): CpuSet | undefined;
  /** Whether it is known to be another text or flag than this, or not to be there. */
  differs<S>(value: string | boolean, resource: Stated<S>, ...path: PathIn<NoInfer<S>>): boolean;
  /** Names of an object's properties; none where there is no object. */
  keys<S>(resource: Stated<S>, ...path: PathIn<NoInfer<S>>): readonly string[];
  /** Positions of a list's elements; none where there is no list. */
  positions<S>(resource: Stated<S>, ...path: PathIn<NoInfer<S>>): readonly number[];
}

/**
 * Reads properties for a policy, and says of each that isn't known yet what hangs on it.
 *
 * @param undecided what hangs on the values that are asked for: `whether the pages suffice`
 * @example
 * const ask = asking(findings, "whether the pages suffice");
 */
export function asking({ pending }: Findings, undecided: string): Asking {
  const said = <T>(resource: PolicyResource, path: Path, reading: Reading<T>): T | undefined => {
    if (reading !== UNKNOWN) return reading as Exclude<typeof reading, typeof UNKNOWN>;
    pending(`${written(path)} of ${resource.name}`, undecided, resource.urn);
    return undefined;
  };
  return {
    text: (resource, ...path) => said(resource, path, text(resource, ...path)),
    number: (resource, ...path) => said(resource, path, number(resource, ...path)),
    flag: (resource, ...path) => said(resource, path, flag(resource, ...path)),
    cpus: (resource, ...path) => {
      const list = said(resource, path, text(resource, ...path));
      return list === undefined ? undefined : CpuSet.parse(list);
    },
    differs: (value, resource, ...path) => {
      const reading = typeof value === "string" ? text(resource, ...path) : flag(resource, ...path);
      said<string | boolean>(resource, path, reading);
      return reading !== UNKNOWN && reading !== value;
    },
    keys: (resource, ...path) => said(resource, path, keys(resource, ...path)) ?? [],
    positions: (resource, ...path) => said(resource, path, positions(resource, ...path)) ?? [],
  };
}

/** Says of resources of some types that it isn't known which machine they are on: once for all of them. */
export function sayUnplaced(
  unplaced: readonly PolicyResource[],
  types: readonly string[],
  { pending }: Findings,
  undecided: string,
): void {
  const open = ofType(unplaced, ...types);
  const [first] = open;
  if (first !== undefined) pending(`host of ${fewOf(open.map(({ name }) => name))}`, undecided, first.urn);
}
