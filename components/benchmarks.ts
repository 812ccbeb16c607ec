import type * as pulumi from "@pulumi/pulumi";
import { Cyclictest, RoundTrip } from "../sdk/resources/bench.ts";
import type { CoLoad } from "../sdk/schema/benchmarks.ts";
import type { Percentile, ResultRecord } from "../sdk/schema/record.ts";
import { type CpuList, CpuSet } from "../sdk/units/cpuset.ts";
import type { Duration } from "../sdk/units/duration.ts";
import { given } from "./given.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent } from "./lab-component.ts";
import type { TunedHost, TunedHostArgs } from "./tuned-host.ts";
import type { VhostUserVnf } from "./vhost-user-vnf.ts";

/** What all benchmarks of CPUs take. */
export interface CpuBenchmarkArgs {
  /** The host whose CPUs are measured, or the guest. */
  readonly on: TunedHost | VhostUserVnf;
  /** CPUs of it that are measured. Default: a host's isolated CPUs; a guest's CPU 0. */
  readonly cpus?: CpuList;
  /** Length of one repetition, whole seconds. Default 10s. */
  readonly duration?: Duration;
  /** 1 to 1000, default 3; a confidence interval needs 6. */
  readonly repetitions?: number;
  /** Load on other CPUs of the host meanwhile. Default none. */
  readonly coLoad?: CoLoad;
  /** Waits for these before it measures. */
  readonly after?: readonly pulumi.Resource[];
  /** Measures again when one of these changes; the host's bootId always counts. */
  readonly rerunOn?: readonly pulumi.Input<unknown>[];
  /** The host before something is changed on it: not measured again after a boot, which may have brought the change. Default false. */
  readonly once?: boolean;
}

export interface CyclictestBenchmarkArgs extends CpuBenchmarkArgs {
  /** Time between two wake-ups, whole µs. Default 1ms; an emulated machine needs far longer. */
  readonly interval?: Duration;
  /** The rarest percentile that the record has to tell. Default 99, which takes 1000 wake-ups of all CPUs and repetitions: a run with fewer is refused, and a record that came to fewer is not valid. Any number tells 50. */
  readonly percentile?: Percentile;
}

/** A record in short: what a reader asks first. */
export interface BenchmarkResults {
  /** Nothing speaks against the numbers; only then do they pass a gate. */
  readonly valid: boolean;
  /** Measured where timings mean nothing: on an emulated server. */
  readonly functional: boolean;
  /** A sentence for each thing that does; empty where valid. */
  readonly invalidReasons: readonly string[];
  /** Hash of what was in force: results are comparable where it is the same. */
  readonly inForce: string;
  /** Likewise of other machines that took part, by what each was: `systemUnderTest`; absent where there was none. */
  readonly othersInForce?: Readonly<Record<string, string>>;
  /** What ran beside it, and the least busy share of the CPUs that carried it; absent where nothing did. */
  readonly coLoad?: {
    /** What the load was of: `cpu`, `memory`, `io`. */
    readonly kind: string;
    /** CPUs that carried it. */
    readonly cpus: string;
    /** Share of the time that the least busy of them was busy, 0 to 1. */
    readonly leastBusyShare: number;
  };
  /** By the metric's name; a percentile that too few samples support is left out. */
  readonly metrics: Readonly<Record<string, MetricResults>>;
}

export interface MetricResults {
  /** Unit of percentiles and maximum, for instance `ns`. */
  readonly unit: string;
  /** How many, over all repetitions. */
  readonly samples: number;
  /** By the percentile as a text, `"99.9"`. */
  readonly percentiles: Readonly<Record<string, number>>;
  /** The largest of all repetitions. */
  readonly max: number;
}

/** A record, and what a reader asks of it first. */
export interface Measured {
  /** The whole record: histogram, fingerprint, command. */
  readonly record: pulumi.Output<ResultRecord>;
  /** The record in short. */
  readonly results: pulumi.Output<BenchmarkResults>;
}

/**
 * Timer latency of isolated CPUs, on the host or inside a guest.
 *
 * @example
 * const timers = new CyclictestBenchmark("host-timers", { on: dut, duration: "10s" });
 * export const p99Ns = timers.record.apply(({ metrics }) => metrics[0]?.percentiles["99"]);
 */
export class CyclictestBenchmark extends LabComponent<Measured> {
  /** The whole record: histogram, fingerprint, command. */
  declare readonly record: pulumi.Output<ResultRecord>;
  declare readonly results: pulumi.Output<BenchmarkResults>;

  constructor(name: string, args: CyclictestBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { host, inputs, dependsOn } = cpuRun("CyclictestBenchmark", name, args);
    super("CyclictestBenchmark", name, { ...host.lifetime(), ...options }, (scope) => {
      const own = given({ interval: args.interval, percentile: args.percentile });
      return measured(scope.child(Cyclictest, "run", { ...inputs, ...own }, { dependsOn }).record);
    });
  }
}

export interface LatencyBenchmarkArgs {
  /** The guest that sends. */
  readonly from: VhostUserVnf;
  /** The address that answers, for instance the bridge's. */
  readonly to: string;
  /** Echoes of one repetition, 10 to 1000000, default 400. */
  readonly count?: number;
  /** Time between two echoes, whole ms. Default 20ms. */
  readonly interval?: Duration;
  /** The rarest percentile that the record has to tell. Default 99, which takes 1000 echoes of all repetitions: a run with fewer is refused, and a record that came to fewer is not valid. Any number tells 50. */
  readonly percentile?: Percentile;
  /** 1 to 1000, default 3; a confidence interval needs 6. */
  readonly repetitions?: number;
  /** Waits for these before it measures. */
  readonly after?: readonly pulumi.Resource[];
  /** Measures again when one of these changes; the host's bootId always counts. */
  readonly rerunOn?: readonly pulumi.Input<unknown>[];
}

