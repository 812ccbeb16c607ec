import { linuxBridge, macvtap, networkNamespace, tap, veth } from "../schema/net.ts";
import { xdpRedirect } from "../schema/xdp.ts";
import { resourceClass } from "./lab-resource.ts";

/**
 * A named network namespace with its loopback interface up. Lives until the machine's next boot. Delete removes it where it is still ours and no process runs in it.
 *
 * @property path of the output: the file that stands for it, `/run/netns/vnf`
 * @throws HostError `foreign` where somebody else's has the name
 * @see ip-netns(8)
 * @example
 * const vnf = new NetworkNamespace("dut-vnf", { host, name: "vnf" });
 */
export class NetworkNamespace extends resourceClass(networkNamespace) {}

/**
 * A bridge of the kernel. Lives until the machine's next boot. Delete removes it where it is still ours.
 *
 * @property members interfaces that are there already, a card's for instance; what is made here names its bridge itself
 * @property ageing how long a learned address is kept, `"300s"` by default
 * @throws HostError `management` for what the machine is reached by, `member-taken`, `foreign`; VerificationError `reads-back`
 * @see ip-link(8), section bridge
 * @example
 * const bridge = new LinuxBridge("dut-lan", { host, name: "lan0", members: ["enp94s0f0"], vlanFiltering: false });
 */
export class LinuxBridge extends resourceClass(linuxBridge) {}

/**
 * A pair of virtual Ethernet interfaces. Lives until the machine's next boot. Delete removes the pair where it is still ours.
 *
 * @property bridge Linux bridge that this end is a port of
 * @property peer the other end: the same fields
 * @property offloads `{ tx: false }` where a switch in user space is at the other end
 * @throws HostError `namespace-missing`, `bridge-missing`, `management`, `foreign`; VerificationError `reads-back`
 * @see veth(4), ethtool(8)
 * @example
 * new Veth("dut-east", {
 *   host, name: "east0", bridge: bridge.name,
 *   peer: { name: "eth0", namespace: namespace.name, addresses: ["198.18.0.2/24"], offloads: { tx: false } },
 * });
 */
export class Veth extends resourceClass(veth) {}

/**
 * A persistent tap interface. Lives until the machine's next boot. Delete removes it where it is still ours.
 *
 * @property multiQueue, vnetHeader as who opens it has to ask for
 * @property owner user that may open it, `"libvirt-qemu"`
 * @throws HostError `bridge-missing`, `management`, `foreign`; VerificationError `reads-back`
 * @see https://docs.kernel.org/networking/tuntap.html
 * @example
 * new Tap("dut-guest", { host, name: "guest0", bridge: bridge.name, vnetHeader: true, multiQueue: true, owner: "libvirt-qemu" });
 */
export class Tap extends resourceClass(tap) {}

/**
 * A macvtap on a lower interface. Lives until the machine's next boot. Delete removes it where it is still ours, and sets the lower interface down where it was down before.
 *
 * @property mode `"bridge"` by default; `"passthru"` takes the lower interface whole
 * @property device of the output: the character device that a virtual machine opens
 * @throws HostError `management` for what the machine is reached by, `interface-missing`, `foreign`; VerificationError `reads-back`
 * @see ip-link(8), section macvtap
 * @example
 * const port = new Macvtap("dut-direct", { host, name: "direct0", lower: "enp94s0f1", mode: "passthru" });
 */
export class Macvtap extends resourceClass(macvtap) {}

/**
 * Traffic between two interfaces, both ways, in XDP. Lives until the machine's next boot. Delete detaches and unpins what is still ours.
 *
 * @property mode `"native"` by default, refused where the driver has none of it; `"generic"` works with every driver
 * @property pins of the output: where the maps of each direction are, with their counters
 * @throws HostError `xdp-mode`, `xdp-taken`, `management`, `interface-missing`, `foreign`; VerificationError `xdp-attached`
 * @see https://docs.kernel.org/bpf/redirect.html, bpftool-net(8)
 * @example
 * new XdpRedirect("dut-wire", { host, name: "wire", interfaces: ["enp94s0f0", "enp94s0f1"], mode: "native" });
 */
export class XdpRedirect extends resourceClass(xdpRedirect) {}
