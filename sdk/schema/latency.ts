import { z } from "zod";
import { BenchmarkSubject, besideLoad, declaredFirmware, repetitions, toldPercentile } from "./benchmarks.ts";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { cpuList, duration, ipAddress, name, path, size, triggers, wholeNumber } from "./fields.ts";
import { ResultRecord } from "./record.ts";

const recreate = { change: "recreate" } as const;

const common = {
  host: hostReference,
  name: name("Name of the run, part of its unit's name.", recreate),
  repetitions,
  firmware: declaredFirmware,
  triggers,
};

const cpuBenchmark = {
  ...common,
  subject: BenchmarkSubject.meta({ description: "What is measured.", ...recreate }),
  coLoad: besideLoad,
};

const length = duration("Length of one repetition, whole seconds. Default 10s.", recreate).optional();

export const oslat = defineResource({
  token: "nfvlab:bench:Oslat",
  description:
    "How long a thread that only polls is kept from it, by oslat (rt-tests): no timer is involved, as in a poll-mode driver or a vCPU that runs one. Runs once, and again when an input or " +
    "a trigger changes; never on an unchanged `up`. Runs as a transient unit with a time limit. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    ...cpuBenchmark,
    duration: length,
    bucketWidth: duration(
      "Width of each of the 1024 buckets, whole ns; longer gaps count as overflow, and the longest is known all the same. A gap counts under the upper end of its bucket. Below 1us it needs " +
        "rt-tests 2.6. Default 1us.",
      recreate,
    ).optional(),
    priority: wholeNumber(
      "SCHED_FIFO priority of the polling threads. Refused where real-time throttling is on, which would take the CPU away from them. Default: none, as poll-mode threads run.",
      { min: 1, max: 99 },
      recreate,
    ).optional(),
    workload: z
      .strictObject({
        kind: z.literal("memmove"),
        memory: size("Memory of each thread that is moved, twice: from and to. Default 16KiB.").optional(),
      })
      .optional()
      .meta({ description: "What each turn of the loop does beside. Default: nothing.", ...recreate }),
  }),
  outputs: z.object({ record: ResultRecord }),
});

export const hwlatdetect = defineResource({
  token: "nfvlab:bench:Hwlatdetect",
  description:
    "Gaps that the hardware makes, by hwlatdetect (rt-tests): a kernel thread polls the clock with interrupts off, so what takes time from it is firmware (SMIs), or a hypervisor below. " +
    "Needs a kernel with the tracer hwlat, which nobody else traces with. Run it on an idle host: it keeps interrupts off for `width` of each `window`. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    ...common,
    cpus: cpuList("CPUs that the thread goes round, a window on each.", recreate),
    duration: length,
    threshold: duration("Gaps up to this are not told, whole µs. Default 10us.", recreate).optional(),
    window: duration("Time from one sample to the next, whole µs. Default 1s.", recreate).optional(),
    width: duration("Time of each window that is measured, whole µs. Default 500ms.", recreate).optional(),
  }),
  outputs: z.object({ record: ResultRecord }),
});

export const rtla = defineResource({
  token: "nfvlab:bench:Rtla",
  description:
    "What the kernel's own tracers see, as histograms by rtla: `timerlat` tells how late a timer's interrupt came and how late its thread ran, `osnoise` how long each thing took that got into " +
    "the way of a thread which only runs. Needs a kernel with that tracer, and rtla. Runs once, and again when an input or a trigger changes. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    ...cpuBenchmark,
    duration: length,
    tracer: z
      .discriminatedUnion("kind", [
        z.strictObject({
          kind: z.literal("timerlat"),
          interval: duration("Time between two timers, whole µs. Default 1ms.").optional(),
          threads: z.enum(["kernel", "user"]).optional().meta({
            description: "Whose threads the timers wake up; user ones need rtla 6.6. Default kernel.",
          }),
          priority: wholeNumber("SCHED_FIFO priority of the threads. Default 95.", {
            min: 1,
            max: 99,
          }).optional(),
        }),
        z.strictObject({
          kind: z.literal("osnoise"),
          period: duration("Time from one run of the thread to the next, whole µs. Default 1s.").optional(),
          runtime: duration(
            "Time of each period that the thread runs, whole µs, at most the period. Default 900ms.",
          ).optional(),
          threshold: duration("Least time that counts as noise, whole µs. Default 1us.").optional(),
          priority: wholeNumber("SCHED_FIFO priority of the threads. Default: none.", {
            min: 1,
            max: 99,
          }).optional(),
        }),
      ])
      .meta({ description: "The tracer, and how its threads run.", ...recreate }),
    percentile: toldPercentile.meta({
      description:
        "Of timerlat: the rarest percentile that the record has to tell, with 10 / (1 - p) samples, 1000 for 99: a schedule with fewer is refused, and a record that came to fewer is not valid. Default 99. osnoise finds what there is.",
      ...recreate,
    }),
    histogramMax: duration(
      "Times beyond this count as overflow, whole µs. Default 100ms.",
      recreate,
    ).optional(),
  }),
  outputs: z.object({ record: ResultRecord }),
});

