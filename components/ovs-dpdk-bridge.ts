import type * as pulumi from "@pulumi/pulumi";
import type { ArgsOf, Wired } from "../sdk/resources/lab-resource.ts";
import { Bridge, Daemon, Flows, Port } from "../sdk/resources/ovs.ts";
import type { OvsInterface, ovsDaemon, ovsFlows, ovsPort } from "../sdk/schema/ovs.ts";
import type { CpuList } from "../sdk/units/cpuset.ts";
import type { Size } from "../sdk/units/size.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent } from "./lab-component.ts";
import { checkMeasuringCpus } from "./measuring-cpus.ts";
import type { TunedHost } from "./tuned-host.ts";

export interface OvsDpdkBridgeArgs {
  /** The machine whose daemon it is. */
  readonly host: TunedHost;
  /** CPUs of the poll-mode threads, among the host's isolated ones. */
  readonly pmdCpus: CpuList;
  /** Huge-page memory of the switch by NUMA node, `{ 0: "1GiB" }`: what it takes at its start, and no more unless `daemon.socketLimit` says so. */
  readonly socketMemory: Readonly<Record<number, Size>>;
  /** Addresses of the bridge itself, `["198.18.0.1/24"]`. */
  readonly addresses?: readonly string[];
  /** Guest-facing ports by name, in the order of their OpenFlow numbers from 1. Each gets a socket of its own. */
  readonly vhostUserPorts?: readonly string[];
  /** Further ports by name, of any kind, with OpenFlow numbers that go on from those above where they have none. */
  readonly ports?: Readonly<Record<string, BridgePortArgs>>;
  /** Flows of the bridge: as data with ports by name, or as texts with ports by number; `LOCAL` is the bridge. */
  readonly flows?: ArgsOf<typeof ovsFlows>["flows"];
  /** Further options of the daemon. */
  readonly daemon?: Omit<ArgsOf<typeof ovsDaemon>, "host" | "pmdCpus" | "socketMemory">;
}

type PortArgs = ArgsOf<typeof ovsPort>;

/** What a port has whatever its kind. */
interface PortSettings extends Pick<PortArgs, "mtu" | "vlan" | "ingressPolicing" | "egressPolicer"> {
  /** OpenFlow number, 1 to 65279. Default: the next one. */
  readonly openflowPort?: number;
  /** What has to be there first, for instance the driver of a network card. */
  readonly dependsOn?: pulumi.Input<pulumi.Input<pulumi.Resource>[]>;
}

type KindArgs<I> = I extends object
  ? { readonly [K in keyof I]: K extends "kind" ? I[K] : Wired<I[K]> }
  : never;

/** A port by its kind: `vhost-user` for a guest, on a socket of the bridge's own, or a kind of interface as `Port` has them. */
export type BridgePortArgs = PortSettings & ({ readonly kind: "vhost-user" } | KindArgs<OvsInterface>);

interface Built {
  readonly daemon: Daemon;
  readonly bridge: Bridge;
  readonly ports: Readonly<Record<string, Port>>;
  readonly bridgeName: pulumi.Output<string>;
}

/** Folder of the vhost-user sockets, writable for QEMU's user and nobody else. */
const VHOST_SOCKET_FOLDER = "/run/nfvlab-vhost";

/** The socket of a vhost-user port of a bridge, by the port's name: guests and processes are its other end. */
export function vhostSocket(port: string): string {
  return `${VHOST_SOCKET_FOLDER}/${port}.sock`;
}

/**
 * A switch in user space: the machine's daemon with its poll-mode threads, one bridge, its ports and flows. One to a machine, since the daemon is.
 *
 * @property pmdCpus CPUs that poll; a port needs one on its own NUMA node
 * @property socketMemory per NUMA node; each node with ports or guests needs some. 1GiB holds the 262144 packet buffers that OVS asks for (788MiB); it halves them until they fit, when its first port
 *   is connected. While it tries it takes all of the node's memory: DPDK makes no device for a port that is connected then, says "failed to allocate memory for new device", and never connects that port
 *   again. Below 1GiB give it a little on another node too, `{ 0: "16MiB", 1: "256MiB" }`, of which it makes such a device. Where the buffers take all (of 192MiB or 96MiB) no port can be added;
 *   powers of two leave room
 * @property ports by name: `{ kind: "vhost-user" }`, `{ kind: "dpdk", devargs: "0000:5e:00.0" }`, and whatever else a `Port` can be
 * @example
 * const bridge = new OvsDpdkBridge("br0", {
 *   host: dut, pmdCpus: "2", socketMemory: { 1: "256MiB" }, addresses: ["198.18.0.1/24"],
 *   ports: { vhu0: { kind: "vhost-user" }, nic0: { kind: "dpdk", devargs: "0000:5e:00.0" } },
 *   flows: [
 *     { match: { inPort: "nic0" }, actions: [{ kind: "output", port: "vhu0" }] },
 *     { match: { inPort: "vhu0" }, actions: [{ kind: "output", port: "nic0" }] },
 *   ],
 * });
 */
