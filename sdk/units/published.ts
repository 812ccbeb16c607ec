import type { MetricUnit } from "./figure.ts";

/** Where figures were published, and what they were measured on. */
export interface Publication {
  readonly title: string;
  readonly by: string;
  /** Hardware and software, as far as they are told. */
  readonly on: string;
  readonly figures: readonly PublishedFigure[];
}

/** A figure of what is measured here too, by the metric's name in a record. */
export interface PublishedFigure {
  readonly metric: string;
  readonly unit: MetricUnit;
  /** What it was of. */
  readonly of: string;
  /** As it was found. */
  readonly before: number;
  /** With what the publication proposes; absent where it proposes nothing. */
  readonly after?: number;
}

/** KVM4NFV's times of a guest of 8 GiB that forwards by DPDK, ns: as QEMU 2.4 was, and with the project's changes. */
export const MIGRATED_FORWARDING = {
  total: { before: 2271e6, after: 654e6 },
  downtime: { before: 26e6, after: 5e6 },
} as const;

/** Likewise of a guest that does nothing. */
const MIGRATED_IDLE = {
  total: { before: 2070e6, after: 401e6 },
  downtime: { before: 29e6, after: 9e6 },
} as const;

const migrated = (of: string, times: typeof MIGRATED_FORWARDING | typeof MIGRATED_IDLE): PublishedFigure[] =>
  Object.entries(times).map(([time, found]) => ({
    ...{ metric: `guest.migration.${time}`, unit: "ns", of },
    ...found,
  }));

/** Everything that is known here. A figure is listed where the metric is the same, not where only its name is. */
export const PUBLICATIONS: readonly Publication[] = [
  {
    title: "Fast Live Migration",
    by: "OPNFV KVM4NFV",
    on: "two servers, Xeon E5-2699 v3 at 2.3 GHz, 10 Gbit/s X540-AT2, QEMU 2.4.0, Linux 4.2",
    figures: [
      ...migrated("guest of 8 GiB, DPDK L2 forwarding, 64 bytes", MIGRATED_FORWARDING),
      ...migrated("idle guest", MIGRATED_IDLE),
    ],
  },
  {
    title: "Extending KVM Models Toward High-Performance NFV (KVM Forum 2014)",
    by: "Intel",
    on: "Haswell at 3.2 GHz",
    figures: [
      // Told in cycles of the time stamp counter, and rounded to these.
      { metric: "guest.exit.hypercall", unit: "ns", of: "null hypercall, 1500 to 1600 cycles", before: 500 },
      { metric: "guest.vmfunc", unit: "ns", of: "EPTP switching, about 150 cycles", before: 50 },
    ],
  },
];
