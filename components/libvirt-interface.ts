import * as pulumi from "@pulumi/pulumi";
import { virtioDriver } from "../sdk/units/virtio-driver.ts";
import { vhostSocket } from "./ovs-dpdk-bridge.ts";
import { addressIn, macOf, nameIn, type PciDevice, type VnfNicArgs } from "./vnf-nic.ts";

type Interface = Exclude<VnfNicArgs, { kind: "pci" }>;
type VirtioInterface = Exclude<Interface, { kind: "sr-iov" }>;

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
  const driver = model === "virtio" ? virtioDriver(nic) : {};
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

/** `0000:5e:02.1` in numbers. */
export function functionAddress(device: PciDevice) {
  return pulumi.output(addressIn(device)).apply((address) => {
    const [domain = 0, bus = 0, slot = 0, fn = 0] = address
      .split(/[:.]/)
      .map((part) => Number.parseInt(part, 16));
    return { domain, bus, slot, function: fn };
  });
}
