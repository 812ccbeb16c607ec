import type { PolicyResource } from "@pulumi/policy";
import { CpuSet } from "../sdk/units/cpuset.ts";
import { type Path, type Reading, text, UNKNOWN } from "./property.ts";

/** What a CPU is used for. A `forwarder` polls, as a `pmd` does; a `process` is a container, or a forwarder that sleeps while there is nothing to do. */
export type CpuRole =
  | ("housekeeping" | "isolated" | "pmd" | "lcore" | "vcpu" | "emulator")
  | ("forwarder" | "process" | "generator");

/** Where in the stack a value was said, so that a sentence can name what to change. */
export interface Where {
  readonly urn: string;
  readonly resource: string;
  /** Property path as the program writes it: `vcpuPins[0]`. */
  readonly property: string;
}

/** A set of CPUs that one resource claims for one role. */
export interface CpuClaim extends Where {
  readonly role: CpuRole;
  readonly cpus: CpuSet;
  /** The list as written. */
  readonly written: string;
  /** Whose they are, for sentences: `vCPU 0 of vnf`. */
  readonly holder: string;
  /** Name of the guest, of the switch, of the host: two claims of one tenant have the same. */
  readonly tenant: string;
}

/** A value that a policy would need and that isn't known yet. */
export interface Gap extends Where {
  /** What it would tell: who runs where, how much memory is taken, how many pages there are. */
  readonly about: "cpus" | "memory" | "pages";
}

/** Huge-page memory that a guest or a switch takes from one node. */
export interface MemoryDemand extends Where {
  readonly bytes: number;
  readonly numaNode: number;
  /** Size of the pages it must be of; undefined where any will do. */
  readonly pageSize?: string;
  readonly holder: string;
}

/** Takes a reading for granted, or notes that it isn't known. */
export type Know = <T>(
  resource: PolicyResource,
  about: Gap["about"],
  path: Path,
  reading: Reading<T>,
) => T | undefined;

export function known(gaps: Gap[]): Know {
  return (resource, about, path, reading) => {
    if (reading !== UNKNOWN) return reading as Exclude<typeof reading, typeof UNKNOWN>;
    gaps.push({ ...where(resource, path), about });
    return undefined;
  };
}

export function where(resource: PolicyResource, path: Path): Where {
  return { urn: resource.urn, resource: resource.name, property: written(path) };
}

export function written(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    if (!/^[A-Za-z_][\w-]*$/.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

export function cpus(
  know: Know,
  resource: PolicyResource,
  role: CpuRole,
  path: Path,
  holder: string,
  tenant: string,
): CpuClaim[] {
  const list = know(resource, "cpus", path, text(resource, ...path));
  if (list === undefined) return [];
  return [{ ...where(resource, path), role, cpus: CpuSet.parse(list), written: list, holder, tenant }];
}
