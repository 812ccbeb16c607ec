import { z } from "zod";

/** The fractions that a record reports, as texts so that no float spells them differently. */
export const PERCENTILES = ["50", "90", "99", "99.9", "99.99", "99.999", "99.9999"] as const;

/** Figures of one CPU, all repetitions together. */
export const CpuFigures = z.object({
  samples: z.number(),
  min: z.number(),
  max: z.number(),
  percentiles: z.partialRecord(z.enum(PERCENTILES), z.number().nullable()),
});
export type CpuFigures = z.infer<typeof CpuFigures>;

export type Percentile = (typeof PERCENTILES)[number];

export const Percentiles = z.record(z.enum(PERCENTILES), z.number().nullable());

/**
 * One measured quantity. Percentiles come from a merged histogram and are null where there are too few samples to support them
 * (fewer than 10 / (1 - p)); a maximum is the maximum of all repetitions and has no interval.
 */
export const Metric = z.object({
  name: z.string().meta({ description: "What was measured, for instance host.timer.latency." }),
  unit: z.enum(["ns", "pps", "bps", "ratio", "count", "1/s", "ms", "s", "bytes", "cycles"]),
  direction: z.enum(["lower", "higher"]).meta({ description: "Which way is better." }),
  samples: z.number(),
  min: z.number(),
  mean: z.number().meta({
    description:
      "Of all samples. Those beyond the histogram's range count as the maximum, unless the tool knew the mean with them.",
  }),
  max: z.number(),
  percentiles: z.partialRecord(z.enum(PERCENTILES), z.number().nullable()),
  percentileIntervals: z
    .partialRecord(z.enum(PERCENTILES), z.object({ low: z.number(), high: z.number() }))
    .optional()
    .meta({
      description:
        "95 % interval of a percentile by order statistics of all samples, as if none had to do with the one before; left out where too few samples or the range support none.",
    }),
  histogram: z
    .string()
    .meta({ description: "HdrHistogram V2, compressed, base64; of ratios in billionths." }),
  overflow: z.number().meta({
    description:
      "Samples beyond the histogram's range: percentiles above them are unknown; more than half of all make the record invalid.",
  }),
  missing: z
    .number()
    .meta({ description: "Samples that the schedule asked for and that never came: coordinated omission." }),
  needed: z.number().optional().meta({
    description:
      "Samples that it takes to tell the percentile which was asked for; fewer make the record invalid. Absent of what takes its samples as they come.",
  }),
  perCpu: z.record(z.string(), CpuFigures).optional().meta({
    description:
      "By measured CPU, all repetitions together. Absent of what is of no CPU, and of older records.",
  }),
  repetitions: z.array(
    z.object({ samples: z.number(), min: z.number(), median: z.number(), max: z.number() }),
  ),
  median: z.number().meta({ description: "Median over repetitions of their medians." }),
  interval95: z
    .object({ low: z.number(), high: z.number(), method: z.enum(["order-statistics", "range"]) })
    .meta({ description: "95 % interval of the median; the plain range below six repetitions." }),
});
export type Metric = z.infer<typeof Metric>;

