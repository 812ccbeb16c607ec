/** Values in a row that are about the same. */
export interface Group {
  /** Index of its first value. */
  readonly from: number;
  readonly size: number;
  readonly mean: number;
  /** Standard deviation of these values, not of a sample. */
  readonly deviation: number;
  /** Against the group before. */
  readonly change: "none" | "rise" | "fall";
}

/** Significant bits of the largest value, where no unit says what the values are exact to. */
const SIGNIFICANT_BITS = 12;

/**
 * Divides a series where it changed, by the least description: of all divisions the one whose groups take the fewest bits to write down, each as its size,
 * its mean (the nearer to the one before, the dearer), its deviation, and its values on the sphere that both leave them. It is how CSIT tells progress and
 * regression from noise ("jumpavg", minimum message length). Differences below the unit are noise to it.
 *
 * @param values at least 0, one of them above
 * @param unit what values are exact to; default: the largest in 12 significant bits
 * @example groupsOf([10, 11, 10, 20, 21, 20]).map(({ from }) => from); // [0, 3]
 */
export function groupsOf(values: readonly number[], unit?: number): Group[] {
  const largest = Math.max(0, ...values);
  if (largest === 0) return values.length === 0 ? [] : [whole(values)];
  const grain = unit ?? largest / (2 ** (SIGNIFICANT_BITS + 1) - 1);
  const limit = largest / grain;
  const logGamma = halvesOfLogGamma(values.length);
  // The best description of the first values, by how many they are: its bits, where its last group begins, and that one's mean.
  const best: Described[] = [{ bits: 0, from: 0, mean: undefined }];
  const open: Sums[] = [];
  for (const [index, value] of values.entries()) {
    open.push({ size: 0, mean: 0, squares: 0 });
    let least: Described | undefined;
    for (const [from, sums] of open.entries()) {
      add(sums, value / grain);
      const before = best[from] as Described;
      const bits = before.bits + bitsOf(sums, before.mean, limit, logGamma);
      // Of equal ones a new group, then the longest.
      const isLeast = least === undefined || bits < least.bits || (from === index && bits <= least.bits);
      if (isLeast) least = { bits, from, mean: sums.mean };
    }
    best.push(least as Described);
  }
  const starts: number[] = [];
  for (let end = values.length; end > 0; end = starts[0] ?? 0) starts.unshift(best[end]?.from ?? 0);
  const groups = starts.map((from, at) => ({ ...whole(values.slice(from, starts[at + 1])), from }));
  return groups.map((group, at) => ({ ...group, change: changeOf(groups[at - 1]?.mean, group.mean) }));
}

function changeOf(before: number | undefined, mean: number): Group["change"] {
  if (before === undefined || before === mean) return "none";
  return mean > before ? "rise" : "fall";
}

interface Described {
  readonly bits: number;
  readonly from: number;
  readonly mean: number | undefined;
}

/** Of values in units: Welford's running mean, and the sum of squares about it. */
interface Sums {
  size: number;
  mean: number;
  squares: number;
}

function add(sums: Sums, value: number): void {
  const step = value - sums.mean;
  sums.size += 1;
  sums.mean += step / sums.size;
  sums.squares += step * (value - sums.mean);
}

function bitsOf(
  { size, mean, squares }: Sums,
  before: number | undefined,
  limit: number,
  logGamma: readonly number[],
): number {
  const forSize = Math.log2(size * (size + 1));
  const forMean =
    before === undefined
      ? Math.log2(limit + 1)
      : Math.log2((before ** 2 - (before - 1) * limit + limit ** 2 / 2) / (Math.abs(mean - before) + 1));
  if (size < 2) return forSize + forMean;
  const deviation = Math.sqrt(Math.max(0, squares) / size);
  const forDeviation = Math.log2((deviation + 1) * (deviation + 2)) + Math.log2(1 - 1 / (limit + 2));
  const area =
    Math.LN2 +
    (Math.log(Math.PI) * (size - 1)) / 2 -
    (logGamma[size - 1] ?? 0) +
    Math.log(deviation + 1) * (size - 2) +
    (Math.log(size) * (size - 2)) / 2;
  return forSize + forMean + forDeviation + area / Math.LN2;
}

/** The logarithm of the gamma function of n/2, by n: each from the one two before. */
function halvesOfLogGamma(most: number): number[] {
  const logs = [Infinity, Math.log(Math.PI) / 2, 0];
  for (let n = 3; n <= most; n++) logs.push((logs[n - 2] ?? 0) + Math.log(n / 2 - 1));
  return logs;
}

function whole(values: readonly number[]): Group {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    from: 0,
    size: values.length,
    mean,
    deviation: Math.sqrt(squares / values.length),
    change: "none",
  };
}
