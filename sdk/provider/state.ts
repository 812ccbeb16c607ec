import type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import {
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
