import { InputError } from "./errors.ts";

/** Where a layer runs. A packet pays for each change of place: with a copy, an exit, an interrupt or a trip over the bus. */
export const PLACES = ["guest", "container", "user space", "shared memory", "kernel", "hardware"] as const;
export type Place = (typeof PLACES)[number];

/** One thing that a packet goes through. */
export interface Layer {
  readonly place: Place;
  readonly name: string;
}

/** How a network function, or an end of traffic, hangs on what carries its packets. */
export type AttachmentKind = keyof typeof ATTACHMENTS;

/** What a packet crosses from the one that is attached down to what carries it; the way up is the same in reverse. */
const ATTACHMENTS = {
  "vhost-user": [
    { place: "guest", name: "virtio-net driver" },
    { place: "shared memory", name: "virtqueue" },
    { place: "user space", name: "vhost-user port" },
  ],
  "virtio-user": [
    { place: "user space", name: "virtio-user port" },
    { place: "shared memory", name: "virtqueue" },
    { place: "user space", name: "vhost-user port" },
  ],
  "vhost-net": [
    { place: "guest", name: "virtio-net driver" },
    { place: "shared memory", name: "virtqueue" },
    { place: "kernel", name: "vhost-net thread" },
    { place: "kernel", name: "tap" },
  ],
  virtio: [
    { place: "guest", name: "virtio-net driver" },
    { place: "shared memory", name: "virtqueue" },
    { place: "user space", name: "QEMU's virtio-net" },
    { place: "kernel", name: "tap" },
  ],
  e1000: [
    { place: "guest", name: "e1000 driver" },
    { place: "kernel", name: "exit of the guest" },
    { place: "user space", name: "QEMU's e1000" },
    { place: "kernel", name: "tap" },
  ],
  rtl8139: [
    { place: "guest", name: "rtl8139 driver" },
    { place: "kernel", name: "exit of the guest" },
    { place: "user space", name: "QEMU's rtl8139" },
    { place: "kernel", name: "tap" },
  ],
  macvtap: [
    { place: "guest", name: "virtio-net driver" },
    { place: "shared memory", name: "virtqueue" },
    { place: "kernel", name: "vhost-net thread" },
    { place: "kernel", name: "macvtap" },
  ],
  "sr-iov": [
    { place: "guest", name: "driver of the virtual function" },
    { place: "hardware", name: "IOMMU" },
    { place: "hardware", name: "virtual function" },
  ],
  vdpa: [
    { place: "guest", name: "virtio-net driver" },
    { place: "shared memory", name: "virtqueue" },
    { place: "hardware", name: "vDPA device" },
  ],
  ivshmem: [{ place: "guest", name: "mapped BAR 2" }],
  veth: [
    { place: "container", name: "veth" },
    { place: "kernel", name: "veth" },
  ],
  memif: [
    { place: "user space", name: "memif port" },
    { place: "shared memory", name: "memif ring" },
    { place: "user space", name: "memif port" },
  ],
  af_packet: [
    { place: "user space", name: "af_packet port" },
    { place: "kernel", name: "packet socket" },
    { place: "kernel", name: "interface" },
  ],
  af_xdp: [
    { place: "user space", name: "af_xdp port" },
    { place: "shared memory", name: "UMEM" },
    { place: "kernel", name: "XDP socket" },
    { place: "kernel", name: "interface" },
  ],
  kernel: [
    { place: "kernel", name: "network stack" },
    { place: "kernel", name: "interface" },
  ],
  pci: [
    { place: "user space", name: "poll-mode driver" },
    { place: "hardware", name: "IOMMU" },
    { place: "hardware", name: "network card" },
  ],
} as const satisfies Readonly<Record<string, readonly Layer[]>>;

export const ATTACHMENT_KINDS = Object.keys(ATTACHMENTS) as AttachmentKind[];

/** What joins two attachments. */
export type CarrierKind = keyof typeof CARRIERS;

const CARRIERS = {
  "ovs-dpdk": { place: "user space", name: "poll-mode thread" },
  "ovs-kernel": { place: "kernel", name: "openvswitch datapath" },
  "linux-bridge": { place: "kernel", name: "bridge" },
  xdp: { place: "kernel", name: "XDP redirect" },
  nic: { place: "hardware", name: "switch of the card" },
  wire: { place: "hardware", name: "wire" },
  memory: { place: "shared memory", name: "ivshmem" },
} as const satisfies Readonly<Record<string, Layer>>;

