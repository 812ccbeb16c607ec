import type { Struct as StructMessage } from "google-protobuf/google/protobuf/struct_pb.js";
import structpb from "google-protobuf/google/protobuf/struct_pb.js";
import type { PropertyPath } from "../schema/definition.ts";
import { SECRET_SIGNATURE, SIGNATURE, UNKNOWN_STRING, UNKNOWN_WORDS } from "../units/engine-words.ts";

/**
 * What travels between engine and provider. This is the one file of the provider that knows how secrets and unknowns look on the wire: everything behind
 * it sees plain values and two lists of paths.
 *
 * @see https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/rpc.go
 */
export interface Decoded {
  readonly value: Record<string, unknown>;
  /** Where a value can't be known before the update; the value there is undefined. */
  readonly unknown: readonly PropertyPath[];
  readonly secret: readonly PropertyPath[];
}

export function decode(message: StructMessage | undefined): Decoded {
  const unknown: PropertyPath[] = [];
  const secret: PropertyPath[] = [];
  const walk = (value: unknown, path: PropertyPath): unknown => {
    if (UNKNOWN_WORDS.has(value)) {
      unknown.push(path);
      return undefined;
    }
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]));
    if (value === null || typeof value !== "object") return value;
    if ((value as Record<string, unknown>)[SIGNATURE] === SECRET_SIGNATURE) {
      secret.push(path);
      return walk((value as { value?: unknown }).value, path);
    }
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key])]));
  };
  return { value: walk(message?.toJavaScript() ?? {}, []) as Record<string, unknown>, unknown, secret };
}

/** Writes values for the engine; what lies at a secret path is wrapped, once, at the outermost of them. */
export function encode(
  value: Readonly<Record<string, unknown>>,
  marks: { readonly secret?: readonly PropertyPath[]; readonly unknown?: readonly PropertyPath[] } = {},
): StructMessage {
  const secret = new Set((marks.secret ?? []).map(key));
  const unknown = new Set((marks.unknown ?? []).map(key));
  const walk = (item: unknown, path: PropertyPath): unknown => {
    const here = key(path);
    if (unknown.has(here)) return UNKNOWN_STRING;
    if (secret.has(here) && item !== undefined) {
      secret.delete(here);
      const inner = walk(item, path);
      secret.add(here);
      return { [SIGNATURE]: SECRET_SIGNATURE, value: inner };
    }
    if (Array.isArray(item)) return item.map((element, index) => walk(element ?? null, [...path, index]));
    if (item === null || typeof item !== "object") return item;
    return Object.fromEntries(
      Object.entries(item)
        .filter(([name, inner]) => inner !== undefined || unknown.has(key([...path, name])))
        .map(([name, inner]) => [name, walk(inner, [...path, name])]),
    );
  };
  return structpb.Struct.fromJavaScript(
    walk(value, []) as Parameters<typeof structpb.Struct.fromJavaScript>[0],
  );
}

/** Paths compare by value: `["a", 0]` and `["a", "0"]` are told apart, as arrays and maps are. */
function key(path: PropertyPath): string {
  return JSON.stringify(path);
}

/** Whether a path lies at or under one of the others. */
export function within(path: PropertyPath, others: readonly PropertyPath[]): boolean {
  return others.some(
    (other) => other.length <= path.length && other.every((step, index) => step === path[index]),
  );
}

/** A path as the engine writes it: `nics.east.queues`, `vcpuPins[0]`, `socketMemory["0"]`. */
export function formatPath(path: PropertyPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    if (!/^[A-Za-z_][\w-]*$/.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}
