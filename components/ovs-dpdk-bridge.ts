import type * as pulumi from "@pulumi/pulumi";
import type { ArgsOf } from "../sdk/resources/lab-resource.ts";
import { Bridge, Daemon, Flows, Port } from "../sdk/resources/ovs.ts";
import type { ovsDaemon } from "../sdk/schema/ovs.ts";
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
  /** Huge-page memory of the switch by NUMA node, `{ 0: "1GiB" }`. */
  readonly socketMemory: Readonly<Record<number, Size>>;
  /** Addresses of the bridge itself, `["198.18.0.1/24"]`. */
  readonly addresses?: readonly string[];
  /** Guest-facing ports by name, in the order of their OpenFlow numbers from 1. Each gets a socket of its own. */
  readonly vhostUserPorts?: readonly string[];
  /** Flows of the bridge; ports are 1 up in the order above, `LOCAL` is the bridge. */
  readonly flows?: readonly string[];
  /** Further options of the daemon. */
  readonly daemon?: Omit<ArgsOf<typeof ovsDaemon>, "host" | "pmdCpus" | "socketMemory">;
}

interface Built {
  readonly daemon: Daemon;
  readonly bridge: Bridge;
  readonly ports: Readonly<Record<string, Port>>;
  readonly bridgeName: pulumi.Output<string>;
}

/** Folder of the vhost-user sockets, writable for QEMU's user and nobody else. */
export const VHOST_SOCKET_FOLDER = "/run/nfvlab-vhost";

/**
 * A switch in user space: the machine's daemon with its poll-mode threads, one bridge, its ports and flows. One to a machine, since the daemon is.
 *
 * @property pmdCpus CPUs that poll; a port needs one on its own NUMA node
 * @property socketMemory per NUMA node; each node with ports or guests needs some
 * @example
 * const bridge = new OvsDpdkBridge("br0", {
 *   host: dut, pmdCpus: "2", socketMemory: { 1: "256MiB" }, addresses: ["198.18.0.1/24"],
 *   vhostUserPorts: ["vhu0"], flows: ["in_port=1,actions=LOCAL", "in_port=LOCAL,actions=output:1"],
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
        { ...args.daemon, host, pmdCpus: args.pmdCpus, socketMemory: args.socketMemory },
        { dependsOn: [...args.host.preparation] },
      );
      const bridge = scope.child(
        Bridge,
        "bridge",
        { host, name, ...(args.addresses !== undefined && { addresses: args.addresses }) },
        { dependsOn: daemon },
      );
      const ports = Object.fromEntries(
        (args.vhostUserPorts ?? []).map((port, index) => {
          const resource = scope.child(Port, port, {
            host,
            bridge: bridge.name,
            name: port,
            openflowPort: index + 1,
            interface: { kind: "dpdkvhostuserclient", socketPath: `${VHOST_SOCKET_FOLDER}/${port}.sock` },
          });
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

function checkInputs(
  name: string,
  { host, pmdCpus, socketMemory, vhostUserPorts = [] }: OvsDpdkBridgeArgs,
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
