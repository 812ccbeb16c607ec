import { describe, expect, it } from "vitest";
import { ContainerVnf } from "../../components/container-vnf.ts";
import {
  BootTimeBenchmark,
  ExitCostBenchmark,
  ExitRateBenchmark,
  HwlatdetectBenchmark,
  OslatBenchmark,
  RtlaBenchmark,
} from "../../components/latency-benchmarks.ts";
import type { TunedHost } from "../../components/tuned-host.ts";
import { Tool } from "../../sdk/resources/traffic.ts";
import { evaluated, named, register } from "./program.ts";
import { aBridge, aGuest, aHost, answers as alone, golden, host, thrown } from "./testbed.ts";

const record = {
  valid: true,
  functional: false,
  invalidReasons: [],
  fingerprint: { hash: "cafe" },
  metrics: [],
};
const types = ["Oslat", "Hwlatdetect", "Rtla", "ExitRate", "ExitCost", "BootTime"];
const answers = {
  ...alone,
  "nfvlab:traffic:Tool": { path: "/var/lib/nfvlab/traffic/cafe/nfvlab-exits" },
  ...Object.fromEntries(types.map((type) => [`nfvlab:bench:${type}`, { record }])),
};
const results = { valid: true, functional: false, invalidReasons: [], inForce: "cafe", metrics: {} };

describe("benchmarks of CPUs", () => {
  it("poll on a host's isolated CPUs, or in a guest, after what they wait for", async () => {
    const registered = await register(
      () => {
        const on = aHost();
        const hardware = new HwlatdetectBenchmark("hardware", {
          on,
          threshold: "1us",
          window: "2s",
          width: "1s",
        });
        const polling = new OslatBenchmark("polling", {
          on,
          after: [hardware],
          duration: "1h",
          rerunOn: [7],
        });
        new OslatBenchmark("guest-polling", {
          ...{ on: aGuest(aBridge(on)), after: [polling], coLoad: { kind: "cpu", cpus: "0" }, cpus: "1" },
          ...{ bucketWidth: "100ns", priority: 1, workload: { kind: "memmove", memory: "4KiB" } },
        });
      },
      { answers },
    );
    expect(named(registered, "hardware-run").inputs).toEqual({
      ...{
        host,
        name: "hardware",
        cpus: "2-7",
        threshold: "1us",
        window: "2s",
        width: "1s",
        triggers: ["boot-1"],
      },
    });
    expect(named(registered, "polling-run").inputs).toEqual({
      ...{
        host,
        name: "polling",
        subject: { kind: "host", cpus: "2-7" },
        duration: "1h",
        triggers: ["boot-1", 7],
      },
    });
    expect(named(registered, "polling-run").waitsFor).toContain("hardware-run");
    expect(named(registered, "guest-polling-run").inputs).toEqual({
      ...{ host, name: "guest-polling", subject: { kind: "guest", domain: "vnf", cpus: "1" } },
      ...{ bucketWidth: "100ns", priority: 1, workload: { kind: "memmove", memory: "4KiB" } },
      ...{ coLoad: { kind: "cpu", cpus: "0" }, triggers: ["boot-1"] },
    });
    expect(named(registered, "guest-polling-run").waitsFor).toEqual(
      expect.arrayContaining(["polling-run", "vnf-domain"]),
    );
    for (const name of ["hardware", "polling", "guest-polling"])
      expect(named(registered, name).outputs).toEqual({ record, results });
  });

  it("hand a tracer on as it is asked for", async () => {
    const tracer = { kind: "timerlat", interval: "1ms", threads: "user" } as const;
    const registered = await register(
      () => new RtlaBenchmark("late", { on: aHost(), cpus: "3", tracer, histogramMax: "10ms", once: true }),
      { answers },
    );
    expect(named(registered, "late-run").inputs).toEqual({
      ...{
        host,
        name: "late",
        subject: { kind: "host", cpus: "3" },
        tracer,
        histogramMax: "10ms",
        triggers: [],
      },
    });
  });

  it("are refused without a CPU, by their own name", async () => {
    const text = await evaluated(() => {
      const on = aHost();
      return thrown(() => new OslatBenchmark("polling", { on, cpus: "" }));
    });
    expect(text).toContain('OslatBenchmark "polling" can\'t be made from its inputs');
  });
});

