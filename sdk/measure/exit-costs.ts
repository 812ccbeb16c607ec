import type { Metric } from "../schema/record.ts";
import { metricOf } from "./metric.ts";

/** How long one operation took, in cycles of the time stamp counter. */
export interface OperationCost {
  readonly operation: string;
  readonly samples: number;
  readonly min: number;
  readonly max: number;
  /** Counts by the largest value of each bucket. */
  readonly buckets: readonly (readonly [cycles: number, count: number])[];
}

/** One repetition: what the host timed, and what the guest did. */
export interface ExitCosts {
  readonly host: { readonly cyclesPerSecond: number; readonly operations: readonly OperationCost[] };
  readonly guest: {
    readonly cyclesPerSecond: number;
    readonly operations: readonly OperationCost[];
    readonly hypervisor: string;
    readonly missing: readonly { readonly operation: string; readonly why: string }[];
  };
}

/** Metrics by operation, in the order of the record. */
const METRICS = {
  none: "guest.exit.none",
  hypercall: "guest.exit.hypercall",
  cpuid: "guest.exit.cpuid",
  "user-space": "guest.exit.user-space",
  notification: "guest.notification",
  "notification-halted": "guest.notification.halted",
  polling: "guest.polling.round-trip",
  vmfunc: "guest.vmfunc",
  getppid: "host.getppid",
} as const;

/** The processor's own frequency and what a clock of the kernel makes of it may differ by so much. */
const SAME_FREQUENCY = 0.001;

/** Each operation that all repetitions timed, in cycles as it was read, and in ns where the counter's frequency is known. */
export function exitCostMetrics(runs: readonly ExitCosts[]): Metric[] {
  return Object.entries(METRICS).flatMap(([operation, name]) => {
    const side = operation === "getppid" ? "host" : "guest";
    const timed = runs.flatMap(({ [side]: { operations, cyclesPerSecond } }) => {
      const cost = operations.find((each) => each.operation === operation);
      return cost === undefined ? [] : [{ ...cost, cyclesPerSecond }];
    });
    if (timed.length < runs.length) return [];
    const metric = (unit: "ns" | "cycles", inUnit: (cycles: number, perSecond: number) => number) =>
      metricOf(
        { name: unit === "ns" ? name : `${name}.cycles`, unit, direction: "lower" },
        timed.map(({ buckets, min, max, cyclesPerSecond }) => ({
          buckets: buckets.map(
            ([cycles, count], at) =>
              [inUnit(at === 0 ? min : Math.min(cycles, max), cyclesPerSecond), count] as const,
          ),
          ...{ overflow: 0, max: inUnit(max, cyclesPerSecond), expected: 0 },
        })),
      );
    return [
      ...(timed.every(({ cyclesPerSecond }) => cyclesPerSecond > 0)
        ? [metric("ns", (cycles, perSecond) => Math.round((cycles * 1e9) / perSecond))]
        : []),
      metric("cycles", (cycles) => cycles),
    ];
  });
}

/** What makes a run worth nothing: it was not KVM that the guest left. */
export function exitCostFaults(runs: readonly ExitCosts[]): string[] {
  return runs.flatMap(({ host, guest }, index) => {
    const ratio = guest.cyclesPerSecond / host.cyclesPerSecond;
    return [
      ...(guest.hypervisor === "KVMKVMKVM"
        ? []
        : [
            `repetition ${index + 1} did not run on KVM, but on ${guest.hypervisor || "nothing that says so"}`,
          ]),
      ...(guest.cyclesPerSecond === 0
        ? [`repetition ${index + 1}: KVM tells its guest no frequency of the time stamp counter`]
        : Math.abs(ratio - 1) > SAME_FREQUENCY
          ? [
              `repetition ${index + 1}: the guest's time stamp counter runs ${ratio.toPrecision(4)} times as fast as the host's`,
            ]
          : []),
    ];
  });
}

/** What a reader has to know: what was not timed, and why. */
export function exitCostRemarks(runs: readonly ExitCosts[]): string[] {
  const missing = runs.flatMap(({ guest }) =>
    guest.missing.map(({ operation, why }) => `no figure of ${operation}: ${why}`),
  );
  return [...new Set(missing)];
}
