import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bridgeFlows } from "../../sdk/observe/ovs.ts";
import { checkFlow, renderFlow } from "../../sdk/plan/ovs-flow.ts";
import { canonicalFlow, observedFlows } from "../../sdk/plan/ovs-flows.ts";
import { chain, crossConnect } from "../../sdk/resources/ovs-steering.ts";
import { OvsFlow } from "../../sdk/schema/ovs-flow.ts";
import { recorded } from "../observe/recorded.ts";

const ports = new Map([
  ["east", 5],
  ["west", 6],
]);
const dumped = new Set(
  (bridgeFlows.parse(recorded("ovs/3.5.0/dump-flows-of-every-field.txt")).get("br0") ?? []).map(({ text }) =>
    canonicalFlow(text),
  ),
);
const out = (port: string | number) => ({ kind: "output" as const, port });

describe("a flow as data", () => {
  it.each<[string, OvsFlow]>([
    [
      "MAC addresses with a mask",
      {
        priority: 5,
        match: { inPort: "east", ethSrc: "02:00:00:00:00:01", ethDst: "02:00:00:00:00:02/ff:ff:ff:ff:ff:f0" },
        actions: [out("west")],
      },
    ],
    [
      "a tag",
      { match: { inPort: 5, vlan: 10, vlanPriority: 3 }, actions: [{ kind: "pop-vlan" }, out("west")] },
    ],
    [
      "no tag",
      {
        match: { inPort: "east", vlan: "untagged" },
        actions: [{ kind: "push-vlan", vlan: 10, priority: 3 }, out("west")],
      },
    ],
    ["any tag", { priority: 10, match: { vlan: "tagged" }, actions: [{ kind: "drop" }] }],
    [
      "UDP",
      {
        match: { inPort: "east", ipProtocol: "udp", dstPort: 53 },
        actions: [
          { kind: "set", dstPort: 5353 },
          { kind: "set", ethDst: "02:00:00:00:00:09" },
          { kind: "set", ethSrc: "02:00:00:00:00:08" },
          { kind: "normal" },
        ],
      },
    ],
    ["ARP", { match: { inPort: "east", ethType: "arp" }, actions: [{ kind: "flood" }] }],
    [
      "a protocol by number",
      {
        match: { inPort: "east", ipProtocol: 89 },
        actions: [out("LOCAL"), { kind: "in-port" }, { kind: "goto-table", table: 3 }],
      },
    ],
    [
      "ICMP",
      { match: { inPort: "LOCAL", ipProtocol: 1 }, actions: [{ kind: "set-queue", queue: 2 }, out("west")] },
    ],
    [
      "a code point",
      { match: { inPort: "west", dscp: 46 }, actions: [{ kind: "set", dscp: 46 }, out("LOCAL")] },
    ],
  ])("is written as ovs-ofctl prints it: %s", (_, flow) => {
    expect(OvsFlow.safeParse(flow).error).toBeUndefined();
    checkFlow(flow, "flows[0]");
    expect(dumped).toContain(canonicalFlow(renderFlow(flow, ports)));
  });

  it("names networks by their first address, and sends back by IN_PORT", () => {
    const flow: OvsFlow = { match: { inPort: "east", ipSrc: "198.18.77.1/15" }, actions: [out("east")] };
    expect(renderFlow(flow, ports)).toBe("in_port=5,ip,nw_src=198.18.0.0/15,actions=IN_PORT");
  });

  it("keeps every network's own address, whatever its prefix", () => {
    const address = fc
      .tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
      .map((parts) => parts.join("."));
    fc.assert(
      fc.property(address, fc.integer({ min: 0, max: 32 }), (ip, prefix) => {
        const once = renderFlow({ match: { ipDst: `${ip}/${prefix}` }, actions: [{ kind: "drop" }] }, ports);
        const text = /nw_dst=([^,]+)/.exec(once)?.[1] ?? "";
        expect(renderFlow({ match: { ipDst: text }, actions: [{ kind: "drop" }] }, ports)).toBe(once);
        if (prefix === 32) expect(text).toBe(ip);
        if (prefix === 0) expect(text).toBe("0.0.0.0/0");
      }),
    );
  });

  it.each<[string, OvsFlow, string]>([
    [
      "ports without a protocol",
      { match: { dstPort: 1 }, actions: [out(1)] },
      "flows[0].match.ipProtocol: ports are of a protocol that has some: observed undefined, expected tcp, udp or sctp",
    ],
    [
      "addresses of IPv4 in ARP",
      { match: { ethType: "arp", ipSrc: "10.0.0.1" }, actions: [out(1)] },
      "flows[0].match.ethType: addresses of IPv4 are in packets of IPv4 alone: observed arp, expected ip",
    ],
    [
      "a table before its own",
      { table: 3, actions: [{ kind: "goto-table", table: 2 }] },
      "flows[0].actions[0].table: flows go on in later tables alone: observed 2, expected more than 3",
    ],
    [
      "an address set in anything",
      { actions: [{ kind: "set", ipSrc: "10.0.0.1" }, out(1)] },
      "flows[0].actions[0]: only of a packet that is known to be IPv4 can an address be set: observed undefined, expected match.ethType ip",
    ],
  ])("is refused with %s", (_, flow, message) => {
    expect(() => checkFlow(flow, "flows[0]")).toThrow(message);
  });

  it("shows exactly what drifted", () => {
    const wanted = [...crossConnect<string>("east", "west"), "table=1,actions=drop"] as (string | OvsFlow)[];
    const there = ["in_port=5 actions=output:6", "table=1, actions=drop", "in_port=9 actions=output:6"];
    expect(observedFlows(wanted, there, ports)).toEqual([wanted[0], wanted[2], "in_port=9 actions=output:6"]);
    expect(observedFlows(wanted, there, new Map([["west", 6]]))).toEqual([
      wanted[2],
      "in_port=5 actions=output:6",
      "in_port=9 actions=output:6",
    ]);
  });

  it("of a port that is not there is refused by name", () => {
    expect(() => renderFlow({ match: { inPort: "north" }, actions: [out("west")] }, ports)).toThrow(
      "flows: the bridge has no port north with an OpenFlow number: observed east, west",
    );
  });
});

describe("steering", () => {
  const ways = (flows: ReturnType<typeof chain<string>>) =>
    flows.map(({ match, actions }) => `${match.inPort}>${actions[0].port}`);

  it("joins ports both ways", () => {
    expect(ways(crossConnect("a", "b"))).toEqual(["a>b", "b>a"]);
    expect(ways(chain("p0", "a0", "a1", "b0", "b1", "p1"))).toEqual([
      ...["p0>a0", "a0>p0", "a1>b0"],
      ...["b0>a1", "b1>p1", "p1>b1"],
    ]);
  });

  it("refuses what is no chain", () => {
    expect(() => chain("a", "b", "c")).toThrow(
      "a chain goes in and out of each function: observed 3 ports, expected an even number of two or more",
    );
    expect(() => chain("a", "b", "c", "a")).toThrow("observed port a twice in a chain, expected each once");
  });
});
