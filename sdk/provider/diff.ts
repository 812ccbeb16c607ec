import {
  type ChangeCost,
  expectedOutputs,
  fieldFacts,
  type PropertyPath,
  type ResourceDefinition,
} from "../schema/definition.ts";
import { canonical } from "../schema/fields.ts";
import { type Decoded, within } from "./wire.ts";

/** What counts beside inputs and state. */
export interface Today {
  /** Names of outputs that may be as they are: the program's `ignoreChanges`, of which the engine heeds those of inputs by itself. */
  readonly ignored?: readonly string[];
  /** Outputs that follow from what the provider itself brings. A state without one is of a release that did not note it. */
  readonly made?: Readonly<Record<string, unknown>>;
}

export interface PropertyChange {
  readonly path: PropertyPath;
  readonly kind: "add" | "delete" | "update";
  readonly cost: ChangeCost;
  /** False for an output that is not as it must be, or not as it would be today. */
  readonly input: boolean;
}

/**
 * What differs between the inputs in force and those wanted, property by property, and what each change costs. Outputs that are not as the
 * definition expects count as well, so that what refresh found broken is mended; and so do those that what this provider brings would make another.
 */
export function compare(
  definition: ResourceDefinition,
  oldInputs: Decoded,
  newInputs: Decoded,
  oldState: Readonly<Record<string, unknown>>,
  { ignored = [], made = {} }: Today = {},
): PropertyChange[] {
  const changes: PropertyChange[] = [];
  const note = (path: PropertyPath, kind: PropertyChange["kind"], holder: unknown) =>
    changes.push({
      path,
      kind,
      cost: costOf(definition.inputs, path, holder),
      input: true,
    });

  const walk = (before: unknown, after: unknown, path: PropertyPath): void => {
    if (within(path, newInputs.unknown)) {
      note(path, before === undefined ? "add" : "update", oldInputs.value);
    } else if (isTree(before) && isTree(after) && Array.isArray(before) === Array.isArray(after)) {
      for (const step of stepsOf(before, after)) walk(at(before, step), at(after, step), [...path, step]);
    } else if (before === undefined && after !== undefined) {
      note(path, "add", newInputs.value);
    } else if (before !== undefined && after === undefined) {
      note(path, "delete", oldInputs.value);
    } else if (!same(before, after, fieldFacts(definition.inputs, path, newInputs.value).format)) {
      note(path, "update", newInputs.value);
    }
  };
  walk(oldInputs.value, newInputs.value, []);

  for (const [name, expected] of Object.entries(expectedOutputs(definition, newInputs.value))) {
    if (name in oldState && !same(oldState[name], expected, undefined) && !ignored.includes(name))
      changes.push({ path: [name], kind: "update", cost: "live", input: false });
  }
  // Other inputs make another recipe: what is made anew for them is not made anew for that.
  if (changes.some(({ cost }) => cost === "recreate")) return changes;
  for (const [name, now] of Object.entries(made)) {
    if (!same(oldState[name], now, undefined) && !ignored.includes(name))
      changes.push({ path: [name], kind: "update", cost: costOf(definition.outputs, [name]), input: false });
  }
  return changes;
}

function costOf(schema: ResourceDefinition["inputs"], path: PropertyPath, holder?: unknown): ChangeCost {
  return fieldFacts(schema, path, holder).change ?? "live";
}

function same(before: unknown, after: unknown, format: Parameters<typeof canonical>[1]): boolean {
  if (typeof before === "string" && typeof after === "string")
    return canonical(before, format) === canonical(after, format);
  return (
    Object.is(before, after) ||
    (isTree(before) && isTree(after) && JSON.stringify(before) === JSON.stringify(after))
  );
}

type Tree = Readonly<Record<string, unknown>> | readonly unknown[];

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null;
}

function stepsOf(before: Tree, after: Tree): (string | number)[] {
  if (Array.isArray(before) && Array.isArray(after)) {
    return Array.from({ length: Math.max(before.length, after.length) }, (_, index) => index);
  }
  return [...new Set([...Object.keys(before), ...Object.keys(after)])];
}

function at(tree: Tree, step: string | number): unknown {
  return (tree as Record<string | number, unknown>)[step];
}
