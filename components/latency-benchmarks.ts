import type * as pulumi from "@pulumi/pulumi";
import { BootTime, ExitCost, ExitRate, Hwlatdetect, Oslat, Rtla } from "../sdk/resources/bench.ts";
import type { ArgsOf } from "../sdk/resources/lab-resource.ts";
import type { Tool } from "../sdk/resources/traffic.ts";
import type { bootTime, oslat, rtla } from "../sdk/schema/latency.ts";
import type { ResultRecord } from "../sdk/schema/record.ts";
import { type CpuList, CpuSet } from "../sdk/units/cpuset.ts";
import type { Duration } from "../sdk/units/duration.ts";
import {
  type BenchmarkResults,
  type CpuBenchmarkArgs,
  cpuRun,
  declaredOf,
  type Measured,
  measured,
} from "./benchmarks.ts";
import type { ContainerVnf } from "./container-vnf.ts";
import { given } from "./given.ts";
import type { GuestVnf } from "./guest-vnf.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent } from "./lab-component.ts";
import type { TunedHost } from "./tuned-host.ts";

type OslatArgs = ArgsOf<typeof oslat>;
type RtlaArgs = ArgsOf<typeof rtla>;

export interface OslatBenchmarkArgs extends CpuBenchmarkArgs {
  /** Width of each of the 1024 buckets, whole ns. Below 1us it needs rt-tests 2.6. Default 1us. */
  readonly bucketWidth?: Duration;
  /** SCHED_FIFO priority of the polling threads, 1 to 99. Default: none, as poll-mode threads run. */
  readonly priority?: number;
  /** What each turn of the loop does beside: `{ kind: "memmove", memory: "16KiB" }`. Default: nothing. */
  readonly workload?: NonNullable<OslatArgs["workload"]>;
}

/**
 * Gaps of a polling thread on isolated CPUs, on the host or inside a guest: what a poll-mode driver there loses.
 *
 * @example
 * const polling = new OslatBenchmark("host-polling", { on: dut, duration: "10min" });
 * export const longestNs = polling.results.apply(({ metrics }) => metrics["host.polling.gap"]?.max);
 */
export class OslatBenchmark extends LabComponent<Measured> {
  /** The whole record: histogram, fingerprint, command. */
  declare readonly record: pulumi.Output<ResultRecord>;
  declare readonly results: pulumi.Output<BenchmarkResults>;

  constructor(name: string, args: OslatBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { host, inputs, dependsOn } = cpuRun("OslatBenchmark", name, args);
    const { bucketWidth, priority, workload } = args;
    super("OslatBenchmark", name, { ...host.lifetime(), ...options }, (scope) => {
      const own = given({ bucketWidth, priority, workload });
      return measured(scope.child(Oslat, "run", { ...inputs, ...own }, { dependsOn }).record);
    });
  }
}

export interface RtlaBenchmarkArgs extends CpuBenchmarkArgs {
  /** `{ kind: "timerlat", interval, threads, priority }` or `{ kind: "osnoise", period, runtime, threshold, priority }`. */
  readonly tracer: RtlaArgs["tracer"];
  /** Times beyond this count as overflow, whole µs. Default 100ms. */
  readonly histogramMax?: Duration;
  /** Of timerlat: the rarest percentile that the record has to tell. Default 99, which takes 1000 samples of all CPUs and repetitions: a run with fewer is refused, and a record that came to fewer is not valid. */
  readonly percentile?: RtlaArgs["percentile"];
}

/**
 * What the kernel's own tracers see of isolated CPUs, on the host or inside a guest. Needs a kernel that has them, as Debian's real-time kernel does.
 *
 * @example
 * const noise = new RtlaBenchmark("host-noise", { on: dut, tracer: { kind: "osnoise", threshold: "1us" } });
 */
export class RtlaBenchmark extends LabComponent<Measured> {
  /** The whole record: histogram, fingerprint, command. */
  declare readonly record: pulumi.Output<ResultRecord>;
  declare readonly results: pulumi.Output<BenchmarkResults>;

  constructor(name: string, args: RtlaBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { host, inputs, dependsOn } = cpuRun("RtlaBenchmark", name, args);
    const { tracer, histogramMax, percentile } = args;
    super("RtlaBenchmark", name, { ...host.lifetime(), ...options }, (scope) => {
      const own = { tracer, ...given({ histogramMax, percentile }) };
      return measured(scope.child(Rtla, "run", { ...inputs, ...own }, { dependsOn }).record);
    });
  }
}

export interface HwlatdetectBenchmarkArgs extends Omit<CpuBenchmarkArgs, "on" | "coLoad"> {
  /** The host whose hardware is looked at. */
  readonly on: TunedHost;
  /** Gaps up to this are not told, whole µs. Default 10us. */
  readonly threshold?: Duration;
  /** Time from one sample to the next, whole µs. Default 1s. */
  readonly window?: Duration;
  /** Time of each window that interrupts are off for, whole µs. Default 500ms. */
  readonly width?: Duration;
}

