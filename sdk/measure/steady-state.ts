/** Values whose mean is taken as one, so that noise hides no trend (MSER-5). */
const BATCH = 5;
/** More means than that are not compared with each other: of a long series each is of more values. */
const MOST_BATCHES = 1000;
const FEWEST_BATCHES = 4;
/** Shorter than that many batches it is an accident on the way, and no other state. */
const LEAST = 2;
/** How often a series of noise alone may be called unsteady, at most. */
export const UNSTEADY_BY_CHANCE = 0.01;
/** What each of both tests may take of it. Half is left for noise with a long tail, which differs from its mean more often than normal noise. */
const EACH = UNSTEADY_BY_CHANCE / 4;

export interface Steadiness {
  /** Index of the first value that counts; undefined where there is none. */
  readonly from: number | undefined;
  /** Why it is not steady; empty where it is. */
  readonly reason: string;
}

/**
 * From where on a series is steady. The beginning is cut where the rest has the least standard error (MSER-5, White 1997: batches of five values), up to half of the series. The rest is steady unless
 * it rises or falls all along, or a part of it lies higher or lower than all other, by more than chance has it in one of a hundred series of noise: by Student's t of the slope, and of the part that
 * differs most, for as many parts as were looked at (Bonferroni).
 *
 * @param values at least 0, in equal steps of time
 */
export function steadinessOf(values: readonly number[]): Steadiness {
  const size = Math.max(BATCH, Math.ceil(values.length / MOST_BATCHES));
  const batches = Array.from(
    { length: Math.floor(values.length / size) },
    (_, index) =>
      values.slice(index * size, (index + 1) * size).reduce((sum, value) => sum + value, 0) / size,
  );
  if (batches.length < FEWEST_BATCHES) {
    return {
      from: undefined,
      reason: `${values.length} values say nothing of steadiness, at least ${FEWEST_BATCHES * BATCH} are needed`,
    };
  }
  const cut = startUp(batches);
  const rest = batches.slice(cut);
  const unsteady = (what: string, batch: number) => ({
    from: undefined,
    reason: `it ${what} after value ${(cut + batch) * size} of ${values.length}`,
  });
  const part = oddPart(rest);
  if (part !== undefined) return unsteady(part.isLower ? "fell" : "rose", part.from);
  if (slopeChance(rest) < EACH) return unsteady("was still changing", 0);
  return { from: cut * size, reason: "" };
}

/** How many batches to cut: those without which the others have the least standard error. */
function startUp(batches: readonly number[]): number {
  let [sum, squares] = [0, 0];
  let [least, cut] = [Infinity, 0];
  // From the end, where each rest is one batch longer than the one before; about a value of them, so that squares stay small.
  const origin = batches.at(-1) ?? 0;
  const half = Math.floor(batches.length / 2);
  for (let from = batches.length - 1; from >= 0; from -= 1) {
    const value = (batches[from] ?? 0) - origin;
    sum += value;
    squares += value * value;
    const size = batches.length - from;
    const error = Math.max(0, squares - (sum * sum) / size) / size ** 2;
    if (from <= half && error <= least) [least, cut] = [error, from];
  }
  return cut;
}

interface OddPart {
  /** Its first batch, or the first one after it where it begins with the series. */
  readonly from: number;
  /** Whether what begins there is lower than what was before. */
  readonly isLower: boolean;
}

/** The part of a series that differs most from all the rest of it; undefined where chance alone differs as much. */
function oddPart(batches: readonly number[]): OddPart | undefined {
  const n = batches.length;
  const { deviations, total } = aboutMean(batches);
  const sums = [0];
  for (const deviation of deviations) sums.push((sums.at(-1) ?? 0) + deviation);
  let [most, begin, end] = [0, 0, 0];
  for (let from = 0; from + LEAST <= n; from += 1) {
    for (let to = from + LEAST; to <= n && to - from <= n - LEAST; to += 1) {
      const inside = (sums[to] ?? 0) - (sums[from] ?? 0);
      // The sum of squares that the two levels explain.
      const between = (inside * inside * n) / ((to - from) * (n - to + from));
      if (between > most) [most, begin, end] = [between, from, to];
    }
  }
  if (chanceOf(most, total, n) * ((n * (n - 1)) / 2) >= EACH) return undefined;
  const isLower = (sums[end] ?? 0) < (sums[begin] ?? 0);
  return begin === 0 ? { from: end, isLower: !isLower } : { from: begin, isLower };
}

/** How often a series of noise rises or falls as much as this one. */
function slopeChance(batches: readonly number[]): number {
  const { deviations, total } = aboutMean(batches);
  const n = batches.length;
  const along = deviations.reduce((sum, deviation, index) => sum + deviation * (index - (n - 1) / 2), 0);
  return chanceOf((along * along * 12) / (n ** 3 - n), total, n);
}

function aboutMean(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviations = values.map((value) => value - mean);
  // Means of equal values differ by rounding, and that is no noise.
  const total = deviations.reduce((sum, deviation) => sum + deviation * deviation, 0);
  return { deviations, total: total <= (1e-12 * mean) ** 2 * values.length ? 0 : total };
}

/** How often noise has so much of its squares explained by one contrast: Student's t of two degrees less than there are values. */
function chanceOf(explained: number, total: number, n: number): number {
  if (total === 0 || n < 3) return 1;
  const left = total - explained;
  return left <= 1e-12 * total ? 0 : studentChance(Math.sqrt((explained * (n - 2)) / left), n - 2);
}

/** P(|t| >= x) of Student's distribution, by its finite sums (Abramowitz and Stegun, 26.7.3 and 26.7.4). */
function studentChance(x: number, degrees: number): number {
  const angle = Math.atan(x / Math.sqrt(degrees));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const isOdd = degrees % 2 === 1;
  let term = isOdd ? cosine : 1;
  let sum = degrees === 1 ? 0 : term;
  for (let k = isOdd ? 3 : 2; k < degrees; k += 2) {
    term *= ((k - 1) / k) * cosine * cosine;
    sum += term;
  }
  const within = isOdd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
  return Math.max(0, 1 - within);
}
