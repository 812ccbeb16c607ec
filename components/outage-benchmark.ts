import type * as pulumi from "@pulumi/pulumi";
import { Outage } from "../sdk/resources/bench.ts";
import type { ArgsOf } from "../sdk/resources/lab-resource.ts";
import type { Tool } from "../sdk/resources/traffic.ts";
import type { outage } from "../sdk/schema/outage.ts";
import type { TrafficFrames } from "../sdk/schema/traffic.ts";
import type { PacketPath } from "../sdk/units/packet-path.ts";
import { type BenchmarkResults, type Measured, measured } from "./benchmarks.ts";
import type { GuestVnf } from "./guest-vnf.ts";
import { LabComponent } from "./lab-component.ts";
import type { OvsDpdkBridge } from "./ovs-dpdk-bridge.ts";
import { type GeneratorArgs, type OverPathArgs, overPath, programOf } from "./traffic-generator.ts";
import type { TunedHost } from "./tuned-host.ts";

/** What is done while frames go through; told apart by `kind`. */
export type OutageEventArgs =
  /** ovs-vswitchd restarts with its flows kept, and interrupts every port. */
  | { readonly kind: "switch-restart" }
  /** The guest is reset without being asked, as by a loss of power. */
  | { readonly kind: "guest-reset"; readonly guest: GuestVnf }
  /** The bridge gets a port more, which goes again. */
  | {
      readonly kind: "add-port";
      readonly bridge: OvsDpdkBridge;
      readonly interface?: "vhost-user" | "internal";
    }
  /** The bridge gets flows more that no frame meets, 1000 unless said otherwise, which go again. */
  | { readonly kind: "add-flows"; readonly bridge: OvsDpdkBridge; readonly count?: number };

export interface OutageBenchmarkArgs
  extends Pick<
      ArgsOf<typeof outage>,
      | "directions"
      | "rate"
      | "frameSize"
      | "flows"
      | "addresses"
      | "settle"
      | "lead"
      | "watch"
      | "repetitions"
    >,
    Omit<GeneratorArgs, "tool" | "stampedRate">,
    OverPathArgs {
  /** Its traffic program. */
  readonly tool: Tool;
  /** What is done to the machine that forwards. */
  readonly event: OutageEventArgs;
  /** The machine that forwards, where it is not the generator's: the event happens there. */
  readonly systemUnderTest?: TunedHost;
  /** Measures again when one of these changes, and so does the event again; the host's bootId always counts. */
  readonly rerunOn?: readonly pulumi.Input<unknown>[];
}

interface Interrupted extends Measured {
  readonly frames: pulumi.Output<{ forward: TrafficFrames; reverse: TrafficFrames | null }>;
  readonly path: PacketPath | undefined;
}

/**
 * How long no frame comes when a switch restarts, a guest is reset or a bridge gets a port or flows: constant-rate traffic from before it until after. Nothing is restarted but what `event` names, and nothing on an unchanged `up`.
 *
 * @property event `{ kind: "switch-restart" }`, `{ kind: "guest-reset", guest }`, `{ kind: "add-port", bridge }` or `{ kind: "add-flows", bridge, count }`
 * @property rate frames per second and direction: the time between two is what the outage is known to
 * @property watch how long frames go on behind the event; they have to come again in this time
 * @throws InputError `component-inputs` where an end has no port to open, or the generator no CPU
 * @see RFC 2544, section 26.6, RFC 6201, and RFC 8204 for flows
 * @example
 * const restart = new OutageBenchmark("restart", {
 *   on: dut, tool, cpus: "4-5", rate: 10_000, event: { kind: "switch-restart" },
 *   over: { from: switchedEnd("generator", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1"), ready: [bridge.bridge] },
 * });
 * export const outageNs = restart.results.apply(({ metrics }) => metrics["outage.switch-restart"]?.max);
 */
export class OutageBenchmark extends LabComponent<Interrupted> {
  /** The whole record: fingerprint, command. */
  declare readonly record: Measured["record"];
  declare readonly results: pulumi.Output<BenchmarkResults>;
  /** Frames by direction. */
  declare readonly frames: Interrupted["frames"];
  /** What they went through, where the path says so, as a chain does. */
  declare readonly path: PacketPath | undefined;

  constructor(name: string, args: OutageBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const {
      on,
      tool,
      over,
      cpus,
      memory,
      hugepages,
      idle,
      systemUnderTest,
      event,
      after = [],
      rerunOn,
      ...rest
    } = args;
    const { inputs: asked, needs } = eventOf(event);
    const path = { over, systemUnderTest, after: [...needs, ...after], rerunOn };
    const { inputs, dependsOn } = overPath("OutageBenchmark", name, args, path);
    super("OutageBenchmark", name, { ...on.lifetime(), ...options }, (scope) => {
      const run = scope.child(
        Outage,
        "run",
        {
          ...rest,
          ...inputs,
          generator: programOf({ tool, cpus, memory, hugepages, idle }),
          event: asked,
        },
        { dependsOn },
      );
      return { ...measured(run.record), frames: run.frames, path: over.path };
    });
  }
}

/** The event as the resource takes it, and what has to be there for it. */
function eventOf(event: OutageEventArgs) {
  switch (event.kind) {
    case "switch-restart":
      return { inputs: event, needs: [] };
    case "guest-reset":
      return {
        inputs: { kind: event.kind, domain: event.guest.domainName },
        needs: [event.guest.domain],
      };
    case "add-port": {
      const { kind, bridge, interface: port } = event;
      return {
        inputs: { kind, bridge: bridge.bridgeName, ...(port !== undefined && { interface: port }) },
        needs: [bridge.bridge],
      };
    }
    case "add-flows": {
      const { bridge, ...rest } = event;
      return { inputs: { ...rest, bridge: bridge.bridgeName }, needs: [bridge.bridge] };
    }
  }
}
