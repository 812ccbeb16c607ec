import * as pulumi from "@pulumi/pulumi";
import {
  BackToBack,
  CriticalLoad,
  FlowSetup,
  FrameLoss,
  Soak,
  SystemRecovery,
  Throughput,
} from "../sdk/resources/bench.ts";
import type { ArgsOf } from "../sdk/resources/lab-resource.ts";
import type { Tool } from "../sdk/resources/traffic.ts";
import type { ResultRecord } from "../sdk/schema/record.ts";
import type {
  backToBack,
  criticalLoad,
  FoundCriticalLoad,
  FoundThroughput,
  flowSetup,
  frameLoss,
  soak,
  systemRecovery,
  ThroughputGoal,
  throughput,
} from "../sdk/schema/throughput.ts";
import type { PacketPath } from "../sdk/units/packet-path.ts";
import { type BenchmarkResults, type Measured, measured } from "./benchmarks.ts";
import { LabComponent } from "./lab-component.ts";
import {
  type GeneratorArgs,
  generatorOf,
  type OverPathArgs,
  overPath,
  programOf,
} from "./traffic-generator.ts";

/** What every measurement by trials takes. */
interface TrialArgs
  extends Pick<
      ArgsOf<typeof throughput>,
      "directions" | "flows" | "addresses" | "settle" | "frames" | "lineRate" | "maxLoad" | "coLoad"
    >,
    OverPathArgs {
  /** What sends and counts. */
  readonly generator: GeneratorArgs;
  /** Network functions that frames pass, where `over` does not wait for them by itself. */
  readonly through?: readonly pulumi.Resource[];
}

interface TrialMeasured extends Measured {
  readonly path: PacketPath | undefined;
}

interface ThroughputMeasured extends TrialMeasured {
  readonly byFrame: pulumi.Output<Readonly<Record<string, Readonly<Record<string, FoundThroughput>>>>>;
}

export interface ThroughputBenchmarkArgs
  extends TrialArgs,
    Pick<ArgsOf<typeof throughput>, "method" | "minLoad" | "warmUp" | "atMost" | "latency" | "repetitions"> {
  /** What is looked for, in place of `goals` where it is one: named `ndr` where it loses nothing, else `pdr`. */
  readonly goal?: ThroughputGoal;
  /** Several goals by name, the first one most wanted. Default: `ndr`, which loses nothing. */
  readonly goals?: Readonly<Record<string, ThroughputGoal>>;
}

/**
 * Throughput of a path for each frame size and goal, and latency at shares of it. Before anything is searched the generator has to carry the highest load by itself; where it does not, the
 * record is invalid.
 *
 * @property frames bytes with the checksum, or `"imix"`; by default the seven sizes of RFC 2544
 * @property goal `{ loss: 0 }`; `goals` where there are several, which MLRsearch looks for at once
 * @property method `"mlrsearch"` (default) or `"rfc2544"`
 * @property byFrame by frame size and goal: throughput with its bounds, in frames per second and direction
 * @throws InputError `component-inputs` where an end has no port to open, or the generator no CPU
 * @see RFC 2544, section 26.1, and https://datatracker.ietf.org/doc/draft-ietf-bmwg-mlrsearch/
 * @example
 * const ndr = new ThroughputBenchmark("ndr", {
 *   generator: { on: dut, tool, cpus: "4-5" }, frames: [64, 1518, "imix"], goal: { loss: 0 }, rerunOn: [dut.bootId],
 *   over: { from: switchedEnd("generator", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1"), ready: [bridge.bridge] },
 * });
 * export const throughputPps = ndr.byFrame.apply((byFrame) => byFrame["64"]?.["ndr"]?.throughputPps);
 */
export class ThroughputBenchmark extends LabComponent<ThroughputMeasured> {
  /** The whole record: trials, histograms, fingerprint, command. */
  declare readonly record: Measured["record"];
  declare readonly results: pulumi.Output<BenchmarkResults>;
  /** By frame size and goal, in frames per second and direction; of several repetitions the least. */
  declare readonly byFrame: ThroughputMeasured["byFrame"];
  /** What frames went through, where the path says so, as a chain does. */
  declare readonly path: PacketPath | undefined;