/** Everything that was in force. Two results are comparable where `hash` is the same. */
export const Fingerprint = z.object({
  hash: z.string().meta({
    description: "SHA-256 of all the rest but bootId and links: two boots of one set-up have the same.",
  }),
  bootId: z.string(),
  machineId: z.string(),
  firmware: z.string().meta({
    description: "Vendor, product, firmware version and its date; empty where unknown.",
  }),
  os: z.string().optional().meta({
    description: "Distribution and release. Absent where the machine does not say, and of older records.",
  }),
  kernel: z.string().meta({ description: "Release and version." }),
  kernelArguments: z.string(),
  onlineCpus: z.string(),
  isolatedCpus: z.string(),
  nohzFullCpus: z.string(),
  simultaneousMultithreading: z.boolean(),
  clocksource: z.string(),
  cpuModel: z.string(),
  microcode: z.string().nullable(),
  processors: z.record(z.string(), z.string()).optional().meta({
    description:
      "How many are online: `sockets`, `cores`, `threads`; and `nominalFrequency`, where anything tells it. Absent of older records.",
  }),
  memory: z.record(z.string(), z.string()).optional().meta({
    description:
      "Modules by kind and their slots as the firmware tells them (SMBIOS, read by root): `dimms`, `8 x 32 GiB DDR5 4800 of 5600 MT/s, registered, 2 ranks`, and `slots`, `8 of 16: A1, B1, …`; memory of each node in whole blocks of the kernel: `node0`. What the machine does not tell is absent, and all of it of older records.",
  }),
  settings: z.record(z.string(), z.string()).meta({
    description:
      "Settings of the running kernel by path, those of each CPU under cpu*: governors, idle states, mitigations, scheduling, modules; CPUs of interrupts and of the kernel's threads, by name.",
  }),
  hugepages: z.record(z.string(), z.number()).meta({ description: "Pages by node and size: node0/2MiB." }),
  nics: z
    .record(z.string(), z.string())
    .meta({ description: "Network cards by PCI address: vendor:device, driver, virtual functions." }),
  nicSettings: z.record(z.string(), z.string()).optional().meta({
    description:
      "How cards are set up, by address and name, `0000:3b:00.0 rings`: slot, revision, subsystem, firmware, driver version, mtu, queues, rings, interrupt coalescing, each offload that can be turned, sizes of PCI Express. Not of virtual functions, nor of more than 16 cards. What needs ethtool is absent without it, and of cards that no driver of the kernel has; all of it of older records.",
  }),
  links: z.record(z.string(), z.string()).optional().meta({
    description:
      "What cards agreed on with their partners, by address: `25000 Mb/s, full duplex` of those that have a link, `8 GT/s, 8 lanes` by PCI Express. Not in the hash: links come and go by themselves. Absent of older records.",
  }),
  versions: z.record(z.string(), z.string()).meta({
    description: "Open vSwitch and DPDK as they run, else as installed; the rest as installed.",
  }),
  switchState: z.enum(["absent", "silent", "answering"]).meta({
    description:
      "Whether Open vSwitch is installed and its database answers; only then are its options known.",
  }),
  switchOptions: z.record(z.string(), z.string()).meta({ description: "Open_vSwitch.other_config." }),
  switchPorts: z
    .record(z.string(), z.string())
    .meta({ description: "What each interface of the switch is configured to, as JSON." }),
  guests: z.record(z.string(), z.union([z.string(), z.record(z.string(), z.string())])).meta({
    description:
      "Of each running guest what is in force, by path of its live definition: `cputune.vcpupin.0.cpuset`, with the CPUs its threads may use; and what is in force inside, as far as its agent said before the measurement: `inside.kernel`, `inside.bootArguments.isolcpus`, `inside.os`, `inside.clocksource`, `inside.onlineCpus`, `inside.isolatedCpus`, `inside.nohzFullCpus`. Of what may hold a secret there is a hash. Of older records, and of guests that are too many for a record, one SHA-256 of a whole guest.",
  }),
  declared: z.record(z.string(), z.string()).meta({
    description:
      "What was declared of the firmware, and what the machine showed of it: `off, verified: smt/control is notsupported`, `on, not verifiable: ...`, `off, contradicted: ...`.",
  }),
});
export type Fingerprint = z.infer<typeof Fingerprint>;

/** Load that ran on other CPUs while it was measured. */
export const RecordedCoLoad = z.object({
  kind: z.string().meta({ description: "What the load was of: cpu, memory, io." }),
  cpus: z.string().meta({ description: "CPUs that carried it, one instance each." }),
  busy: z.record(z.string(), z.number()).meta({
    description: "Share of the time that each of them was busy, by CPU, as /proc/stat counted it.",
  }),
  leastBusy: z
    .number()
    .meta({ description: "Share below which the load was not there; 0 of input and output, which waits." }),
  ended: z.string().meta({ description: "CPUs whose load ended before the measurement did; empty of most." }),
  operations: z
    .number()
    .nullable()
    .meta({ description: "Operations of all instances as stress-ng counts them; null where it told none." }),
  command: z.array(z.string()).meta({ description: "Of the first instance." }),
  version: z.string(),
});
export type RecordedCoLoad = z.infer<typeof RecordedCoLoad>;

