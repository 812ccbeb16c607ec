import type * as pulumi from "@pulumi/pulumi";
import { Traffic } from "../sdk/resources/bench.ts";
import type { ArgsOf } from "../sdk/resources/lab-resource.ts";
import type { TrafficFrames, traffic } from "../sdk/schema/traffic.ts";
import type { PacketPath } from "../sdk/units/packet-path.ts";
import { type BenchmarkResults, declaredOf, type Measured, measured } from "./benchmarks.ts";
import { LabComponent } from "./lab-component.ts";
import {
  checkedPorts,
  forwardingOn,
  type GeneratorArgs,
  generatorOf,
  type TrafficPath,
} from "./traffic-generator.ts";
import type { TunedHost } from "./tuned-host.ts";

export interface TrafficBenchmarkArgs
  extends Pick<
      ArgsOf<typeof traffic>,
      | "directions"
      | "rate"
      | "frameSize"
      | "duration"
      | "count"
      | "flows"
      | "addresses"
      | "settle"
      | "repetitions"
    >,
    Omit<GeneratorArgs, "tool"> {
  /**
   * Its traffic program; or TRex, where that is installed; or the kernel's packet generator, between interfaces of the kernel, which is paced and stamps nothing; or DPDK's testpmd, with
   * `rate: "unpaced"`, which sends as fast as the port takes frames and stamps nothing.
   */
  readonly tool: GeneratorArgs["tool"] | "pktgen";
  /** A chain, or two ends. */
  readonly over: TrafficPath;
  /** The machine that forwards, where it is not the generator's: what its switch dropped is in the record. */
  readonly systemUnderTest?: TunedHost;
  /** Waits for these before it measures. */
  readonly after?: readonly pulumi.Resource[];
  /** Measures again when one of these changes; the host's bootId always counts. */
  readonly rerunOn?: readonly pulumi.Input<unknown>[];
}

interface Counted extends Measured {
  readonly frames: pulumi.Output<{ forward: TrafficFrames; reverse: TrafficFrames | null }>;
  readonly path: PacketPath | undefined;
}

/**
 * Frames at a fixed rate from one end of a path to the other: loss, duplicates, reordering, throughput, one-way latency and its variation (RFC 5481). A generator that can't keep the rate makes the
 * record invalid, not the path slow.
 *
 * @property over a chain, or `{ from, to }`
 * @property rate frames per second and direction; `count` of them, or for `duration`; of testpmd `"unpaced"`
 * @throws InputError `component-inputs` where an end has no port to open, or the generator no CPU
 * @example
 * const run = new TrafficBenchmark("p2p", {
 *   on: dut, tool, cpus: "4-5", rate: 100_000, duration: "10s",
 *   over: { from: switchedEnd("generator", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1"), ready: [bridge.bridge] },
 * });
 * export const lost = run.frames.apply(({ forward }) => forward.lost);
 * @example
 * new TrafficBenchmark("flood", {
 *   on: dut, tool: "testpmd", cpus: "4-6", rate: "unpaced", duration: "10s",
 *   over: { from: switchedEnd("source", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1"), ready: [bridge.bridge] },
 * });
 */
export class TrafficBenchmark extends LabComponent<Counted> {
  /** The whole record: histogram, fingerprint, command. */
  declare readonly record: Measured["record"];
  declare readonly results: pulumi.Output<BenchmarkResults>;
  /** Frames by direction. */
  declare readonly frames: Counted["frames"];
  /** What they went through, where the path says so, as a chain does. */
  declare readonly path: PacketPath | undefined;

  constructor(name: string, args: TrafficBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const {
      on,
      tool,
      over,
      cpus,
      memory,
      hugepages,
      idle,
      stampedRate,
      systemUnderTest,
      after = [],
      rerunOn = [],
      ...rest
    } = args;
    const forwarding = forwardingOn(systemUnderTest);
    const [from, to] = checkedPorts("TrafficBenchmark", name, args, over);
    super("TrafficBenchmark", name, { ...on.lifetime(), ...options }, (scope) => {
      const run = scope.child(
        Traffic,
        "run",
        {
          ...rest,
          host: on.reference,
          ...declaredOf(on),
          name,
          generator:
            tool === "pktgen"
              ? { kind: "pktgen" as const, cpus }
              : generatorOf({ tool, cpus, memory, hugepages, idle, stampedRate }),
          from,
          ...(to !== undefined && { to }),
          ...forwarding.inputs,
          triggers: [on.bootId, ...forwarding.triggers, ...rerunOn],
        },
        { dependsOn: [...on.preparation, ...forwarding.preparation, ...(over.ready ?? []), ...after] },
      );
      return { ...measured(run.record), frames: run.frames, path: over.path };
    });
  }
}
