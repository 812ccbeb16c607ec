import type { GuestNic, NicOf } from "../schema/guest-nic.ts";
import { exactDuration } from "../units/duration.ts";
import { type VirtioDriver, virtioDriver } from "../units/virtio-driver.ts";

type Element = Readonly<Record<string, unknown>>;
type VirtioNic = Exclude<GuestNic, NicOf<"sr-iov" | "pci">>;

/** The `<interface>` and `<hostdev>` elements of a guest's interfaces. */
export function nicElements(nics: readonly GuestNic[]): { interface: Element[]; hostdev: Element[] } {
  return {
    interface: nics.flatMap((nic) => (nic.kind === "pci" ? [] : [interfaceElement(nic)])),
    hostdev: nics.flatMap((nic) =>
      nic.kind !== "pci"
        ? []
        : [
            {
              "@mode": "subsystem",
              "@type": "pci",
              "@managed": yesNo(nic.managed ?? true),
              driver: { "@name": "vfio" },
              source: { address: pciAddressAttributes(nic.device) },
            },
          ],
    ),
  };
}

function interfaceElement(nic: Exclude<GuestNic, NicOf<"pci">>): Element {
  if (nic.kind === "sr-iov") {
    return {
      "@type": "hostdev",
      "@managed": yesNo(nic.managed ?? true),
      mac: { "@address": nic.mac },
      driver: { "@name": "vfio" },
      source: { address: { "@type": "pci", ...pciAddressAttributes(nic.vf) } },
      ...(nic.vlan !== undefined && { vlan: { tag: { "@id": nic.vlan } } }),
    };
  }
  const model = "model" in nic ? (nic.model ?? "virtio") : "virtio";
  const driver = model === "virtio" ? driverElement(virtioDriver(nic)) : {};
  const { "@type": type, ...source } = attachment(nic);
  return {
    "@type": type,
    mac: { "@address": nic.mac },
    ...source,
    model: { "@type": model },
    ...(Object.keys(driver).length > 0 && { driver }),
    ...(nic.mtu !== undefined && { mtu: { "@size": nic.mtu } }),
  };
}

/** What an interface is on the host. */
function attachment(nic: VirtioNic): Element {
  switch (nic.kind) {
    case "vhost-user": {
      const { socketPath, mode = "server", reconnect } = nic;
      return {
        "@type": "vhostuser",
        source: {
          "@type": "unix",
          "@path": socketPath,
          "@mode": mode,
          ...(reconnect !== undefined && {
            reconnect: { "@enabled": "yes", "@timeout": exactDuration(reconnect, "s") },
          }),
        },
      };
    }
    case "bridge":
      return { "@type": "bridge", source: { "@bridge": nic.bridge } };
    case "openvswitch":
      return {
        "@type": "bridge",
        source: { "@bridge": nic.bridge },
        virtualport: { "@type": "openvswitch" },
      };
    case "network":
      return { "@type": "network", source: { "@network": nic.network } };
    case "tap":
      return { "@type": "ethernet", target: { "@dev": nic.device, "@managed": "no" } };
    case "macvtap":
      return { "@type": "direct", source: { "@dev": nic.device, "@mode": nic.mode ?? "bridge" } };
    case "vdpa":
      return { "@type": "vdpa", source: { "@dev": nic.device } };
  }
}

/** Attributes whose names libvirt writes otherwise. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  rxQueueSize: "rx_queue_size",
  txQueueSize: "tx_queue_size",
  eventIdx: "event_idx",
  pagePerVq: "page_per_vq",
  mrgRxBuf: "mrg_rxbuf",
};

function driverElement(driver: VirtioDriver | NonNullable<VirtioDriver["host"]>): Element {
  return Object.fromEntries(
    Object.entries(driver).map(([name, value]) =>
      typeof value === "object" ? [name, driverElement(value)] : [`@${ATTRIBUTES[name] ?? name}`, value],
    ),
  );
}

/** `0000:5e:02.1` as libvirt writes it, in four numbers. */
function pciAddressAttributes(address: string): Element {
  const [domain, bus, slot, fn] = address.split(/[:.]/);
  return { "@domain": `0x${domain}`, "@bus": `0x${bus}`, "@slot": `0x${slot}`, "@function": `0x${fn}` };
}

function yesNo(value: boolean): "yes" | "no" {
  return value ? "yes" : "no";
}
