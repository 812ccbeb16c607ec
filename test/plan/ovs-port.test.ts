import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  answering,
  type ObservedInterface,
  type ObservedPort,
  ovsDatabase,
  packetSockets,
} from "../../sdk/observe/ovs.ts";
import { planBond, reopenMembers } from "../../sdk/plan/ovs-bond.ts";
import { deviceArguments, interfaceSettings, observedInterface } from "../../sdk/plan/ovs-interface.ts";
import {
  detachment,
  hungDaemon,
  planPort,
  portFault,
  removePort,
  reopenPort,
  verifyPort,
} from "../../sdk/plan/ovs-port.ts";
import { changeRow, requireKnown } from "../../sdk/plan/ovs-row.ts";
import type { OvsInterface } from "../../sdk/schema/ovs-interface.ts";
import { recordedMachine, said } from "../observe/recorded.ts";

const host = { name: "dut", connection: { kind: "local" as const } };
const row = (type: string, settings: Record<string, string>): ObservedInterface => ({
  ...{ name: "p", type, uuid: "5d1c", options: {}, status: {}, statistics: {}, settings },
  ...{ ofport: 1, bridge: "br0", port: "p", owner: "a1" },
});

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const whole = (min: number, max: number) => optional(fc.integer({ min, max }));
const flag = optional(fc.boolean());
const polled = {
  rxQueues: whole(1, 16),
  rxqAffinity: optional(fc.dictionary(fc.constantFrom("0", "1", "7"), fc.nat(63), { minKeys: 1 })),
  exactMatchCache: flag,
  txSteering: optional(fc.constantFrom("thread" as const, "hash" as const)),
};
const interfaces: fc.Arbitrary<OvsInterface> = fc
  .oneof(
    fc.record({
      kind: fc.constant("dpdk" as const),
      devargs: fc.oneof(
        fc.constant("0000:5e:00.0"),
        fc.record({ kind: fc.constant("null" as const), size: whole(14, 9000), silent: flag }),
        fc.record({
          kind: fc.constant("af-xdp" as const),
          interface: fc.constant("eth0"),
          queueCount: whole(1, 8),
        }),
      ),
      ...polled,
      rxDescriptors: optional(fc.constantFrom(64, 2048)),
      rxFlowControl: flag,
      rxSteering: optional(fc.constantFrom("rss" as const, "rss+lacp" as const)),
    }),
    fc.record({
      kind: fc.constant("afxdp" as const),
      xdpMode: optional(fc.constant("generic" as const)),
      ...polled,
    }),
    fc.record({
      kind: fc.constant("dpdkvhostuserclient" as const),
      socketPath: fc.constant("/run/a.sock"),
      txRetriesMax: whole(0, 32),
    }),
    fc.record({
      kind: fc.constant("vxlan" as const),
      remoteIp: fc.constantFrom("flow", "10.0.0.1"),
      key: optional(fc.oneof(fc.nat(4095), fc.constant("flow" as const))),
      dontFragment: flag,
      destinationPort: whole(1, 65535),
    }),
    fc.constantFrom<OvsInterface>({ kind: "system" }, { kind: "tap" }, { kind: "patch", peer: "q" }),
  )
  .map((wanted) => JSON.parse(JSON.stringify(wanted)) as OvsInterface);
const inputs = fc
  .record({
    interface: interfaces,
    openflowPort: whole(1, 65279),
    mtu: whole(68, 9702),
    ingressPolicing: optional(
      fc.record({ rate: fc.integer({ min: 1, max: 1e6 }), packetRate: whole(1, 100) }),
    ),
  })
  .map((each) => JSON.parse(JSON.stringify(each)) as typeof each);

