import { describe, expect, it } from "vitest";
import { OvsDpdkBridge, type OvsDpdkBridgeArgs } from "../../components/ovs-dpdk-bridge.ts";
import { Hugepages } from "../../sdk/resources/host.ts";
import { crossConnect } from "../../sdk/resources/ovs.ts";
import { evaluated, named, outline, register } from "./program.ts";
import { aBridge, aHost, answers, golden, host, thrown } from "./testbed.ts";

const ofBridge = (registered: Awaited<ReturnType<typeof register>>) =>
  registered.filter(({ types }) => types[0] === "nfvlab:components:OvsDpdkBridge");

describe("OvsDpdkBridge", () => {
  it("makes daemon, bridge, ports and flows, one after the other", async () => {
    const registered = await register(
      () => aBridge(aHost(), { addresses: ["198.18.0.1/24"], daemon: { restart: "allow", lcoreCpus: "0" } }),
      { answers },
    );
    expect(outline(ofBridge(registered))).toEqual([
      "stack > br0 (nfvlab:components:OvsDpdkBridge)",
      "br0 > br0-daemon (nfvlab:ovs:Daemon)",
      "br0 > br0-bridge (nfvlab:ovs:Bridge)",
      "br0 > br0-vhu0 (nfvlab:ovs:Port)",
      "br0 > br0-vhu1 (nfvlab:ovs:Port)",
      "br0 > br0-flows (nfvlab:ovs:Flows)",
    ]);
    const inputs = (name: string) => named(registered, name).inputs;
    const port = (name: string, openflowPort: number) => ({
      host,
      bridge: "br0",
      name,
      openflowPort,
      interface: { kind: "dpdkvhostuserclient", socketPath: `/run/nfvlab-vhost/${name}.sock` },
    });
    expect(inputs("br0-daemon")).toEqual({
      host,
      pmdCpus: "2",
      socketMemory: { 1: "256MiB" },
      socketLimit: { 1: "256MiB" },
      restart: "allow",
      lcoreCpus: "0",
    });
    expect(inputs("br0-bridge")).toEqual({ host, name: "br0", addresses: ["198.18.0.1/24"] });
    expect(inputs("br0-vhu0")).toEqual(port("vhu0", 1));
    expect(inputs("br0-vhu1")).toEqual(port("vhu1", 2));
    expect(inputs("br0-flows")).toEqual({
      host,
      bridge: "br0",
      name: "steering",
      flows: ["in_port=1,actions=output:2"],
    });
    const waitsFor = (name: string) => named(registered, name).waitsFor;
    expect(waitsFor("br0-daemon")).toEqual(["dut-hugepages-node1-2MiB"]);
    expect(waitsFor("br0-bridge")).toEqual(["br0-daemon"]);
    expect(waitsFor("br0-vhu0")).toEqual(["br0-bridge"]);
    expect(waitsFor("br0-vhu1")).toEqual(["br0-bridge"]);
    expect(waitsFor("br0-flows")).toEqual(["br0-bridge", "br0-vhu0", "br0-vhu1"]);
  });

  it("registers its name and its ports", async () => {
    const registered = await register(() => aBridge(aHost()), { answers });
    expect(named(registered, "br0").outputs).toEqual({
      ports: { vhu0: { resource: "br0-vhu0" }, vhu1: { resource: "br0-vhu1" } },
      bridgeName: "br0",
    });
  });

  it("takes more memory than at its start only where that is allowed", async () => {
    const registered = await register(() => aBridge(aHost(), { daemon: { socketLimit: { 1: "1GiB" } } }), {
      answers,
    });
    expect(named(registered, "br0-daemon").inputs).toMatchObject({
      socketMemory: { 1: "256MiB" },
      socketLimit: { 1: "1GiB" },
    });
  });

  it("leaves out what is not asked for", async () => {
    const registered = await register(
      () => new OvsDpdkBridge("br0", { host: aHost(), pmdCpus: "2", socketMemory: { 1: "1GiB" } }),
      { answers },
    );
    expect(ofBridge(registered).map(({ name }) => name)).toEqual(["br0", "br0-daemon", "br0-bridge"]);
    expect(named(registered, "br0-daemon").inputs).toEqual({
      host,
      pmdCpus: "2",
      socketMemory: { 1: "1GiB" },
      socketLimit: { 1: "1GiB" },
    });
    expect(named(registered, "br0-bridge").inputs).toEqual({ host, name: "br0" });
  });

  it("makes ports of any kind, after what they need", async () => {
    const registered = await register(
      () => {
        const on = aHost();
        const driver = new Hugepages("driver", { host: on.reference, numaNode: 0, size: "2MiB", count: 1 });
        return aBridge(on, {
          vhostUserPorts: ["vhu0"],
          ports: {
            vhu1: { kind: "vhost-user", mtu: 2000 },
            nic0: { kind: "dpdk", devargs: "0000:5e:00.0", rxQueues: 2, dependsOn: [driver] },
            sink: { kind: "dpdk", devargs: { kind: "null", silent: true }, openflowPort: 9 },
          },
          flows: crossConnect("nic0", "vhu1"),
        });
      },
      { answers },
    );
    const inputs = (name: string) => named(registered, name).inputs;
    expect(inputs("br0-vhu1")).toMatchObject({
      openflowPort: 2,
      mtu: 2000,
      interface: { kind: "dpdkvhostuserclient", socketPath: "/run/nfvlab-vhost/vhu1.sock" },
    });
    expect(inputs("br0-nic0")).toMatchObject({
      openflowPort: 3,
      interface: { kind: "dpdk", devargs: "0000:5e:00.0", rxQueues: 2 },
    });
    expect(inputs("br0-sink")).toMatchObject({
      openflowPort: 9,
      interface: { kind: "dpdk", devargs: { kind: "null", silent: true } },
    });
    expect(inputs("br0-flows")["flows"]).toEqual([
      { match: { inPort: "nic0" }, actions: [{ kind: "output", port: "vhu1" }] },
      { match: { inPort: "vhu1" }, actions: [{ kind: "output", port: "nic0" }] },
    ]);
    expect(named(registered, "br0-nic0").waitsFor).toContain("driver");
  });

  it("refuses ports that are in each other's place", async () => {
    const text = await evaluated(() => {
      const on = aHost();
      return thrown(() =>
        aBridge(on, {
          vhostUserPorts: ["vhu0"],
          ports: {
            vhu0: { kind: "vhost-user" },
            br0: { kind: "internal" },
            tap0: { kind: "tap", openflowPort: 1 },
          },
        }),
      );
    });
    await expect(text).toMatchFileSnapshot(golden("ovs-dpdk-bridge-ports"));
  });

  it("says all that is wrong with its inputs", async () => {
    const text = await evaluated(() => {
      const on = aHost();
      return thrown(() =>
        aBridge(on, { pmdCpus: "2;3", socketMemory: {}, vhostUserPorts: ["vhu0", "br0", "vhu0"] }),
      );
    });
    await expect(text).toMatchFileSnapshot(golden("ovs-dpdk-bridge"));
  });

  it.each<[string, Partial<OvsDpdkBridgeArgs>]>([
    ["no-cpus", { pmdCpus: " " }],
    ["not-isolated", { pmdCpus: "7-9" }],
    ["number", { pmdCpus: 2 as unknown as string }],
  ])("refuses pmdCpus: %s", async (what, args) => {
    const text = await evaluated(() => {
      const on = aHost();
      return thrown(() => aBridge(on, args));
    });
    await expect(text).toMatchFileSnapshot(golden(`ovs-dpdk-bridge-${what}`));
  });

  it("leaves a poll-mode thread on a housekeeping CPU to the policies", async () => {
    const registered = await register(() => aBridge(aHost(), { pmdCpus: "1" }), { answers });
    expect(named(registered, "br0-daemon").inputs).toMatchObject({ pmdCpus: "1" });
  });

  it("refuses poll-mode threads on a host that isolates nothing", async () => {
    const text = await evaluated(() => {
      const on = aHost({ cpus: { housekeeping: "0-1", isolated: "" } });
      return thrown(() => aBridge(on));
    });
    await expect(text).toMatchFileSnapshot(golden("ovs-dpdk-bridge-nothing-isolated"));
  });
});
