/** Samples that one in a hundred and rarer values need to be more than an accident: ten of them. */
const SAMPLES_BEYOND = 10;

/**
 * How many samples it takes to tell a percentile: 10 / (1 - p). Of a median one will do.
 *
 * @example samplesToTell("99.9"); // 10000
 */
export function samplesToTell(percentile: string): number {
  return percentile === "50" ? 1 : samplesToSupport(percentile);
}

/** How many samples have ten beyond a percentile, that of a median too: 10 / (1 - p). */
export function samplesToSupport(percentile: string): number {
  // In whole numbers: 99.9 needs 10 000 and not 10 000.000000002.
  const beyond = Math.round((100 - Number(percentile)) * 1e4);
  return Math.round((SAMPLES_BEYOND * 100 * 1e4) / beyond);
}