  constructor(name: string, args: ThroughputBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { goal, goals = goal && { [goal.loss === 0 ? "ndr" : "pdr"]: goal }, ...rest } = args;
    const { inputs, dependsOn, lifetime, path } = trialInputs("ThroughputBenchmark", name, rest);
    super("ThroughputBenchmark", name, { ...lifetime, ...options }, (scope) => {
      const run = scope.child(
        Throughput,
        "run",
        { ...inputs, ...(goals !== undefined && { goals }) },
        { dependsOn },
      );
      return { ...measuredOf(run.record), byFrame: run.byFrame, path };
    });
  }
}

export interface FrameLossBenchmarkArgs extends TrialArgs, Pick<ArgsOf<typeof frameLoss>, "step" | "trial"> {}

/**
 * Loss by load for each frame size, from the highest load down until two loads in a row lose nothing, and the maximum forwarding rate.
 *
 * @throws InputError `component-inputs` where an end has no port to open, or the generator no CPU
 * @see RFC 2544, section 26.3, and RFC 2889, section 5.6
 * @example
 * new FrameLossBenchmark("loss", {
 *   generator: { on: dut, tool, cpus: "4-5" }, frames: [64], step: 0.05,
 *   over: { from: switchedEnd("generator", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1"), ready: [bridge.bridge] },
 * });
 */
export class FrameLossBenchmark extends LabComponent<TrialMeasured> {
  /** The whole record: trials, fingerprint, command. */
  declare readonly record: Measured["record"];
  declare readonly results: pulumi.Output<BenchmarkResults>;
  /** What frames went through, where the path says so, as a chain does. */
  declare readonly path: PacketPath | undefined;

  constructor(name: string, args: FrameLossBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { inputs, dependsOn, lifetime, path } = trialInputs("FrameLossBenchmark", name, args);
    super("FrameLossBenchmark", name, { ...lifetime, ...options }, (scope) => {
      const run = scope.child(FrameLoss, "run", inputs, { dependsOn });
      return { ...measuredOf(run.record), path };
    });
  }
}

/** A throughput that was measured before: the benchmark, or frames per second and direction by frame size. */
type KnownThroughput = ThroughputBenchmark | Readonly<Record<string, number>>;

export interface BackToBackBenchmarkArgs
  extends TrialArgs,
    Pick<ArgsOf<typeof backToBack>, "longest" | "within" | "bursts"> {
  /** Throughput over the same path: the benchmark, whose first goal counts, or frames per second and direction by frame size. */
  readonly throughput: KnownThroughput;
}

/**
 * The longest burst at the highest load that loses nothing, for each frame size, and the buffer that it tells of.
 *
 * @throws InputError `component-inputs` where an end has no port to open, or the generator no CPU
 * @see RFC 2544, section 26.4, and RFC 9004
 * @example
 * new BackToBackBenchmark("bursts", {
 *   generator: { on: dut, tool, cpus: "4-5" }, frames: [64], throughput: { 64: 4_000_000 },
 *   over: { from: switchedEnd("generator", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1"), ready: [bridge.bridge] },
 * });
 */
export class BackToBackBenchmark extends LabComponent<TrialMeasured> {
  /** The whole record: trials, fingerprint, command. */
  declare readonly record: Measured["record"];
  declare readonly results: pulumi.Output<BenchmarkResults>;
  /** What frames went through, where the path says so, as a chain does. */
  declare readonly path: PacketPath | undefined;

  constructor(name: string, args: BackToBackBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { throughput: known, ...rest } = args;
    const { inputs, dependsOn, lifetime, path } = trialInputs("BackToBackBenchmark", name, rest);
    super("BackToBackBenchmark", name, { ...lifetime, ...options }, (scope) => {
      const run = scope.child(BackToBack, "run", { ...inputs, throughput: knownOf(known) }, { dependsOn });
      return { ...measuredOf(run.record), path };
    });
  }
}

export interface SoakBenchmarkArgs extends TrialArgs, Pick<ArgsOf<typeof soak>, "percent" | "duration"> {
  /** Throughput over the same path: the benchmark, whose first goal counts, or frames per second and direction by frame size. */
  readonly throughput: KnownThroughput;
}

/**
 * A load below the throughput for a long time, for each frame size: loss, latency, and whether what arrives stays as it was.
 *
 * @throws InputError `component-inputs` where an end has no port to open, or the generator no CPU
 * @example
 * new SoakBenchmark("soak", {
 *   generator: { on: dut, tool, cpus: "4-5" }, frames: [64], throughput: { 64: 4_000_000 }, percent: 80, duration: "12h",
 *   over: { from: switchedEnd("generator", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1"), ready: [bridge.bridge] },
 * });
 */
