import { z } from "zod";
import { CpuSet } from "../units/cpuset.ts";
import { DURATION_PATTERN, nanoseconds } from "../units/duration.ts";
import { PCI_ADDRESS_PATTERN } from "../units/pci.ts";
import { megabitsPerSecond, RATE_PATTERN } from "../units/rate.ts";
import { bytes, SIZE_PATTERN } from "../units/size.ts";

/**
 * What changing a property costs the lab. `live` disturbs nothing but what the property names; `restart` interrupts a daemon and
 * everything that it carries; `recreate` deletes the thing and makes it anew; `reboot` takes the host away for minutes.
 */
export type ChangeCost = "live" | "restart" | "recreate" | "reboot";

/** Facts about a field that zod itself does not hold; the description is the text of IDE, schema and docs alike. */
export interface FieldFacts {
  readonly description?: string;
  /** Default: `live`. */
  readonly change?: ChangeCost;
  readonly secret?: boolean;
  /** How two texts of this field are compared: `"2,3"` and `"2-3"` are one CPU list. */
  readonly format?: "cpu-list" | "size" | "duration" | "rate";
}

const NAME = /^[A-Za-z0-9_.-]{1,63}$/;

/** What a field says of a value that it does not take. */
export const sentence = (expected: string) => ({
  error: (issue: { input?: unknown }) => `observed ${JSON.stringify(issue.input)}, expected ${expected}`,
});

/** Values by name; the first name that is none is told. */
export const named = <V extends z.ZodType>(pattern: RegExp, expected: string, value: V) =>
  z.record(z.string(), value).refine((values) => Object.keys(values).every((key) => pattern.test(key)), {
    error: ({ input }) =>
      `observed ${JSON.stringify(Object.keys(input as object).find((key) => !pattern.test(key)))}, expected ${expected}`,
  });

/** A CPU list, not empty. */
export const cpuList = (description: string, facts: FieldFacts = {}) =>
  z
    .string(sentence('a CPU list such as "2-9,34-41"'))
    .refine(isCpuList, sentence('a CPU list such as "2-9,34-41"'))
    .meta({ description, format: "cpu-list", ...facts });

/** A whole amount of memory with a binary unit. */
export const size = (description: string, facts: FieldFacts = {}) =>
  z
    .templateLiteral([z.number(), z.enum(["KiB", "MiB", "GiB", "TiB"])], sentence(SIZE_EXPECTED))
    .refine((text) => SIZE_PATTERN.test(text), sentence(SIZE_EXPECTED))
    .meta({ description, format: "size", ...facts });

const SIZE_EXPECTED = 'a whole number with KiB, MiB, GiB or TiB, for instance "8GiB"';

/** A whole span of time with a unit. */
export const duration = (description: string, facts: FieldFacts = {}) =>
  z
    .templateLiteral([z.number(), z.enum(["ns", "us", "ms", "s", "min", "h"])], sentence(DURATION_EXPECTED))
    .refine((text) => DURATION_PATTERN.test(text), sentence(DURATION_EXPECTED))
    .meta({ description, format: "duration", ...facts });

const DURATION_EXPECTED = 'a whole number with ns, us, ms, s, min or h, for instance "30s"';

/** A whole rate on the wire with a decimal unit. */
export const rate = (description: string, facts: FieldFacts = {}) =>
  z
    .templateLiteral([z.number(), z.enum(["Mbit/s", "Gbit/s"])], sentence(RATE_EXPECTED))
    .refine((text) => RATE_PATTERN.test(text), sentence(RATE_EXPECTED))
    .meta({ description, format: "rate", ...facts });

const RATE_EXPECTED = 'a whole number with Mbit/s or Gbit/s, for instance "100Mbit/s"';

/** A name that ends up in a command, a path or a row: letters, digits, `_`, `.`, `-`, at most 63 characters. */
export const name = (description: string, facts: FieldFacts = {}) =>
  z
    .string(sentence("a name"))
    .refine((text) => NAME.test(text), sentence("1 to 63 of the characters A-Z a-z 0-9 _ . -"))
    .meta({ description, ...facts });

/** A name of a network interface, which Linux cuts at 15 characters. */
export const interfaceName = (description: string, facts: FieldFacts = {}) =>
  z
    .string(sentence("an interface name"))
    .refine(
      (text) => /^[A-Za-z0-9_.-]{1,15}$/.test(text),
      sentence("1 to 15 of the characters A-Z a-z 0-9 _ . -"),
    )
    .meta({ description, ...facts });

