import * as pulumi from "@pulumi/pulumi";
import type { Wired } from "../sdk/resources/lab-resource.ts";
import type { Inputs } from "../sdk/schema/definition.ts";
import type { GuestBoot, libvirtDomain } from "../sdk/schema/libvirt.ts";
import { CpuSet } from "../sdk/units/cpuset.ts";
import { guestBootLine } from "../sdk/units/guest-boot-line.ts";
import { exactly } from "../sdk/units/size.ts";
import type { VnfDiskArgs } from "./guest-disk.ts";
import { libvirtDevices } from "./libvirt-devices.ts";
import { macOf, type VnfNicArgs } from "./vnf-nic.ts";

type DomainInputs = Inputs<typeof libvirtDomain>;

export interface LibvirtGuestArgs
  extends Readonly<Omit<DomainInputs, "host" | "boot" | "nics" | "disks" | "shutdownTimeout">> {
  /** What it boots; of a boot image made by this SDK, whose files lie on the same machine, or a disk. */
  readonly boot: Wired<GuestBoot>;
  /** Network interfaces by name, of any kinds beside each other. */
  readonly nics?: Readonly<Record<string, VnfNicArgs>>;
  /** Disks by target, `vda` to `vdz`. */
  readonly disks?: Readonly<Record<string, VnfDiskArgs>>;
}

/** What `new libvirt.Domain(name, args)` takes. */
export type LibvirtDomainArgs = ReturnType<typeof libvirtDomainArgs>;

/** Memory that QEMU itself may lock beside the guest's, KiB. */
const LOCKED_MARGIN_KIB = 1024 * 1024;

/**
 * A guest of this SDK's as arguments of `Domain` of `@pulumi/libvirt`, the package that Pulumi generates from Terraform's provider dmacvicar/libvirt 0.9. It makes nothing by
 * itself and needs no such package: a program that has generated one hands them on. The definition is the one that this SDK's own `Domain` would write: shared memory in huge
 * pages, a CPU for each vCPU, emulator threads apart, nothing that wakes a guest without need.
 *
 * One thing it can't say: that a guest is not migratable, which hides `invtsc` unless `cpu.features` requires it. That provider reads back only what was set and never looks at the threads, stops a guest for any change, and does not wait for a switch's port or for the agent: a testbed's
 * guests are better off as a `GuestVnf`. No feature of the CPU is asked for by itself, since nobody has looked at the machine; `cpu.features` names them.
 *
 * @property name name of the guest
 * @property nics each as for a `GuestVnf`, a network made with the package among them
 * @property disks each with a file, or with a volume made with the package
 * @throws InputError where a size is no multiple of its unit, or a list no list of CPUs
 * @see https://github.com/dmacvicar/terraform-provider-libvirt/blob/main/docs/resources/domain.md
 * @example
 * const args = libvirtDomainArgs({
 *   name: "vnf", memory: "4GiB", pageSize: "1GiB", numaNode: 0, vcpuPins: ["4", "5", "6"], emulatorCpus: "0-1",
 *   boot: { kind: "disk" }, disks: { vda: { path: "/var/lib/libvirt/images/vnf.qcow2" } },
 *   nics: { east: { kind: "vhost-user", bridge, port: "vhu0" } },
 * });
 */
export function libvirtDomainArgs(args: LibvirtGuestArgs) {
  const { name, vcpuPins, iothreadPins = [], locked = true } = args;
  const memory = exactly(args.memory, "KiB");
  const cells = cellsOf(args);
  return {
    name,
    type: "kvm",
    running: true,
    memory,
    memoryUnit: "KiB",
    currentMemory: memory,
    currentMemoryUnit: "KiB",
    ...(locked && { memoryTune: { hardLimit: memory + LOCKED_MARGIN_KIB, hardLimitUnit: "KiB" } }),
    memoryBacking: memoryBacking(args, cells.length),
    vcpu: vcpuPins.length,
    vcpuPlacement: "static",
    ...(iothreadPins.length > 0 && { ioThreads: iothreadPins.length }),
    cpuTune: cpuTune(args),
    numaTune: {
      memory: { mode: "strict", nodeset: CpuSet.of(cells.map(({ numaNode }) => numaNode)).format() },
      memNodes: cells.map(({ numaNode }, id) => ({ cellId: id, mode: "strict", nodeset: `${numaNode}` })),
    },
    os: operatingSystem(args),
    features: featuresOf(args),
    cpu: cpuOf(args, cells),
    clock: { offset: "utc", timers: timersOf(args.timers ?? {}) },
    pm: { suspendToMem: { enabled: "no" }, suspendToDisk: { enabled: "no" } },
    onPoweroff: "destroy",
    onReboot: "restart",
    onCrash: "destroy",
    devices: libvirtDevices(args),
    destroy: { graceful: true },
  };
}