/** What ovs-vsctl would make of commands on one row. */
function apply(
  commands: readonly (readonly string[])[],
  before: Record<string, string>,
): Record<string, string> {
  const after = { ...before };
  for (const [verb, , , ...rest] of commands) {
    if (verb === "set")
      for (const assignment of rest) {
        const at = assignment.indexOf("=");
        after[assignment.slice(0, at)] = assignment.slice(at + 1);
      }
    else delete after[rest.join(":")];
  }
  return after;
}

describe("an interface", () => {
  it("is read back as the user spelled it, whatever its kind", () => {
    fc.assert(
      fc.property(inputs, (wanted) => {
        const settings = interfaceSettings("p", wanted);
        expect(observedInterface(row(wanted.interface.kind, settings), wanted, [])).toEqual(wanted);
      }),
    );
  });

  it("is changed into any other in one go, and then not again", () => {
    fc.assert(
      fc.property(inputs, inputs, (first, second) => {
        const [from, to] = [interfaceSettings("p", first), interfaceSettings("p", second)];
        const after = apply(changeRow("Interface", "p", to, from), from);
        expect(changeRow("Interface", "p", to, after).filter(([verb]) => verb === "set")).toEqual([]);
        for (const [path, value] of Object.entries(to)) expect(after[path]).toBe(value);
        for (const path of Object.keys(from))
          if (!(path in to)) expect(["0", "false", undefined]).toContain(after[path]);
      }),
    );
  });

  it.each([
    ["0000:5e:00.0", "0000:5e:00.0"],
    [{ kind: "null" as const, size: 128, copy: true, silent: false }, "net_null_p,size=128,copy=1,no-rx=0"],
    [{ kind: "ring" as const }, "net_ring_p"],
    [
      { kind: "af-packet" as const, interface: "eth0", frameSize: "2KiB" as const },
      "net_af_packet_p,iface=eth0,framesz=2048",
    ],
    [
      { kind: "memif" as const, role: "server" as const, socketPath: "/run/m.sock", zeroCopy: true },
      "net_memif_p,role=server,socket=/run/m.sock,zero-copy=yes,socket-abstract=no",
    ],
  ])("names its device to DPDK: %o", (device, text) => {
    expect(deviceArguments("p", device)).toBe(text);
  });
});

