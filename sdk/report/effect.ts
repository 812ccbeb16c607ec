import type { MetricChange } from "../measure/comparison.ts";
import { figure } from "../units/figure.ts";

/** How much a metric changed, with its interval: `+4.2 % (+1 % to +7 %)`; empty where nothing is known of it. */
export function effectText({ difference, unit }: MetricChange): string {
  if (difference === undefined) return "";
  const { kind, estimate, low, high } = difference.effect;
  const signed = (value: string) => (value.startsWith("-") ? value : `+${value}`);
  const text =
    kind === "ratio"
      ? (value: number) => signed(`${Number(((value - 1) * 100).toPrecision(3))} %`)
      : (value: number) => signed(figure(value, unit));
  return `${text(estimate)} (${text(low)} to ${text(high)})`;
}