/**
 * Gaps that firmware or a hypervisor below a host makes, on its isolated CPUs. The first thing to measure: no tuning mends them.
 *
 * @example
 * const hardware = new HwlatdetectBenchmark("hardware", { on: dut, duration: "10min", threshold: "1us" });
 * const polling = new OslatBenchmark("polling", { on: dut, after: [hardware] });
 */
export class HwlatdetectBenchmark extends LabComponent<Measured> {
  /** The whole record: histogram, fingerprint, command. */
  declare readonly record: pulumi.Output<ResultRecord>;
  declare readonly results: pulumi.Output<BenchmarkResults>;

  constructor(name: string, args: HwlatdetectBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { host, inputs, dependsOn } = cpuRun("HwlatdetectBenchmark", name, args);
    const { threshold, window, width } = args;
    super("HwlatdetectBenchmark", name, { ...host.lifetime(), ...options }, (scope) => {
      const { subject, ...common } = inputs;
      const own = { cpus: subject.cpus, ...given({ threshold, window, width }) };
      return measured(scope.child(Hwlatdetect, "run", { ...common, ...own }, { dependsOn }).record);
    });
  }
}

/** What benchmarks of a guest as a whole take. */
interface GuestBenchmarkArgs {
  /** The guest, of any kind. */
  readonly of: GuestVnf;
  /** 1 to 1000, default 3; a confidence interval needs 6. */
  readonly repetitions?: number;
  /** Waits for these before it measures. */
  readonly after?: readonly pulumi.Resource[];
  /** Measures again when one of these changes; the host's bootId always counts. */
  readonly rerunOn?: readonly pulumi.Input<unknown>[];
}

export interface ExitRateBenchmarkArgs extends GuestBenchmarkArgs {
  /** vCPUs that are looked at, for instance those in real time. Default: all. */
  readonly vcpus?: CpuList;
  /** Time before the first look, whole seconds. Default 5s. */
  readonly settle?: Duration;
  /** Length of one repetition, whole seconds: a sample of each vCPU each second. Default 30s. */
  readonly duration?: Duration;
}

/**
 * VM exits a second of a guest in its steady state.
 *
 * @example
 * const exits = new ExitRateBenchmark("vnf-exits", { of: vnf, vcpus: "0", duration: "1min" });
 */
export class ExitRateBenchmark extends LabComponent<Measured> {
  /** The whole record: rates of all exits and by reason, fingerprint. */
  declare readonly record: pulumi.Output<ResultRecord>;
  declare readonly results: pulumi.Output<BenchmarkResults>;

  constructor(name: string, args: ExitRateBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    checkVcpus(name, args);
    super("ExitRateBenchmark", name, { ...args.of.host.lifetime(), ...options }, (scope) => {
      const { vcpus, settle, duration, repetitions } = args;
      const { inputs, dependsOn } = guestRun(name, args);
      const own = given({ vcpus, settle, duration, repetitions });
      return measured(scope.child(ExitRate, "run", { ...inputs, ...own }, { dependsOn }).record);
    });
  }
}

export interface ExitCostBenchmarkArgs extends Omit<CpuBenchmarkArgs, "on" | "duration"> {
  /** The host whose KVM is measured. */
  readonly on: TunedHost;
  /** What runs as the guest: a `Tool` of the host with `program: "exits"`. */
  readonly program: Tool;
  /** Two CPUs of it, one for each vCPU. Default: the first two isolated ones. */
  readonly cpus?: CpuList;
  /** How often each operation is timed in one repetition, 100 to 10000000. Default 100000. */
  readonly samples?: number;
  /** How long the guest of one repetition may take, whole seconds. Default 2min. */
  readonly limit?: Duration;
}

/**
 * What it costs to leave a guest and come back on a host: hypercall, CPUID, an exit to QEMU, a notification of another vCPU, polling, and VMFUNC where there is one; beside them a system call of the host.
 *
 * @throws InputError `component-inputs` where these are not two CPUs
 * @example
 * const program = new Tool("exits", { host: dut.reference, name: "exits", program: "exits" });
 * const exits = new ExitCostBenchmark("exit-cost", { on: dut, program });
 * export const hypercallNs = exits.results.apply(({ metrics }) => metrics["guest.exit.hypercall"]?.percentiles["50"]);
 */
export class ExitCostBenchmark extends LabComponent<Measured> {
  /** The whole record: each operation in ns and in cycles, fingerprint. */
  declare readonly record: pulumi.Output<ResultRecord>;
  declare readonly results: pulumi.Output<BenchmarkResults>;