/** An absolute path without spaces or shell characters. */
export const path = (description: string, facts: FieldFacts = {}) =>
  z
    .string(sentence("an absolute path"))
    .refine(
      (text) => /^(\/[A-Za-z0-9_.@+-]+)+$/.test(text) && !text.split("/").includes(".."),
      sentence("an absolute path of the characters A-Z a-z 0-9 _ . @ + - without .."),
    )
    .meta({ description, ...facts });

/** The path of a UNIX socket: a path of fewer than 108 bytes, the size of `sun_path`. */
export const socketPath = (description: string, facts: FieldFacts = {}) =>
  path(description, facts)
    .refine(
      (text) => Buffer.byteLength(text) < 108,
      sentence("fewer than 108 bytes, what fits into sun_path"),
    )
    .meta({ description, ...facts });

export const pciAddress = (description: string, facts: FieldFacts = {}) =>
  z
    .string(sentence("a PCI address"))
    .refine(
      (text) => PCI_ADDRESS_PATTERN.test(text),
      sentence('a PCI address with its domain, for instance "0000:5e:00.0"'),
    )
    .meta({ description, ...facts });

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
/** To every station. */
export const BROADCAST = "ff:ff:ff:ff:ff:ff";

export const macAddress = (description: string, facts: FieldFacts = {}) =>
  z
    .string(sentence("a MAC address"))
    .refine((text) => MAC.test(text) && unicast(text), sentence("a unicast MAC address in lower case"))
    .meta({ description, ...facts });

/** A destination of frames: one station, or all of them. */
export const destinationMac = (description: string, facts: FieldFacts = {}) =>
  z
    .string(sentence("a MAC address"))
    .refine(
      (text) => MAC.test(text) && (unicast(text) || text === BROADCAST),
      sentence(`a unicast MAC address in lower case, or ${BROADCAST}`),
    )
    .meta({ description, ...facts });

/** An IPv4 address with its prefix length, `198.18.0.1/24`. */
export const interfaceAddress = (description: string, facts: FieldFacts = {}) =>
  z
    .string(sentence("an IPv4 address with its prefix length"))
    .refine(
      isInterfaceAddress,
      sentence('an IPv4 address with its prefix length, for instance "198.18.0.1/24"'),
    )
    .meta({ description, ...facts });

export const ipAddress = (description: string, facts: FieldFacts = {}) =>
  z
    .string(sentence("an IPv4 address"))
    .refine(
      (text) => isInterfaceAddress(`${text}/32`),
      sentence('an IPv4 address, for instance "198.18.0.1"'),
    )
    .meta({ description, ...facts });

export const wholeNumber = (
  description: string,
  range: { min?: number; max?: number },
  facts: FieldFacts = {},
) => {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = range;
  const expected =
    max === Number.MAX_SAFE_INTEGER ? `a whole number >= ${min}` : `a whole number from ${min} to ${max}`;
  return z
    .number(sentence(expected))
    .refine((value) => Number.isInteger(value) && value >= min && value <= max, sentence(expected))
    .meta({ description, ...facts });
};

/** Values that make a resource do its work again when any of them changes. */
export const triggers = z.array(z.unknown()).optional().meta({
  description:
    "Values that make the work be done again when one of them changes, for instance a host's bootId.",
  change: "recreate",
});

function isCpuList(text: string): boolean {
  try {
    return CpuSet.parse(text).size > 0;
  } catch {
    return false;
  }
}

function isInterfaceAddress(text: string): boolean {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const [address = [], prefix] = match === null ? [] : [match.slice(1, 5), match[5]];
  return address.length === 4 && address.every((part) => Number(part) <= 255) && Number(prefix) <= 32;
}

function unicast(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0 && mac !== "00:00:00:00:00:00";
}

/** The form in which two texts of one format are compared. */
export function canonical(text: string, format: FieldFacts["format"]): string | number {
  if (format === "cpu-list" && isCpuList(text)) return CpuSet.parse(text).format();
  if (format === "size" && SIZE_PATTERN.test(text)) return bytes(text);
  if (format === "duration" && DURATION_PATTERN.test(text)) return nanoseconds(text);
  if (format === "rate" && RATE_PATTERN.test(text)) return megabitsPerSecond(text);
  return text;
}