describe("the cost of an exit", () => {
  const program = (on: TunedHost) =>
    new Tool("exits", { host: on.reference, name: "exits", program: "exits" });

  it("is timed on the first two isolated CPUs by the host's program, once that is built", async () => {
    const registered = await register(
      () => {
        const on = aHost();
        new ExitCostBenchmark("exits", {
          ...{ on, program: program(on), samples: 1000, limit: "30s", repetitions: 6 },
          ...{ coLoad: { kind: "cpu", cpus: "4" } },
        });
      },
      { answers },
    );
    expect(named(registered, "exits-run").inputs).toEqual({
      ...{ host, name: "exits", cpus: "2-3", program: "/var/lib/nfvlab/traffic/cafe/nfvlab-exits" },
      ...{ samples: 1000, limit: "30s", repetitions: 6 },
      ...{ coLoad: { kind: "cpu", cpus: "4" }, triggers: ["boot-1"] },
    });
  });

  it("takes two CPUs, no fewer and no more", async () => {
    const text = await evaluated(() => {
      const on = aHost();
      return thrown(() => new ExitCostBenchmark("exits", { on, program: program(on), cpus: "2-4" }));
    });
    await expect(text).toMatchFileSnapshot(golden("exit-cost-cpus"));
  });
});

describe("benchmarks of a guest", () => {
  it("look at its exits, and start it, once its switch has its flows", async () => {
    const registered = await register(
      () => {
        const of = aGuest(aBridge(aHost()));
        const boot = new BootTimeBenchmark("boot", {
          ...{ of, repetitions: 6, answer: { kind: "ping", address: "198.18.0.2" } },
          ...{ shutdownTimeout: "20s", bootTimeout: "90s" },
        });
        new ExitRateBenchmark("exits", { of, vcpus: "0-1", settle: "2s", duration: "1min", after: [boot] });
      },
      { answers },
    );
    expect(named(registered, "boot-run").inputs).toEqual({
      ...{
        host,
        name: "boot",
        domain: "vnf",
        repetitions: 6,
        answer: { kind: "ping", address: "198.18.0.2" },
      },
      ...{ shutdownTimeout: "20s", bootTimeout: "90s", triggers: ["boot-1"] },
    });
    expect(named(registered, "exits-run").inputs).toEqual({
      ...{
        host,
        name: "exits",
        domain: "vnf",
        vcpus: "0-1",
        settle: "2s",
        duration: "1min",
        triggers: ["boot-1"],
      },
    });
    expect(named(registered, "exits-run").waitsFor).toEqual(
      expect.arrayContaining(["boot-run", "vnf-domain", "br0-flows"]),
    );
  });

  it("start a container likewise, once it is there", async () => {
    const registered = await register(
      () => {
        const of = new ContainerVnf("fw", {
          ...{ host: aHost(), cpus: "3", nics: { east: { kind: "veth", bridge: "lan0" } } },
        });
        new BootTimeBenchmark("boot", { of, repetitions: 10 });
      },
      { answers },
    );
    expect(named(registered, "boot-run").inputs).toEqual({
      ...{ host, name: "boot", container: "fw", repetitions: 10, triggers: ["boot-1"] },
    });
    expect(named(registered, "boot-run").waitsFor).toContain("fw-container");
  });

  it("are refused for vCPUs that it does not have", async () => {
    const text = await evaluated(() => {
      const of = aGuest(aBridge(aHost()));
      return thrown(() => new ExitRateBenchmark("exits", { of, vcpus: "1-3" }));
    });
    await expect(text).toMatchFileSnapshot(golden("exit-rate-vcpus"));
  });
});
