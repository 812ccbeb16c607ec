import { describe, expect, it } from "vitest";
import { hostOf } from "../../sdk/cli/hosts.ts";
import type { StateResource } from "../../sdk/cli/state-resource.ts";
import { cpuMapLines } from "../../sdk/report/cpu-map.ts";

const resource = (type: string, outputs: Readonly<Record<string, unknown>>): StateResource => ({
  ...{ urn: `urn:pulumi:rack::lab::${type}::x`, type, outputs },
});
const tuned = resource("nfvlab:components:TunedHost", { cpus: { housekeeping: "0", isolated: "1-3" } });
const guest = (...vcpuPins: readonly string[]) =>
  resource("nfvlab:libvirt:Domain", { name: "vnf", vcpuPins });
const daemon = (pmdCpus: unknown) => resource("nfvlab:ovs:Daemon", { pmdCpus });
const lines = (...resources: readonly StateResource[]) =>
  cpuMapLines(hostOf({ name: "dut", tuned, resources })).map((line) => line.trim());

describe("a machine that nobody has looked at yet", () => {
  it("has the CPUs that the program names, on a node that isn't known", () => {
    const [map] = lines(daemon("1"), guest("2"));
    expect(map).toBe("node ?   0h 1P 2V 3.");
    expect(hostOf({ name: "dut", tuned, resources: [] }).nodes.map(({ node }) => node)).toEqual([null]);
    expect(hostOf({ name: "dut", resources: [] }).nodes).toEqual([]);
  });

  it("has the nodes that its emulated server is declared with", () => {
    const server = resource("nfvlab:emulate:Server", { numaNodes: [{ cpus: "0-1" }, { cpus: "2-3" }] });
    const { nodes, emulated } = hostOf({ name: "dut", tuned, server, resources: [daemon("2")] });
    expect(nodes.map(({ node, cpus }) => [node, cpus.map(({ cpu, role }) => `${cpu} ${role}`)])).toEqual([
      [0, ["0 housekeeping", "1 isolated"]],
      [1, ["2 pmd", "3 isolated"]],
    ]);
    expect(emulated).toBe(true);
  });

  it("is drawn though lists of CPUs aren't known", () => {
    expect(lines(daemon(""), daemon("soon"), guest("", "3"))[0]).toBe("node ?   0h 1. 2. 3V");
  });
});

describe("a CPU that several claim for themselves", () => {
  it("names all of them, and stays with the one that keeps it busiest", () => {
    const { nodes } = hostOf({ name: "dut", tuned, resources: [guest("0", "1", "1"), daemon("0-1")] });
    expect(nodes[0]?.cpus.map(({ role, contenders }) => [role, contenders])).toEqual([
      ["pmd", ["housekeeping", "vCPU 0 of vnf", "poll-mode thread"]],
      ["pmd", ["vCPU 1 of vnf", "vCPU 2 of vnf", "poll-mode thread"]],
      ["isolated", undefined],
      ["isolated", undefined],
    ]);
  });

  it("is marked and said in text", () => {
    expect(lines(guest("1"), daemon("1"))).toEqual([
      "node ?   0h 1P! 2. 3.",
      expect.stringContaining("! contested"),
      "CPU 1 is claimed by vCPU 0 of vnf and poll-mode thread",
    ]);
  });

  it("is not one that is isolated and used", () => {
    expect(lines(guest("1"))).toHaveLength(2);
  });
});
