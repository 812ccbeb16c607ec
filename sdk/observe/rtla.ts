import { unreadable } from "./parse-error.ts";

/** What a column counts: how late the timer's interrupt came, how late a thread of the kernel or of a user ran, or how long a noise took. */
export type RtlaKind = "irq" | "thread" | "user" | "noise";

/** What of one CPU was seen. */
export interface RtlaColumn {
  readonly kind: RtlaKind;
  readonly cpu: number;
  readonly maxNs: number;
  readonly buckets: readonly (readonly [ns: number, count: number])[];
  /** Beyond the last bucket. */
  readonly overflow: number;
}

const KINDS: Readonly<Record<string, RtlaKind>> = { IRQ: "irq", Thr: "thread", Usr: "user", CPU: "noise" };
const NS_EACH: Readonly<Record<string, number>> = { us: 1000, ns: 1 };

/**
 * Reads a histogram of `rtla timerlat hist` or `rtla osnoise hist`, 6.1 to 7.2: a column for each CPU that was heard of, in µs or ns as it says, then how many lay
 * beyond, and sums, which newer ones give once more for all CPUs. Empty rows are left out; what there is none of is `-`.
 *
 * @throws HostError `parse`
 */
export function parseRtla(text: string): RtlaColumn[] {
  const wrong = (what: string) =>
    unreadable(`${what} in what rtla reported`, { code: 0, stdout: text, stderr: "" });
  const lines = text.split("\n").map((line) => line.trim().split(/\s+/));
  const nsEach = NS_EACH[/^# Time unit is \w+ \((us|ns)\)/m.exec(text)?.[1] ?? ""];
  const header = lines.findIndex(([first]) => first === "Index");
  if (nsEach === undefined || header < 0) throw wrong("a histogram");
  const heads = (lines[header] ?? []).slice(1).map((head) => {
    const [, name = "", cpu] = /^([A-Za-z]{3})-(\d{1,6})$/.exec(head) ?? [];
    const kind = KINDS[name];
    if (kind === undefined) throw wrong(`column ${head}`);
    return { kind, cpu: Number(cpu) };
  });
  // Nothing was over the threshold: newer ones write one 0 where there is no column to write it in.
  if (heads.length === 0) return [];
  const all = lines.findIndex(([first]) => first === "ALL:");
  const rows = lines.slice(header + 1, all < 0 ? undefined : all);
  const cellsOf = (row: readonly string[] | undefined, label: string): number[] => {
    const cells = (row ?? []).slice(1).map((cell) => (cell === "-" ? 0 : countIn(cell)));
    if (cells.length !== heads.length || cells.includes(undefined)) throw wrong(`row ${label}`);
    return cells as number[];
  };
  const named = (label: string) =>
    cellsOf(
      rows.find(([first]) => first === label),
      label,
    );
  const [over, counts, maxima] = [named("over:"), named("count:"), named("max:")];
  const buckets = rows.flatMap((row) => {
    const value = countIn(row[0] ?? "");
    return value === undefined ? [] : [{ ns: value * nsEach, cells: cellsOf(row, `${value}`) }];
  });
  return heads.map((head, column) => {
    const own = buckets.flatMap(({ ns, cells }) => {
      const count = cells[column] ?? 0;
      return count === 0 ? [] : [[ns, count] as const];
    });
    const overflow = over[column] ?? 0;
    const counted = own.reduce((sum, [, count]) => sum + count, overflow);
    if (counted !== counts[column])
      throw wrong(`${counts[column]} samples of CPU ${head.cpu}, not ${counted},`);
    return { ...head, maxNs: (maxima[column] ?? 0) * nsEach, buckets: own, overflow };
  });
}

/** A count, or µs that are told in ns. */
function countIn(text: string): number | undefined {
  return /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
