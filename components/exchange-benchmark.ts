import * as pulumi from "@pulumi/pulumi";
import { Exchange } from "../sdk/resources/bench.ts";
import type { ArgsOf, Wired } from "../sdk/resources/lab-resource.ts";
import type { ExchangeEnd, exchange } from "../sdk/schema/exchange.ts";
import type { TrafficFrames } from "../sdk/schema/traffic.ts";
import type { PacketPath } from "../sdk/units/packet-path.ts";
import type { Size } from "../sdk/units/size.ts";
import { declaredOf, type Measured, measured } from "./benchmarks.ts";
import { GuestVnf } from "./guest-vnf.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent } from "./lab-component.ts";
import type { ChainEnd, MemberEnd } from "./service-chain.ts";

/** What frames go over, from one guest to another: a chain between two is one. */
export interface ExchangePath {
  /** The guest that sends, and the interface or shared memory that it sends by. */
  readonly from: MemberEnd | ChainEnd;
  /** The guest that answers. */
  readonly to: MemberEnd | ChainEnd;
  /** Frames go over once these are there. */
  readonly ready?: readonly pulumi.Resource[];
  /** What they go through, for the report. */
  readonly path?: PacketPath;
}

export interface ExchangeBenchmarkArgs
  extends Pick<
    ArgsOf<typeof exchange>,
    "rate" | "frameSize" | "duration" | "count" | "idle" | "settle" | "repetitions" | "percentile"
  > {
  /** A chain from a guest to another, or two ends; both guests have the exchange program among their `programs`. */
  readonly over: ExchangePath;
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
 * Frames from one guest to another and back, at a fixed rate: round trips, and what is lost, counted in both guests. The same by an interface and by shared memory, so that what
 * differs is the way and not the program.
 *
 * @property over a chain between two guests, `{ from: { vnf, nic }, to: { vnf, nic } }`
 * @property rate frames per second; `count` of them, or for `duration`
 * @throws InputError `component-inputs` where an end is no guest, or the two are on two hosts
 * @example
 * const end = new Tool("exchange", { host: dut.reference, name: "exchange", program: "exchange" });
 * const guest = (name: string, vcpus: "4" | "5") =>
 *   new VhostUserVnf(name, {
 *     host: dut, vcpus, emulatorCpus: "0", memory: "256MiB", pageSize: "2MiB", numaNode: 1,
 *     programs: [end.path], sharedMemory: { ring: { kind: "ivshmem-plain", size: "4MiB" } },
 *   });
 * const over = { from: { vnf: guest("east", "4"), nic: "ring" }, to: { vnf: guest("west", "5"), nic: "ring" } };
 * const run = new ExchangeBenchmark("ring", { over, rate: 1000, count: 10_000, idle: "100us" });
 * export const lost = run.frames.apply(({ forward }) => forward.lost);
 */
export class ExchangeBenchmark extends LabComponent<Counted> {
  /** The whole record: histogram, fingerprint, command. */
  declare readonly record: Measured["record"];
  declare readonly results: Measured["results"];
  /** Frames there and back. */
  declare readonly frames: Counted["frames"];
  /** What they went through, where the path says so, as a chain does. */
  declare readonly path: PacketPath | undefined;

  constructor(name: string, args: ExchangeBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { over, after = [], rerunOn = [], ...rest } = args;
    const [from, to] = checkedGuests(name, over);
    const { host } = from.vnf;
    super("ExchangeBenchmark", name, { ...host.lifetime(), ...options }, (scope) => {
      const run = scope.child(
        Exchange,
        "run",
        {
          ...rest,
          host: host.reference,
          ...declaredOf(host),
          name,
          from: endOf(from),
          to: endOf(to),
          triggers: [host.bootId, ...rerunOn],
        },
        {
          dependsOn: [
            ...[...host.preparation, ...from.vnf.ready, ...to.vnf.ready],
            ...[...(over.ready ?? []), ...after],
          ],
        },
      );
      return { ...measured(run.record), frames: run.frames, path: over.path };
    });
  }
}

interface GuestEnd {
  readonly vnf: GuestVnf;
  readonly nic: string;
}

/** @throws InputError `component-inputs` */
function checkedGuests(name: string, { from, to }: ExchangePath): readonly [GuestEnd, GuestEnd] {
  const check = new InputCheck("ExchangeBenchmark", name);
  const guest = (property: string, end: MemberEnd | ChainEnd): GuestEnd[] => {
    if (!("vnf" in end) || !(end.vnf instanceof GuestVnf)) {
      check.wrong({
        code: "exchange-guest",
        property,
        problem: "it is no guest, whose agent could run the program",
        observed: "vnf" in end ? `${end.vnf.name}, in ${end.vnf.place}` : `${end.name}, on the host`,
        expected: "{ vnf, nic } of a guest",
      });
      return [];
    }
    if (!Object.hasOwn(end.vnf.attachments, end.nic)) {
      check.wrong({
        code: "exchange-nic",
        property: `${property}.nic`,
        problem: `${end.vnf.name} has no such interface or shared memory`,
        observed: end.nic,
        expected: Object.keys(end.vnf.attachments).join(" or ") || "an interface of it",
      });
      return [];
    }
    return [{ vnf: end.vnf, nic: end.nic }];
  };
  const [one, other] = [...guest("over.from", from), ...guest("over.to", to)];
  if (one !== undefined && other !== undefined && one.vnf.host !== other.vnf.host) {
    check.wrong({
      code: "exchange-hosts",
      property: "over.to",
      problem: "the two guests are on two hosts, and one run has one",
      observed: `${one.vnf.host.name} and ${other.vnf.host.name}`,
      expected: "one host",
    });
  }
  check.done();
  return [one as GuestEnd, other as GuestEnd];
}

function endOf({ vnf, nic }: GuestEnd): Wired<ExchangeEnd> {
  const { nics, sharedMemory } = vnf.domain;
  const port = pulumi.all([nics, sharedMemory]).apply(([interfaces, memories]) => {
    const memory = memories?.[nic];
    // What is no shared memory of a size is an interface; one that has no MAC address here is refused with its field.
    if (memory?.kind === "ivshmem-plain") return { kind: "memory" as const, size: memory.size as Size };
    const found = interfaces?.[nic];
    return { kind: "interface" as const, mac: found !== undefined && "mac" in found ? found.mac : "" };
  });
  return { domain: vnf.domainName, port };
}
