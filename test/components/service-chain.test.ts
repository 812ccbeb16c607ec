import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ChainMember } from "../../components/attachment.ts";
import { switchedEnd } from "../../components/chain-ends.ts";
import type { OvsDpdkBridge } from "../../components/ovs-dpdk-bridge.ts";
import { ServiceChain, type ServiceChainArgs } from "../../components/service-chain.ts";
import { evaluated, named, register } from "./program.ts";
import { aBridge, aHost, answers, golden, thrown } from "./testbed.ts";

const PORTS = ["gen0", "gen1", "a0", "a1", "b0", "b1"];

/** A guest on two ports of a bridge. */
const aMember = (
  name: string,
  bridge: OvsDpdkBridge,
  ports: readonly string[],
  numaNode = 1,
): ChainMember => ({
  ...{ name, host: bridge.host, numaNode, place: "guest", ready: [] },
  attachments: Object.fromEntries(
    ports.map((port, index) => [`nic${index}`, { kind: "vhost-user", bridge, port }]),
  ),
});

const withBridge = <T>(use: (bridge: OvsDpdkBridge) => T): T =>
  use(aBridge(aHost(), { vhostUserPorts: PORTS, flows: undefined as never }));

const ends = (bridge: OvsDpdkBridge) => ({
  from: switchedEnd("generator", bridge, "gen0"),
  to: switchedEnd("sink", bridge, "gen1"),
});

/** Where each port leads to, as the flows of a chain say it. */
function wiring(flows: unknown): Record<string, string> {
  const typed = flows as { match: { inPort: string }; actions: { kind: string; port: string }[] }[];
  return Object.fromEntries(typed.map(({ match, actions }) => [match.inPort, actions[0]?.port ?? ""]));
}

async function chainOf(args: (bridge: OvsDpdkBridge) => ServiceChainArgs) {
  let chain: ServiceChain | undefined;
  const registered = await register(
    () => withBridge((bridge) => (chain = new ServiceChain("chain", args(bridge)))),
    { answers },
  );
  if (chain === undefined) throw new Error("the program made no chain");
  return { chain, registered, flows: named(registered, "chain-flows-br0").inputs };
}

describe("ServiceChain", () => {
  it("leads through its functions and back, by flows of its own", async () => {
    const { chain, registered, flows } = await chainOf((bridge) => ({
      ...ends(bridge),
      through: [aMember("fw", bridge, ["a0", "a1"]), aMember("nat", bridge, ["b0", "b1"])],
    }));
    expect(wiring(flows["flows"])).toEqual({
      ...{ gen0: "a0", a1: "b0", b1: "gen1" },
      ...{ a0: "gen0", b0: "a1", gen1: "b1" },
    });
    expect(flows).toMatchObject({ bridge: "br0", name: "chain" });
    expect(named(registered, "chain-flows-br0").waitsFor).toEqual(
      expect.arrayContaining(["br0-a0", "br0-gen1"]),
    );
    expect(chain.deployment).toBe("PVVP");
    expect(chain.drawing).toBe("generator ─ br0 ─ fw ─ br0 ─ nat ─ br0 ─ sink");
  });

  it("has no way back where none is asked for", async () => {
    const { flows } = await chainOf((bridge) => ({
      ...ends(bridge),
      directions: "forward",
      through: [{ vnf: aMember("fw", bridge, ["a0", "a1"]), in: "nic1", out: "nic0" }],
    }));
    expect(wiring(flows["flows"])).toEqual({ gen0: "a1", a0: "gen1" });
  });

  it("is called as RFC 8204 calls it", async () => {
    const called = (args: (bridge: OvsDpdkBridge) => ServiceChainArgs) =>
      evaluated(() => withBridge((bridge) => new ServiceChain("chain", args(bridge)).deployment));
    expect(await called(ends)).toBe("Phy2Phy");
    expect(
      await called((bridge) => ({ ...ends(bridge), through: [aMember("fw", bridge, ["a0", "a1"])] })),
    ).toBe("PVP");
    expect(
      await called((bridge) => ({
        from: { vnf: aMember("a", bridge, ["a0"]), nic: "nic0" },
        to: { vnf: aMember("b", bridge, ["b0"]), nic: "nic0" },
      })),
    ).toBe("VM2VM");
  });

  it("joins functions on a card or in shared memory without a flow", async () => {
    const registered = await register(
      () => {
        const host = aHost();
        const member = (name: string): ChainMember => ({
          ...{ name, host, numaNode: 1, place: "guest", ready: [] },
          attachments: { vf: { kind: "sr-iov", carrier: "nic", over: "0000:5e:00.0" } },
        });
        new ServiceChain("chain", {
          from: { vnf: member("a"), nic: "vf" },
          to: { vnf: member("b"), nic: "vf" },
        });
      },
      { answers },
    );
    expect(registered.some(({ types }) => types.at(-1) === "nfvlab:ovs:Flows")).toBe(false);
    expect(named(registered, "chain").outputs).toMatchObject({
      deployment: "VM2VM",
      path: { segments: [{ down: "sr-iov", carrier: "nic", over: "0000:5e:00.0", up: "sr-iov" }] },
    });
  });

  it("says all at once what keeps it from being a chain", async () => {
    const text = await evaluated(() =>
      withBridge((bridge) =>
        thrown(
          () =>
            new ServiceChain("chain", {
              from: switchedEnd("generator", bridge, "gen7"),
              through: [
                aMember("fw", bridge, ["a0"]),
                aMember("nat", bridge, ["b0", "a0"], 0),
                {
                  ...aMember("ids", bridge, []),
                  attachments: {
                    in: { kind: "vhost-net", carrier: "linux-bridge", over: "lan" },
                    out: { kind: "vhost-user", bridge, port: "b1" },
                  },
                },
              ],
              to: { vnf: aMember("end", bridge, ["b1"]), nic: "west" },
            }),
        ),
      ),
    );
    await expect(text).toMatchFileSnapshot(golden("service-chain-refused"));
  });

  it("takes a packet from one end to the other and back, however many functions are between", async () => {
    const property = fc.asyncProperty(fc.integer({ min: 0, max: 6 }), fc.boolean(), async (count, both) => {
      const names = Array.from({ length: count }, (_, index) => `v${index}`);
      const registered = await register(
        () => {
          const vhostUserPorts = ["gen0", "gen1", ...names.flatMap((name) => [`${name}i`, `${name}o`])];
          const bridge = aBridge(aHost(), { vhostUserPorts });
          new ServiceChain("chain", {
            ...ends(bridge),
            directions: both ? "both" : "forward",
            through: names.map((name) => aMember(name, bridge, [`${name}i`, `${name}o`])),
          });
        },
        { answers },
      );
      const leads = wiring(named(registered, "chain-flows-br0").inputs["flows"]);
      const through = (port: string) => port.replace(/[io]$/, (end) => (end === "i" ? "o" : "i"));
      const visited = (start: string): string[] => {
        const target = leads[start];
        return target === undefined || target.startsWith("gen")
          ? [target ?? "nowhere"]
          : [target, ...visited(through(target))];
      };
      expect(visited("gen0")).toEqual([...names.map((name) => `${name}i`), "gen1"]);
      expect(visited("gen1")).toEqual(
        both ? [...names.map((name) => `${name}o`).reverse(), "gen0"] : ["nowhere"],
      );
    });
    await fc.assert(property, { numRuns: 14 });
  });
});
