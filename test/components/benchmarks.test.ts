import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import {
  CyclictestBenchmark,
  type CyclictestBenchmarkArgs,
  LatencyBenchmark,
} from "../../components/benchmarks.ts";
import { evaluated, named, outline, type Registered, register } from "./program.ts";
import { aBridge, aGuest, aHost, answers as alone, golden, host, thrown } from "./testbed.ts";

const record = {
  valid: false,
  functional: true,
  invalidReasons: ["3 wake-ups are missing"],
  fingerprint: { bootId: "boot-1", hash: "cafe" },
  metrics: [
    {
      name: "host.timer.latency",
      unit: "ns",
      samples: 1200,
      percentiles: { 50: 1500, 99: 9000, 99.999: null },
      max: 12000,
      histogram: "AAAA",
    },
  ],
};
const answers = { ...alone, "nfvlab:bench:Cyclictest": { record }, "nfvlab:bench:RoundTrip": { record } };

const own = (registered: readonly Registered[]) =>
  registered.filter(({ types }) => /Benchmark$/.test(types[0] ?? ""));

describe("CyclictestBenchmark", () => {
  it("measures a host's isolated CPUs, once its pools are there", async () => {
    const registered = await register(() => new CyclictestBenchmark("timers", { on: aHost() }), { answers });
    expect(outline(own(registered))).toEqual([
      "stack > timers (nfvlab:components:CyclictestBenchmark)",
      "timers > timers-run (nfvlab:bench:Cyclictest)",
    ]);
    expect(named(registered, "timers-run").inputs).toEqual({
      host,
      name: "timers",
      subject: { kind: "host", cpus: "2-7" },
      triggers: ["boot-1"],
    });
    expect(named(registered, "timers-run").waitsFor).toEqual(["dut-facts", "dut-hugepages-node1-2MiB"]);
  });

  it("says in its record what is declared of the host's firmware", async () => {
    const firmware = { turbo: false, deepIdleStates: false };
    const registered = await register(
      () => {
        const on = aHost({ firmware });
        new CyclictestBenchmark("timers", { on });
        new LatencyBenchmark("rtt", { from: aGuest(aBridge(on)), to: "198.18.0.1" });
      },
      { answers },
    );
    for (const run of ["timers-run", "rtt-run"])
      expect(named(registered, run).inputs).toMatchObject({ firmware });
  });

  it("measures what it is told to, and again when that changes", async () => {
    const registered = await register(
      () => {
        const on = aHost();
        const bridge = aBridge(on);
        new CyclictestBenchmark("timers", {
          on,
          cpus: "1-2",
          interval: "1ms",
          duration: "30s",
          repetitions: 6,
          after: [bridge.daemon],
          rerunOn: [pulumi.output("governor"), 7],
        });
      },
      { answers },
    );
    expect(named(registered, "timers-run").inputs).toEqual({
      host,
      name: "timers",
      subject: { kind: "host", cpus: "1-2" },
      interval: "1ms",
      duration: "30s",
      repetitions: 6,
      triggers: ["boot-1", "governor", 7],
    });
    expect(named(registered, "timers-run").waitsFor).toEqual([
      "br0-daemon",
      "dut-facts",
      "dut-hugepages-node1-2MiB",
    ]);
  });

  it("measures beside load, and tells how much of it was there", async () => {
    const coLoad = { kind: "cpu", cpus: "0-1", busy: { 0: 0.999, 1: 0.97 }, operations: 12 };
    const registered = await register(
      () => new CyclictestBenchmark("timers", { on: aHost(), coLoad: { kind: "cpu", cpus: "0-1" } }),
      { answers: { ...answers, "nfvlab:bench:Cyclictest": { record: { ...record, coLoad } } } },
    );
    expect(named(registered, "timers-run").inputs["coLoad"]).toEqual({ kind: "cpu", cpus: "0-1" });
    expect(named(registered, "timers").outputs?.["results"]).toMatchObject({
      coLoad: { kind: "cpu", cpus: "0-1", leastBusyShare: 0.97 },
    });
  });

  it("measures a host as it was found once, whatever it boots later", async () => {
    const registered = await register(
      () => new CyclictestBenchmark("timers", { on: aHost(), once: true, rerunOn: [7] }),
      { answers },
    );
    expect(named(registered, "timers-run").inputs["triggers"]).toEqual([7]);
  });

  it("measures CPU 0 of a guest, once the guest is there", async () => {
    const registered = await register(
      () => new CyclictestBenchmark("timers", { on: aGuest(aBridge(aHost())) }),
      { answers },
    );
    expect(named(registered, "timers-run").inputs).toEqual({
      host,
      name: "timers",
      subject: { kind: "guest", domain: "vnf", cpus: "0" },
      triggers: ["boot-1"],
    });
    expect(named(registered, "timers-run").waitsFor).toContain("vnf-domain");
  });

  it("registers the record, and in short what a reader asks first", async () => {
    const registered = await register(() => new CyclictestBenchmark("timers", { on: aHost() }), { answers });
    expect(named(registered, "timers").outputs).toEqual({
      record,
      results: {
        valid: false,
        functional: true,
        invalidReasons: ["3 wake-ups are missing"],
        inForce: "cafe",
        metrics: {
          "host.timer.latency": {
            unit: "ns",
            samples: 1200,
            percentiles: { 50: 1500, 99: 9000 },
            max: 12000,
          },
        },
      },
    });
  });

  it("says what was in force on each machine that took part", async () => {
    const others = { systemUnderTest: { ...record.fingerprint, hash: "beef" } };
    const registered = await register(() => new CyclictestBenchmark("timers", { on: aHost() }), {
      answers: { ...answers, "nfvlab:bench:Cyclictest": { record: { ...record, others } } },
    });
    expect(named(registered, "timers").outputs).toMatchObject({
      results: { inForce: "cafe", othersInForce: { systemUnderTest: "beef" } },
    });
  });

  it("has no results before it is measured, and none where an update leaves it out", async () => {
    const preview = await register(() => new CyclictestBenchmark("timers", { on: aHost() }), {
      preview: true,
    });
    expect(named(preview, "timers").outputs).toEqual({ record: "(unknown)", results: "(unknown)" });
    const leftOut = await register(() => new CyclictestBenchmark("timers", { on: aHost() }), {
      answers: { ...alone, "nfvlab:bench:Cyclictest": { record: undefined } },
    });
    expect(named(leftOut, "timers").outputs).toEqual({});
  });

  it.each<[string, Omit<CyclictestBenchmarkArgs, "on">]>([
    ["host-list", { cpus: "2..3" }],
    ["host-none", { cpus: "" }],
  ])("refuses CPUs of a host: %s", async (what, args) => {
    const text = await evaluated(() => {
      const on = aHost();
      return thrown(() => new CyclictestBenchmark("timers", { on, ...args }));
    });
    await expect(text).toMatchFileSnapshot(golden(`cyclictest-${what}`));
  });

  it("refuses a host that isolates nothing, where no CPUs are named", async () => {
    const [text, named] = await evaluated(() => {
      const on = aHost({ cpus: { housekeeping: "0-7", isolated: "" } });
      const chosen = new CyclictestBenchmark("chosen", { on, cpus: "2" });
      return [thrown(() => new CyclictestBenchmark("timers", { on })), chosen.name] as const;
    });
    expect(named).toBe("chosen");
    await expect(text).toMatchFileSnapshot(golden("cyclictest-nothing-isolated"));
  });

  it("refuses CPUs that a guest does not have, for instance those of its host", async () => {
    const text = await evaluated(() => {
      const on = aGuest(aBridge(aHost()), { vcpus: "3-4" });
      return thrown(() => new CyclictestBenchmark("timers", { on, cpus: "1,3-4" }));
    });
    await expect(text).toMatchFileSnapshot(golden("cyclictest-guest"));
  });
});

