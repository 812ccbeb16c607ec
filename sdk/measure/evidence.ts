import type { Metric } from "../schema/record.ts";

/** What a record says of something that was measured. */
export interface Evidence {
  readonly metrics: readonly Metric[];
  /** What makes the numbers worth nothing. */
  readonly faults: readonly string[];
  /** What a reader has to know beside them. */
  readonly remarks: readonly string[];
}

/** All of it in one, in this order. */
export function allOf(parts: readonly Evidence[]): Evidence {
  return {
    metrics: parts.flatMap(({ metrics }) => metrics),
    faults: parts.flatMap(({ faults }) => faults),
    remarks: parts.flatMap(({ remarks }) => remarks),
  };
}
