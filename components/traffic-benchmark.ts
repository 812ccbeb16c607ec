import type * as pulumi from "@pulumi/pulumi";
import { Traffic } from "../sdk/resources/bench.ts";
import type { ArgsOf, Wired } from "../sdk/resources/lab-resource.ts";
import type { Tool } from "../sdk/resources/traffic.ts";
import type { TrafficFrames, TrafficPort, traffic } from "../sdk/schema/traffic.ts";
import type { CpuList } from "../sdk/units/cpuset.ts";
import type { Duration } from "../sdk/units/duration.ts";
import type { PacketPath } from "../sdk/units/packet-path.ts";
import type { Size } from "../sdk/units/size.ts";
import { type BenchmarkResults, declaredOf, type Measured, measured } from "./benchmarks.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent } from "./lab-component.ts";
import type { TunedHost } from "./tuned-host.ts";

/** Where a generator opens a port: an end of a chain, or anything else with such a port. */
export interface TrafficEnd {
  /** How errors call it. */
  readonly name: string;
  /** What is opened there; undefined where nothing on the host can be. */
  readonly trafficPort?: Wired<TrafficPort>;
}

/** An end that is a network function itself, of which a generator on the host can open no port. */
export interface VnfEnd {
  /** The network function. */
  readonly vnf: {
    /** How errors call it. */
    readonly name: string;
  };
}

/** What frames go through, from one end to the other: a chain is one. */
export interface TrafficPath {
  /** Where frames are sent. */
  readonly from: TrafficEnd | VnfEnd;
  /** Where they are received. Default: where they are sent, for a path that leads back. */
  readonly to?: TrafficEnd | VnfEnd;
  /** Frames go through once these are there. */
  readonly ready?: readonly pulumi.Resource[];
  /** What frames go through, for the report. */
  readonly path?: PacketPath;
}

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
  > {
  /** The machine that sends and receives. */
  readonly on: TunedHost;
  /** Its traffic program; or the kernel's packet generator, between interfaces of the kernel, which is paced and stamps nothing. */
  readonly tool: Tool | "pktgen";
  /** A chain, or two ends. */
  readonly over: TrafficPath;
  /** CPUs of the generator, which polls on them; with a second one it receives on the first and sends on the second. */
  readonly cpus: CpuList;
  /** Memory that the generator takes at its start. Default 64MiB. */
  readonly memory?: Size;
  /** Whether that is of huge pages, which vhost-user needs. Default true. */
  readonly hugepages?: boolean;
  /** How long the generator sleeps when it has nothing to do; adds as much to latency. Default 0us: it polls. */
  readonly idle?: Duration;
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
 * Frames at a fixed rate from one end of a path to the other: loss, duplicates, reordering, throughput and one-way latency. A generator that can't keep the rate makes the
 * record invalid, not the path slow.
 *
 * @property over a chain, or `{ from, to }`
 * @property rate frames per second and direction; `count` of them, or for `duration`
 * @throws InputError `component-inputs` where an end has no port to open, or the generator no CPU
 * @example
 * const run = new TrafficBenchmark("p2p", {
 *   on: dut, tool, cpus: "4-5", rate: 100_000, duration: "10s",
 *   over: { from: switchedEnd("generator", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1"), ready: [bridge.bridge] },
 * });
 * export const lost = run.frames.apply(({ forward }) => forward.lost);
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
    const { on, tool, over, cpus, memory, hugepages, idle, after = [], rerunOn = [], ...rest } = args;
    const [from, to] = checkedPorts(name, args);
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
              : {
                  kind: "nfvlab" as const,
                  program: tool.path,
                  cpus,
                  ...(memory !== undefined && { memory }),
                  ...(hugepages !== undefined && { hugepages }),
                  ...(idle !== undefined && { idle }),
                },
          from,
          ...(to !== undefined && { to }),
          triggers: [on.bootId, ...rerunOn],
        },
        { dependsOn: [...on.preparation, ...(over.ready ?? []), ...after] },
      );
      return { ...measured(run.record), frames: run.frames, path: over.path };
    });
  }
}

/** @throws InputError `component-inputs` */
function checkedPorts(
  name: string,
  { over, cpus }: TrafficBenchmarkArgs,
): readonly [Wired<TrafficPort>, Wired<TrafficPort> | undefined] {
  const check = new InputCheck("TrafficBenchmark", name);
  check.someCpus("cpus", cpus);
  const port = (property: string, end: NonNullable<TrafficPath["to"]>) => {
    if ("trafficPort" in end && end.trafficPort !== undefined) return end.trafficPort;
    check.wrong({
      code: "traffic-end",
      property,
      problem: "a generator on the host has no port to open there",
      observed:
        "vnf" in end ? `${end.vnf.name}, a network function` : ("name" in end && end.name) || "an end",
      expected: "an end with a trafficPort, for instance switchedEnd(name, bridge, port)",
    });
    return { kind: "null" as const };
  };
  const ports = [port("over.from", over.from), over.to && port("over.to", over.to)] as const;
  check.done();
  return ports;
}