export const exitRate = defineResource({
  token: "nfvlab:bench:ExitRate",
  description:
    "VM exits a second of a guest in its steady state, each vCPU by itself, in all and by reason, as KVM counts them (`virsh domstats --vcpu`). A guest that only polls should have next to none. " +
    "Changes nothing. Needs QEMU 7.1 and libvirt 8.10. Runs once, and again when an input or a trigger changes. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    ...common,
    domain: name("Name of the libvirt domain, which runs.", recreate),
    vcpus: cpuList("vCPUs that are looked at. Default: all of the guest.", recreate).optional(),
    settle: duration("Time before the first look, whole seconds. Default 5s.", recreate).optional(),
    duration: duration(
      "Length of one repetition, whole seconds: a sample of each vCPU each second. Default 30s.",
      recreate,
    ).optional(),
  }),
  outputs: z.object({ record: ResultRecord }),
});

export const exitCost = defineResource({
  token: "nfvlab:bench:ExitCost",
  description:
    "What it costs to leave a guest and come back, timed inside a guest of its own with two vCPUs and nothing else: a null hypercall, CPUID, an exit to QEMU, a notification of the other vCPU that " +
    "runs or sleeps, a round trip through memory that both poll, and VMFUNC where there is one; beside them a system call of the host. QEMU runs it on KVM, each vCPU on a CPU of its own, and ends " +
    "with it. Runs once, and again when an input or a trigger changes. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    ...common,
    cpus: cpuList(
      "Two CPUs of the machine: the first for the vCPU that times, the second for the other one.",
      recreate,
    ),
    program: path("What runs as the guest: `path` of an nfvlab:traffic:Tool with program `exits`.", recreate),
    samples: wholeNumber(
      "How often each operation is timed in one repetition; a vCPU that sleeps is notified a tenth as often. Default 100000.",
      { min: 100, max: 10_000_000 },
      recreate,
    ).optional(),
    limit: duration(
      "How long the guest of one repetition may take, whole seconds; then its QEMU is ended, and the run fails. Default 2min.",
      recreate,
    ).optional(),
    coLoad: besideLoad,
  }),
  outputs: z.object({ record: ResultRecord }),
});

export const bootTime = defineResource({
  token: "nfvlab:bench:BootTime",
  description:
    "How long a guest, or a container, takes from its start to its first answer, and the memory that it takes by then. Shuts it down and starts it again for each repetition, and leaves it running; what " +
    "a guest does not take gracefully is not forced: the run fails, and the guest runs on. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    ...common,
    repetitions: wholeNumber(
      "How often it is started. Default 3; an interval needs 6.",
      { min: 1, max: 100 },
      recreate,
    ).optional(),
    domain: name("Name of the libvirt domain, which runs.", recreate).optional(),
    container: name("In its place: name of a container, which runs.", recreate).optional(),
    answer: z
      .discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("agent") }),
        z.strictObject({
          kind: z.literal("ping"),
          address: ipAddress("Address of it that the host reaches."),
        }),
      ])
      .optional()
      .meta({
        description:
          "What counts as its first answer: of its agent, or of its network to an echo. A container has no agent: a command that runs inside stands for it. Default the agent's.",
        ...recreate,
      }),
    shutdownTimeout: duration(
      "How long it may take to shut down, whole seconds. Default 60s.",
      recreate,
    ).optional(),
    bootTimeout: duration(
      "How long it may take to its first answer, whole seconds. Default 300s.",
      recreate,
    ).optional(),
  }),
  outputs: z.object({ record: ResultRecord }),
});
