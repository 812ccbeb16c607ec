import { z } from "zod";
import {
  duration,
  interfaceAddress,
  interfaceName,
  macAddress,
  name,
  path,
  pciAddress,
  socketPath,
  wholeNumber,
} from "./fields.ts";

const flag = (description: string) => z.boolean().optional().meta({ description });

const ringSize = (which: string, text: string) =>
  wholeNumber(`Entries of a ${which} ring, a power of two from 256 to 1024. ${text}`, { min: 256, max: 1024 })
    .refine((size) => Number.isInteger(Math.log2(size)), "expected 256, 512 or 1024")
    .optional();

/** What a virtio device may offer to its peer; each is negotiated with the guest's driver. */
const Offloads = z.strictObject({
  checksum: flag("Checksums are left to the peer (csum)."),
  generic: flag("Generic segmentation (gso); only towards the host."),
  tcp4: flag("Segmentation of TCP over IPv4 (tso4)."),
  tcp6: flag("Segmentation of TCP over IPv6 (tso6)."),
  ecn: flag("Segmentation of TCP with ECN (ecn)."),
  udp: flag("Fragmentation of UDP (ufo)."),
});
export type Offloads = z.infer<typeof Offloads>;

const common = {
  mac: macAddress("MAC address that the guest sees."),
  address: interfaceAddress("Address that the guest gives the interface, through its boot image.").optional(),
};

/** Of every virtio interface. */
const virtio = {
  queues: wholeNumber("Queue pairs. Default 1.", { min: 1, max: 128 }).optional(),
  packedRing: flag("Packed virtqueues (packed), for guests that know them. Default false: split rings."),
  iommu: flag("DMA goes through the guest's vIOMMU (iommu); needs `iommu` of the domain. Default false."),
  ats: flag("The device keeps a translation cache of its own (ats); with `iommu`. Default false."),
  eventIndex: flag(
    "Event index (event_idx): fewer notifications. Default: QEMU's, true. A polling guest has none anyway.",
  ),
  pagePerQueue: flag("A page of doorbells for each queue (page_per_vq). Default false."),
  mtu: wholeNumber("MTU that is offered to the guest, bytes. Default: none is offered.", {
    min: 68,
    max: 65535,
  }).optional(),
  hostOffloads: Offloads.optional().meta({
    description: "What the host's side takes from the guest.",
  }),
  guestOffloads: Offloads.optional().meta({
    description: "What the guest's side takes from the host.",
  }),
};

/** Of an interface whose other end is a network device of the host's kernel. */
const throughKernel = {
  ...common,
  ...virtio,
  model: z.enum(["virtio", "e1000", "e1000e", "rtl8139"]).optional().meta({
    description:
      "Card that the guest sees. Default virtio; fields about queues and rings are virtio's alone.",
  }),
  vhost: z.enum(["kernel", "off"]).optional().meta({
    description:
      "Who moves a virtio card's packets: vhost-net in the host's kernel, or QEMU's own thread. Default kernel.",
  }),
  rxQueueSize: ringSize("receive", "Default: QEMU's, 256."),
};

export const VhostUserNic = z.strictObject({
  kind: z.literal("vhost-user"),
  ...common,
  socketPath: socketPath("UNIX socket between QEMU and the switch. One socket, one port, one interface."),
  mode: z.enum(["server", "client"]).optional().meta({
    description:
      "QEMU's side of the socket. Default server, for the switch's dpdkvhostuserclient port; client is for its dpdkvhostuser port.",
  }),
  reconnect: duration(
    "As client: connect again this long after the switch went away, whole seconds. Default: never.",
  ).optional(),
  ...virtio,
  rxQueueSize: ringSize("receive", "Default 1024."),
  txQueueSize: ringSize("transmit", "Default 1024."),
  mergeableRxBuffers: flag("Needed beyond an MTU of 1500. Default false."),
});

const BridgeNic = z.strictObject({
  kind: z.literal("bridge"),
  bridge: interfaceName("Bridge of the host's kernel; libvirt makes a tap device on it."),
  ...throughKernel,
});

const OpenvswitchNic = z.strictObject({
  kind: z.literal("openvswitch"),
  bridge: interfaceName(
    "Bridge of Open vSwitch with the kernel's datapath; libvirt makes a tap device on it.",
  ),
  ...throughKernel,
});

const NetworkNic = z.strictObject({
  kind: z.literal("network"),
  network: name(
    "Virtual network of libvirt's, which has to be active; libvirt makes a tap device on its bridge.",
  ),
  ...throughKernel,
});

const TapNic = z.strictObject({
  kind: z.literal("tap"),
  device: interfaceName("Tap device that is there already, and stays."),
  ...throughKernel,
});

const MacvtapNic = z.strictObject({
  kind: z.literal("macvtap"),
  device: interfaceName("Device of the host that the macvtap lies on; libvirt makes and removes it."),
  mode: z
    .enum(["bridge", "vepa", "private", "passthrough"])
    .optional()
    .meta({
      description:
        "bridge: macvtaps of one device reach each other; vepa: by way of the switch outside; private: not at all; " +
        "passthrough: the device is this guest's alone. Default bridge.",
    }),
  ...throughKernel,
});

const managed = flag(
  "libvirt takes the device from its driver at start and gives it back at the end. Default true. False: it is on vfio-pci already.",
);

const SriovNic = z.strictObject({
  kind: z.literal("sr-iov"),
  vf: pciAddress("PCI address of a virtual function; libvirt sets its MAC and VLAN through the card."),
  vlan: wholeNumber("VLAN that the card puts the guest in, unseen by it. Default: none.", {
    min: 1,
    max: 4094,
  }).optional(),
  managed,
  ...common,
});

const PciNic = z.strictObject({
  kind: z.literal("pci"),
  device: pciAddress("PCI address of any function, for instance a whole card; passed through as it is."),
  managed,
});

const VdpaNic = z.strictObject({
  kind: z.literal("vdpa"),
  device: path("Character device of a vhost-vDPA device, for instance /dev/vhost-vdpa-0."),
  ...common,
  ...virtio,
  rxQueueSize: ringSize("receive", "Default: QEMU's, 256."),
  txQueueSize: ringSize("transmit", "Default: QEMU's, 256."),
});

/** An interface of a guest: what it is on the host, and what the guest sees. */
export const GuestNic = z.discriminatedUnion("kind", [
  VhostUserNic,
  BridgeNic,
  OpenvswitchNic,
  NetworkNic,
  TapNic,
  MacvtapNic,
  SriovNic,
  PciNic,
  VdpaNic,
]);
export type GuestNic = z.infer<typeof GuestNic>;

/** The interface of one kind. */
export type NicOf<K extends GuestNic["kind"]> = Extract<GuestNic, { kind: K }>;
