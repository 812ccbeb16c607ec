import { CpuSet } from "../units/cpuset.ts";
import { exactDuration } from "../units/duration.ts";

/** How a field's value stands in OVS's database, and back; of two spellings of the same the one that is wanted stays. */
export interface Notation {
  readonly encode: (value: never) => string;
  readonly decode: (text: string, wanted: never) => unknown;
}

/** A field and where its value stands: a key of a map as `options:n_rxq`, or a column. */
export type Field = Notation & { readonly path: string };

export const same = { encode: (value: string) => value, decode: (text: string) => text };
export const flag = { encode: (value: boolean) => String(value), decode: (text: string) => text === "true" };
export const whole = { encode: (value: number) => String(value), decode: Number };

/** A number, or a word that says where the number comes from. */
export const wholeOrWord = {
  encode: (value: number | string) => String(value),
  decode: (text: string) => (/^\d+$/.test(text) ? Number(text) : text),
};

export const cpus = {
  encode: (list: string) => CpuSet.parse(list).toMask(),
  decode: (mask: string, wanted: string | undefined) => {
    const set = CpuSet.fromMask(mask);
    return wanted !== undefined && CpuSet.parse(wanted).equals(set) ? wanted : set.format();
  },
};

export const spans = (unit: "us" | "ms" | "s" | "min") => ({
  encode: (text: string) => String(exactDuration(text, unit)),
  decode: (text: string, wanted: string | undefined) =>
    wanted !== undefined && String(exactDuration(wanted, unit)) === text ? wanted : `${text}${unit}`,
});

export const words = (separator: string) => ({
  encode: (list: readonly string[]) => list.join(separator),
  decode: (text: string) => text.split(separator).filter((word) => word !== ""),
});

/** Numbers by number, `0:3,1:7`. */
export const numberMap = {
  encode: (map: Readonly<Record<string, number>>) =>
    Object.entries(map)
      .map(([key, value]) => `${key}:${value}`)
      .join(","),
  decode: (text: string) =>
    Object.fromEntries(
      text.split(",").map((entry) => {
        const [key = "", value] = entry.split(":");
        return [key, Number(value)];
      }),
    ),
};

type Fields = Readonly<Record<string, Field>>;

/** What of these fields is given, by path. */
export function encodeFields(fields: Fields, values: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => {
      const field = fields[name];
      return field === undefined || value === undefined ? [] : [[field.path, field.encode(value as never)]];
    }),
  );
}

/** What of these fields is set, in the user's notation. */
export function decodeFields(
  fields: Fields,
  settings: Readonly<Record<string, string>>,
  wanted: object | undefined,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) => {
      const text = settings[field.path];
      const own = (wanted as Record<string, unknown> | undefined)?.[name];
      return text === undefined ? [] : [[name, field.decode(text, own as never)]];
    }),
  );
}
