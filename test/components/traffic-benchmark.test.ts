import { describe, expect, it } from "vitest";
import { switchedEnd } from "../../components/chain-ends.ts";
import { TrafficBenchmark } from "../../components/traffic-benchmark.ts";
import { Tool, Trex } from "../../sdk/resources/traffic.ts";
import { named, register } from "./program.ts";
import { aBridge, aGuest, aHost, answers as alone, golden, host, thrown } from "./testbed.ts";

const counted = { planned: 10, sent: 10, received: 9, lost: 1, duplicated: 0, reordered: 0 };
const answers = {
  ...alone,
  "nfvlab:traffic:Tool": { path: "/var/lib/nfvlab/traffic/1/nfvlab-traffic" },
  "nfvlab:traffic:Trex": { path: "/opt/trex", program: "/var/lib/nfvlab/traffic/2/nfvlab-trex" },
  "nfvlab:bench:Traffic": {
    record: {
      ...{ valid: true, functional: true, invalidReasons: [], fingerprint: { hash: "cafe" } },
      metrics: [
        {
          name: "traffic.forward.latency",
          unit: "ns",
          samples: 9,
          percentiles: { 50: 900, 99: null },
          max: 2000,
        },
      ],
    },
    frames: { forward: counted, reverse: null },
  },
};

describe("TrafficBenchmark", () => {
  it("sends from one end to the other once the path is there, and tells what came", async () => {
    const registered = await register(
      () => {
        const on = aHost();
        const bridge = aBridge(on);
        new TrafficBenchmark("p2p", {
          ...{ on, tool: new Tool("tool", { host: on.reference, name: "tool" }), cpus: "4-5", idle: "50us" },
          ...{ rate: 2000, count: 20_000, frameSize: 128, directions: "both" },
          over: {
            from: switchedEnd("generator", bridge, "vhu0"),
            to: switchedEnd("sink", bridge, "vhu1"),
            ready: [bridge.bridge],
          },
          rerunOn: ["again"],
        });
      },
      { answers },
    );
    const { inputs, waitsFor } = named(registered, "p2p-run");
    expect(inputs).toEqual({
      ...{ host, name: "p2p", rate: 2000, count: 20_000, frameSize: 128, directions: "both" },
      generator: {
        kind: "nfvlab",
        program: "/var/lib/nfvlab/traffic/1/nfvlab-traffic",
        cpus: "4-5",
        idle: "50us",
      },
      from: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/vhu0.sock" },
      to: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/vhu1.sock" },
      triggers: ["boot-1", "again"],
    });
    expect(waitsFor).toEqual(expect.arrayContaining(["dut-facts", "br0-bridge"]));
    expect(named(registered, "p2p").outputs).toMatchObject({
      frames: { forward: counted, reverse: null },
      results: {
        valid: true,
        metrics: { "traffic.forward.latency": { samples: 9, percentiles: { 50: 900 }, max: 2000 } },
      },
    });
  });

  it("sends by the kernel's own generator, which has no program and no memory of its own", async () => {
    const registered = await register(
      () => {
        const on = aHost();
        const end = (name: string) => ({
          name,
          trafficPort: { kind: "af_packet" as const, interface: name },
        });
        const over = { from: end("gen"), to: end("sink") };
        new TrafficBenchmark("lan", {
          on,
          tool: "pktgen",
          over,
          cpus: "4",
          rate: 100,
        });
        new TrafficBenchmark("flood", {
          on,
          tool: "testpmd",
          over,
          cpus: "4-6",
          rate: "unpaced",
          memory: "128MiB",
        });
        const source = { kind: "path" as const, path: "/opt/trex" };
        const tool = new Trex("trex", { host: on.reference, name: "trex", version: "3.08", source });
        new TrafficBenchmark("wire", { on, tool, over, cpus: "4-7", rate: 100, stampedRate: 10 });
      },
      { answers },
    );
    const generator = (name: string) => named(registered, `${name}-run`).inputs["generator"];
    expect(generator("lan")).toEqual({ kind: "pktgen", cpus: "4" });
    expect(generator("flood")).toEqual({ kind: "testpmd", cpus: "4-6", memory: "128MiB" });
    expect(generator("wire")).toEqual({
      ...{ kind: "trex", path: "/opt/trex", program: "/var/lib/nfvlab/traffic/2/nfvlab-trex" },
      ...{ version: "3.08", cpus: "4-7", stampedRate: 10 },
    });
  });

  it("refuses what its generator has no setting for", async () => {
    let text = "";
    await register(
      () => {
        const on = aHost();
        const end = { name: "end", trafficPort: { kind: "ring" as const } };
        const args = { on, over: { from: end }, cpus: "4" as const, rate: 100 };
        text = thrown(
          () => new TrafficBenchmark("lan", { ...args, tool: "pktgen", memory: "64MiB", idle: "1ms" }),
        );
      },
      { answers },
    );
    expect(text).toContain("memory: pktgen has no such setting: observed 64MiB, expected none of these");
    expect(text).toContain("idle: pktgen has no such setting");
  });

  it("refuses ends that no generator can open, all of it at once", async () => {
    let text = "";
    await register(
      () => {
        const on = aHost();
        const bridge = aBridge(on);
        const tool = new Tool("tool", { host: on.reference, name: "tool" });
        const over = { from: { name: "wire" }, to: { vnf: aGuest(bridge) } };
        text = thrown(() => new TrafficBenchmark("p2p", { on, tool, over, cpus: "", rate: 1 }));
      },
      { answers },
    );
    await expect(text).toMatchFileSnapshot(golden("traffic-benchmark-refused"));
  });
});