/** What the hardware did to the machine on its own; null of what the machine does not let be counted. */
export const Disturbances = z.object({
  machineChecks: z.number().nullable().meta({
    description: "Machine check exceptions of all CPUs, by /proc/interrupts; any makes the record invalid.",
  }),
  throttles: z.number().nullable().meta({
    description:
      "How often cores and packages were throttled for heat, or were told that they are too hot; any makes the record invalid.",
  }),
  managementInterrupts: z.number().nullable().meta({
    description:
      "System management interrupts of all CPUs: Intel's, where the module msr is loaded. Firmware that has them at all has them always, so they are told and no more.",
  }),
});
export type Disturbances = z.infer<typeof Disturbances>;

/** What interrupted an isolated CPU while it was measured. */
export const CpuInterrupts = z.object({
  timerPerSecond: z.number().meta({
    description:
      "Interrupts of its own timer a second (LOC of /proc/interrupts): the kernel's tick, and timers that ran on it.",
  }),
  devicesPerSecond: z.number().meta({ description: "Interrupts of devices a second." }),
  busy: z.number().meta({ description: "Share of the time that it was not idle, by /proc/stat." }),
});
export type CpuInterrupts = z.infer<typeof CpuInterrupts>;

/** What Open vSwitch did on the machine that forwards, as it counts itself. */
export const SwitchActivity = z.object({
  lostUpcalls: z
    .number()
    .meta({ description: "Packets of new flows that its datapath could not ask about, and dropped." }),
  misses: z.number().optional().meta({
    description:
      "Packets that its datapath had no entry for, and asked about: upcalls. Absent of older records.",
  }),
  drops: z.record(z.string(), z.number()).meta({
    description:
      "Packets that it dropped, by counter and port: `ovs_tx_failure_drops of vhu0`, `rx_missed_errors of p0`. Those that counted none are left out.",
  }),
  retries: z.record(z.string(), z.number()).meta({
    description:
      "Bursts that it sent to a guest's full queue again, by counter and port: `ovs_tx_retries of vhu0`.",
  }),
  busy: z.record(z.string(), z.number()).meta({
    description:
      "Share of its time that each poll-mode thread worked on packets while frames were sent, by CPU. Empty of releases from 4.0 on, which tell no cycles.",
  }),
});
export type SwitchActivity = z.infer<typeof SwitchActivity>;

/** One trial of a search: constant load for a time. */
export const RecordedTrial = z.object({
  frame: z.string().meta({ description: "Size of its frames: bytes, or imix." }),
  purpose: z
    .enum(["self-test", "search", "latency", "soak", "recovery", "warm-up", "first-frames", "later-frames"])
    .meta({
      description:
        "What it was for: the generator against itself, a search, latency under load, a long run, an overload that ends, a path that is made ready, frames of flows that a switch does not know, and frames of flows that it knows.",
    }),
  loadPps: z.number().meta({ description: "Frames per second of one direction." }),
  durationMs: z.number(),
  afterwards: z.object({ loadPps: z.number(), durationMs: z.number() }).optional().meta({
    description: "Load that follows at once, in the same trial. Absent where it stays what it is.",
  }),
  intended: z.number().meta({ description: "Frames of all directions that the load asks for in its time." }),
  received: z.number().meta({ description: "Frames of all directions; those never sent count as lost." }),
  faults: z
    .array(z.string())
    .meta({ description: "What makes it worth nothing; a search does such a trial again." }),
  switch: SwitchActivity.optional().meta({
    description: "What the switch did meanwhile. Absent of self-tests, and where no switch answers.",
  }),
});
export type RecordedTrial = z.infer<typeof RecordedTrial>;

/** Where a run left its record, with everything that its tools printed. */
export const KeptRecord = z.object({
  folder: z.string().meta({
    description:
      "The run's folder: an absolute path on the machine that kept it, or its URL in an object store, `s3://BUCKET/KEY?endpoint=URL&region=REGION`.",
  }),
  sha256: z.string().meta({
    description: "Of its manifest.json, which has those of all other files: hexadecimal.",
  }),
});
export type KeptRecord = z.infer<typeof KeptRecord>;