/**
 * Round trip time from a guest through its switch.
 *
 * @example
 * const rtt = new LatencyBenchmark("vnf-to-bridge", { from: vnf, to: "198.18.0.1" });
 */
export class LatencyBenchmark extends LabComponent<Measured> {
  /** The whole record: histogram, fingerprint, command. */
  declare readonly record: pulumi.Output<ResultRecord>;
  declare readonly results: pulumi.Output<BenchmarkResults>;

  constructor(name: string, args: LatencyBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { host, domain, domainName, bridges } = args.from;
    const { count, interval, percentile, repetitions } = args;
    super("LatencyBenchmark", name, { ...host.lifetime(), ...options }, (scope) => {
      const run = scope.child(
        RoundTrip,
        "run",
        {
          host: host.reference,
          name,
          domain: domainName,
          target: args.to,
          ...given({ count, interval, percentile, repetitions }),
          ...declaredOf(host),
          triggers: [host.bootId, ...(args.rerunOn ?? [])],
        },
        // Until a bridge has its flows, it drops every echo.
        { dependsOn: [domain, ...bridges, ...(args.after ?? [])] },
      );
      return measured(run.record);
    });
  }
}

/** What a record says of the firmware. */
export function declaredOf({ firmware }: Pick<TunedHost, "firmware">): Pick<TunedHostArgs, "firmware"> {
  return given({ firmware });
}

/**
 * What a benchmark of CPUs hands on to its resource, and what that waits for.
 *
 * @throws InputError `component-inputs`
 */
export function cpuRun(type: string, name: string, args: CpuBenchmarkArgs) {
  const guest = "domain" in args.on ? args.on : undefined;
  const host = "domain" in args.on ? args.on.host : args.on;
  checkCpus(type, name, args.cpus, host, guest);
  const subject =
    guest === undefined
      ? { kind: "host" as const, cpus: args.cpus ?? host.cpus.isolated }
      : { kind: "guest" as const, domain: guest.domainName, cpus: args.cpus ?? "0" };
  return {
    host,
    inputs: {
      host: host.reference,
      name,
      subject,
      ...given({ duration: args.duration, repetitions: args.repetitions, coLoad: args.coLoad }),
      ...declaredOf(host),
      triggers: [...(args.once === true ? [] : [host.bootId]), ...(args.rerunOn ?? [])],
    },
    dependsOn: [...host.preparation, ...(guest === undefined ? [] : [guest.domain]), ...(args.after ?? [])],
  };
}

function checkCpus(
  type: string,
  name: string,
  list: CpuList | undefined,
  host: TunedHost,
  guest: VhostUserVnf | undefined,
): void {
  const check = new InputCheck(type, name);
  const cpus = list === undefined ? undefined : check.someCpus("cpus", list);
  if (list === undefined && guest === undefined && host.cpus.isolated.trim() === "") {
    check.wrong({
      code: "cpus-missing",
      property: "cpus",
      problem: `nothing to measure: ${host.name} isolates no CPU`,
      observed: "neither cpus nor isolated CPUs of the host",
      expected: "CPUs to measure",
    });
  }
  const guestCpus = CpuSet.of(guest?.vcpuPins.keys() ?? []);
  if (guest !== undefined && cpus !== undefined && !cpus.isSubsetOf(guestCpus)) {
    check.wrong({
      code: "cpu-unknown",
      property: "cpus",
      problem: `names CPUs that guest ${guest.name} does not have (${cpus.minus(guestCpus).format()})`,
      observed: cpus.format(),
      expected: `CPUs among ${guestCpus.format()}`,
      hint: "a guest's CPUs are numbered from 0, whatever CPUs of the host they are pinned to",
    });
  }
  check.done();
}

/** A record with its short form. */
export function measured(record: pulumi.Output<ResultRecord>): Measured {
  // An update of chosen targets leaves out what is not there yet, and hands its outputs on as undefined.
  const results = record.apply((known: ResultRecord | undefined) => known && inShort(known));
  return { record, results: results as pulumi.Output<BenchmarkResults> };
}

function inShort(record: ResultRecord): BenchmarkResults {
  const { valid, functional, invalidReasons, metrics, fingerprint, others, coLoad } = record;
  return {
    valid,
    functional,
    invalidReasons,
    inForce: fingerprint.hash,
    ...(others !== undefined && {
      othersInForce: Object.fromEntries(Object.entries(others).map(([role, { hash }]) => [role, hash])),
    }),
    ...(coLoad !== undefined && {
      coLoad: {
        kind: coLoad.kind,
        cpus: coLoad.cpus,
        leastBusyShare: Math.min(...Object.values(coLoad.busy)),
      },
    }),
    metrics: Object.fromEntries(
      metrics.map(({ name, unit, samples, percentiles, max }) => [
        name,
        { unit, samples, percentiles: supported(percentiles), max },
      ]),
    ),
  };
}

function supported(percentiles: Readonly<Record<string, number | null>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(percentiles).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
  );
}