  constructor(name: string, args: ExitCostBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const cpus = args.cpus ?? firstTwo(args.on.cpus.isolated);
    const { host, inputs, dependsOn } = cpuRun("ExitCostBenchmark", name, { ...args, cpus });
    checkTwo(name, cpus);
    const { program, samples, limit } = args;
    super("ExitCostBenchmark", name, { ...host.lifetime(), ...options }, (scope) => {
      const { subject, ...common } = inputs;
      const own = {
        ...{ cpus: subject.cpus, program: program.path },
        ...(samples !== undefined && { samples }),
        ...(limit !== undefined && { limit }),
      };
      return measured(scope.child(ExitCost, "run", { ...common, ...own }, { dependsOn }).record);
    });
  }
}

function firstTwo(isolated: string): CpuList {
  return CpuSet.of([...CpuSet.parse(isolated)].slice(0, 2)).format() as CpuList;
}

function checkTwo(name: string, cpus: CpuList): void {
  const check = new InputCheck("ExitCostBenchmark", name);
  if (check.someCpus("cpus", cpus)?.size !== 2) {
    check.wrong({
      code: "exit-cpus",
      property: "cpus",
      problem: "the guest has two vCPUs, one that times and one that is notified",
      observed: cpus,
      expected: "two CPUs",
      hint: "name two cores of one node, not two threads of one core",
    });
  }
  check.done();
}

export interface BootTimeBenchmarkArgs extends Omit<GuestBenchmarkArgs, "of"> {
  /** The guest, of any kind, or the container. */
  readonly of: GuestVnf | ContainerVnf;
  /** What counts as its first answer: `{ kind: "agent" }`, the default, or `{ kind: "ping", address }`. */
  readonly answer?: NonNullable<ArgsOf<typeof bootTime>["answer"]>;
  /** How long it may take to shut down, whole seconds. Default 60s. */
  readonly shutdownTimeout?: Duration;
  /** How long it may take to its first answer, whole seconds. Default 300s. */
  readonly bootTimeout?: Duration;
}

/**
 * From the start of a guest or a container to its first answer, and the memory that it takes by then. It shuts it down for each repetition and leaves it running: what else is measured in it waits for this one.
 *
 * @example
 * const boot = new BootTimeBenchmark("vnf-boot", { of: vnf, repetitions: 10 });
 */
export class BootTimeBenchmark extends LabComponent<Measured> {
  /** The whole record: times to the answer and to the start, memory, fingerprint. */
  declare readonly record: pulumi.Output<ResultRecord>;
  declare readonly results: pulumi.Output<BenchmarkResults>;

  constructor(name: string, args: BootTimeBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    super("BootTimeBenchmark", name, { ...args.of.host.lifetime(), ...options }, (scope) => {
      const { answer, shutdownTimeout, bootTimeout, repetitions } = args;
      const { inputs, dependsOn } =
        "container" in args.of ? containerRun(name, args.of, args) : guestRun(name, { ...args, of: args.of });
      const own = given({ answer, shutdownTimeout, bootTimeout, repetitions });
      return measured(scope.child(BootTime, "run", { ...inputs, ...own }, { dependsOn }).record);
    });
  }
}

function guestRun(
  name: string,
  { of: { host, domain, domainName, bridges }, after, rerunOn }: GuestBenchmarkArgs,
) {
  return {
    inputs: {
      host: host.reference,
      name,
      domain: domainName,
      ...declaredOf(host),
      triggers: [host.bootId, ...(rerunOn ?? [])],
    },
    dependsOn: [...host.preparation, domain, ...bridges, ...(after ?? [])],
  };
}

function containerRun(
  name: string,
  { host, container, ready }: ContainerVnf,
  { after, rerunOn }: Omit<GuestBenchmarkArgs, "of">,
) {
  return {
    inputs: {
      ...{ host: host.reference, name, container: container.name, ...declaredOf(host) },
      triggers: [host.bootId, ...(rerunOn ?? [])],
    },
    dependsOn: [...host.preparation, ...ready, ...(after ?? [])],
  };
}

function checkVcpus(name: string, { of: guest, vcpus }: ExitRateBenchmarkArgs): void {
  if (vcpus === undefined) return;
  const check = new InputCheck("ExitRateBenchmark", name);
  const beyond = [...(check.someCpus("vcpus", vcpus) ?? [])].filter((vcpu) => vcpu >= guest.vcpuPins.length);
  if (beyond.length > 0) {
    check.wrong({
      code: "vcpu-unknown",
      property: "vcpus",
      problem: `guest ${guest.name} does not have all of these vCPUs`,
      observed: vcpus,
      expected: `vCPUs among 0-${guest.vcpuPins.length - 1}`,
    });
  }
  check.done();
}