export const CARRIER_KINDS = Object.keys(CARRIERS) as CarrierKind[];

/** What a network function does between its two attachments, or an end where a path begins and stops. */
export interface Station {
  readonly name: string;
  readonly place: Place;
  /** What it does to a packet: `sends`, `receives`, `forwards by testpmd`. */
  readonly does: string;
}

/** One way from station to station: down one attachment, over a carrier, up another. */
export interface Segment {
  readonly down: AttachmentKind;
  readonly carrier: CarrierKind;
  /** Name of the bridge, card or wire. */
  readonly over: string;
  readonly up: AttachmentKind;
}

/** The way of a packet: stations, and between each two of them a segment. */
export interface PacketPath {
  readonly stations: readonly Station[];
  readonly segments: readonly Segment[];
}

/** A layer of a path, with the station or the carrier that it belongs to. */
export interface CrossedLayer extends Layer {
  /** Name of a station or of a carrier; empty of what lies between. */
  readonly of: string;
}

/**
 * Everything that a packet goes through from the first station of a path to its last.
 *
 * @throws InputError `path-incomplete` where a segment is missing between two stations
 * @example
 * layersOf({
 *   stations: [{ name: "gen", place: "user space", does: "sends" }, { name: "vnf", place: "guest", does: "receives" }],
 *   segments: [{ down: "virtio-user", carrier: "ovs-dpdk", over: "br0", up: "vhost-user" }],
 * });
 */
export function layersOf({ stations, segments }: PacketPath): CrossedLayer[] {
  if (stations.length !== segments.length + 1) {
    throw new InputError({
      code: "path-incomplete",
      problem: "a path has one segment between each two of its stations",
      observed: `${stations.length} stations and ${segments.length} segments`,
      expected: `${Math.max(0, stations.length - 1)} segments`,
    });
  }
  return stations.flatMap((station, index) => {
    const segment = segments[index];
    const here = { place: station.place, name: station.does, of: station.name };
    return [here, ...(segment === undefined ? [] : crossed(segment))];
  });
}

function crossed({ down, carrier, over, up }: Segment): CrossedLayer[] {
  const between = (layers: readonly Layer[]) => layers.map((layer) => ({ ...layer, of: "" }));
  return [
    ...between(ATTACHMENTS[down]),
    { ...CARRIERS[carrier], of: over },
    ...between([...ATTACHMENTS[up]].reverse()),
  ];
}

/** How often a packet changes its place on a path: what the paths of a comparison differ in first. */
export function changesOfPlace(path: PacketPath): number {
  const layers = layersOf(path);
  return layers.filter(({ place }, index) => index > 0 && layers[index - 1]?.place !== place).length;
}

/** Metrics that tell how long packets take on a path, of the benchmarks that count them at both ends. */
export const PATH_LATENCIES: readonly string[] = ["traffic.forward.latency", "exchange.round-trip"];

/** A path in one line: `gen ─ br0 ─ vnf ─ br0 ─ sink`. */
export function lineOf({ stations, segments }: PacketPath): string {
  return stations
    .flatMap(({ name }, index) => [name, ...(segments[index] === undefined ? [] : [segments[index].over])])
    .join(" ─ ");
}

/** Places that make an end of a path a virtual one. */
const VIRTUAL: readonly Place[] = ["guest", "container"];

/**
 * What RFC 8204 calls such a path: `Phy2Phy` without a network function, `PVP` through one, `PVVP` through two in a row and so on, `VM2VM` from one to another. What is
 * between the ends is a network function, whatever it runs in.
 */
export function deploymentOf({ stations }: Pick<PacketPath, "stations">): string {
  const isEnd = (index: number) => index === 0 || index === stations.length - 1;
  const letters = stations
    .map(({ place }, index) => (isEnd(index) && !VIRTUAL.includes(place) ? "P" : "V"))
    .join("");
  return { PP: "Phy2Phy", VV: "VM2VM" }[letters] ?? letters;
}
