import { fieldFacts, type ResourceDefinition } from "../schema/definition.ts";
import { resourceDefinitions } from "../schema/registry.ts";
import type { Properties, PropertyPath } from "./engine-value.ts";

const definitions = new Map(
  resourceDefinitions.map((definition) => [definition.token as string, definition]),
);

/** The definition that the provider has of a type; undefined of components and of other providers' types. */
export function definitionOf(type: string): ResourceDefinition | undefined {
  return definitions.get(type);
}

/** Whether the field at a path is one of secrets, whatever a program says of its value. */
export function isSecretField(type: string, path: PropertyPath, holder: Properties): boolean {
  const definition = definitionOf(type);
  return definition !== undefined && fieldFacts(definition.inputs, path, holder).secret === true;
}
