import { type PolicyResource, UnknownValueError } from "@pulumi/policy";

/** Stands for a value that a preview can't know yet. */
export const UNKNOWN: unique symbol = Symbol("unknown");

/** A value as far as it can be told: undefined where the resource has none. */
export type Reading<T> = T | typeof UNKNOWN | undefined;

export type Path = readonly (string | number)[];

/** A text at a path of a resource's properties. */
export function text(resource: PolicyResource, ...path: Path): Reading<string> {
  return only(at(resource, path), (value) => (typeof value === "string" ? value : undefined));
}

export function number(resource: PolicyResource, ...path: Path): Reading<number> {
  return only(at(resource, path), (value) => (typeof value === "number" ? value : undefined));
}

export function flag(resource: PolicyResource, ...path: Path): Reading<boolean> {
  return only(at(resource, path), (value) => (typeof value === "boolean" ? value : undefined));
}

/** Names of an object's properties. */
export function keys(resource: PolicyResource, ...path: Path): Reading<readonly string[]> {
  return only(at(resource, path), (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : undefined,
  );
}

/** Positions of a list's elements. */
export function positions(resource: PolicyResource, ...path: Path): Reading<readonly number[]> {
  return only(at(resource, path), (value) => (Array.isArray(value) ? [...value.keys()] : undefined));
}

/**
 * Walks step by step: the engine's proxy throws at the step that is unknown, and at that step only. What a new resource will compute is
 * absent in a preview, not unknown; who reads outputs takes both for not known.
 */
function at(resource: PolicyResource, path: Path): unknown {
  let value: unknown = resource.props;
  try {
    for (const step of path) {
      if (typeof value !== "object" || value === null) return undefined;
      value = (value as Record<string | number, unknown>)[step];
    }
    return value;
  } catch (error) {
    if (error instanceof UnknownValueError) return UNKNOWN;
    throw error;
  }
}

function only<T>(value: unknown, select: (value: unknown) => T | undefined): Reading<T> {
  return value === UNKNOWN ? UNKNOWN : select(value);
}
