import type * as pulumi from "@pulumi/pulumi";
import type { Inputs } from "../sdk/schema/definition.ts";
import type { libvirtDomain } from "../sdk/schema/libvirt.ts";
import { exactly } from "../sdk/units/size.ts";
import type { VnfDiskArgs } from "./guest-disk.ts";
import { functionAddress, libvirtInterface } from "./libvirt-interface.ts";
import type { VnfNicArgs } from "./vnf-nic.ts";

type DomainInputs = Inputs<typeof libvirtDomain>;

interface Devices
  extends Pick<
    DomainInputs,
    "name" | "guestAgent" | "serial" | "randomness" | "watchdog" | "iommu" | "sharedMemory"
  > {
  readonly nics?: Readonly<Record<string, VnfNicArgs>>;
  readonly disks?: Readonly<Record<string, VnfDiskArgs>>;
}

/** What the guest has beside CPUs and memory. */
export function libvirtDevices(args: Devices) {
  const { name, nics = {}, disks = {}, sharedMemory = {} } = args;
  const { guestAgent = true, serial = "file", randomness, watchdog, iommu } = args;
  const passed = Object.values(nics).flatMap((nic) => (nic.kind === "pci" ? [nic] : []));
  const interfaces = Object.entries(nics).flatMap(([nic, settings]) =>
    settings.kind === "pci" ? [] : [libvirtInterface(name, nic, settings)],
  );
  return {
    controllers: [{ type: "usb", model: "none" }],
    ...(Object.keys(disks).length > 0 && {
      disks: Object.entries(disks).map(([target, disk]) => diskOf(target, disk)),
    }),
    ...(interfaces.length > 0 && { interfaces }),
    ...(passed.length > 0 && { hostdevs: passed.map(passedThrough) }),
    ...(serial === "file" && {
      serials: [
        { source: { file: { path: `/var/log/libvirt/qemu/${name}-serial.log` } }, target: { port: 0 } },
      ],
    }),
    // Without a source it is a pseudo terminal, whose path only libvirt knows.
    ...(serial === "pty" && { serials: [{ target: { port: 0 } }] }),
    ...(guestAgent && {
      channels: [{ source: { unix: {} }, target: { virtIo: { name: "org.qemu.guest_agent.0" } } }],
    }),
    ...(watchdog !== undefined && { watchdogs: [{ model: watchdog.model, action: watchdog.action }] }),
    ...(randomness?.source !== "none" && { rngs: [randomOf(randomness)] }),
    memBalloon: { model: "none" },
    videos: [{ model: { type: "none" } }],
    ...(Object.keys(sharedMemory).length > 0 && {
      shmems: Object.entries(sharedMemory).map(([shared, memory]) => sharedOf(shared, memory)),
    }),
    ...(iommu !== undefined && { iommu: iommuOf(iommu) }),
  };
}

function diskOf(target: string, disk: VnfDiskArgs) {
  const { format = "qcow2", cache = "none", readOnly = false, discard, iothread, queues } = disk;
  const uncached = cache === "none" || cache === "directsync";
  return {
    device: "disk",
    driver: {
      ...{ name: "qemu", type: format, cache, io: disk.io ?? (uncached ? "native" : "threads") },
      ...(discard !== undefined && { discard }),
      ...(iothread !== undefined && { ioThread: iothread }),
      ...(queues !== undefined && { queues }),
    },
    source: sourceOf(disk),
    target: { dev: target, bus: "virtio" },
    ...(readOnly && { readOnly: true }),
  };
}

function sourceOf({ volume, path = "" }: VnfDiskArgs): {
  file?: { file: pulumi.Input<string> };
  volume?: { pool: pulumi.Input<string>; volume: pulumi.Input<string> };
} {
  if (volume === undefined) return { file: { file: path } };
  if ("pool" in volume) return { volume: { pool: volume.pool, volume: volume.name } };
  return { file: { file: volume.path } };
}

function passedThrough({ device, managed = true }: Extract<VnfNicArgs, { kind: "pci" }>) {
  return { managed, subsysPci: { driver: { name: "vfio" }, source: { address: functionAddress(device) } } };
}

function randomOf(random: DomainInputs["randomness"]) {
  const limit = random?.bytesPerSecond;
  return {
    model: "virtio",
    ...(limit !== undefined && { rate: { bytes: limit, period: 1000 } }),
    backend: { random: random?.source ?? "/dev/urandom" },
  };
}

function sharedOf(name: string, memory: NonNullable<DomainInputs["sharedMemory"]>[string]) {
  if (memory.kind === "ivshmem-plain") {
    return {
      name,
      ...(memory.role !== undefined && { role: memory.role }),
      model: { type: "ivshmem-plain" },
      size: exactly(memory.size, "MiB"),
      sizeUnit: "M",
    };
  }
  const { socket, vectors = 1, ioEventFd = true } = memory;
  return {
    name,
    model: { type: "ivshmem-doorbell" },
    server: { path: socket },
    msi: { vectors, ioEventFd: ioEventFd ? "on" : "off" },
  };
}

function iommuOf(iommu: NonNullable<DomainInputs["iommu"]>) {
  if (iommu.model === "virtio") return { model: "virtio" };
  const { interruptRemapping = true, cachingMode = true, deviceTlb = true, extendedInterrupts } = iommu;
  const onOff = (on: boolean) => (on ? "on" : "off");
  return {
    model: "intel",
    driver: {
      ...{ intRemap: onOff(interruptRemapping), cachingMode: onOff(cachingMode), iotlb: onOff(deviceTlb) },
      ...(extendedInterrupts !== undefined && { eim: onOff(extendedInterrupts) }),
      ...(iommu.addressBits !== undefined && { awBits: iommu.addressBits }),
    },
  };
}
