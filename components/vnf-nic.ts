import type * as pulumi from "@pulumi/pulumi";
import type { Wired } from "../sdk/resources/lab-resource.ts";
import type { GuestNic, NicOf } from "../sdk/schema/guest-nic.ts";
import type { Attachment } from "./attachment.ts";
import type { InputCheck } from "./input-check.ts";
import { type OvsDpdkBridge, vhostSocket } from "./ovs-dpdk-bridge.ts";
import type { TunedHost } from "./tuned-host.ts";

/** A thing of the host's network by its name, or the resource that makes it. */
export type NamedDevice = string | (pulumi.Resource & { readonly name: pulumi.Output<string> });

/** A PCI function by its address, or the resource that makes it. */
export type PciDevice = string | (pulumi.Resource & { readonly address: pulumi.Output<string> });

/** Fields of one kind that are the guest's own, whatever the interface hangs on. */
type Further<K extends GuestNic["kind"], Given extends string> = Readonly<
  Pick<NicOf<K>, Exclude<keyof NicOf<K>, "kind" | "mac" | Given>>
>;

interface Addressed {
  /** MAC address the guest sees. Default: made from the names, stable. */
  readonly mac?: string;
}

/** A ring in shared memory that a switch in user space polls. */
export interface VhostUserNicArgs
  extends Addressed,
    Further<"vhost-user", "socketPath" | "mode" | "reconnect"> {
  /** vhost-user, served by QEMU. */
  readonly kind: "vhost-user";
  /** Bridge on the guest's own host. */
  readonly bridge: OvsDpdkBridge;
  /** Port of that bridge. */
  readonly port: string;
}

/** A tap device on a bridge of the host's kernel, made by libvirt. */
export interface BridgeNicArgs extends Addressed, Further<"bridge", "bridge"> {
  /** A bridge that learns addresses. */
  readonly kind: "bridge";
  /** The bridge. */
  readonly bridge: NamedDevice;
}

/** A tap device on a bridge of Open vSwitch in the kernel, made by libvirt. */
export interface OpenvswitchNicArgs extends Addressed, Further<"openvswitch", "bridge"> {
  /** The kernel's datapath of Open vSwitch. */
  readonly kind: "openvswitch";
  /** The bridge. */
  readonly bridge: NamedDevice;
}

/** A tap device on the bridge of a virtual network of libvirt's. */
export interface NetworkNicArgs extends Addressed, Further<"network", "network"> {
  /** A network that libvirt manages. */
  readonly kind: "network";
  /** The network, for instance one made with `@pulumi/libvirt`. */
  readonly network: NamedDevice;
}

/** A tap device that is there already. */
export interface TapNicArgs extends Addressed, Further<"tap", "device"> {
  /** A tap of somebody else's making. */
  readonly kind: "tap";
  /** The tap device. */
  readonly device: NamedDevice;
}

/** A macvtap on a device of the host. */
export interface MacvtapNicArgs extends Addressed, Further<"macvtap", "device"> {
  /** Made and removed by libvirt. */
  readonly kind: "macvtap";
  /** The device that it lies on. */
  readonly device: NamedDevice;
}

/** A virtual function of a card, by VFIO. */
export interface SriovNicArgs extends Addressed, Further<"sr-iov", "vf"> {
  /** SR-IOV passthrough. */
  readonly kind: "sr-iov";
  /** The virtual function. */
  readonly vf: PciDevice;
  /** Name of its card, by which a service chain knows which functions reach each other. Default: the function's own. */
  readonly card?: string;
}

/** A whole PCI function, by VFIO. */
export interface PciNicArgs extends Further<"pci", "device"> {
  /** Passed through as it is. */
  readonly kind: "pci";
  /** The function. */
  readonly device: PciDevice;
}

/** A vDPA device: virtio whose rings a card serves. */
export interface VdpaNicArgs extends Addressed, Further<"vdpa", "device"> {
  /** vhost-vDPA. */
  readonly kind: "vdpa";
  /** Its character device, `/dev/vhost-vdpa-0`. */
  readonly device: pulumi.Input<string>;
}

/** An interface of a network function: what it hangs on, and what the guest sees. */
export type VnfNicArgs =
  | VhostUserNicArgs
  | BridgeNicArgs
  | OpenvswitchNicArgs
  | NetworkNicArgs
  | TapNicArgs
  | MacvtapNicArgs
  | SriovNicArgs
  | PciNicArgs
  | VdpaNicArgs;

/** MAC address of an interface: the one given, else one made from the names. A card that is passed through has its own. */
export function macOf(vnf: string, name: string, nic: VnfNicArgs): string {
  return "mac" in nic && nic.mac !== undefined ? nic.mac : stableMac(`${vnf}/${name}`);
}

/** The interface as the guest's definition takes it. */
export function domainNic(vnf: string, name: string, nic: VnfNicArgs): Wired<GuestNic> {
  const mac = macOf(vnf, name, nic);
  switch (nic.kind) {
    case "vhost-user": {
      const { bridge: _, port, ...rest } = nic;
      return { ...rest, mac, socketPath: vhostSocket(port) };
    }
    case "bridge":
    case "openvswitch":
      return { ...nic, mac, bridge: nameIn(nic.bridge) } as Wired<GuestNic>;
    case "network":
      return { ...nic, mac, network: nameIn(nic.network) } as Wired<GuestNic>;
    case "tap":
    case "macvtap":
      return { ...nic, mac, device: nameIn(nic.device) } as Wired<GuestNic>;
    case "sr-iov": {
      const { card: _, ...rest } = nic;
      return { ...rest, mac, vf: addressIn(nic.vf) };
    }
    case "pci":
      return { ...nic, device: addressIn(nic.device) };
    case "vdpa":
      return { ...nic, mac };
  }
}

