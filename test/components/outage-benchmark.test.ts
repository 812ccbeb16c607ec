import { describe, expect, it } from "vitest";
import { switchedEnd } from "../../components/chain-ends.ts";
import { OutageBenchmark, type OutageEventArgs } from "../../components/outage-benchmark.ts";
import { Tool } from "../../sdk/resources/traffic.ts";
import { named, register } from "./program.ts";
import { aBridge, aGuest, aHost, answers as alone, host, thrown } from "./testbed.ts";

const frames = {
  forward: { planned: 9, sent: 9, received: 6, lost: 3, duplicated: 0, reordered: 0 },
  reverse: null,
};
const answers = {
  ...alone,
  "nfvlab:traffic:Tool": { path: "/var/lib/nfvlab/traffic/1/nfvlab-traffic" },
  "nfvlab:bench:Outage": {
    frames,
    record: {
      ...{ valid: true, functional: true, invalidReasons: [], fingerprint: { hash: "cafe" } },
      metrics: [
        { name: "outage.switch-restart", unit: "ns", samples: 1, percentiles: { 50: 900 }, max: 900 },
      ],
    },
  },
};

/** A generator on a host with a switch, a guest on that, and a way over it. */
const parts = () => {
  const on = aHost();
  const bridge = aBridge(on);
  const guest = aGuest(bridge);
  const tool = new Tool("tool", { host: on.reference, name: "tool" });
  const ends = { from: switchedEnd("generator", bridge, "vhu0"), to: switchedEnd("sink", bridge, "vhu1") };
  const run = { on, tool, cpus: "4-5", over: { ...ends, ready: [bridge.bridge] }, rate: 1000 } as const;
  return { bridge, guest, run };
};
type Parts = ReturnType<typeof parts>;

describe("OutageBenchmark", () => {
  it("measures once the way is there, and again after a boot", async () => {
    const registered = await register(
      () => {
        const { run } = parts();
        new OutageBenchmark("restart", {
          ...{ ...run, event: { kind: "switch-restart" }, lead: "2s", watch: "1min", repetitions: 6 },
          ...{ idle: "50us", rerunOn: ["again"] },
        });
      },
      { answers },
    );
    const { inputs, waitsFor } = named(registered, "restart-run");
    expect(inputs).toEqual({
      ...{ host, name: "restart", rate: 1000, lead: "2s", watch: "1min", repetitions: 6 },
      generator: {
        ...{ kind: "nfvlab", program: "/var/lib/nfvlab/traffic/1/nfvlab-traffic", cpus: "4-5", idle: "50us" },
      },
      from: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/vhu0.sock" },
      to: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/vhu1.sock" },
      ...{ event: { kind: "switch-restart" }, triggers: ["boot-1", "again"] },
    });
    expect(waitsFor).toEqual(expect.arrayContaining(["dut-facts", "br0-bridge"]));
    expect(named(registered, "restart").outputs).toMatchObject({
      frames,
      results: { valid: true, metrics: { "outage.switch-restart": { max: 900 } } },
    });
  });

  it.each<readonly [string, (parts: Parts) => OutageEventArgs, object, string]>([
    [
      "a guest that is there",
      ({ guest }) => ({ kind: "guest-reset", guest }),
      { kind: "guest-reset", domain: "vnf" },
      "vnf-domain",
    ],
    [
      "a bridge that is there",
      ({ bridge }) => ({ kind: "add-port", bridge, interface: "internal" }),
      { kind: "add-port", bridge: "br0", interface: "internal" },
      "br0-bridge",
    ],
    [
      "a bridge that gets flows",
      ({ bridge }) => ({ kind: "add-flows", bridge, count: 5000 }),
      { kind: "add-flows", bridge: "br0", count: 5000 },
      "br0-bridge",
    ],
  ])("names %s", async (_, event, wired, needs) => {
    const registered = await register(
      () => {
        const all = parts();
        const { over, ...run } = all.run;
        new OutageBenchmark("event", { ...run, over: { from: over.from, to: over.to }, event: event(all) });
      },
      { answers },
    );
    const { inputs, waitsFor } = named(registered, "event-run");
    expect(inputs["event"]).toEqual(wired);
    expect(waitsFor).toContain(needs);
  });

  it("refuses ends that no generator can open, all of it at once", async () => {
    let text = "";
    await register(
      () => {
        const { guest, run } = parts();
        const over = { from: { name: "wire" }, to: { vnf: guest } };
        text = thrown(
          () => new OutageBenchmark("event", { ...run, cpus: "", over, event: { kind: "switch-restart" } }),
        );
      },
      { answers },
    );
    expect(text).toContain("over.from");
    expect(text).toContain("over.to");
    expect(text).toContain("cpus");
  });
});