/** One migration of a guest, as QEMU's events told it, by the clock of the machine that the guest left. */
export const RecordedMigration = z.object({
  outcome: z.enum(["completed", "not converged", "cancelled", "failed"]),
  events: z
    .array(
      z.object({
        event: z.string().meta({
          description: "MIGRATION, MIGRATION_PASS for each pass over the guest's memory, STOP, RESUME.",
        }),
        status: z.string().optional().meta({ description: "Of MIGRATION: the state that it has come to." }),
        afterUs: z.number().meta({ description: "Since the first event." }),
      }),
    )
    .meta({ description: "In their order." }),
});
export type RecordedMigration = z.infer<typeof RecordedMigration>;

export const RecordVersion = "nfvlab/record/1" as const;

/** The record of one measurement: what was measured, on what, by what, and whether it is valid. */
export const ResultRecord = z.object({
  schema: z.literal(RecordVersion),
  kind: z.string().meta({ description: "The benchmark: cyclictest, round-trip." }),
  subject: z.string().meta({ description: "What was measured, for people: dut CPUs 2-3, guest vnf vCPU 1." }),
  metrics: z.array(Metric).meta({
    description: "Empty where the run came to no figure, which makes the record invalid.",
  }),
  fingerprint: Fingerprint.meta({
    description: "Of the machine that measured, or that the measured guest runs on.",
  }),
  others: z.record(z.string(), Fingerprint).optional().meta({
    description:
      "What was in force on other machines that took part, by what each was: `systemUnderTest` forwarded, to `destination` a guest was migrated, `generator` sent. Absent where there was none, and of records that are older than the field.",
  }),
  asked: z.record(z.string(), z.string()).optional().meta({
    description:
      "What was asked for, by path: `goals.ndr.loss`. Without names of machines, and without what was declared of the firmware, which is in the fingerprint. Absent of records that are older than the field.",
  }),
  tool: z.object({ command: z.array(z.string()), version: z.string() }),
  coLoad: RecordedCoLoad.optional().meta({ description: "Absent where nothing was to run beside it." }),
  disturbances: Disturbances.optional().meta({
    description: "What the hardware did while it ran. Absent of records that are older than the field.",
  }),
  interrupts: z.record(z.string(), CpuInterrupts).optional().meta({
    description:
      "By isolated CPU. Absent where none was isolated, and of records that are older than the field.",
  }),
  memoryBandwidth: z.record(z.string(), z.number()).optional().meta({
    description:
      "Bytes a second between each L3 cache and memory, by the number of the cache. Absent where resctrl is not mounted, or the processor does not count them.",
  }),
  switch: SwitchActivity.optional().meta({
    description:
      "What the switch did while frames were sent at a fixed rate; of a search each trial has its own. Absent where no switch answers.",
  }),
  trials: z
    .array(RecordedTrial)
    .optional()
    .meta({ description: "Of a search: all its trials, in their order. Absent of what searches nothing." }),
  migrations: z.array(RecordedMigration).optional().meta({
    description: "Of a live migration: each one, there and back in turn. Absent of everything else.",
  }),
  remarks: z.array(z.string()).optional().meta({
    description: "What a reader has to know beside the numbers, and what does not make them invalid.",
  }),
  startedAt: z.string().meta({ description: "UTC, ISO 8601." }),
  durationMs: z.number(),
  functional: z
    .boolean()
    .meta({ description: "Measured on an emulated server: says that it works, not how fast." }),
  valid: z.boolean(),
  invalidReasons: z.array(z.string()),
  kept: KeptRecord.optional().meta({
    description:
      "Absent where neither a results folder nor an object store was named, and of the record there itself.",
  }),
});
export type ResultRecord = z.infer<typeof ResultRecord>;

/** The record's JSON Schema (draft 2020-12), for programs that read what was exported. */
export function recordJsonSchema(): object {
  return z.toJSONSchema(ResultRecord);
}
