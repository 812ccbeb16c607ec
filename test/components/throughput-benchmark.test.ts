import { describe, expect, it } from "vitest";
import { switchedEnd } from "../../components/chain-ends.ts";
import {
  BackToBackBenchmark,
  CriticalLoadBenchmark,
  FlowSetupBenchmark,
  FrameLossBenchmark,
  SoakBenchmark,
  SystemRecoveryBenchmark,
  ThroughputBenchmark,
} from "../../components/throughput-benchmark.ts";
import { Tool } from "../../sdk/resources/traffic.ts";
import { named, register } from "./program.ts";
import { aBridge, aGuest, aHost, answers as alone, golden, host, thrown } from "./testbed.ts";

const record = {
  ...{ valid: true, functional: true, invalidReasons: [], fingerprint: { hash: "cafe" } },
  metrics: [
    { name: "throughput.64.ndr", unit: "pps", samples: 1, percentiles: { 50: 900, 99: null }, max: 900 },
  ],
};
const bounds = { kind: "regular", throughputPps: 900.5, lowerPps: 901, upperPps: 910 };
const answers = {
  ...alone,
  "nfvlab:traffic:Tool": { path: "/var/lib/nfvlab/traffic/1/nfvlab-traffic" },
  "nfvlab:bench:Throughput": {
    ...{ record, ended: "complete" },
    byFrame: {
      64: { ndr: bounds, pdr: { ...bounds, throughputPps: 990 } },
      imix: { ndr: { ...bounds, throughputPps: null } },
    },
  },
  "nfvlab:bench:FrameLoss": { record, ended: "complete" },
  "nfvlab:bench:BackToBack": { record: null, ended: "interrupted" },
  "nfvlab:bench:Soak": { record, ended: "complete" },
  "nfvlab:bench:SystemRecovery": { record, ended: "complete" },
  "nfvlab:bench:FlowSetup": { record, ended: "complete" },
  "nfvlab:bench:CriticalLoad": { record, ended: "complete", byFrame: {} },
};

/** A generator on a host with a switch, and a path over it. */
const parts = () => {
  const on = aHost();
  const bridge = aBridge(on);
  const tool = new Tool("tool", { host: on.reference, name: "tool" });
  const ends = { from: switchedEnd("generator", bridge, "vhu0"), to: switchedEnd("sink", bridge, "vhu1") };
  return {
    bridge,
    generator: { on, tool, cpus: "4-5", idle: "50us" } as const,
    over: { ...ends, ready: [bridge.bridge] },
  };
};
const wired = {
  ...{ host, triggers: ["boot-1"] },
  generator: {
    kind: "nfvlab",
    program: "/var/lib/nfvlab/traffic/1/nfvlab-traffic",
    cpus: "4-5",
    idle: "50us",
  },
  from: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/vhu0.sock" },
  to: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/vhu1.sock" },
};

describe("ThroughputBenchmark", () => {
  it("searches once the path and what it goes through are there, and again after a boot", async () => {
    const registered = await register(
      () => {
        const { bridge, generator, over } = parts();
        const { domain } = aGuest(bridge);
        new ThroughputBenchmark("ndr", {
          ...{ generator, over, through: [domain], frames: [64, 1518, "imix"], goal: { loss: 0 } },
          ...{ method: "rfc2544", minLoad: 1000, rerunOn: ["again"] },
        });
      },
      { answers },
    );
    const { inputs, waitsFor } = named(registered, "ndr-run");
    expect(inputs).toEqual({
      ...wired,
      ...{
        name: "ndr",
        frames: [64, 1518, "imix"],
        goals: { ndr: { loss: 0 } },
        method: "rfc2544",
        minLoad: 1000,
      },
      triggers: ["boot-1", "again"],
    });
    expect(waitsFor).toEqual(expect.arrayContaining(["dut-facts", "br0-bridge", "vnf-domain"]));
    expect(named(registered, "ndr").outputs).toMatchObject({
      byFrame: { 64: { ndr: bounds } },
      results: { valid: true, metrics: { "throughput.64.ndr": { max: 900 } } },
    });
  });

  it("names its one goal by what it may lose, and takes several by their names", async () => {
    const goals = { first: { loss: 0 }, second: { loss: 0.01 } };
    const registered = await register(
      () => {
        const { generator, over } = parts();
        new ThroughputBenchmark("pdr", { generator, over, goal: { loss: 0.005, width: 0.01 } });
        new ThroughputBenchmark("several", { generator, over, goals });
        new ThroughputBenchmark("default", { generator, over });
      },
      { answers },
    );
    const goalsOf = (name: string) => named(registered, name).inputs["goals"];
    expect(goalsOf("pdr-run")).toEqual({ pdr: { loss: 0.005, width: 0.01 } });
    expect(goalsOf("several-run")).toEqual(goals);
    expect(goalsOf("default-run")).toBeUndefined();
  });

  it("refuses ends that no generator can open, all of it at once", async () => {
    let text = "";
    await register(
      () => {
        const { bridge, generator } = parts();
        const over = { from: { name: "wire" }, to: { vnf: aGuest(bridge) } };
        text = thrown(() => new ThroughputBenchmark("ndr", { generator: { ...generator, cpus: "" }, over }));
      },
      { answers },
    );
    await expect(text).toMatchFileSnapshot(golden("throughput-benchmark-refused"));
  });
});

describe("what is measured at a throughput", () => {
  it("takes that of its first goal from the benchmark, but of a frame size that has none", async () => {
    const registered = await register(
      () => {
        const { generator, over } = parts();
        const throughput = new ThroughputBenchmark("ndr", { generator, over, frames: [64, "imix"] });
        new BackToBackBenchmark("bursts", { generator, over, throughput, frames: [64], bursts: 10 });
        new SoakBenchmark("soak", {
          generator,
          over,
          throughput: { 64: 5000 },
          frames: [64],
          duration: "1h",
        });
        new SystemRecoveryBenchmark("recovery", {
          generator,
          over,
          throughput,
          frames: [64],
          overload: "5s",
        });
        new FlowSetupBenchmark("setup", { generator, over, frames: [64], flows: 200, repetitions: 10 });
        new FrameLossBenchmark("loss", { generator, over, frames: [64], step: 0.05 });
        new CriticalLoadBenchmark("critical", { generator, over, frames: [64], loss: 1e-6, duration: "1h" });
      },
      { answers },
    );
    expect(named(registered, "bursts-run").inputs).toEqual({
      ...{ ...wired, name: "bursts", frames: [64], bursts: 10, throughput: { 64: 900 } },
    });
    expect(named(registered, "bursts-run").waitsFor).toContain("ndr-run");
    expect(named(registered, "recovery-run").inputs).toEqual({
      ...{ ...wired, name: "recovery", frames: [64], overload: "5s", throughput: { 64: 900 } },
    });
    expect(named(registered, "setup-run").inputs).toEqual({
      ...{ ...wired, name: "setup", frames: [64], flows: 200, repetitions: 10 },
    });
    expect(named(registered, "soak-run").inputs).toMatchObject({ throughput: { 64: 5000 }, duration: "1h" });
    expect(named(registered, "loss-run").inputs).toEqual({
      ...wired,
      name: "loss",
      frames: [64],
      step: 0.05,
    });
    expect(named(registered, "critical-run").inputs).toEqual({
      ...{ ...wired, name: "critical", frames: [64], loss: 1e-6, duration: "1h" },
    });
    // An interrupted one has no results, and says nothing else.
    expect(named(registered, "bursts").outputs).toEqual({ record: null, results: null });
  });
});