describe("LatencyBenchmark", () => {
  it("sends from the guest, once the switch has its flows", async () => {
    const registered = await register(
      () => {
        const on = aHost();
        const from = aGuest(aBridge(on));
        const first = new CyclictestBenchmark("timers", { on });
        new LatencyBenchmark("rtt", {
          from,
          to: "198.18.0.1",
          count: 50,
          interval: "20ms",
          repetitions: 6,
          after: [first],
          rerunOn: ["load"],
        });
      },
      { answers },
    );
    const rtt = registered.filter(({ types }) => types[0] === "nfvlab:components:LatencyBenchmark");
    expect(outline(rtt)).toEqual([
      "stack > rtt (nfvlab:components:LatencyBenchmark)",
      "rtt > rtt-run (nfvlab:bench:RoundTrip)",
    ]);
    expect(named(registered, "rtt-run").inputs).toEqual({
      host,
      name: "rtt",
      domain: "vnf",
      target: "198.18.0.1",
      count: 50,
      interval: "20ms",
      repetitions: 6,
      triggers: ["boot-1", "load"],
    });
    expect(named(registered, "rtt-run").waitsFor).toEqual([
      "br0-bridge",
      "br0-daemon",
      "br0-flows",
      "br0-vhu0",
      "br0-vhu1",
      "dut-facts",
      "timers-run",
      "vnf-domain",
    ]);
  });

  it("takes the provider's defaults where nothing is said, and registers its results", async () => {
    const registered = await register(
      () => new LatencyBenchmark("rtt", { from: aGuest(aBridge(aHost())), to: "198.18.0.1" }),
      { answers },
    );
    expect(named(registered, "rtt-run").inputs).toEqual({
      host,
      name: "rtt",
      domain: "vnf",
      target: "198.18.0.1",
      triggers: ["boot-1"],
    });
    expect(named(registered, "rtt").outputs).toMatchObject({ record, results: { functional: true } });
  });
});
