import { type PolicyResource, UnknownValueError } from "@pulumi/policy";

/** Stands for a value that a preview can't know yet. */
export const UNKNOWN: unique symbol = Symbol("unknown");

/** A value as far as it can be told: undefined where the resource has none. */
export type Reading<T> = T | typeof UNKNOWN | undefined;

export type Path = readonly (string | number)[];

declare const STATE: unique symbol;

/** A resource whose class is known, and with it the names of its properties; `S` is what its state holds. */
export interface Stated<S> extends PolicyResource {
  /** For the compiler alone. */
  readonly [STATE]?: S;
}

/** A path in a state: checked step by step where that is known, else any. */
export type PathIn<S> = unknown extends S ? Path : Steps<S, [0, 0, 0, 0, 0]>;

/** As deep as states go; deeper steps are not checked. */
type Steps<T, Depth extends readonly 0[]> = Depth extends readonly [0, ...infer Rest extends readonly 0[]]
  ? T extends readonly (infer E)[]
    ? readonly [] | readonly [number, ...Steps<NonNullable<E>, Rest>]
    : T extends object
      ?
          | readonly []
          | {
              [K in keyof T & (string | number)]: readonly [K, ...Steps<NonNullable<T[K]>, Rest>];
            }[keyof T & (string | number)]
      : readonly []
  : Path;

/** A text at a path of a resource's properties. */
export function text<S>(resource: Stated<S>, ...path: PathIn<NoInfer<S>>): Reading<string> {
  return only(at(resource, path), (value) => (typeof value === "string" ? value : undefined));
}

export function number<S>(resource: Stated<S>, ...path: PathIn<NoInfer<S>>): Reading<number> {
  return only(at(resource, path), (value) => (typeof value === "number" ? value : undefined));
}

export function flag<S>(resource: Stated<S>, ...path: PathIn<NoInfer<S>>): Reading<boolean> {
  return only(at(resource, path), (value) => (typeof value === "boolean" ? value : undefined));
}

/** Whether an output says `null`: looked for, and not there. */
export function isNull<S>(resource: Stated<S>, ...path: PathIn<NoInfer<S>>): Reading<boolean> {
  return only(at(resource, path), (value) => (value === undefined ? undefined : value === null));
}

/** What a resource is called on its machine. */
export function titleOf(resource: PolicyResource): string {
  const declared = text(resource, "name");
  return typeof declared === "string" ? declared : resource.name;
}

/** Names of an object's properties. */
export function keys<S>(resource: Stated<S>, ...path: PathIn<NoInfer<S>>): Reading<readonly string[]> {
  return only(at(resource, path), (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : undefined,
  );
}

/** Positions of a list's elements. */
export function positions<S>(resource: Stated<S>, ...path: PathIn<NoInfer<S>>): Reading<readonly number[]> {
  return only(at(resource, path), (value) => (Array.isArray(value) ? [...value.keys()] : undefined));
}

/** Positions of a list's elements; none where the list is not known. */
export function knownPositions<S>(resource: Stated<S>, ...path: PathIn<NoInfer<S>>): readonly number[] {
  const found = positions(resource, ...path);
  return typeof found === "object" ? found : [];
}

/** Every text of a resource with the path to it, and what isn't known yet. What opens a machine is never looked at. */
export function textsOf(
  resource: PolicyResource,
): readonly (readonly [path: Path, text: string | typeof UNKNOWN])[] {
  const found: (readonly [Path, string | typeof UNKNOWN])[] = [];
  const walk = (path: Path): void => {
    const value = at(resource, path);
    if (typeof value === "string" || value === UNKNOWN) found.push([path, value as string | typeof UNKNOWN]);
    if (typeof value !== "object" || value === null) return;
    for (const key of Array.isArray(value) ? value.keys() : Object.keys(value))
      if (path.length > 0 || !OPENS_A_MACHINE.test(String(key))) walk([...path, key]);
  };
  walk([]);
  return found;
}

const OPENS_A_MACHINE = /^(host|connection|reference)$/;

/** Told of each value that somebody reads and that isn't known, by the path to where it begins to be unknown. */
type Note = (resource: PolicyResource, path: Path) => void;

let noted: Note | undefined;

/** Does some work, all of it at once, and tells of what it reads and can't know. */
export function noting<T>(note: Note | undefined, work: () => T): T {
  const before = noted;
  noted = note;
  try {
    return work();
  } finally {
    noted = before;
  }
}

/** Puts work off until somebody asks for its result. Who is told now of what it can't know is told then as well, and nobody else. */
export function later<T>(work: () => T): () => T {
  const note = noted;
  let done: { readonly result: T } | undefined;
  return () => {
    done ??= { result: noting(note, work) };
    return done.result;
  };
}

/**
 * Walks step by step: the engine's proxy throws at the step that is unknown, and at that step only. What a new resource will compute is
 * absent in a preview, not unknown; who reads outputs takes both for not known.
 */
function at(resource: PolicyResource, path: Path): unknown {
  let value: unknown = resource.props;
  for (const [index, step] of path.entries()) {
    if (typeof value !== "object" || value === null) return undefined;
    try {
      value = (value as Record<string | number, unknown>)[step];
    } catch (error) {
      if (!(error instanceof UnknownValueError)) throw error;
      noted?.(resource, path.slice(0, index + 1));
      return UNKNOWN;
    }
  }
  return value;
}

function only<T>(value: unknown, select: (value: unknown) => T | undefined): Reading<T> {
  return value === UNKNOWN ? UNKNOWN : select(value);
}
