import { ovsBridge, ovsDaemon, ovsFlows, ovsPort } from "../schema/ovs.ts";
import { resourceClass } from "./lab-resource.ts";

/**
 * The DPDK side of a machine's ovs-vswitchd: the keys of `Open_vSwitch.other_config` that are given, and no others. Delete puts each key back as
 * create found it. A daemon is one to a machine.
 *
 * @property pmdCpus CPUs of the poll-mode threads; changing them re-creates the threads and loses packets
 * @property socketMemory huge-page memory per NUMA node, `{ 0: "256MiB" }`; needs a restart once DPDK runs
 * @property restart `"deny"` (default) or `"allow"`: whether the daemon may be restarted where an option needs it
 * @throws HostError `restart-required`, `ovs-missing`, `ovs-not-answering`; VerificationError where DPDK does not come up
 * @see https://docs.openvswitch.org/en/latest/intro/install/dpdk/ and ovs-vswitchd.conf.db(5)
 * @example
 * const daemon = new Daemon("dut-ovs", { host, pmdCpus: "2", socketMemory: { 0: "256MiB" } }, { dependsOn: pool });
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
 * @property interface one of the kinds `dpdkvhostuserclient`, `dpdk`, `internal`, `tap`
 * @property openflowPort 1 to 65279, so that flows can name the port
 * @throws VerificationError where it does not come up, HostError where somebody else's port has the name
 * @see ovs-vswitchd.conf.db(5), table Interface
 * @example
 * const port = new Port("dut-vhu0", {
 *   host, bridge: bridge.name, name: "vhu0", openflowPort: 1,
 *   interface: { kind: "dpdkvhostuserclient", socketPath: "/run/nfvlab-vhost/vhu0.sock" },
 * });
 */
export class Port extends resourceClass(ovsPort) {}

/**
 * A set of OpenFlow flows under a cookie of its own; other flows stay. Replaced in one bundle, removed on delete.
 *
 * @property flows as `ovs-ofctl add-flow` takes them, without a cookie
 * @see ovs-ofctl(8), ovs-actions(7)
 * @example
 * new Flows("dut-steering", { host, bridge: bridge.name, name: "steering", flows: ["in_port=1,actions=LOCAL", "in_port=LOCAL,actions=output:1"] });
 */
export class Flows extends resourceClass(ovsFlows) {}
