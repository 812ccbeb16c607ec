import { create } from "xmlbuilder2";
import type { Inputs } from "../schema/definition.ts";
import type { GuestTimers } from "../schema/guest-machine.ts";
import type { libvirtDomain } from "../schema/libvirt.ts";
import { CpuSet } from "../units/cpuset.ts";
import { guestBootLine } from "../units/guest-boot-line.ts";
import { exactly } from "../units/size.ts";
import { nicElements } from "./domain-nics-xml.ts";
import { guestCells, type PlacedCell } from "./guest-cells.ts";

type DomainInputs = Inputs<typeof libvirtDomain>;
type Element = Readonly<Record<string, unknown>>;

export const METADATA_NAMESPACE = "urn:nfvlab:owner:1";

/** What the machine is, as far as a guest's definition depends on it. */
export interface DomainContext {
  /** Owner tag, by which read and delete know the domain for ours. */
  readonly tag: string;
  /** Flags of the machine's CPU: features that it lacks are not asked for. */
  readonly cpuFlags: ReadonlySet<string>;
}

export const serialLogOf = (name: string) => `/var/log/libvirt/qemu/${name}-serial.log`;

/** Memory that QEMU itself may lock beside the guest's, KiB. */
const LOCKED_MARGIN_KIB = 1024 * 1024;

/**
 * The definition of a guest, elements in the order of libvirt's own documentation.
 *
 * @see https://libvirt.org/formatdomain.html
 */
export function renderDomain(inputs: DomainInputs, { tag, cpuFlags }: DomainContext): string {
  const memory = { "@unit": "KiB", "#": exactly(inputs.memory, "KiB") };
  const cells = guestCells(inputs);
  const { iothreadPins = [], locked = true } = inputs;
  const domain = {
    domain: {
      "@type": "kvm",
      name: inputs.name,
      metadata: { "nfvlab:owner": { "@xmlns:nfvlab": METADATA_NAMESPACE, "@tag": tag } },
      memory,
      currentMemory: memory,
      ...(locked && {
        memtune: { hard_limit: { "@unit": "KiB", "#": exactly(inputs.memory, "KiB") + LOCKED_MARGIN_KIB } },
      }),
      memoryBacking: memoryBacking(inputs, cells),
      vcpu: { "@placement": "static", "#": inputs.vcpuPins.length },
      ...(iothreadPins.length > 0 && { iothreads: iothreadPins.length }),
      cputune: cpuTune(inputs),
      numatune: numaTune(cells),
      os: operatingSystem(inputs),
      features: featuresOf(inputs),
      cpu: cpuOf(inputs, cells, cpuFlags),
      clock: { "@offset": "utc", timer: timersOf(inputs.timers ?? {}, cpuFlags) },
      pm: { "suspend-to-mem": { "@enabled": "no" }, "suspend-to-disk": { "@enabled": "no" } },
      on_poweroff: "destroy",
      on_reboot: "restart",
      on_crash: "destroy",
      devices: devicesOf(inputs),
    },
  };
  return `${create(domain).end({ prettyPrint: true, headless: true })}\n`;
}

/** Shared whatever backs it: the switch and other guests reach into it. */
function memoryBacking(inputs: DomainInputs, cells: readonly PlacedCell[]): Element {
  const { pageSize, mergePages = false, locked = true, allocationThreads } = inputs;
  const page = { "@size": exactly(pageSize, "KiB"), "@unit": "KiB", "@nodeset": range(cells.length) };
  return {
    ...(pageSize !== "4KiB" && { hugepages: { page } }),
    ...(!mergePages && { nosharepages: {} }),
    ...(locked && { locked: {} }),
    ...(pageSize === "4KiB" && { source: { "@type": "memfd" } }),
    access: { "@mode": "shared" },
    allocation: {
      "@mode": "immediate",
      ...(allocationThreads !== undefined && { "@threads": allocationThreads }),
    },
  };
}

function cpuTune(inputs: DomainInputs): Element {
  const { realtimeVcpus, emulatorScheduling } = inputs;
  return {
    vcpupin: inputs.vcpuPins.map((cpus, vcpu) => ({ "@vcpu": vcpu, "@cpuset": list(cpus) })),
    emulatorpin: { "@cpuset": list(inputs.emulatorCpus) },
    iothreadpin: (inputs.iothreadPins ?? []).map((cpus, index) => ({
      "@iothread": index + 1,
      "@cpuset": list(cpus),
    })),
    ...(emulatorScheduling !== undefined && { emulatorsched: scheduler(emulatorScheduling) }),
    ...(realtimeVcpus !== undefined && {
      vcpusched: { "@vcpus": list(realtimeVcpus.vcpus), ...scheduler(realtimeVcpus) },
    }),
    cachetune: (inputs.cacheTune ?? []).map(({ vcpus, caches, monitor = false }) => ({
      "@vcpus": list(vcpus),
      cache: caches.map(({ id, level = 3, type = "both", size }) => ({
        "@id": id,
        "@level": level,
        "@type": type,
        "@size": exactly(size, "KiB"),
        "@unit": "KiB",
      })),
      ...(monitor && { monitor: { "@level": 3, "@vcpus": list(vcpus) } }),
    })),
    memorytune: (inputs.memoryTune ?? []).map(({ vcpus, bandwidth }) => ({
      "@vcpus": list(vcpus),
      node: bandwidth.map(({ node, percent }) => ({ "@id": node, "@bandwidth": percent })),
    })),
  };
}

