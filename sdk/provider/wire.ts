import type { Struct as StructMessage } from "google-protobuf/google/protobuf/struct_pb.js";
import structpb from "google-protobuf/google/protobuf/struct_pb.js";
import type { PropertyPath } from "../schema/definition.ts";

/**
 * What travels between engine and provider. This is the one file that knows how secrets and unknowns look on the wire: everything behind it
 * sees plain values and two lists of paths.
 *
 * @see https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/rpc.go
 */
export interface Decoded {
  readonly value: Record<string, unknown>;
  /** Where a value can't be known before the update; the value there is undefined. */
  readonly unknown: readonly PropertyPath[];
  readonly secret: readonly PropertyPath[];
}

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const UNKNOWNS: ReadonlySet<unknown> = new Set([
  UNKNOWN_STRING,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

export function decode(message: StructMessage | undefined): Decoded {
  const unknown: PropertyPath[] = [];
  const secret: PropertyPath[] = [];
  const walk = (value: unknown, path: PropertyPath): unknown => {
    if (UNKNOWNS.has(value)) {
      unknown.push(path);
      return undefined;
    }
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]));
    if (value === null || typeof value !== "object") return value;
    if ((value as Record<string, unknown>)[SIGNATURE] === SECRET) {
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
      return { [SIGNATURE]: SECRET, value: inner };
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
