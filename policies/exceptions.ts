import type { ConfigProperty } from "./config-schema.ts";
import { matches } from "./pattern.ts";

/** A finding that somebody answers for, until a day. */
export interface Exception {
  /** URN of the resource, or its name; `*` stands for any characters. */
  readonly resource: string;
  readonly owner: string;
  readonly reason: string;
  /** Last day that it counts, as `2026-12-31`, UTC. */
  readonly until: string;
}

/** What every policy's configuration may have. */
export const exceptionsSchema: ConfigProperty = {
  type: "array",
  description: "Findings that are said as advice until a day, each with who answers for it.",
  items: {
    type: "object",
    properties: {
      resource: { type: "string", minLength: 1, description: "URN or name of the resource; * for any." },
      owner: { type: "string", minLength: 1, description: "Who answers for it." },
      reason: { type: "string", minLength: 1, description: "Why it is right here." },
      until: { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}$", description: "Last day, UTC." },
    },
    required: ["resource", "owner", "reason", "until"],
    additionalProperties: false,
  },
};

const FIELDS = ["resource", "owner", "reason", "until"] as const;

/** Exceptions as configured, and a sentence for each that is none. */
export function readExceptions(configured: unknown): {
  readonly exceptions: readonly Exception[];
  readonly wrong: readonly string[];
} {
  if (configured === undefined) return { exceptions: [], wrong: [] };
  if (!Array.isArray(configured))
    return { exceptions: [], wrong: [`exceptions: observed ${JSON.stringify(configured)}, expected a list`] };
  const faults = configured.map((each: unknown, index) => faultOf(each, `exceptions[${index}]`));
  return {
    exceptions: configured.filter((_, index) => faults[index] === undefined) as Exception[],
    wrong: faults.filter((fault) => fault !== undefined),
  };
}

function faultOf(exception: unknown, at: string): string | undefined {
  if (typeof exception !== "object" || exception === null || Array.isArray(exception))
    return `${at}: observed ${JSON.stringify(exception)}, expected an object with ${FIELDS.join(", ")}`;
  const given = exception as Readonly<Record<string, unknown>>;
  for (const field of FIELDS) {
    const value = given[field];
    if (typeof value !== "string" || value.trim() === "")
      return `${at}.${field}: observed ${JSON.stringify(value) ?? "nothing"}, expected a text`;
  }
  const foreign = Object.keys(given).find((key) => !FIELDS.some((field) => field === key));
  if (foreign !== undefined) return `${at}.${foreign}: expected ${FIELDS.join(", ")} and nothing else`;
  const until = String(given["until"]);
  return isDay(until)
    ? undefined
    : `${at}.until: observed ${JSON.stringify(until)}, expected a day such as "2026-12-31"`;
}

function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** What an exception makes of a finding on a day: advice while it holds, the finding with a word about it afterwards. */
export function judgedBy(
  exceptions: readonly Exception[],
  finding: string,
  urn: string,
  now: Date,
): { readonly message: string; readonly holds: boolean } {
  const covering = exceptions.filter(({ resource }) => covers(resource, urn));
  const today = now.toISOString().slice(0, 10);
  const holding = covering.find(({ until }) => today <= until);
  if (holding !== undefined) {
    const { owner, reason, until } = holding;
    return { message: `${finding} Excepted until ${until} by ${owner}: ${reason}`, holds: true };
  }
  const [over] = covering;
  if (over === undefined) return { message: finding, holds: false };
  return { message: `${finding} The exception of ${over.owner} ended on ${over.until}.`, holds: false };
}

function covers(pattern: string, urn: string): boolean {
  return [urn, urn.split("::").at(-1) ?? ""].some((name) => matches(pattern, name));
}