function scheduler({ policy = "fifo", priority }: { policy?: "fifo" | "rr" | undefined; priority: number }) {
  return { "@scheduler": policy, "@priority": priority };
}

function numaTune(cells: readonly PlacedCell[]): Element {
  return {
    memory: { "@mode": "strict", "@nodeset": CpuSet.of(cells.map(({ numaNode }) => numaNode)).format() },
    memnode: cells.map(({ numaNode }, id) => ({ "@cellid": id, "@mode": "strict", "@nodeset": numaNode })),
  };
}

function operatingSystem({ boot, machine = "q35", nics = {}, serial = "file" }: DomainInputs): Element {
  const type = { "@arch": "x86_64", "@machine": machine, "#": "hvm" };
  if (boot.kind === "disk")
    return { ...(boot.firmware === "efi" && { "@firmware": "efi" }), type, boot: { "@dev": "hd" } };
  const cmdline = guestBootLine(boot, nics, serial !== "none");
  return { type, kernel: boot.kernel, initrd: boot.initramfs, cmdline };
}

function featuresOf({ features = {}, iommu }: DomainInputs): Element {
  const { pmu = false, apicEoi, vmport, smm, hidden, pvIpi, dirtyRing } = features;
  const { hintDedicated = true, pollControl = true } = features;
  const ioapic = features.ioapic ?? (iommu?.model === "intel" ? "qemu" : undefined);
  return {
    acpi: {},
    apic: apicEoi === undefined ? {} : { "@eoi": onOff(apicEoi) },
    pmu: state(pmu),
    kvm: {
      ...(hidden !== undefined && { hidden: state(hidden) }),
      "hint-dedicated": state(hintDedicated),
      "poll-control": state(pollControl),
      ...(pvIpi !== undefined && { "pv-ipi": state(pvIpi) }),
      ...(dirtyRing !== undefined && { "dirty-ring": { "@state": "on", "@size": dirtyRing } }),
    },
    ...(vmport !== undefined && { vmport: state(vmport) }),
    ...(ioapic !== undefined && { ioapic: { "@driver": ioapic } }),
    ...(smm !== undefined && { smm: state(smm) }),
  };
}

function cpuOf(
  { cpu = {}, vcpuPins, iommu }: DomainInputs,
  cells: readonly PlacedCell[],
  cpuFlags: ReadonlySet<string>,
): Element {
  const { migratable = false, cache = "passthrough", physicalAddressBits } = cpu;
  const { sockets = 1, dies = 1, clusters, cores, threads = 1 } = cpu.topology ?? { cores: vcpuPins.length };
  const features: Record<string, string> = {
    ...(cpuFlags.has("tsc_deadline_timer") && { "tsc-deadline": "require" }),
    ...(cpuFlags.has("nonstop_tsc") && !migratable && { invtsc: "require" }),
    // Interrupts to x2APIC identifiers are what extended interrupt mode remaps.
    ...(iommu?.extendedInterrupts === true && { x2apic: "require" }),
    ...cpu.features,
  };
  return {
    "@mode": "host-passthrough",
    "@check": "none",
    "@migratable": onOff(migratable),
    topology: {
      "@sockets": sockets,
      "@dies": dies,
      ...(clusters !== undefined && { "@clusters": clusters }),
      "@cores": cores,
      "@threads": threads,
    },
    cache: { "@mode": cache, ...(cache === "emulate" && { "@level": 3 }) },
    ...(physicalAddressBits !== undefined && { maxphysaddr: { "@mode": physicalAddressBits } }),
    feature: Object.entries(features).map(([name, policy]) => ({ "@policy": policy, "@name": name })),
    numa: {
      cell: cells.map(({ vcpus, memoryKib, distances }, id) => ({
        "@id": id,
        "@cpus": vcpus.format(),
        "@memory": memoryKib,
        "@unit": "KiB",
        "@memAccess": "shared",
        ...(distances !== undefined && {
          distances: { sibling: distances.map((value, other) => ({ "@id": other, "@value": value })) },
        }),
      })),
    },
  };
}

function timersOf(given: GuestTimers, cpuFlags: ReadonlySet<string>): Element[] {
  const rtc = { tickPolicy: "catchup", ...given.rtc };
  const pit = { tickPolicy: "delay", ...given.pit };
  const hpet = { present: false, ...given.hpet };
  const tsc = { ...(cpuFlags.has("nonstop_tsc") && { mode: "native" }), ...given.tsc };
  const timer = (name: string, attributes: Element) =>
    Object.keys(attributes).length === 0 ? [] : [{ "@name": name, ...attributes }];
  const present = (wanted: { readonly present?: boolean | undefined } | undefined) =>
    wanted?.present === undefined ? {} : { "@present": wanted.present ? "yes" : "no" };
  return [
    ...timer("rtc", {
      "@tickpolicy": rtc.tickPolicy,
      ...(rtc.track !== undefined && { "@track": rtc.track }),
      ...present(rtc),
    }),
    ...timer("pit", { "@tickpolicy": pit.tickPolicy, ...present(pit) }),
    ...timer("hpet", present(hpet)),
    ...timer("kvmclock", present(given.kvmclock)),
    ...timer("tsc", {
      ...(tsc.mode !== undefined && { "@mode": tsc.mode }),
      ...(tsc.frequencyHz !== undefined && { "@frequency": tsc.frequencyHz }),
    }),
  ];
}