export class OvsDpdkBridge extends LabComponent<Built> {
  declare readonly daemon: Daemon;
  declare readonly bridge: Bridge;
  declare readonly ports: Readonly<Record<string, Port>>;
  declare readonly bridgeName: pulumi.Output<string>;
  readonly host: TunedHost;

  constructor(name: string, args: OvsDpdkBridgeArgs, options: pulumi.ComponentResourceOptions = {}) {
    checkInputs(name, args);
    super("OvsDpdkBridge", name, { ...args.host.lifetime(), ...options }, (scope) => {
      const host = args.host.reference;
      const daemon = scope.child(
        Daemon,
        "daemon",
        {
          // Without a limit OVS takes 788 MiB for its packet buffers where it finds them, and guests that start later get nothing.
          ...{ socketLimit: args.socketMemory, ...args.daemon },
          ...{ host, pmdCpus: args.pmdCpus, socketMemory: args.socketMemory },
        },
        { dependsOn: [...args.host.preparation] },
      );
      const bridge = scope.child(
        Bridge,
        "bridge",
        { host, name, ...(args.addresses !== undefined && { addresses: args.addresses }) },
        { dependsOn: daemon },
      );
      const ports = Object.fromEntries(
        portsOf(args).map(([port, { kind, openflowPort, dependsOn, ...rest }], index) => {
          const { mtu, vlan, ingressPolicing, egressPolicer, ...own } = rest;
          const settings = Object.entries({ mtu, vlan, ingressPolicing, egressPolicer });
          const wanted =
            kind === "vhost-user"
              ? { kind: "dpdkvhostuserclient", socketPath: vhostSocket(port) }
              : { kind, ...own };
          const resource = scope.child(
            Port,
            port,
            {
              ...{ host, bridge: bridge.name, name: port, openflowPort: openflowPort ?? index + 1 },
              interface: wanted as PortArgs["interface"],
              ...Object.fromEntries(settings.filter(([, value]) => value !== undefined)),
            },
            dependsOn === undefined ? undefined : { dependsOn },
          );
          return [port, resource];
        }),
      );
      if (args.flows !== undefined) {
        const dependsOn = Object.values(ports);
        scope.child(
          Flows,
          "flows",
          { host, bridge: bridge.name, name: "steering", flows: args.flows },
          { dependsOn },
        );
      }
      return { daemon, bridge, ports, bridgeName: bridge.name };
    });
    this.host = args.host;
  }
}

/** All ports in the order of their OpenFlow numbers. */
function portsOf({
  vhostUserPorts = [],
  ports = {},
}: Pick<OvsDpdkBridgeArgs, "vhostUserPorts" | "ports">): [string, BridgePortArgs][] {
  return [
    ...vhostUserPorts.map((port): [string, BridgePortArgs] => [port, { kind: "vhost-user" }]),
    ...Object.entries(ports),
  ];
}

function checkInputs(
  name: string,
  { host, pmdCpus, socketMemory, vhostUserPorts = [], ports = {} }: OvsDpdkBridgeArgs,
): void {
  const check = new InputCheck("OvsDpdkBridge", name);
  checkMeasuringCpus(check, "pmdCpus", pmdCpus, host);
  if (Object.keys(socketMemory).length === 0) {
    check.wrong({
      code: "switch-memory-missing",
      property: "socketMemory",
      problem: "DPDK gets no memory on any node",
      observed: "{}",
      expected: 'a size for each node with ports or guests, for instance { 0: "1GiB" }',
    });
  }
  const numbers = new Map<number, string>();
  portsOf({ vhostUserPorts, ports }).forEach(([port, { openflowPort = numbers.size + 1 }]) => {
    const taken = numbers.get(openflowPort);
    if (taken !== undefined) {
      check.wrong({
        code: "port-number",
        property: `ports.${port}.openflowPort`,
        problem: "another port of the bridge has this number",
        observed: `${openflowPort}, as ${taken}`,
        expected: "numbers that differ",
        hint: "ports without a number have that of their place in the list",
      });
    }
    numbers.set(taken === undefined ? openflowPort : -numbers.size, port);
  });
  for (const port of Object.keys(ports)) {
    const also = vhostUserPorts.includes(port)
      ? "vhostUserPorts"
      : port === name
        ? "the bridge's own port"
        : "";
    if (also === "") continue;
    check.wrong({
      code: port === name ? "port-name" : "port-twice",
      property: `ports.${port}`,
      problem: "the bridge has this port already",
      observed: `${port}, as in ${also}`,
      expected: "names that differ",
    });
  }
  vhostUserPorts.forEach((port, index) => {
    const property = `vhostUserPorts[${index}]`;
    if (port === name) {
      check.wrong({
        code: "port-name",
        property,
        problem: "the bridge's own port has this name",
        observed: port,
        expected: "another name than the bridge's",
      });
    }
    if (vhostUserPorts.indexOf(port) !== index) {
      check.wrong({
        code: "port-twice",
        property,
        problem: "the bridge has this port already",
        observed: `${port}, as in vhostUserPorts[${vhostUserPorts.indexOf(port)}]`,
        expected: "names that differ",
      });
    }
  });
  check.done();
}
