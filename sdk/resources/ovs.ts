import * as pulumi from "@pulumi/pulumi";
import type { HostReference } from "../schema/connection.ts";
import { ovsBond, ovsBridge, ovsDaemon, ovsFlows, ovsPort } from "../schema/ovs.ts";
import { type Datapath, getDatapath as getDatapathDefinition } from "../schema/ovs-datapath.ts";
import { resourceClass, type Wired } from "./lab-resource.ts";

export { chain, crossConnect, type Steered } from "./ovs-steering.ts";

/**
 * The DPDK side of a machine's ovs-vswitchd: the keys of `Open_vSwitch.other_config` that are given, and no others. Delete puts each key back as
 * create found it. A daemon is one to a machine.
 *
 * @property pmdCpus CPUs of the poll-mode threads; changing them re-creates the threads and loses packets
 * @property socketMemory huge-page memory per NUMA node, `{ 0: "256MiB" }`; needs a restart once DPDK runs
 * @property socketLimit most that it takes, per NUMA node; without one it takes as many huge pages for packet buffers as it finds, of guests that start later too
 * @property restart `"deny"` (default) or `"allow"`: whether the daemon may be restarted where an option needs it
 * @throws HostError `restart-required`, `ovs-option-unknown`, `ovs-missing`, `ovs-not-answering`; VerificationError where DPDK does not come up
 * @see https://docs.openvswitch.org/en/latest/intro/install/dpdk/ and ovs-vswitchd.conf.db(5)
 * @example
 * const daemon = new Daemon("dut-ovs", {
 *   host, pmdCpus: "2", socketMemory: { 0: "256MiB" }, socketLimit: { 0: "256MiB" },
 * }, { dependsOn: pool });
 */
export class Daemon extends resourceClass(ovsDaemon) {}

/**
 * A bridge. Delete removes it where it is still ours.
 *
 * @property datapath `"netdev"` (default) for DPDK, `"system"` for the kernel's
 * @property failMode `"secure"` (default) forwards by flows alone
 * @property addresses IPv4 addresses of the local port, `["198.18.0.1/24"]`
 * @see ovs-vswitchd.conf.db(5), table Bridge
 * @example
 * const bridge = new Bridge("dut-br0", { host, name: "br0", addresses: ["198.18.0.1/24"] }, { dependsOn: daemon });
 */
export class Bridge extends resourceClass(ovsBridge) {}

/**
 * A port with its interface. It counts as up only where its row has no error, it has an OpenFlow port number, and its receive queues are given to a
 * poll-mode thread: a port can be without error, connected, and dead.
 *
 * @property interface by kind, as OVS names its types: `dpdk` (a PCI address, or a virtual device), `dpdkvhostuserclient`, `dpdkvhostuser`, `afxdp`, `afxdp-nonpmd`, `system`,
 * `internal`, `tap`, `patch`, `vxlan`, `geneve`, `gre`
 * @property openflowPort 1 to 65279, for flows that name ports by number
 * @property egressPolicer in bytes/s and bytes; `ingressPolicing` in kbit/s and kbit
 * @throws VerificationError `port-down` with the last words of DPDK, HostError `foreign`, `bridge-missing`, `interface-type-missing`, `ovs-option-unknown`, and `ovs-hangs` where a device
 * holds the daemon's main thread: the port is then out of the database again, and the error says how to come back
 * @see ovs-vswitchd.conf.db(5), table Interface
 * @example
 * const port = new Port("dut-vhu0", {
 *   host, bridge: bridge.name, name: "vhu0", openflowPort: 1,
 *   interface: { kind: "dpdkvhostuserclient", socketPath: "/run/nfvlab-vhost/vhu0.sock" },
 * });
 */
export class Port extends resourceClass(ovsPort) {}

/**
 * A port with several interfaces: a bond. Each member is as an interface of a {@link Port}. Delete removes all of them.
 *
 * @property members two or more by name
 * @property mode `"active-backup"` (default), `"balance-slb"`, or `"balance-tcp"`, which needs lacp
 * @property lacp `"off"` (default), `"active"`, `"passive"`
 * @throws InputError `bond-lacp`, `bond-primary`, VerificationError `port-down`, HostError as a Port
 * @see https://docs.openvswitch.org/en/latest/topics/bonding/
 * @example
 * new Bond("dut-uplink", {
 *   host, bridge: bridge.name, name: "uplink", mode: "balance-tcp", lacp: "active",
 *   members: { phy0: { interface: { kind: "dpdk", devargs: "0000:5e:00.0" } }, phy1: { interface: { kind: "dpdk", devargs: "0000:5e:00.1" } } },
 * });
 */
export class Bond extends resourceClass(ovsBond) {}

/**
 * A set of OpenFlow flows under a cookie of its own; other flows stay. Replaced in one bundle, removed on delete.
 *
 * @property flows as data with ports by name, of which {@link crossConnect} and {@link chain} make some; or as `ovs-ofctl add-flow` takes them
 * @throws InputError `flow` for fields that do not go together, HostError `port-missing`, VerificationError `flows`
 * @see ovs-ofctl(8), ovs-fields(7), ovs-actions(7)
 * @example
 * new Flows("dut-steering", {
 *   host, bridge: bridge.name, name: "steering",
 *   flows: [
 *     ...crossConnect("vhu0", "LOCAL"),
 *     { priority: 40000, match: { inPort: "vhu0", ipProtocol: "udp", dstPort: 53 }, actions: [{ kind: "drop" }] },
 *     "table=1,priority=0,actions=drop",
 *   ],
 * });
 */
export class Flows extends resourceClass(ovsFlows) {}

/**
 * The switch as it runs now: which poll-mode thread polls which queue and how busy it is, what each port has counted. Changes nothing.
 *
 * @throws HostError `ovs-missing`, `ovs-not-answering`
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/pmd/
 * @example
 * const { threads } = await getDatapath({ host: { name: "here", connection: { kind: "local" } } });
 * export const polledBy = threads.flatMap(({ cpu, queues }) => queues.map(({ port, queue }) => `${port}/${queue} by CPU ${cpu}`));
 */
export function getDatapath(
  args: { readonly host: HostReference },
  options?: pulumi.InvokeOptions,
): Promise<Datapath> {
  return pulumi.runtime.invoke(getDatapathDefinition.token, args, options ?? {});
}

/** Like {@link getDatapath}, for a machine whose connection is an output. */
export function getDatapathOutput(
  args: { readonly host: Wired<HostReference> },
  options?: pulumi.InvokeOutputOptions,
): pulumi.Output<Datapath> {
  return pulumi.runtime.invokeOutput<Datapath>(getDatapathDefinition.token, args, options ?? {});
}