interface Cell {
  readonly cpus: string;
  readonly memory: number;
  readonly numaNode: number;
  readonly distances?: readonly number[] | undefined;
}

/** The NUMA nodes of the guest; one with everything where none are given. */
function cellsOf({ cells, vcpuPins, memory, numaNode }: LibvirtGuestArgs): readonly Cell[] {
  if (cells === undefined) {
    const cpus = CpuSet.of([...vcpuPins.keys()]).format();
    return [{ cpus, memory: exactly(memory, "KiB"), numaNode }];
  }
  return cells.map((cell) => ({
    cpus: list(cell.vcpus),
    memory: exactly(cell.memory, "KiB"),
    numaNode: cell.numaNode,
    distances: cell.distances,
  }));
}

/** Shared whatever backs it: the switch and other guests reach into it. */
function memoryBacking(args: LibvirtGuestArgs, cells: number) {
  const { pageSize, mergePages = false, locked = true, allocationThreads } = args;
  const nodeset = cells === 1 ? "0" : `0-${cells - 1}`;
  const small = pageSize === "4KiB";
  return {
    ...(!small && {
      memoryHugePages: { hugepages: [{ size: exactly(pageSize, "KiB"), unit: "KiB", nodeset }] },
    }),
    ...(!mergePages && { memoryNosharepages: true }),
    ...(locked && { memoryLocked: true }),
    ...(small && { memorySource: { type: "memfd" } }),
    memoryAccess: { mode: "shared" },
    memoryAllocation: {
      mode: "immediate",
      ...(allocationThreads !== undefined && { threads: allocationThreads }),
    },
  };
}

function cpuTune(args: LibvirtGuestArgs) {
  const { vcpuPins, emulatorCpus, iothreadPins = [], emulatorScheduling, realtimeVcpus } = args;
  const { cacheTune = [], memoryTune = [] } = args;
  return {
    vcpuPins: vcpuPins.map((cpus, vcpu) => ({ vcpu, cpuSet: list(cpus) })),
    emulatorPin: { cpuSet: list(emulatorCpus) },
    ...(iothreadPins.length > 0 && {
      ioThreadPins: iothreadPins.map((cpus, index) => ({ ioThread: index + 1, cpuSet: list(cpus) })),
    }),
    ...(emulatorScheduling !== undefined && { emulatorSched: scheduler(emulatorScheduling) }),
    ...(realtimeVcpus !== undefined && {
      vcpuScheds: [{ vcpus: list(realtimeVcpus.vcpus), ...scheduler(realtimeVcpus) }],
    }),
    ...(cacheTune.length > 0 && {
      cacheTunes: cacheTune.map(({ vcpus, caches, monitor = false }) => ({
        vcpus: list(vcpus),
        caches: caches.map(({ id, level = 3, type = "both", size }) => ({
          ...{ id, level, type, size: exactly(size, "KiB"), unit: "KiB" },
        })),
        ...(monitor && { monitors: [{ level: 3, vcpus: list(vcpus) }] }),
      })),
    }),
    ...(memoryTune.length > 0 && {
      memoryTunes: memoryTune.map(({ vcpus, bandwidth }) => ({
        vcpus: list(vcpus),
        nodes: bandwidth.map(({ node, percent }) => ({ id: node, bandwidth: percent })),
      })),
    }),
  };
}

function scheduler({ policy = "fifo", priority }: NonNullable<DomainInputs["emulatorScheduling"]>) {
  return { scheduler: policy, priority };
}