describe("a port", () => {
  const guest = {
    ...{
      host,
      bridge: "br0",
      name: "p",
      interface: { kind: "dpdkvhostuserclient" as const, socketPath: "/run/a.sock" },
    },
    egressPolicer: { kind: "egress-policer" as const, cir: 46000000, cbs: 2048 },
  };

  it("is made only after the socket that a killed daemon left is away, where it listens itself", () => {
    const memif = (role: "server" | "client") => ({
      ...{ host, bridge: "br0", name: "p" },
      interface: {
        kind: "dpdk" as const,
        devargs: { kind: "memif" as const, role, socketPath: "/run/m.sock" },
      },
    });
    const purposes = (role: "server" | "client", was?: ObservedInterface) =>
      planPort(memif(role), was, undefined, [], "a1").map(({ purpose }) => purpose);
    expect(purposes("server")).toEqual([
      "remove the socket /run/m.sock where nobody is at it",
      "set port p of br0",
    ]);
    expect(purposes("client")).toEqual(["set port p of br0"]);
    expect(purposes("server", row("dpdk", {}))).not.toContain(
      "remove the socket /run/m.sock where nobody is at it",
    );
  });

  it("finds the socket of a killed daemon away, whoever is at another whose name begins so", async () => {
    const folder = mkdtempSync(join(tmpdir(), "nfvlab-sockets-"));
    const [own, other] = [join(folder, "m.sock"), join(folder, "m.sock2")];
    const dies = 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, 9))';
    spawnSync(process.execPath, ["-e", dies, own]);
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(other, resolve));
    const remove = (socketPath: string) => {
      const devargs = { kind: "memif" as const, role: "server" as const, socketPath };
      const inputs = { host, bridge: "br0", name: "p", interface: { kind: "dpdk" as const, devargs } };
      const [
        {
          argv: [program, ...args],
        } = expect.fail("no step"),
      ] = planPort(inputs, undefined, undefined, [], "a1");
      expect(spawnSync(program, args).status).toBe(0);
    };
    expect(readdirSync(folder)).toEqual(["m.sock", "m.sock2"]);
    remove(own);
    remove(other);
    expect(readdirSync(folder)).toEqual(["m.sock2"]);
    await new Promise((resolve) => listener.close(resolve));
    rmSync(folder, { recursive: true });
  });

  it("is made with all that it has in one transaction", () => {
    const [step] = planPort(guest, undefined, undefined, [], "a1");
    expect(step?.argv.join(" ")).toBe(
      "ovs-vsctl --timeout=30 -- --may-exist add-port br0 p -- set Interface p type=dpdkvhostuserclient" +
        " -- set Interface p options:vhost-server-path=/run/a.sock -- set Interface p external_ids:nfvlab-owner=a1" +
        " -- --id=@policer create QoS type=egress-policer other_config:cir=46000000 other_config:cbs=2048 external_ids:nfvlab-owner=a1" +
        " -- set Port p qos=@policer",
    );
  });

  const qos = {
    ...{ uuid: "77aa", type: "egress-policer", owner: "a1" },
    settings: { type: "egress-policer", "other_config:cir": "46000000", "other_config:cbs": "2048" },
  };
  const port: ObservedPort = { name: "p", bridge: "br0", interfaces: ["p"], settings: {}, qos };
  const there = row("dpdkvhostuserclient", { "options:vhost-server-path": "/run/a.sock" });

  it("needs nothing where it is as it is wanted", () => {
    expect(planPort(guest, there, port, [], "a1")).toEqual([]);
  });

  it("takes its policer along, and leaves another's", () => {
    expect(removePort("br0", "p", qos, "a1").map(({ argv }) => argv.slice(2).join(" "))).toEqual([
      "-- --if-exists clear Port p qos -- --if-exists destroy QoS 77aa",
      "-- --if-exists del-port br0 p",
    ]);
    expect(removePort("br0", "p", qos, "b2")[0]?.argv).not.toContain("destroy");
    const { egressPolicer: _, ...without } = guest;
    expect(planPort(without, there, port, [], "a1")[0]?.argv.join(" ")).toBe(
      "ovs-vsctl --timeout=30 -- clear Port p qos -- destroy QoS 77aa",
    );
  });

  it.each([
    [
      "ETHDEV: Cannot allocate ethdev shared data",
      "DPDK has no huge pages on the NUMA node of its main thread",
    ],
    ["EAL: Cannot find device (0000:99:00.0)", "no such PCI function is bound to vfio-pci"],
    ['EAL: failed to parse device "net_nosuch0"', "DPDK knows no such device or lacks its driver"],
    ["", "a PMD CPU and switch memory must be on its NUMA node"],
  ])("that does not come up says why and what to do: %s", (log, advice) => {
    expect(() => verifyPort(guest, "Error attaching device", log)).toThrow(advice);
  });

  it("that holds the daemon names the way back", () => {
    expect(hungDaemon(guest, "interface", undefined).message).toBe(
      "interface: ovs-vswitchd answers no more since p was added to br0: observed no answer to ovs-appctl version within 5 s; p is out of the database again, so a restart brings " +
        "everything else back: systemctl restart ovs-vswitchd, which takes a minute and interrupts all ports; a device that waits for its other end at start, such as net_virtio_user " +
        "with server=1, can't be used",
    );
  });

  it("with an option that the daemon does not read is refused", () => {
    const settings = { "options:use-need-wakeup": "true" };
    expect(() => requireKnown(settings, undefined, "3.5.0")).not.toThrow();
    expect(() => requireKnown(settings, new Set(["use-need-wakeup"]), "3.5.0")).not.toThrow();
    expect(() => requireKnown(settings, new Set(["pmd-sleep-max"]), "3.7.0")).toThrow(
      "this ovs-vswitchd does not read use-need-wakeup: observed Open vSwitch 3.7.0, whose program does not name it, expected Open vSwitch 3.6 or earlier",
    );
  });
});

