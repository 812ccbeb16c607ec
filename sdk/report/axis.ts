/** A logarithmic axis over at least these values, from one round value to another. */
export interface Axis {
  readonly low: number;
  readonly high: number;
  /** Round values to label, few enough to read. */
  readonly ticks: readonly number[];
  /** 0 at `low`, 1 at `high`; what lies beyond is drawn at the end. */
  at(value: number): number;
}

const ROUND = [1, 2, 5];
const MOST_TICKS = 7;

/** @example axisOf([152_000, 11_854_000]); // from 100 µs to 20 ms */
export function axisOf(values: readonly number[]): Axis {
  const smallest = Math.max(1, Math.min(...values));
  const largest = Math.max(smallest, ...values);
  const low = roundValues(smallest / 10, smallest).at(-1) ?? 1;
  const high = roundValues(largest * 1.0001, largest * 10)[0] ?? largest * 10;
  const all = roundValues(low, high);
  const decades = all.filter((value) => Number.isInteger(Math.log10(value)));
  return {
    low,
    high,
    ticks: all.length <= MOST_TICKS || decades.length < 2 ? all : decades,
    at: (value) =>
      Math.min(
        1,
        Math.max(
          0,
          (Math.log10(Math.max(value, low)) - Math.log10(low)) / (Math.log10(high) - Math.log10(low)),
        ),
      ),
  };
}

/** 1, 2 and 5 times powers of ten, both ends included. */
function roundValues(from: number, to: number): number[] {
  const first = Math.floor(Math.log10(from));
  const last = Math.floor(Math.log10(to));
  return Array.from({ length: last - first + 1 }, (_, step) => first + step)
    .flatMap((exponent) => ROUND.map((digit) => Number(`${digit}e${exponent}`)))
    .filter((value) => value >= Math.max(1, from) && value <= to);
}