function devicesOf(inputs: DomainInputs): Element {
  const { name, guestAgent = true, serial = "file", randomness, watchdog, iommu } = inputs;
  const nics = nicElements(Object.values(inputs.nics ?? {}));
  return {
    disk: Object.entries(inputs.disks ?? {}).map(([target, disk]) => diskElement(target, disk)),
    controller: [{ "@type": "usb", "@model": "none" }],
    interface: nics.interface,
    ...(serial === "file" && {
      serial: { "@type": "file", source: { "@path": serialLogOf(name) }, target: { "@port": 0 } },
    }),
    ...(serial === "pty" && { serial: { "@type": "pty", target: { "@port": 0 } } }),
    ...(guestAgent && {
      channel: { "@type": "unix", target: { "@type": "virtio", "@name": "org.qemu.guest_agent.0" } },
    }),
    hostdev: nics.hostdev,
    ...(watchdog !== undefined && { watchdog: { "@model": watchdog.model, "@action": watchdog.action } }),
    ...(randomness?.source !== "none" && { rng: randomElement(randomness) }),
    memballoon: { "@model": "none" },
    video: { model: { "@type": "none" } },
    shmem: Object.entries(inputs.sharedMemory ?? {}).map(([shared, memory]) => shmemElement(shared, memory)),
    ...(iommu !== undefined && { iommu: iommuElement(iommu) }),
  };
}

function diskElement(target: string, disk: NonNullable<DomainInputs["disks"]>[string]): Element {
  const {
    path,
    volume,
    format = "qcow2",
    cache = "none",
    readOnly = false,
    discard,
    iothread,
    queues,
  } = disk;
  const uncached = cache === "none" || cache === "directsync";
  return {
    "@type": volume === undefined ? "file" : "volume",
    "@device": "disk",
    driver: {
      "@name": "qemu",
      "@type": format,
      "@cache": cache,
      "@io": disk.io ?? (uncached ? "native" : "threads"),
      ...(discard !== undefined && { "@discard": discard }),
      ...(iothread !== undefined && { "@iothread": iothread }),
      ...(queues !== undefined && { "@queues": queues }),
    },
    source: volume === undefined ? { "@file": path } : { "@pool": volume.pool, "@volume": volume.name },
    target: { "@dev": target, "@bus": "virtio" },
    ...(readOnly && { readonly: {} }),
  };
}

function randomElement(random: DomainInputs["randomness"]): Element {
  const limit = random?.bytesPerSecond;
  return {
    "@model": "virtio",
    ...(limit !== undefined && { rate: { "@bytes": limit, "@period": 1000 } }),
    backend: { "@model": "random", "#": random?.source ?? "/dev/urandom" },
  };
}

function shmemElement(name: string, memory: NonNullable<DomainInputs["sharedMemory"]>[string]): Element {
  if (memory.kind === "ivshmem-plain") {
    return {
      "@name": name,
      ...(memory.role !== undefined && { "@role": memory.role }),
      model: { "@type": "ivshmem-plain" },
      size: { "@unit": "M", "#": exactly(memory.size, "MiB") },
    };
  }
  return {
    "@name": name,
    model: { "@type": "ivshmem-doorbell" },
    server: { "@path": memory.socket },
    msi: {
      "@vectors": memory.vectors ?? 1,
      "@ioeventfd": onOff(memory.ioEventFd ?? true),
    },
  };
}

function iommuElement(iommu: NonNullable<DomainInputs["iommu"]>): Element {
  if (iommu.model === "virtio") return { "@model": "virtio" };
  const { interruptRemapping = true, cachingMode = true, deviceTlb = true, extendedInterrupts } = iommu;
  return {
    "@model": "intel",
    driver: {
      "@intremap": onOff(interruptRemapping),
      "@caching_mode": onOff(cachingMode),
      ...(extendedInterrupts !== undefined && { "@eim": onOff(extendedInterrupts) }),
      "@iotlb": onOff(deviceTlb),
      ...(iommu.addressBits !== undefined && { "@aw_bits": iommu.addressBits }),
    },
  };
}

function list(cpus: string): string {
  return CpuSet.parse(cpus).format();
}

/** Numbers from 0 on, as a list. */
function range(count: number): string {
  return count === 1 ? "0" : `0-${count - 1}`;
}

function state(on: boolean): Element {
  return { "@state": onOff(on) };
}

function onOff(on: boolean): "on" | "off" {
  return on ? "on" : "off";
}
