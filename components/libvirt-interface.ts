import * as pulumi from "@pulumi/pulumi";
import type { Offloads } from "../sdk/schema/guest-nic.ts";
import { vhostSocket } from "./ovs-dpdk-bridge.ts";
import { addressIn, macOf, nameIn, type PciDevice, type VnfNicArgs } from "./vnf-nic.ts";

type Interface = Exclude<VnfNicArgs, { kind: "pci" }>;
type VirtioInterface = Exclude<Interface, { kind: "sr-iov" }>;

const ALL_OFF: Required<Offloads> = {
  checksum: false,
  generic: false,
  tcp4: false,
  tcp6: false,
  ecn: false,
  udp: false,
};

/** An interface of a guest as `@pulumi/libvirt` takes it. */
export function libvirtInterface(guest: string, name: string, nic: Interface) {
  const mac = { address: macOf(guest, name, nic) };
  if (nic.kind === "sr-iov") {
    return {
      managed: nic.managed ?? true,
      mac,
      driver: { name: "vfio" },
      source: { hostdev: { pci: { address: functionAddress(nic.vf) } } },
      ...(nic.vlan !== undefined && { vlan: { tags: [{ id: nic.vlan }] } }),
    };
  }
  const model = "model" in nic ? (nic.model ?? "virtio") : "virtio";
  const driver = model === "virtio" ? driverOf(nic) : {};
  return {
    mac,
    ...attachment(nic),
    model: { type: model },
    ...(Object.keys(driver).length > 0 && { driver }),
    ...(nic.mtu !== undefined && { mtu: { size: nic.mtu } }),
  };
}

/** What an interface is on the host. */
function attachment(nic: VirtioInterface) {
  switch (nic.kind) {
    case "vhost-user": {
      // The device's own field is for a back end that is started with the guest; the provider wants it all the same.
      const unix = { path: vhostSocket(nic.port), mode: "server" };
      return { source: { vhostUser: { dev: "", chardev: { unix } } } };
    }
    case "bridge":
      return { source: { bridge: { bridge: nameIn(nic.bridge) } } };
    case "openvswitch":
      return {
        source: { bridge: { bridge: nameIn(nic.bridge) } },
        virtualPort: { params: { openVSwitch: {} } },
      };
    case "network":
      return { source: { network: { network: nameIn(nic.network) } } };
    case "tap":
      return { source: { ethernet: {} }, target: { dev: nameIn(nic.device), managed: false } };
    case "macvtap":
      return { source: { direct: { dev: nameIn(nic.device), mode: nic.mode ?? "bridge" } } };
    case "vdpa":
      return { source: { vdpa: { device: nic.device } } };
  }
}

/** Of a virtio card. Towards a switch in user space nothing is offloaded unless asked for, so that frames are what the generator sent. */
function driverOf(nic: VirtioInterface) {
  const own = nic.kind === "vhost-user";
  const mergeable = own ? (nic.mergeableRxBuffers ?? false) : true;
  const size = own ? 1024 : undefined;
  const host = {
    ...(!mergeable && { mrgRxBuf: "off" }),
    ...offloads({ ...(own && ALL_OFF), ...nic.hostOffloads }, true),
  };
  const guest = offloads({ ...(own && ALL_OFF), ...nic.guestOffloads }, false);
  return {
    ...optional("name", backend(nic)),
    ...optional("queues", nic.queues ?? (own ? 1 : undefined)),
    ...optional("rxQueueSize", nic.rxQueueSize ?? size),
    ...optional("txQueueSize", ("txQueueSize" in nic ? nic.txQueueSize : undefined) ?? size),
    ...optional("eventIdx", onOff(nic.eventIndex)),
    ...optional("iommu", onOff(nic.iommu)),
    ...optional("ats", onOff(nic.ats)),
    ...optional("packed", onOff(nic.packedRing)),
    ...optional("pagePerVq", onOff(nic.pagePerQueue)),
    ...(Object.keys(host).length > 0 && { host }),
    ...(Object.keys(guest).length > 0 && { guest }),
  };
}

/** Who moves the packets, where libvirt can choose. */
function backend(nic: VirtioInterface): "vhost" | "qemu" | undefined {
  if (nic.kind === "vhost-user" || nic.kind === "vdpa") return undefined;
  return nic.vhost === "off" ? "qemu" : "vhost";
}

function offloads({ checksum, generic, tcp4, tcp6, ecn, udp }: Offloads, host: boolean) {
  return {
    ...optional("csum", onOff(checksum)),
    ...(host && optional("gso", onOff(generic))),
    ...optional("tso4", onOff(tcp4)),
    ...optional("tso6", onOff(tcp6)),
    ...optional("ecn", onOff(ecn)),
    ...optional("ufo", onOff(udp)),
  };
}

/** `0000:5e:02.1` in numbers. */
export function functionAddress(device: PciDevice) {
  return pulumi.output(addressIn(device)).apply((address) => {
    const [domain = 0, bus = 0, slot = 0, fn = 0] = address
      .split(/[:.]/)
      .map((part) => Number.parseInt(part, 16));
    return { domain, bus, slot, function: fn };
  });
}

function optional<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: V };
}

function onOff(value: boolean | undefined): "on" | "off" | undefined {
  return value === undefined ? undefined : value ? "on" : "off";
}