export class SoakBenchmark extends LabComponent<TrialMeasured> {
  /** The whole record: trials, histograms, fingerprint, command. */
  declare readonly record: Measured["record"];
  declare readonly results: pulumi.Output<BenchmarkResults>;
  /** What frames went through, where the path says so, as a chain does. */
  declare readonly path: PacketPath | undefined;

  constructor(name: string, args: SoakBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { throughput: known, ...rest } = args;
    const { inputs, dependsOn, lifetime, path } = trialInputs("SoakBenchmark", name, rest);
    super("SoakBenchmark", name, { ...lifetime, ...options }, (scope) => {
      const run = scope.child(Soak, "run", { ...inputs, throughput: knownOf(known) }, { dependsOn });
      return { ...measuredOf(run.record), path };
    });
  }
}

export interface SystemRecoveryBenchmarkArgs
  extends TrialArgs,
    Pick<ArgsOf<typeof systemRecovery>, "percent" | "overload" | "relief" | "repetitions"> {
  /** Throughput over the same path: the benchmark, whose first goal counts, or frames per second and direction by frame size. */
  readonly throughput: KnownThroughput;
}

/**
 * How long a path goes on losing frames once an overload is over, for each frame size: the rate falls to half within one trial. Of the traffic program alone.
 *
 * @property percent the overload, 110 percent of the throughput by default
 * @property overload how long it is sent, 60 s by default; what is shorter is marked in the record
 * @throws InputError `component-inputs` where an end has no port to open, or the generator no CPU
 * @see RFC 2544, section 26.5
 * @example
 * new SystemRecoveryBenchmark("recovery", {
 *   generator: { on: dut, tool, cpus: "4-5" }, frames: [64], throughput: { 64: 4_000_000 }, repetitions: 6,
 *   over: { from: switchedEnd("generator", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1"), ready: [bridge.bridge] },
 * });
 */
export class SystemRecoveryBenchmark extends LabComponent<TrialMeasured> {
  /** The whole record: trials, fingerprint, command. */
  declare readonly record: Measured["record"];
  declare readonly results: pulumi.Output<BenchmarkResults>;
  /** What frames went through, where the path says so, as a chain does. */
  declare readonly path: PacketPath | undefined;

  constructor(
    name: string,
    args: SystemRecoveryBenchmarkArgs,
    options: pulumi.ComponentResourceOptions = {},
  ) {
    const { throughput: known, ...rest } = args;
    const { inputs, dependsOn, lifetime, path } = trialInputs("SystemRecoveryBenchmark", name, rest);
    super("SystemRecoveryBenchmark", name, { ...lifetime, ...options }, (scope) => {
      const run = scope.child(
        SystemRecovery,
        "run",
        { ...inputs, throughput: knownOf(known) },
        { dependsOn },
      );
      return { ...measuredOf(run.record), path };
    });
  }
}

export interface FlowSetupBenchmarkArgs
  extends Omit<TrialArgs, "flows" | "lineRate" | "maxLoad">,
    Pick<ArgsOf<typeof flowSetup>, "flows" | "rate" | "idle" | "later" | "repetitions" | "percentile"> {
  /** What sends and counts. */
  readonly generator: GeneratorArgs & {
    /** The program: neither TRex nor testpmd stamps each frame. */
    readonly tool: Tool;
  };
}

/**
 * Latency of each flow's first frame, which a switch has no entry for, beside that of those that follow, for each frame size. Of the traffic program alone.
 *
 * @property flows by source port, 500 by default: a switch whose OpenFlow flows do not match it has one entry for all, and then one is a first one
 * @property rate frames per second and direction, 100 by default: slow enough that none waits for another's upcall
 * @property idle how long nothing is sent before, 15s by default: longer than the switch's `max-idle`
 * @throws InputError `component-inputs` where an end has no port to open, or the generator no CPU
 * @see RFC 8204, PacketLatency.InitialPacketProcessingLatency
 * @example
 * new FlowSetupBenchmark("setup", {
 *   generator: { on: dut, tool, cpus: "4-5" }, frames: [64], flows: 500, repetitions: 6,
 *   over: { from: switchedEnd("generator", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1"), ready: [bridge.bridge] },
 * });
 */
