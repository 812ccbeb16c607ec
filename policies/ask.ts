import type { PolicyResource } from "@pulumi/policy";
import { CpuSet } from "../sdk/units/cpuset.ts";
import { written } from "./claims.ts";
import type { Findings } from "./lab-policy.ts";
import { ofType } from "./machine.ts";
import { flag, keys, number, type Path, positions, type Reading, text, UNKNOWN } from "./property.ts";
import { fewOf } from "./sentence.ts";

/** Reads properties; one that isn't known yet is said, and is undefined for who asked, as one that isn't there. */
export interface Asking {
  text(resource: PolicyResource, ...path: Path): string | undefined;
  number(resource: PolicyResource, ...path: Path): number | undefined;
  flag(resource: PolicyResource, ...path: Path): boolean | undefined;
  cpus(resource: PolicyResource, ...path: Path): CpuSet | undefined;
  /** Whether it is known to be another text or flag than this, or not to be there. */
  differs(value: string | boolean, resource: PolicyResource, ...path: Path): boolean;
  /** Names of an object's properties; none where there is no object. */
  keys(resource: PolicyResource, ...path: Path): readonly string[];
  /** Positions of a list's elements; none where there is no list. */
  positions(resource: PolicyResource, ...path: Path): readonly number[];
}

/** @param undecided what hangs on the values that are asked for */
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
      const reading = (typeof value === "string" ? text : flag)(resource, ...path);
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
