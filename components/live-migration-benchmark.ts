import type * as pulumi from "@pulumi/pulumi";
import { LiveMigration } from "../sdk/resources/bench.ts";
import type { ArgsOf, Wired } from "../sdk/resources/lab-resource.ts";
import { BootImage } from "../sdk/resources/libvirt.ts";
import type { Tool } from "../sdk/resources/traffic.ts";
import type { liveMigration } from "../sdk/schema/migration.ts";
import type { TrafficFrames, traffic } from "../sdk/schema/traffic.ts";
import { type BenchmarkResults, declaredOf, type Measured, measured } from "./benchmarks.ts";
import type { GuestVnf } from "./guest-vnf.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent } from "./lab-component.ts";
import { type GeneratorArgs, pathPorts, programOf, type TrafficPath } from "./traffic-generator.ts";
import type { TunedHost } from "./tuned-host.ts";

type RunArgs = ArgsOf<typeof liveMigration>;

/** Constant-rate traffic through a guest, while that is migrated. */
export interface MigrationTrafficArgs
  extends Pick<ArgsOf<typeof traffic>, "directions" | "frameSize" | "flows" | "addresses" | "settle">,
    Omit<GeneratorArgs, "on" | "tool" | "stampedRate"> {
  /** Its traffic program. */
  readonly tool: Tool;
  /** Frames per second and direction. */
  readonly rate: Wired<number>;
  /** The machine that sends and receives. Default: the one that the guest is on. */
  readonly on?: TunedHost;
  /** The way through the guest: a chain, or two ends. */
  readonly over: TrafficPath;
}

export interface LiveMigrationBenchmarkArgs
  extends Pick<RunArgs, "settings" | "repetitions" | "limit" | "settle" | "sshPort"> {
  /** The guest, which runs on its host before and afterwards. Made for it: `domain: { cpu: { migratable: true } }`. */
  readonly guest: GuestVnf;
  /** The machine that it is migrated to. What the guest's NICs hang on has to be there by the same names. */
  readonly to: TunedHost;
  /** Addresses of the two machines on a private network: the guest's memory goes over it in clear. */
  readonly addresses: {
    /** Of the guest's own host. */
    readonly host: string;
    /** Of the machine that it is migrated to. */
    readonly destination: string;
  };
  /** Traffic through the guest meanwhile; how much longer than usual a receiver waited for a frame is the outage. Default none. */
  readonly traffic?: MigrationTrafficArgs;
  /** The guest's boot image at its destination, where it is there already: another benchmark's `image`. Default: made here. */
  readonly image?: BootImage;
  /** Waits for these before it measures. */
  readonly after?: readonly pulumi.Resource[];
  /** Measures again when one of these changes; the bootIds of both hosts always count. */
  readonly rerunOn?: readonly pulumi.Input<unknown>[];
}

interface Migrated extends Measured {
  readonly frames: pulumi.Output<{ forward: TrafficFrames; reverse: TrafficFrames | null } | null>;
  readonly image: BootImage | undefined;
}

/**
 * A guest migrated to another machine and back, as often as asked: total time and downtime by QEMU, and the outage that traffic through it saw. Where the guest boots an image that was made for it,
 * the same image is made at its destination.
 *
 * @property guest one that nothing of its host is passed through to
 * @property settings what QEMU is asked for, `{ downtimeLimit: "10ms", connections: 4 }`; without them it is a baseline
 * @property repetitions migrations that are measured, there and back in turn; 10 or more for a gate on all of them
 * @throws InputError `component-inputs` where the guest is on the destination, or an end of the traffic has no port to open
 * @example
 * const peer = new TunedHost("dut2", {
 *   connection: { kind: "ssh", host: "10.0.0.8", hostKey: "ssh-ed25519 AAAA…" }, cpus: { housekeeping: "0-1", isolated: "2-15" },
 * });
 * const run = new LiveMigrationBenchmark("tuned", {
 *   guest: vnf, to: peer, addresses: { host: "198.18.100.1", destination: "198.18.100.2" },
 *   settings: { downtimeLimit: "10ms", connections: 4 }, repetitions: 10,
 * });
 * export const downtime = run.results.apply(({ metrics }) => metrics["guest.migration.downtime"]?.max);
 */
export class LiveMigrationBenchmark extends LabComponent<Migrated> {
  /** The whole record: histograms, fingerprint, command. */
  declare readonly record: Measured["record"];
  declare readonly results: pulumi.Output<BenchmarkResults>;
  /** Frames by direction over all migrations; null without traffic. */
  declare readonly frames: Migrated["frames"];
  /** The guest's boot image at its destination, where it has one. */
  declare readonly image: BootImage | undefined;

  constructor(name: string, args: LiveMigrationBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { guest, to, addresses, traffic, image: given, after = [], rerunOn = [], ...rest } = args;
    const { host } = guest;
    const ports = checkedPorts(name, args);
    super("LiveMigrationBenchmark", name, { ...host.lifetime(), ...options }, (scope) => {
      const image =
        given !== undefined || guest.image === undefined
          ? given
          : scope.child(
              BootImage,
              "image",
              { host: to.reference, name: guest.image.name },
              { ...to.lifetime(), dependsOn: [...to.preparation] },
            );
      const run = scope.child(
        LiveMigration,
        "run",
        {
          ...rest,
          host: host.reference,
          ...declaredOf(host),
          name,
          domain: guest.domainName,
          destination: to.reference,
          addresses,
          ...(traffic !== undefined && ports !== undefined && { traffic: trafficOf(traffic, ports) }),
          triggers: [host.bootId, to.bootId, ...rerunOn],
        },
        {
          dependsOn: [
            ...host.preparation,
            ...to.preparation,
            ...guest.ready,
            ...(image === undefined ? [] : [image]),
            ...(traffic?.over.ready ?? []),
            ...after,
          ],
        },
      );
      return { ...measured(run.record), frames: run.frames, image };
    });
  }
}

type Ports = ReturnType<typeof pathPorts>;

function trafficOf(
  { on, tool, over: _, cpus, memory, hugepages, idle, ...rest }: MigrationTrafficArgs,
  [from, to]: Ports,
): NonNullable<RunArgs["traffic"]> {
  return {
    ...rest,
    ...(on !== undefined && { host: on.reference }),
    generator: programOf({ tool, cpus, memory, hugepages, idle }),
    from,
    ...(to !== undefined && { to }),
  };
}

/** @throws InputError `component-inputs` */
function checkedPorts(name: string, { guest, to, traffic }: LiveMigrationBenchmarkArgs): Ports | undefined {
  const check = new InputCheck("LiveMigrationBenchmark", name);
  if (guest.host === to)
    check.wrong({
      code: "migration-one-machine",
      property: "to",
      problem: "the guest is on that machine already",
      observed: to.name,
      expected: "another host",
    });
  if (traffic !== undefined) check.someCpus("traffic.cpus", traffic.cpus);
  const ports = traffic && pathPorts(check, "traffic.over", traffic.over);
  check.done();
  return ports;
}