/** Known while the program runs, but for a boot image that is still to be made. */
function operatingSystem({ name, boot, machine = "q35", nics = {}, serial = "file" }: LibvirtGuestArgs) {
  const named = Object.fromEntries(
    Object.entries(nics).flatMap(([nic, settings]) =>
      settings.kind === "pci" ? [] : [[nic, { ...settings, mac: macOf(name, nic, settings) }] as const],
    ),
  );
  return (pulumi.output(boot) as pulumi.Output<GuestBoot>).apply((known) => ({
    type: "hvm",
    typeArch: "x86_64",
    typeMachine: machine,
    ...(known.kind === "disk" && {
      bootDevices: [{ dev: "hd" }],
      ...(known.firmware === "efi" && { firmware: "efi" }),
    }),
    ...(known.kind === "kernel" && {
      kernel: known.kernel,
      initrd: known.initramfs,
      cmdline: guestBootLine(known, named, serial !== "none"),
    }),
  }));
}

function featuresOf({ features = {}, iommu }: LibvirtGuestArgs) {
  const { pmu = false, apicEoi, vmport, smm, hidden, pvIpi, dirtyRing } = features;
  const { hintDedicated = true, pollControl = true } = features;
  const ioapic = features.ioapic ?? (iommu?.model === "intel" ? "qemu" : undefined);
  return {
    acpi: true,
    apic: { ...(apicEoi !== undefined && { eoi: onOff(apicEoi) }) },
    pmu: state(pmu),
    kvm: {
      hintDedicated: state(hintDedicated),
      pollControl: state(pollControl),
      ...(hidden !== undefined && { hidden: state(hidden) }),
      ...(pvIpi !== undefined && { pvipi: state(pvIpi) }),
      ...(dirtyRing !== undefined && { dirtyRing: { ...state(true), size: dirtyRing } }),
    },
    ...(vmport !== undefined && { vmPort: state(vmport) }),
    ...(ioapic !== undefined && { ioapic: { driver: ioapic } }),
    ...(smm !== undefined && { smm: state(smm) }),
  };
}

function cpuOf({ cpu = {}, vcpuPins, iommu }: LibvirtGuestArgs, cells: readonly Cell[]) {
  const { cache = "passthrough", physicalAddressBits } = cpu;
  const { sockets = 1, dies = 1, clusters, cores, threads = 1 } = cpu.topology ?? { cores: vcpuPins.length };
  const features = {
    ...(iommu?.model === "intel" && iommu.extendedInterrupts === true && { x2apic: "require" }),
    ...cpu.features,
  };
  return {
    // Whether it is migratable can't be said: the provider writes yes or no, and libvirt reads on or off.
    mode: "host-passthrough",
    check: "none",
    topology: { sockets, dies, ...(clusters !== undefined && { clusters }), cores, threads },
    cache: { mode: cache, ...(cache === "emulate" && { level: 3 }) },
    ...(physicalAddressBits !== undefined && { maxPhysAddr: { mode: physicalAddressBits } }),
    ...(Object.keys(features).length > 0 && {
      features: Object.entries(features).map(([name, policy]) => ({ name, policy })),
    }),
    numa: {
      cells: cells.map(({ cpus, memory, distances }, id) => ({
        ...{ id, cpus, memory, unit: "KiB", memAccess: "shared" },
        ...(distances !== undefined && {
          distances: { siblings: distances.map((value, other) => ({ id: other, value })) },
        }),
      })),
    },
  };
}

function timersOf({ rtc, pit, hpet, kvmclock, tsc }: NonNullable<DomainInputs["timers"]>) {
  const present = (wanted: { readonly present?: boolean | undefined } | undefined) =>
    wanted?.present === undefined ? {} : { present: wanted.present ? "yes" : "no" };
  return [
    {
      name: "rtc",
      tickPolicy: rtc?.tickPolicy ?? "catchup",
      ...(rtc?.track !== undefined && { track: rtc.track }),
      ...present(rtc),
    },
    { name: "pit", tickPolicy: pit?.tickPolicy ?? "delay", ...present(pit) },
    { name: "hpet", ...present({ present: false, ...hpet }) },
    ...(kvmclock?.present === undefined ? [] : [{ name: "kvmclock", ...present(kvmclock) }]),
    ...(tsc?.mode === undefined && tsc?.frequencyHz === undefined
      ? []
      : [
          {
            name: "tsc",
            ...(tsc.mode !== undefined && { mode: tsc.mode }),
            ...(tsc.frequencyHz !== undefined && { frequency: tsc.frequencyHz }),
          },
        ]),
  ];
}

function list(cpus: string): string {
  return CpuSet.parse(cpus).format();
}

function state(on: boolean) {
  return { state: onOff(on) };
}

function onOff(on: boolean) {
  return on ? "on" : "off";
}
