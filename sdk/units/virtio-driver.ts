/** Work that a virtio card leaves to its other end. */
interface Offloads {
  readonly checksum?: boolean | undefined;
  readonly generic?: boolean | undefined;
  readonly tcp4?: boolean | undefined;
  readonly tcp6?: boolean | undefined;
  readonly ecn?: boolean | undefined;
  readonly udp?: boolean | undefined;
}

/** A virtio card of a guest, as far as its driver goes. */
interface VirtioCard {
  readonly kind: string;
  readonly mergeableRxBuffers?: boolean | undefined;
  readonly hostOffloads?: Offloads | undefined;
  readonly guestOffloads?: Offloads | undefined;
  readonly queues?: number | undefined;
  readonly rxQueueSize?: number | undefined;
  readonly txQueueSize?: number | undefined;
  readonly eventIndex?: boolean | undefined;
  readonly iommu?: boolean | undefined;
  readonly ats?: boolean | undefined;
  readonly packedRing?: boolean | undefined;
  readonly pagePerQueue?: boolean | undefined;
  readonly vhost?: "kernel" | "off" | undefined;
}

type Switch = "on" | "off";
type OffloadSwitch = "csum" | "gso" | "tso4" | "tso6" | "ecn" | "ufo";

/** Libvirt's `<driver>` of a virtio card: what is said of it, in the names of `@pulumi/libvirt`. */
export interface VirtioDriver {
  readonly name?: "vhost" | "qemu";
  readonly queues?: number;
  readonly rxQueueSize?: number;
  readonly txQueueSize?: number;
  readonly eventIdx?: Switch;
  readonly iommu?: Switch;
  readonly ats?: Switch;
  readonly packed?: Switch;
  readonly pagePerVq?: Switch;
  readonly host?: Readonly<Partial<Record<OffloadSwitch | "mrgRxBuf", Switch>>>;
  readonly guest?: Readonly<Partial<Record<OffloadSwitch, Switch>>>;
}

const ALL_OFF: Required<Offloads> = {
  checksum: false,
  generic: false,
  tcp4: false,
  tcp6: false,
  ecn: false,
  udp: false,
};

/** Of a virtio card. Towards a switch in user space nothing is offloaded unless asked for, so that frames are what the generator sent. */
export function virtioDriver(card: VirtioCard): VirtioDriver {
  const own = card.kind === "vhost-user";
  const mergeable = own ? (card.mergeableRxBuffers ?? false) : true;
  const size = own ? 1024 : undefined;
  const host = {
    ...(!mergeable && { mrgRxBuf: "off" as const }),
    ...offloads({ ...(own && ALL_OFF), ...card.hostOffloads }, true),
  };
  const guest = offloads({ ...(own && ALL_OFF), ...card.guestOffloads }, false);
  return {
    ...said("name", backend(card)),
    ...said("queues", card.queues ?? (own ? 1 : undefined)),
    ...said("rxQueueSize", card.rxQueueSize ?? size),
    ...said("txQueueSize", card.txQueueSize ?? size),
    ...said("eventIdx", onOff(card.eventIndex)),
    ...said("iommu", onOff(card.iommu)),
    ...said("ats", onOff(card.ats)),
    ...said("packed", onOff(card.packedRing)),
    ...said("pagePerVq", onOff(card.pagePerQueue)),
    ...(Object.keys(host).length > 0 && { host }),
    ...(Object.keys(guest).length > 0 && { guest }),
  };
}

/** Who moves the packets, where libvirt can choose. */
function backend({ kind, vhost }: VirtioCard): "vhost" | "qemu" | undefined {
  if (kind === "vhost-user" || kind === "vdpa") return undefined;
  return vhost === "off" ? "qemu" : "vhost";
}

function offloads({ checksum, generic, tcp4, tcp6, ecn, udp }: Offloads, host: boolean) {
  return {
    ...said("csum", onOff(checksum)),
    ...(host && said("gso", onOff(generic))),
    ...said("tso4", onOff(tcp4)),
    ...said("tso6", onOff(tcp6)),
    ...said("ecn", onOff(ecn)),
    ...said("ufo", onOff(udp)),
  };
}

function onOff(value: boolean | undefined): Switch | undefined {
  return value === undefined ? undefined : value ? "on" : "off";
}

function said<K extends string, V>(name: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [P in K]?: V };
}
