import hdr from "hdr-histogram-js";

/** Samples from `fromNs` up to, not including, `toNs`. */
export interface Bin {
  readonly fromNs: number;
  readonly toNs: number;
  readonly count: number;
}

const PER_DECADE = 10;

/** Samples of a record's histogram in bins of equal width on a logarithmic axis, ten a decade; empty bins between are there. */
export function binsOf(histogram: string): Bin[] {
  const decoded = hdr.decodeFromCompressedBase64(histogram);
  if (!(decoded instanceof hdr.JsHistogram)) throw new TypeError("a histogram that can't be iterated over");
  const counts = new Map<number, number>();
  const values = decoded.recordedValuesIterator;
  values.reset();
  while (values.hasNext()) {
    const { valueIteratedTo, countAtValueIteratedTo } = values.next();
    const index = Math.floor(Math.log10(Math.max(1, valueIteratedTo)) * PER_DECADE);
    counts.set(index, (counts.get(index) ?? 0) + countAtValueIteratedTo);
  }
  if (counts.size === 0) return [];
  const first = Math.min(...counts.keys());
  const last = Math.max(...counts.keys());
  return Array.from({ length: last - first + 1 }, (_, step) => ({
    fromNs: 10 ** ((first + step) / PER_DECADE),
    toNs: 10 ** ((first + step + 1) / PER_DECADE),
    count: counts.get(first + step) ?? 0,
  }));
}
