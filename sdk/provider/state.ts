import type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import {
  fieldAt,
  fieldFacts,
  fieldOf,
  mayHoldSecrets,
  type PropertyPath,
  type ResourceDefinition,
} from "../schema/definition.ts";
import { type Decoded, encode } from "./wire.ts";

type Properties = Readonly<Record<string, unknown>>;

/** State for the engine: what came in as a secret goes out as one, and so does what the schema calls secret. */
export function stateStruct(definition: ResourceDefinition, state: Properties, inputs: Decoded): Struct {
  const declared = secretPaths(definition, state, state, []);
  return encode(state, { secret: [...inputs.secret, ...declared], unknown: inputs.unknown });
}

/** Shorter texts can't be told from what else they may be part of. */
const SHORTEST_SECRET = 4;

/**
 * Texts of the inputs that no file may hold: what the schema calls secret, and what came in as one. Of a connection that came in whole as a secret, that are its keys and passwords: its address
 * and user are told in the open, in errors too.
 */
export function secretsOf(definition: ResourceDefinition, { value, secret }: Decoded): string[] {
  const declared = secretPaths(definition, value, value, []);
  const own = secret.filter((path) => {
    const field = fieldAt(definition.inputs, path, value);
    return field === undefined || !mayHoldSecrets(field);
  });
  const texts = [...declared, ...own].flatMap((path) => leavesOf(at(value, path)));
  return [...new Set(texts)].filter((text) => text.length >= SHORTEST_SECRET);
}

function at(value: unknown, path: PropertyPath): unknown {
  return path.reduce<unknown>((inner, step) => (inner as Record<string | number, unknown>)[step], value);
}

function leavesOf(value: unknown): string[] {
  if (typeof value === "string" || typeof value === "number") return [String(value)];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(leavesOf) : [];
}

export function inputsOf(definition: ResourceDefinition, state: Properties): Properties {
  const names = Object.keys(definition.inputs.shape);
  return Object.fromEntries(
    Object.entries(state).filter(([name, value]) => names.includes(name) && value !== undefined),
  );
}

export function outputsOf(definition: ResourceDefinition, state: Properties): Properties {
  const names = Object.keys(definition.inputs.shape);
  return Object.fromEntries(Object.entries(state).filter(([name]) => !names.includes(name)));
}

function secretPaths(
  definition: ResourceDefinition,
  state: Properties,
  value: unknown,
  path: PropertyPath,
): PropertyPath[] {
  if (path.length > 0) {
    const name = String(path[0]);
    const schema = fieldOf(definition.inputs, name) === undefined ? definition.outputs : definition.inputs;
    const field = fieldOf(schema, name);
    if (field === undefined || !mayHoldSecrets(field)) return [];
    if (fieldFacts(schema, path, state).secret === true) return [path];
  }
  if (typeof value !== "object" || value === null) return [];
  const steps = Array.isArray(value) ? value.map((_, index) => index) : Object.keys(value);
  return steps.flatMap((step) =>
    secretPaths(definition, state, (value as Record<string | number, unknown>)[step], [...path, step]),
  );
}