describe("a bond", () => {
  const member = { interface: { kind: "dpdk" as const, devargs: { kind: "null" as const } } };
  const bond = {
    host,
    bridge: "br0",
    name: "b",
    mode: "balance-slb" as const,
    members: { m0: member, m1: member },
  };
  const database = {
    ...{
      state: "answering" as const,
      otherConfig: {},
      initialized: true,
      dpdkVersion: "24.11",
      version: "3.5.0",
    },
    ...{
      settled: true,
      interfaceTypes: ["dpdk"],
      bridges: [{ name: "br0", datapath: "netdev", settings: {} }],
    },
  };
  const of = (name: string) => ({
    ...row("dpdk", { "options:dpdk-devargs": `net_null_${name}` }),
    ...{ name, uuid: `uuid-${name}`, port: "b" },
  });

  it("is made only after the sockets that a killed daemon left of its members are away", () => {
    const memif = {
      interface: {
        kind: "dpdk" as const,
        devargs: { kind: "memif" as const, role: "server" as const, socketPath: "/run/m1.sock" },
      },
    };
    const inputs = { ...bond, members: { m0: member, m1: memif } };
    const purposes = (members: readonly string[]) => {
      const ports =
        members.length === 0 ? [] : [{ name: "b", bridge: "br0", interfaces: members, settings: {} }];
      const there = { ...database, ports, interfaces: members.map(of) };
      return planBond(inputs, there, "a1").map(({ purpose }) => purpose);
    };
    const expected = ["remove the socket /run/m1.sock where nobody is at it", "set bond b of br0"];
    expect(purposes([])).toEqual(expected);
    expect(purposes(["m0"])).toEqual(expected);
    expect(purposes(["m0", "m1"])).not.toContain(expected[0]);
  });

  it("is made with its members in one transaction", () => {
    const [step] = planBond(bond, { ...database, ports: [], interfaces: [] }, "a1");
    expect(step?.argv.slice(0, 8)).toEqual([
      "ovs-vsctl",
      "--timeout=30",
      "--",
      "add-bond",
      "br0",
      "b",
      "m0",
      "m1",
    ]);
    expect(step?.argv).toEqual(
      expect.arrayContaining(["options:dpdk-devargs=net_null_m0", "bond_mode=balance-slb"]),
    );
  });

  it("lets go of a member and takes another", () => {
    const port = {
      name: "b",
      bridge: "br0",
      interfaces: ["m0", "m9"],
      owner: "a1",
      settings: { bond_mode: "balance-slb" },
    };
    const [step] = planBond(bond, { ...database, ports: [port], interfaces: [of("m0"), of("m9")] }, "a1");
    const text = step?.argv.join(" ");
    expect(text).toContain("-- --id=@member0 create Interface name=m1 external_ids:nfvlab-owner=a1");
    expect(text).toContain("-- add Port b interfaces @member0");
    expect(text).toContain("-- remove Port b interfaces uuid-m9");
    const whole = { ...port, interfaces: ["m0", "m1"] };
    expect(planBond(bond, { ...database, ports: [whole], interfaces: [of("m0"), of("m1")] }, "a1")).toEqual(
      [],
    );
  });
});

