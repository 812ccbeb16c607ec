import { z } from "zod";
import type { FunctionDefinition, ResourceDefinition } from "../schema/definition.ts";
import type { FieldFacts } from "../schema/fields.ts";

type Json = Record<string, unknown>;

/**
 * The provider's schema in Pulumi's schema language, made from the zod definitions: what `pulumi import`, `pulumi package add` and other
 * languages read. Ranges and patterns have no place in that language; Check enforces them.
 *
 * @see https://www.pulumi.com/docs/iac/extending-pulumi/schema/
 */
export function renderSchema(
  version: string,
  resources: readonly ResourceDefinition[],
  functions: readonly FunctionDefinition[],
): Json {
  const types: Json = {};
  const named = new Map<z.ZodObject, string>();

  const typeOf = (schema: z.ZodType, name: string): Json => {
    if (
      schema instanceof z.ZodOptional ||
      schema instanceof z.ZodDefault ||
      schema instanceof z.ZodNullable
    ) {
      return typeOf(schema.def.innerType as z.ZodType, name);
    }
    if (schema instanceof z.ZodArray)
      return { type: "array", items: typeOf(schema.element as z.ZodType, `${name}Item`) };
    if (schema instanceof z.ZodRecord) {
      return { type: "object", additionalProperties: typeOf(schema.valueType as z.ZodType, `${name}Value`) };
    }
    if (schema instanceof z.ZodUnion) return unionOf(schema, name);
    if (schema instanceof z.ZodObject) return { $ref: `#/types/${objectType(schema, name)}` };
    if (schema instanceof z.ZodBoolean) return { type: "boolean" };
    if (schema instanceof z.ZodNumber) return { type: "number" };
    if (schema instanceof z.ZodUnknown) return { $ref: "pulumi.json#/Any" };
    return { type: "string" };
  };

  const unionOf = (schema: z.ZodUnion, name: string): Json => {
    const options = (schema.options as readonly z.ZodType[]).map((option, index) => {
      const kind =
        option instanceof z.ZodObject ? (option.shape.kind as z.ZodLiteral | undefined)?.value : undefined;
      return { kind, type: typeOf(option, `${name}${kind === undefined ? index : pascal(String(kind))}`) };
    });
    if (options.length === 1) return options[0]?.type as Json;
    const tagged = options.every(({ kind }) => kind !== undefined);
    return {
      oneOf: options.map(({ type }) => type),
      ...(tagged && {
        discriminator: {
          propertyName: "kind",
          mapping: Object.fromEntries(options.map(({ kind, type }) => [kind, type.$ref])),
        },
      }),
    };
  };

  const objectType = (schema: z.ZodObject, name: string): string => {
    const known = named.get(schema);
    if (known !== undefined) return known;
    const token = `nfvlab:index:${name}`;
    named.set(schema, token);
    types[token] = { type: "object", ...membersOf(schema, name) };
    return token;
  };

  const membersOf = (schema: z.ZodObject, name: string): { properties: Json; required: string[] } => {
    const entries = Object.entries(schema.shape as Record<string, z.ZodType>);
    return {
      properties: Object.fromEntries(
        entries.map(([key, field]) => [key, property(field, `${name}${pascal(key)}`)]),
      ),
      required: entries.filter(([, field]) => !field.isOptional()).map(([key]) => key),
    };
  };

  const property = (field: z.ZodType, name: string): Json => {
    const { description, secret, change } = (field.meta() ?? {}) as FieldFacts;
    const constant = field instanceof z.ZodLiteral ? { const: field.value } : {};
    return {
      ...typeOf(field, name),
      ...constant,
      ...(description !== undefined && { description }),
      ...(secret === true && { secret }),
      ...(change === "recreate" && { willReplaceOnChanges: true }),
    };
  };

  const resourceSpecs = resources.map((definition) => {
    const base = pascal(definition.token.split(":").at(-1) ?? "");
    const inputs = membersOf(definition.inputs, base);
    const outputs = membersOf(definition.outputs, base);
    return [
      definition.token,
      {
        description: definition.description,
        inputProperties: inputs.properties,
        requiredInputs: inputs.required,
        properties: { ...inputs.properties, ...outputs.properties },
        required: [...inputs.required, ...outputs.required],
      },
    ] as const;
  });
  const functionSpecs = functions.map((definition) => {
    const base = pascal(definition.token.split(":").at(-1) ?? "");
    return [
      definition.token,
      {
        description: definition.description,
        inputs: { type: "object", ...membersOf(definition.inputs, `${base}Args`) },
        outputs: { type: "object", ...membersOf(definition.outputs, `${base}Result`) },
      },
    ] as const;
  });
  return {
    name: "nfvlab",
    version,
    description:
      "Lab-as-code for network functions: tuned hosts, OVS-DPDK, VNFs and benchmarks as resources.",
    license: "Apache-2.0",
    config: {
      variables: {
        hosts: {
          type: "object",
          additionalProperties: { type: "string" },
          secret: true,
          description: "Machines by name with their connections as JSON, for `pulumi import`.",
        },
        results: {
          type: "string",
          description:
            "Folder, or place in an object store (`s3://BUCKET/PREFIX?endpoint=URL&region=REGION`), in which each run of a benchmark leaves its record, what its tools printed, and hashes of both. A relative folder is in the project's. Default: none, the record is in the state alone.",
        },
        resultsCredentials: {
          type: "object",
          additionalProperties: { type: "string" },
          secret: true,
          description:
            "What requests to the object store of `results` are signed with: accessKeyId, secretAccessKey and, where there is one, sessionToken. Default: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the engine's environment.",
        },
      },
    },
    types: Object.fromEntries(Object.entries(types).sort(([a], [b]) => (a < b ? -1 : 1))),
    resources: Object.fromEntries(resourceSpecs),
    functions: Object.fromEntries(functionSpecs),
  };
}

function pascal(text: string): string {
  return text
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join("");
}
