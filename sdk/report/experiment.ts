import type { Bin } from "../measure/bins.ts";
import type { Comparison } from "../measure/comparison.ts";
import type { MigrationPhase, Outcome } from "../measure/migration.ts";
import type { MetricUnit } from "../units/figure.ts";
import type { PacketPath } from "../units/packet-path.ts";

/** An experiment as a report sees it: plain data, whatever it came from. */
export interface Experiment {
  readonly project: string;
  readonly stack: string;
  readonly madeAt: string;
  readonly hosts: readonly ReportedHost[];
  readonly inspections: readonly ReportedInspection[];
  readonly paths: readonly ReportedPath[];
  readonly records: readonly ReportedRecord[];
  readonly verdicts: readonly Verdict[];
  /** What it is held against; absent where there is nothing to. */
  readonly baseline?: ReportedBaseline;
}

/** Records of another time or set-up, each beside the one that measures the same now. */
export interface ReportedBaseline {
  /** Where they were read from. */
  readonly from: string;
  readonly pairs: readonly ReportedPair[];
  /** Names of records that have no other. */
  readonly onlyBefore: readonly string[];
  readonly onlyNow: readonly string[];
}

export interface ReportedPair {
  /** Of the record now. */
  readonly name: string;
  /** When the one before was begun. */
  readonly startedAt: string;
  readonly comparison: Comparison;
  /** Distributions of the one before, for drawing. */
  readonly metrics: readonly ReportedMetric[];
}

/** A way that packets took, and how many of them came through. */
export interface ReportedPath {
  readonly name: string;
  readonly path: PacketPath;
  /** Of both directions together; absent until something was measured. */
  readonly frames?: ReportedFrames;
  /** From end to end in the first direction, or there and back; absent until something was measured, and where frames bear no time. */
  readonly latency?: ReportedLatency;
  readonly functional: boolean;
  readonly valid: boolean;
}

export interface ReportedFrames {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
}

export interface ReportedLatency {
  /** Null where too few samples support it. */
  readonly medianNs: number | null;
  /** Likewise. */
  readonly p99Ns: number | null;
  readonly longestNs: number;
  /** p99.9 of the packet delay variation (RFC 5481): of the latency above the least. Null likewise, and of an exchange. */
  readonly variationNs: number | null;
}

export interface ReportedHost {
  readonly name: string;
  readonly emulated: boolean;
  readonly description: string;
  readonly nodes: readonly ReportedNode[];
  readonly bridges: readonly ReportedBridge[];
  readonly guests: readonly ReportedGuest[];
}

export interface ReportedNode {
  /** Null where it isn't known which node these CPUs are on. */
  readonly node: number | null;
  readonly cpus: readonly ReportedCpu[];
  /** `512 × 2MiB`. */
  readonly hugepages: readonly string[];
}

export type Role = "housekeeping" | "isolated" | "pmd" | "vcpu" | "other";

export interface ReportedCpu {
  readonly cpu: number;
  /** Hardware threads of one core have the same number here. */
  readonly core: number;
  readonly role: Role;
  /** Of a vCPU: its guest and its number there. */
  readonly guest?: { readonly name: string; readonly vcpu: number };
  /** Everybody who claims it for himself, where several do. */
  readonly contenders?: readonly string[];
}

export interface ReportedBridge {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly ports: readonly ReportedPort[];
}

export interface ReportedPort {
  readonly name: string;
  readonly kind: string;
  /** What is at its other end: a PCI device, addresses. Empty where there is nothing to say. */
  readonly peer: string;
  readonly socket?: string;
  readonly up: boolean;
}

export interface ReportedGuest {
  readonly name: string;
  readonly memory: string;
  readonly numaNode: number;
  readonly vcpuPins: readonly string[];
  readonly running: boolean;
  readonly nics: readonly { readonly name: string; readonly address: string; readonly socket?: string }[];
}

/** How far a host was from a tuning plan when it was looked at, or when its resources were brought up or refreshed. */
export interface ReportedInspection {
  readonly host: string;
  /** `9 of 31 settings as wanted; 3 pending a reboot`; of a host without settings why there are none. */
  readonly summary: string;
  readonly settings: readonly ReportedSetting[];
}

