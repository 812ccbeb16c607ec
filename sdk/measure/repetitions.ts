/** Coefficient of variation above which a throughput is unstable. */
const UNSTABLE = 0.03;

/** A sentence where a throughput varies more over its repetitions than one that stands may. */
export function instabilityOf(values: readonly number[]): string | undefined {
  const variation = coefficientOfVariation(values);
  return variation > UNSTABLE
    ? `unstable: it varies by ${Number((variation * 100).toPrecision(2))} % from repetition to repetition, at most ${UNSTABLE * 100} % is expected`
    : undefined;
}

/** Standard deviation of a sample over its mean; 0 of fewer than two values. */
export function coefficientOfVariation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return squares === 0 ? 0 : Math.sqrt(squares / (values.length - 1)) / Math.abs(mean);
}
