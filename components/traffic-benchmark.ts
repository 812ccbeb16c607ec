import type * as pulumi from "@pulumi/pulumi";
import { Traffic } from "../sdk/resources/bench.ts";
import type { ArgsOf } from "../sdk/resources/lab-resource.ts";
import type { TrafficFrames, traffic } from "../sdk/schema/traffic.ts";
import type { PacketPath } from "../sdk/units/packet-path.ts";
import { type BenchmarkResults, type Measured, measured } from "./benchmarks.ts";
import { LabComponent } from "./lab-component.ts";
import { type GeneratorArgs, generatorOf, type OverPathArgs, overPath } from "./traffic-generator.ts";

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
      | "percentile"
      | "coLoad"
    >,
    Omit<GeneratorArgs, "tool">,
    OverPathArgs {
  /**
   * Its traffic program; or TRex, where that is installed; or the kernel's packet generator, between interfaces of the kernel, which is paced and stamps nothing; or DPDK's testpmd, with
   * `rate: "unpaced"`, which sends as fast as the port takes frames and stamps nothing.
   */
  readonly tool: GeneratorArgs["tool"] | "pktgen";
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
      after,
      rerunOn,
      ...rest
    } = args;
    const path = { over, systemUnderTest, after, rerunOn };
    const { inputs, dependsOn } = overPath("TrafficBenchmark", name, args, path);
    super("TrafficBenchmark", name, { ...on.lifetime(), ...options }, (scope) => {
      const run = scope.child(
        Traffic,
        "run",
        {
          ...rest,
          ...inputs,
          generator:
            tool === "pktgen"
              ? { kind: "pktgen" as const, cpus }
              : generatorOf({ tool, cpus, memory, hugepages, idle, stampedRate }),
        },
        { dependsOn },
      );
      return { ...measured(run.record), frames: run.frames, path: over.path };
    });
  }
}
