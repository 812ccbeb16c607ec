import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { metricOf } from "../../sdk/measure/metric.ts";
import { checkCyclictest, checkRoundTrip } from "../../sdk/plan/benchmarks.ts";
import { checkExchange } from "../../sdk/plan/exchange.ts";
import { checkFlowSetup } from "../../sdk/plan/flow-setup.ts";
import { requireSamples } from "../../sdk/plan/samples.ts";
import { checkRtla } from "../../sdk/plan/tracers.ts";
import { checkTraffic } from "../../sdk/plan/traffic-run.ts";
import { cyclictest, roundTrip } from "../../sdk/schema/benchmarks.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import { exchange } from "../../sdk/schema/exchange.ts";
import { rtla } from "../../sdk/schema/latency.ts";
import { PERCENTILES } from "../../sdk/schema/record.ts";
import { flowSetup } from "../../sdk/schema/throughput.ts";
import { traffic } from "../../sdk/schema/traffic.ts";
import { InputError } from "../../sdk/units/errors.ts";
import { samplesToTell } from "../../sdk/units/percentile.ts";

const common = { host: { name: "dut", connection: { kind: "local" as const } }, name: "run" };
const onHost = { ...common, subject: { kind: "host", cpus: "2-3" } };
const ends = { from: { kind: "ring" }, generator: { kind: "nfvlab", program: "/program", cpus: "3" } };
const guest = (domain: string) => ({ domain, port: { kind: "memory", size: "4MiB" } });

/** What each kind of measurement says to inputs. */
const checks = {
  cyclictest: (more: object) =>
    checkCyclictest(cyclictest.inputs.parse({ ...onHost, ...more }) as Inputs<typeof cyclictest>),
  "round trips": (more: object) =>
    checkRoundTrip(
      roundTrip.inputs.parse({ ...common, domain: "vnf", target: "198.18.0.1", ...more }) as Inputs<
        typeof roundTrip
      >,
    ),
  timerlat: (more: object) =>
    checkRtla(rtla.inputs.parse({ ...onHost, tracer: { kind: "timerlat" }, ...more }) as Inputs<typeof rtla>),
  osnoise: (more: object) =>
    checkRtla(rtla.inputs.parse({ ...onHost, tracer: { kind: "osnoise" }, ...more }) as Inputs<typeof rtla>),
  traffic: (more: object) =>
    checkTraffic(traffic.inputs.parse({ ...common, ...ends, rate: 100, ...more }) as Inputs<typeof traffic>),
  "first frames": (more: object) =>
    checkFlowSetup(flowSetup.inputs.parse({ ...common, ...ends, ...more }) as Inputs<typeof flowSetup>),
  exchange: (more: object) =>
    checkExchange(
      exchange.inputs.parse({ ...common, from: guest("a"), to: guest("b"), rate: 100, ...more }) as Inputs<
        typeof exchange
      >,
    ),
};

describe("samples", () => {
  it("are enough by default wherever a measurement is left to its defaults", () => {
    for (const check of Object.values(checks)) expect(() => check({})).not.toThrow();
  });

  it.each([
    ["cyclictest", { interval: "500ms", duration: "20s" }, "duration", "228, 76 in each of 3 repetitions"],
    ["round trips", { count: 100 }, "count", "300, 100 in each of 3 repetitions"],
    [
      "timerlat",
      { duration: "1s", repetitions: 1, tracer: { kind: "timerlat", interval: "20ms" } },
      "duration",
      "94, 94 in each of 1 repetition",
    ],
    ["traffic", { count: 999 }, "count", "999, 999 in each of 1 repetition"],
    ["first frames", { flows: 100 }, "flows", "300, 100 in each of 3 repetitions"],
    ["exchange", { duration: "5s" }, "count", "500, 500 in each of 1 repetition"],
  ] as const)("of %s that are too few are refused before anything runs", (kind, few, property, observed) => {
    expect(() => checks[kind](few)).toThrow(
      `${property}: too few samples to tell which value 99 % of them do not exceed: observed ${observed}, expected 1000 or more`,
    );
    expect(() => checks[kind]({ ...few, percentile: "50" })).not.toThrow();
    expect(() => checks[kind]({ ...few, percentile: "99.9999" })).toThrow("expected 10000000 or more");
  });

  it("of noise are what there is", () => {
    expect(() => checks.osnoise({ duration: "1s", percentile: "99.9999" })).not.toThrow();
  });

  it("of what stamps no frame tell no percentile", () => {
    const generator = { kind: "pktgen", cpus: "3" };
    const lan = {
      from: { kind: "af_packet", interface: "gen" },
      to: { kind: "af_packet", interface: "sink" },
    };
    expect(() => checks.traffic({ ...lan, generator, count: 10 })).not.toThrow();
    expect(() => checks.traffic({ ...lan, generator, count: 10, percentile: "99" })).toThrow(
      "percentile: pktgen stamps no frame, so no latency can be told: observed 99, expected none",
    );
  });

  it("of TRex are the frames that it stamps", () => {
    const generator = {
      kind: "trex",
      path: "/opt/trex/v3.08",
      version: "3.08",
      program: "/trials.py",
      cpus: "3-5",
    };
    const card = {
      from: { kind: "pci", address: "0000:03:00.0" },
      to: { kind: "pci", address: "0000:03:00.1" },
    };
    const ask = (more: object, stampedRate?: number) =>
      checks.traffic({
        ...card,
        generator: { ...generator, ...(stampedRate !== undefined && { stampedRate }) },
        rate: 100_000,
        ...more,
      });
    expect(() => ask({ duration: "1s" })).not.toThrow();
    expect(() => ask({ duration: "1s" }, 999)).toThrow(
      "observed 999, 999 in each of 1 repetition, expected 1000",
    );
    expect(() => ask({ count: 9000, rate: 1000 })).toThrow("observed 900, 900 in");
    expect(() => ask({ duration: "1s" }, 0)).not.toThrow();
    expect(() => ask({ duration: "1s", percentile: "50" }, 0)).toThrow("trex stamps no frame");
  });

  it("that a schedule is let through with tell the percentile, and one less does not", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...PERCENTILES),
        fc.integer({ min: 1, max: 20 }),
        (percentile, repetitions) => {
          const needed = samplesToTell(percentile);
          const each = Math.ceil(needed / repetitions);
          const ask = (samples: number) =>
            requireSamples({ property: "count", percentile, each: samples, repetitions });
          expect(() => ask(each)).not.toThrow();
          if (each > 1) expect(() => ask(each - 1)).toThrow(InputError);
          const told = (samples: number) =>
            metricOf({ name: "any", unit: "ns", direction: "lower" }, [
              { buckets: [[5, samples]], overflow: 0, max: 5, expected: samples },
            ]).percentiles[percentile];
          expect(told(needed)).toBe(5);
          if (needed > 1) expect(told(needed - 1)).toBeNull();
        },
      ),
    );
  });
});