/** What must be there before a guest with this interface starts; the rest comes with the values. */
export function neededBy(nic: VnfNicArgs): pulumi.Resource[] {
  if (nic.kind !== "vhost-user") return [];
  const port = nic.bridge.ports[nic.port];
  return port === undefined ? [] : [port];
}

/** What the interface hangs on, for a service chain; undefined where a chain has no place for it. */
export function attachmentOf(nic: VnfNicArgs): Attachment | undefined {
  switch (nic.kind) {
    case "vhost-user":
      return { kind: "vhost-user", bridge: nic.bridge, port: nic.port };
    case "bridge":
      return { kind: cardOf(nic), carrier: "linux-bridge", over: labelOf(nic.bridge) };
    case "network":
      return { kind: cardOf(nic), carrier: "linux-bridge", over: labelOf(nic.network) };
    case "tap":
      return { kind: cardOf(nic), carrier: "linux-bridge", over: labelOf(nic.device) };
    case "macvtap": {
      const carrier = nic.mode === "passthrough" ? "nic" : nic.mode === "vepa" ? "wire" : "linux-bridge";
      return { kind: "macvtap", carrier, over: labelOf(nic.device) };
    }
    case "sr-iov":
      return { kind: "sr-iov", carrier: "nic", over: nic.card ?? labelOf(nic.vf) };
    case "pci":
      return { kind: "sr-iov", carrier: "wire", over: labelOf(nic.device) };
    default:
      return undefined;
  }
}

function cardOf({
  model = "virtio",
  vhost = "kernel",
}: BridgeNicArgs | NetworkNicArgs | TapNicArgs): Attachment["kind"] {
  if (model === "virtio") return vhost === "kernel" ? "vhost-net" : "virtio";
  return model === "rtl8139" ? "rtl8139" : "e1000";
}

/** Notes what the provider can't see: bridges of other hosts, ports that no bridge has, two interfaces on one. */
export function checkNics(
  check: InputCheck,
  host: TunedHost,
  nics: Readonly<Record<string, VnfNicArgs>>,
): void {
  const onPorts = Object.entries(nics).flatMap(([name, nic]) =>
    nic.kind === "vhost-user" ? [[name, nic] as const] : [],
  );
  for (const [index, [nic, { bridge, port }]] of onPorts.entries()) {
    if (bridge.host !== host) {
      check.wrong({
        code: "bridge-elsewhere",
        property: `nics.${nic}.bridge`,
        problem: "the bridge is on another host, and a vhost-user socket joins two processes of one",
        observed: `a bridge on ${bridge.host.name}`,
        expected: `a bridge on ${host.name}`,
      });
    }
    checkBridgePort(check, `nics.${nic}.port`, bridge, port);
    const taken = onPorts.slice(0, index).find(([, other]) => other.bridge === bridge && other.port === port);
    if (taken !== undefined) {
      check.wrong({
        code: "port-taken",
        property: `nics.${nic}.port`,
        problem: "another NIC of this guest is on that port, and a port serves one",
        observed: `${port}, as in nics.${taken[0]}.port`,
        expected: "a port for each NIC",
      });
    }
  }
}

/** Notes a port that its bridge does not have. */
export function checkBridgePort(
  check: InputCheck,
  property: string,
  bridge: OvsDpdkBridge,
  port: string,
): void {
  if (Object.hasOwn(bridge.ports, port)) return;
  check.wrong({
    code: "port-unknown",
    property,
    problem: "the bridge has no such port",
    observed: port,
    expected: Object.keys(bridge.ports).join(" or ") || "a port in its vhostUserPorts",
    hint: "add it to the bridge's vhostUserPorts",
  });
}

/** Notes a function that is to forward and has no two interfaces to do it between. */
export function checkForwardingNics(check: InputCheck, nics: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(nics);
  if (names.length === 2) return;
  check.wrong({
    code: "forwards-nics",
    property: "nics",
    problem: "a function that forwards has two sides",
    observed: names.join(", ") || "no NIC",
    expected: "two NICs",
  });
}

export function nameIn(device: NamedDevice): pulumi.Input<string> {
  return typeof device === "string" ? device : device.name;
}

export function addressIn(device: PciDevice): pulumi.Input<string> {
  return typeof device === "string" ? device : device.address;
}

/** A name that is known while the program runs: that of the device, or of its resource in the program. */
export function labelOf(device: NamedDevice | PciDevice): string {
  return typeof device === "string" ? device : ((device as { __name?: string }).__name ?? "");
}

/** QEMU's own prefix, and three bytes of a hash of the name (FNV-1a). */
function stableMac(text: string): string {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  const tail = [16, 8, 0].map((shift) => ((hash >>> shift) & 0xff).toString(16).padStart(2, "0"));
  return ["52", "54", "00", ...tail].join(":");
}
