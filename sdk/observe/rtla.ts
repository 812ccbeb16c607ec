import { unreadable } from "./parse-error.ts";

/** What of a CPU a column counts: when the timer's interrupt came, when a thread of the kernel or of a user ran, or how long a noise took. */
export type RtlaKind = "irq" | "thread" | "user" | "noise";

export interface RtlaColumn {
  readonly kind: RtlaKind;
  readonly cpu: number;
  readonly count: number;
  readonly maxNs: number;
  readonly buckets: readonly (readonly [ns: number, count: number])[];
  /** Beyond the last bucket. */
  readonly overflow: number;
}

export interface RtlaRun {
  readonly tracer: "timerlat" | "osnoise";
  readonly columns: readonly RtlaColumn[];
}

const KINDS: Readonly<Record<string, RtlaKind>> = { IRQ: "irq", Thr: "thread", Usr: "user", CPU: "noise" };

/**
 * Reads a histogram of `rtla timerlat hist` or `rtla osnoise hist`, 6.1 to 7.2: a column for each CPU that was heard of, in µs or ns as it says, then how many lay
 * beyond, and the sums, which newer ones give for all CPUs once more.
 *
 * @throws HostError `parse`
 */
export function parseRtla(text: string): RtlaRun {
  const wrong = (what: string) => unreadable(`${what} in what rtla reported`, { code: 0, stdout: text, stderr: "" });
  const lines = text.split("\n").map((line) => line.trimEnd());
  const tracer = /^# RTLA (timerlat|osnoise) histogram/m.exec(text)?.[1] as RtlaRun["tracer"] | undefined;
  const nsEach = { us: 1000, ns: 1 }[/^# Time unit is \w+ \((us|ns)\)/m.exec(text)?.[1] ?? ""];
  const header = lines.findIndex((line) => line.startsWith("Index"));
  if (tracer === undefined || nsEach === undefined || header < 0) throw wrong("a histogram");
  const heads = (lines[header] ?? "").split(/\s+/).slice(1);
  const rows = lines.slice(header + 1);
  const end = rows.findIndex((line) => line.startsWith("ALL:"));
  const own = end < 0 ? rows : rows.slice(0, end);
  const valuesOf = (label: string, cells: readonly string[]) => {
    if (cells.length !== heads.length) throw wrong(`row ${label}`);
    return cells.map((cell) => (cell === "-" ? 0 : numberOf(cell) ?? wrong(`row ${label}`)));
  };
  const row = (label: string) => {
    const [, ...cells] = own.find((line) => line.startsWith(`${label}:`))?.split(/\s+/) ?? [];
    return valuesOf(label, cells).map((value) => {
      if (typeof value !== "number") throw value;
      return value;
    });
  };
  void [row, valuesOf, nsEach, KINDS];
  throw wrong("nothing yet");
}

function numberOf(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