/** A setting with its three states; texts are empty where nothing is said. */
export interface ReportedSetting {
  readonly name: string;
  readonly wanted: string;
  readonly effective: string;
  readonly configured: string;
  readonly verdict: string;
  readonly note: string;
}

export interface ReportedRecord {
  readonly name: string;
  readonly kind: string;
  readonly subject: string;
  readonly functional: boolean;
  readonly valid: boolean;
  readonly invalidReasons: readonly string[];
  readonly startedAt: string;
  readonly command: string;
  /** What a reader has to know beside the numbers. */
  readonly remarks: readonly string[];
  /** Of what was searched for by trials: loss by load of each frame size. */
  readonly losses: readonly ReportedLoss[];
  /** Latency under load, by frame size and direction. */
  readonly loads: readonly ReportedLoad[];
  /** Of a live migration: each one, there and back in turn. */
  readonly migrations: readonly ReportedMigration[];
  /** Distributions of times. None where the record could not be read; then `invalidReasons` says so. */
  readonly metrics: readonly ReportedMetric[];
  /** Metrics of which each repetition has one value. */
  readonly figures: readonly ReportedFigure[];
  /** What was in force, by dotted name. */
  readonly inForce: Readonly<Record<string, string>>;
}

/** Latency at shares of a throughput. */
export interface ReportedLoad {
  /** `64 bytes`, `imix`. */
  readonly frame: string;
  readonly direction: string;
  /** In the order of their shares. */
  readonly points: readonly ReportedLoadPoint[];
}

export interface ReportedLoadPoint {
  /** Of the throughput. */
  readonly percent: number;
  /** Frames per second and direction; null where the record does not tell. */
  readonly loadPps: number | null;
  readonly metric: ReportedMetric;
}

export interface ReportedMigration {
  readonly outcome: Outcome;
  readonly phases: readonly MigrationPhase[];
}

/** What was measured once in each repetition. */
export interface ReportedFigure {
  readonly name: string;
  readonly unit: MetricUnit;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Of the median. */
  readonly interval: { readonly low: number; readonly high: number; readonly method: string };
  /** In the order of the repetitions. */
  readonly each: readonly number[];
}

/** Trials of one frame size, and what they came to. */
export interface ReportedLoss {
  /** `64 bytes`, `imix`. */
  readonly frame: string;
  /** Those that count, in their order. */
  readonly trials: readonly { readonly loadPps: number; readonly lossRatio: number }[];
  /** Throughput of each goal; none of a loss curve. */
  readonly found: readonly ReportedThroughput[];
}

/** Frames per second and direction; null where there is none. Of several repetitions the least. */
export interface ReportedThroughput {
  readonly goal: string;
  readonly throughputPps: number | null;
  readonly lowerPps: number | null;
  readonly upperPps: number | null;
}

export interface ReportedMetric {
  readonly name: string;
  readonly samples: number;
  readonly missing: number;
  /** Samples beyond the histogram's range: in `samples`, not in `bins`. */
  readonly overflow: number;
  readonly minNs: number;
  readonly maxNs: number;
  readonly medianNs: number;
  readonly interval: { readonly lowNs: number; readonly highNs: number; readonly method: string };
  readonly percentiles: readonly (readonly [name: string, ns: number | null])[];
  /** The percentile curve, for drawing. */
  readonly curve: readonly (readonly [percentile: number, ns: number])[];
  readonly bins: readonly Bin[];
  /** Each CPU by itself, where several were measured. */
  readonly cpus?: readonly CpuLatencies[];
}

export interface CpuLatencies extends Pick<ReportedMetric, "samples" | "minNs" | "maxNs" | "percentiles"> {
  readonly cpu: string;
}

/** One finding of a policy, or that it holds. */
export interface Verdict {
  readonly policy: string;
  readonly level: "mandatory" | "advisory";
  readonly message: string;
  readonly passed: boolean;
}
