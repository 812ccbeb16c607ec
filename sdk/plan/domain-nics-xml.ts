import type { GuestNic, NicOf, Offloads } from "../schema/guest-nic.ts";
import { exactDuration } from "../units/duration.ts";

type Element = Readonly<Record<string, unknown>>;
type VirtioNic = Exclude<GuestNic, NicOf<"sr-iov" | "pci">>;

const ALL_OFF: Required<Offloads> = {
  checksum: false,
  generic: false,
  tcp4: false,
  tcp6: false,
  ecn: false,
  udp: false,
};

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
  const driver = model === "virtio" ? driverOf(nic) : {};
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

/** Of a virtio card. Towards a switch in user space nothing is offloaded unless asked for, so that frames are what the generator sent. */
function driverOf(nic: VirtioNic): Element {
  const own = nic.kind === "vhost-user";
  const mergeable = own ? (nic.mergeableRxBuffers ?? false) : true;
  const size = own ? 1024 : undefined;
  const host = offloads({ ...(own && ALL_OFF), ...nic.hostOffloads }, true);
  const guest = offloads({ ...(own && ALL_OFF), ...nic.guestOffloads }, false);
  const merge = mergeable ? {} : { "@mrg_rxbuf": "off" };
  return {
    ...attribute("name", backend(nic)),
    ...attribute("queues", nic.queues ?? (own ? 1 : undefined)),
    ...attribute("rx_queue_size", nic.rxQueueSize ?? size),
    ...attribute("tx_queue_size", ("txQueueSize" in nic ? nic.txQueueSize : undefined) ?? size),
    ...attribute("event_idx", onOff(nic.eventIndex)),
    ...attribute("iommu", onOff(nic.iommu)),
    ...attribute("ats", onOff(nic.ats)),
    ...attribute("packed", onOff(nic.packedRing)),
    ...attribute("page_per_vq", onOff(nic.pagePerQueue)),
    ...(Object.keys({ ...merge, ...host }).length > 0 && { host: { ...merge, ...host } }),
    ...(Object.keys(guest).length > 0 && { guest }),
  };
}

/** Who moves the packets, where libvirt can choose. */
function backend(nic: VirtioNic): "vhost" | "qemu" | undefined {
  if (nic.kind === "vhost-user" || nic.kind === "vdpa") return undefined;
  return nic.vhost === "off" ? "qemu" : "vhost";
}

function offloads({ checksum, generic, tcp4, tcp6, ecn, udp }: Offloads, host: boolean): Element {
  return {
    ...attribute("csum", onOff(checksum)),
    ...(host && attribute("gso", onOff(generic))),
    ...attribute("tso4", onOff(tcp4)),
    ...attribute("tso6", onOff(tcp6)),
    ...attribute("ecn", onOff(ecn)),
    ...attribute("ufo", onOff(udp)),
  };
}

/** `0000:5e:02.1` as libvirt writes it, in four numbers. */
function pciAddressAttributes(address: string): Element {
  const [domain, bus, slot, fn] = address.split(/[:.]/);
  return { "@domain": `0x${domain}`, "@bus": `0x${bus}`, "@slot": `0x${slot}`, "@function": `0x${fn}` };
}

function attribute(name: string, value: string | number | undefined): Element {
  return value === undefined ? {} : { [`@${name}`]: value };
}

function onOff(value: boolean | undefined): "on" | "off" | undefined {
  return value === undefined ? undefined : value ? "on" : "off";
}

function yesNo(value: boolean): "yes" | "no" {
  return value ? "yes" : "no";
}