describe("an interface of the kernel under a userspace datapath", () => {
  const seen = (state: string) => {
    const answers = recordedMachine(`ovs/3.1.0/system-port-${state}.txt`);
    const database = answering(ovsDatabase.parse(answers.get("ovs-database") ?? said("")));
    const row = database.interfaces.find(({ name }) => name === "tl1") as ObservedInterface;
    const sockets = packetSockets.parse(answers.get("packet-sockets") ?? said(""));
    return { database, row, sockets };
  };
  const fault = (state: string) => {
    const { database, row, sockets } = seen(state);
    const polling = { state: "answering" as const, threads: [] };
    return portFault("system", row, { polling, bridges: database.bridges, packetSockets: sockets });
  };

  it("is up where a packet socket is bound to it", () => {
    expect(fault("up")).toBeUndefined();
  });

  it("that was taken away is a fault, though its row has no error and a number", () => {
    expect(seen("gone").row).toMatchObject({ ofport: 2, ifindex: 0 });
    expect(seen("gone").row).not.toHaveProperty("error");
    expect(fault("gone")).toBe("the kernel's interface of that name is gone (ifindex 0)");
  });

  it("that was made again is a fault, though its row is as before", () => {
    expect(seen("replaced").row).toMatchObject({ ofport: 2, ifindex: 8, linkState: "up" });
    expect(fault("replaced")).toBe(
      "the kernel's interface of that name is another than the one that was added (no packet socket is bound to its ifindex 8)",
    );
  });

  it("that is not there is what the switch says, with what to do", () => {
    expect(fault("missing")).toBe("could not open network device tl1 (No such device)");
    expect(() => verifyPort({ bridge: "br0", name: "tl1" }, fault("missing"))).toThrow(
      /no interface of that name: make it \(net\.Veth, /,
    );
  });

  it("is judged by its row alone where sockets aren't told, or another datapath has none", () => {
    const { database, row, sockets } = seen("replaced");
    expect(packetSockets.parse(said(""))).toBeUndefined();
    expect(detachment(row, { bridges: database.bridges, packetSockets: undefined })).toBeUndefined();
    const kernel = database.bridges.map((bridge) => ({ ...bridge, datapath: "system" }));
    expect(detachment(row, { bridges: kernel, packetSockets: sockets })).toBeUndefined();
    expect(detachment({ ...row, type: "vxlan", ifindex: 0 }, { bridges: kernel })).toBeUndefined();
  });

  it("is added anew under the number that it had, unless another is asked for", () => {
    const wanted = { host, bridge: "br0", name: "tl1", interface: { kind: "system" as const } };
    const words = (inputs: Parameters<typeof reopenPort>[0]) =>
      reopenPort(inputs, seen("gone").row, undefined, [], "a1").map(({ argv }) => argv.slice(2).join(" "));
    expect(words(wanted)).toEqual([
      "-- --if-exists del-port br0 tl1",
      "-- --may-exist add-port br0 tl1 -- set Interface tl1 ofport=2 -- set Interface tl1 type=system -- set Interface tl1 external_ids:nfvlab-owner=a1",
    ]);
    expect(words({ ...wanted, openflowPort: 5 })[1]).not.toContain(" ofport=");
  });

  it("comes back into a bond while the others carry on, and alone takes the bond with it", () => {
    const { database } = seen("gone");
    const bonded = {
      ...database,
      ports: [{ name: "bond0", bridge: "br0", interfaces: ["tl1", "tm1"], settings: {}, owner: "a1" }],
    };
    const member = { interface: { kind: "system" as const } };
    const wanted = { host, bridge: "br0", name: "bond0", members: { tl1: member, tm1: member } };
    const words = (reopened: readonly string[]) =>
      reopenMembers(wanted, bonded, new Set(reopened), "a1").map(({ argv }) => argv.slice(2).join(" "));
    const [away, back] = words(["tl1"]);
    expect(away).toBe(`-- remove Port bond0 interfaces ${seen("gone").row.uuid}`);
    expect(back).toContain("create Interface name=tl1");
    expect(back).not.toContain("name=tm1");
    const [without, anew] = words(["tl1", "tm1"]);
    expect(without).toBe("-- --if-exists del-port br0 bond0");
    expect(anew).toContain("add-bond br0 bond0 tl1 tm1");
  });
});