export class FlowSetupBenchmark extends LabComponent<TrialMeasured> {
  /** The whole record: trials, histograms, fingerprint, command. */
  declare readonly record: Measured["record"];
  declare readonly results: pulumi.Output<BenchmarkResults>;
  /** What frames went through, where the path says so, as a chain does. */
  declare readonly path: PacketPath | undefined;

  constructor(name: string, args: FlowSetupBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { inputs, dependsOn, lifetime, path } = trialInputs("FlowSetupBenchmark", name, args);
    super("FlowSetupBenchmark", name, { ...lifetime, ...options }, (scope) => {
      const generator = programOf(args.generator);
      const run = scope.child(FlowSetup, "run", { ...inputs, generator }, { dependsOn });
      return { ...measuredOf(run.record), path };
    });
  }
}

interface CriticalLoadMeasured extends TrialMeasured {
  readonly byFrame: pulumi.Output<Readonly<Record<string, FoundCriticalLoad>>>;
}

export interface CriticalLoadBenchmarkArgs
  extends TrialArgs,
    Pick<ArgsOf<typeof criticalLoad>, "loss" | "minLoad" | "firstTrial" | "longer" | "duration"> {}

/**
 * The load that a path carries for a very long time with a wanted share of loss, for each frame size, and how well that is known (PLRsearch).
 *
 * @property loss share of the frames that it loses on average, 1e-7 by default
 * @property duration how long trials of each frame size send together, 30 minutes by default
 * @property byFrame by frame size: average and standard deviation, in frames per second and direction
 * @throws InputError `component-inputs` where an end has no port to open, or the generator no CPU
 * @see https://datatracker.ietf.org/doc/draft-vpolak-bmwg-plrsearch/
 * @example
 * const critical = new CriticalLoadBenchmark("critical", {
 *   generator: { on: dut, tool, cpus: "4-5" }, frames: [64], loss: 1e-7, duration: "2h",
 *   over: { from: switchedEnd("generator", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1"), ready: [bridge.bridge] },
 * });
 * export const pps = critical.byFrame.apply((byFrame) => byFrame["64"]?.averagePps);
 */
export class CriticalLoadBenchmark extends LabComponent<CriticalLoadMeasured> {
  /** The whole record: trials, fingerprint, command. */
  declare readonly record: Measured["record"];
  declare readonly results: pulumi.Output<BenchmarkResults>;
  /** By frame size. */
  declare readonly byFrame: CriticalLoadMeasured["byFrame"];
  /** What frames went through, where the path says so, as a chain does. */
  declare readonly path: PacketPath | undefined;

  constructor(name: string, args: CriticalLoadBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { inputs, dependsOn, lifetime, path } = trialInputs("CriticalLoadBenchmark", name, args);
    super("CriticalLoadBenchmark", name, { ...lifetime, ...options }, (scope) => {
      const run = scope.child(CriticalLoad, "run", inputs, { dependsOn });
      return { ...measuredOf(run.record), byFrame: run.byFrame, path };
    });
  }
}

/** The inputs of a resource that measures by trials, and what it waits for. */
function trialInputs<A extends TrialArgs>(type: string, name: string, args: A) {
  const { generator, over, systemUnderTest, through = [], after = [], rerunOn, ...rest } = args;
  const path = { over, systemUnderTest, after: [...through, ...after], rerunOn };
  const { inputs, dependsOn } = overPath(type, name, generator, path, "generator.cpus");
  return {
    inputs: { ...rest, ...inputs, generator: generatorOf(generator) },
    dependsOn,
    lifetime: generator.on.lifetime(),
    path: over.path,
  };
}

/** The record of a run that came to its end; one that did not has no outputs that anybody reads. */
function measuredOf(record: pulumi.Output<ResultRecord | null>): Measured {
  return measured(record as pulumi.Output<ResultRecord>);
}

function knownOf(known: KnownThroughput): pulumi.Output<Record<string, number>> {
  if (!pulumi.Resource.isInstance(known)) return pulumi.output({ ...known });
  return (known as ThroughputBenchmark).byFrame.apply((byFrame) =>
    Object.fromEntries(
      Object.entries(byFrame).flatMap(([frame, goals]) => {
        const pps = Object.values(goals)[0]?.throughputPps;
        return typeof pps === "number" && pps >= 1 ? [[frame, Math.floor(pps)] as const] : [];
      }),
    ),
  );
}
