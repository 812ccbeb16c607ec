import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { cpuList, duration, ipAddress, name, triggers, wholeNumber } from "./fields.ts";
import { FirmwareIntent } from "./inspection.ts";
import { PERCENTILES, ResultRecord } from "./record.ts";

/** Where a probe runs: on the machine itself, or in a guest on it, reached through the guest agent. */
export const BenchmarkSubject = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("host"), cpus: cpuList("CPUs to measure, one thread each.") }),
  z.strictObject({
    kind: z.literal("guest"),
    domain: name("Name of the libvirt domain."),
    cpus: cpuList("CPUs of the guest to measure, one thread each."),
  }),
]);

export type BenchmarkSubject = z.infer<typeof BenchmarkSubject>;

/** Load on other CPUs of the machine while something is measured, by stress-ng. */
export const CoLoad = z.strictObject({
  kind: z.enum(["cpu", "memory", "stream", "cache", "io"]).meta({
    description:
      "`cpu`: all methods of its CPU stressor. `memory`: pages are written and checked again and again. `stream`: the memory's bandwidth. `cache`: lines of the last-level cache. " +
      "`io`: a file of 64 MiB for each CPU, under /var/tmp, is written over again, and removed with the load.",
  }),
  cpus: cpuList(
    "CPUs of the machine that carry the load, one instance pinned to each: more on one CPU would only wait for each other.",
  ),
  memoryPercent: wholeNumber(
    "Of `memory`: share in percent of the node's free memory that its instances take together. Default 50.",
    { min: 1, max: 80 },
  ).optional(),
  overlap: z.enum(["allow", "deny"]).optional().meta({
    description:
      "Whether the load may lie on measured CPUs, or on other threads of their cores. Default deny: both are refused.",
  }),
});
export type CoLoad = z.infer<typeof CoLoad>;

export const repetitions = wholeNumber(
  "How often the measurement is repeated. Default 3; an interval needs 6.",
  { min: 1, max: 1000 },
  { change: "recreate" },
).optional();

/** A field of what takes its samples by a schedule. */
export const toldPercentile = z.enum(PERCENTILES).optional().meta({
  description:
    "The rarest percentile that the record has to tell. It takes 10 / (1 - p) samples, 1000 for 99: a schedule with fewer is refused, and a record that came to fewer is not valid. Any number tells 50. Default 99.",
  change: "recreate",
});

/** A field of every benchmark of CPUs. */
export const besideLoad = CoLoad.optional().meta({
  description:
    "Load beside the measurement: started and seen in /proc/stat before it, stopped after it, and gone by itself where the engine is lost. How busy it kept its CPUs is in the record; " +
    "a record whose load was not there is not valid. Default none.",
  change: "recreate",
});

/** A field of every measurement. */
export const declaredFirmware = FirmwareIntent.optional().meta({
  description:
    "How the firmware of the machine is declared to be set up, item by item. The record holds it with what the machine shows of it; one that it contradicts makes the record invalid. Default: " +
    "nothing is declared.",
  change: "recreate",
});

export const cyclictest = defineResource({
  token: "nfvlab:bench:Cyclictest",
  description:
    "Timer wake-up latency by cyclictest (rt-tests): the time from when a thread asked to be woken to when it ran. Runs once, and again when an input or a trigger changes; " +
    "never on an unchanged `up`. Runs as a transient unit with a time limit, so a lost connection leaves nothing behind. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the run, part of its unit's name.", { change: "recreate" }),
    subject: BenchmarkSubject.meta({ description: "What is measured.", change: "recreate" }),
    interval: duration("Time between two wake-ups, whole µs. Default 1ms.", {
      change: "recreate",
    }).optional(),
    duration: duration("Length of one repetition, whole seconds. Default 10s.", {
      change: "recreate",
    }).optional(),
    priority: wholeNumber(
      "SCHED_FIFO priority of the measuring threads. Default 95.",
      { min: 1, max: 99 },
      { change: "recreate" },
    ).optional(),
    histogramMax: duration("Latencies beyond this count as overflow, whole µs. Default 1s.", {
      change: "recreate",
    }).optional(),
    repetitions,
    percentile: toldPercentile,
    coLoad: besideLoad,
    firmware: declaredFirmware,
    triggers,
  }),
  outputs: z.object({ record: ResultRecord }),
});

export const roundTrip = defineResource({
  token: "nfvlab:bench:RoundTrip",
  description:
    "Round trip time of ICMP echoes sent on a fixed schedule from a guest. Runs once, and again when an input or a trigger changes. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the run.", { change: "recreate" }),
    domain: name("Guest that sends the echoes.", { change: "recreate" }),
    target: ipAddress("Address that answers.", { change: "recreate" }),
    count: wholeNumber(
      "Echoes of one repetition. Default 400.",
      { min: 10, max: 1_000_000 },
      { change: "recreate" },
    ).optional(),
    interval: duration("Time between two echoes, whole ms. Default 20ms.", { change: "recreate" }).optional(),
    payload: wholeNumber(
      "Bytes of payload. Default 18, which makes a frame of 64 bytes.",
      { max: 8972 },
      { change: "recreate" },
    ).optional(),
    repetitions,
    percentile: toldPercentile,
    firmware: declaredFirmware,
    triggers,
  }),
  outputs: z.object({
    record: ResultRecord,
    sent: z.number(),
    lost: z.number(),
  }),
});
