import { SECRET_SIGNATURE, SIGNATURE, UNKNOWN_WORDS } from "../units/engine-words.ts";

const SECRET_TEXT = "[secret]";
const LONGEST = 120;

export type Properties = Readonly<Record<string, unknown>>;
export type PropertyPath = readonly (string | number)[];

export function isUnknown(value: unknown): boolean {
  return typeof value === "string" && UNKNOWN_WORDS.has(value);
}

/** Encrypted, or masked as the engine shows it. */
export function isSecret(value: unknown): boolean {
  return value === SECRET_TEXT || (isObject(value) && value[SIGNATURE] === SECRET_SIGNATURE);
}

/** A property path as the engine writes it, `nics.east["a b"].queues[0]`, in steps. */
export function parsePath(text: string): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const match of text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\.?([^.[]+)/g)) {
    const [, index, quoted, plain] = match;
    if (index !== undefined) steps.push(Number(index));
    else steps.push(quoted === undefined ? (plain ?? "") : (JSON.parse(quoted) as string));
  }
  return steps;
}

/** What is at a path: a secret for all that is in one. */
export function valueAt(properties: unknown, path: PropertyPath): unknown {
  let value = properties;
  for (const step of path) {
    if (isSecret(value) || isUnknown(value)) return value;
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/**
 * A value as a review may show it: what is secret, or must be by its field, is never told.
 *
 * @param isSecretField whether the field at a path below the value is one of secrets
 */
export function shown(value: unknown, isSecretField: (below: PropertyPath) => boolean = () => false): string {
  if (value === undefined) return "nothing";
  const masked = mask(value, [], isSecretField);
  if (masked === SECRET_TEXT) return "a secret";
  if (masked === UNKNOWN_TEXT) return UNKNOWN_TEXT;
  const text = JSON.stringify(masked);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

const UNKNOWN_TEXT = "not known yet";

function mask(value: unknown, path: PropertyPath, isSecretField: (below: PropertyPath) => boolean): unknown {
  if (isSecret(value) || isSecretField(path)) return SECRET_TEXT;
  if (isUnknown(value)) return UNKNOWN_TEXT;
  if (Array.isArray(value)) return value.map((item, index) => mask(item, [...path, index], isSecretField));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, mask(item, [...path, key], isSecretField)]),
  );
}

/** Properties with empty texts for what isn't known, so that no drawing shows the engine's marks. */
export function known(properties: Properties): Properties {
  const clean = (value: unknown): unknown => {
    if (isUnknown(value)) return "";
    if (Array.isArray(value)) return value.map(clean);
    if (!isObject(value) || isSecret(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, clean(item)]));
  };
  return clean(properties) as Properties;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
