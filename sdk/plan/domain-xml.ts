import { create } from "xmlbuilder2";
import type { Inputs } from "../schema/definition.ts";
import type { libvirtDomain } from "../schema/libvirt.ts";
import { CpuSet } from "../units/cpuset.ts";
import { exactly } from "../units/size.ts";

type DomainInputs = Inputs<typeof libvirtDomain>;

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
  const {
    name,
    numaNode,
    vcpuPins,
    emulatorCpus,
    realtimeVcpus,
    boot,
    locked = true,
    guestAgent = true,
  } = inputs;
  const memory = { "@unit": "KiB", "#": exactly(inputs.memory, "KiB") };
  const vcpus = vcpuPins.length;
  const features = [
    ...(cpuFlags.has("tsc_deadline_timer") ? ["tsc-deadline"] : []),
    ...(cpuFlags.has("nonstop_tsc") ? ["invtsc"] : []),
  ];
  const addresses = Object.values(inputs.nics ?? {}).flatMap(({ mac, address }) =>
    address === undefined ? [] : [`nfvlab.address=${mac},${address}`],
  );
  const domain = {
    domain: {
      "@type": "kvm",
      name,
      metadata: { "nfvlab:owner": { "@xmlns:nfvlab": METADATA_NAMESPACE, "@tag": tag } },
      memory,
      currentMemory: memory,
      ...(locked && {
        memtune: { hard_limit: { "@unit": "KiB", "#": exactly(inputs.memory, "KiB") + LOCKED_MARGIN_KIB } },
      }),
      memoryBacking: {
        hugepages: { page: { "@size": exactly(inputs.pageSize, "KiB"), "@unit": "KiB", "@nodeset": "0" } },
        nosharepages: {},
        ...(locked && { locked: {} }),
        access: { "@mode": "shared" },
        allocation: { "@mode": "immediate" },
      },
      vcpu: { "@placement": "static", "#": vcpus },
      cputune: {
        vcpupin: vcpuPins.map((cpus, vcpu) => ({ "@vcpu": vcpu, "@cpuset": CpuSet.parse(cpus).format() })),
        emulatorpin: { "@cpuset": CpuSet.parse(emulatorCpus).format() },
        ...(realtimeVcpus !== undefined && {
          vcpusched: {
            "@vcpus": realtimeVcpus.vcpus,
            "@scheduler": "fifo",
            "@priority": realtimeVcpus.priority,
          },
        }),
      },
      numatune: {
        memory: { "@mode": "strict", "@nodeset": numaNode },
        memnode: { "@cellid": 0, "@mode": "strict", "@nodeset": numaNode },
      },
      os: {
        type: { "@arch": "x86_64", "@machine": "q35", "#": "hvm" },
        ...(boot.kind === "kernel"
          ? {
              kernel: boot.kernel,
              initrd: boot.initramfs,
              cmdline: ["console=ttyS0", "panic=-1", ...(boot.arguments ?? []), ...addresses].join(" "),
            }
          : { boot: { "@dev": "hd" } }),
      },
      features: {
        acpi: {},
        apic: {},
        pmu: { "@state": "off" },
        kvm: { "hint-dedicated": { "@state": "on" }, "poll-control": { "@state": "on" } },
      },
      cpu: {
        "@mode": "host-passthrough",
        "@check": "none",
        "@migratable": "off",
        topology: { "@sockets": 1, "@dies": 1, "@cores": vcpus, "@threads": 1 },
        cache: { "@mode": "passthrough" },
        feature: features.map((feature) => ({ "@policy": "require", "@name": feature })),
        numa: {
          cell: {
            "@id": 0,
            "@cpus": vcpus === 1 ? "0" : `0-${vcpus - 1}`,
            "@memory": exactly(inputs.memory, "KiB"),
            "@unit": "KiB",
            "@memAccess": "shared",
          },
        },
      },
      clock: {
        "@offset": "utc",
        timer: [
          { "@name": "rtc", "@tickpolicy": "catchup" },
          { "@name": "pit", "@tickpolicy": "delay" },
          { "@name": "hpet", "@present": "no" },
          ...(cpuFlags.has("nonstop_tsc") ? [{ "@name": "tsc", "@mode": "native" }] : []),
        ],
      },
      pm: { "suspend-to-mem": { "@enabled": "no" }, "suspend-to-disk": { "@enabled": "no" } },
      on_poweroff: "destroy",
      on_reboot: "restart",
      on_crash: "destroy",
      devices: {
        disk: Object.entries(inputs.disks ?? {}).map(([target, { path, format = "qcow2" }]) => ({
          "@type": "file",
          "@device": "disk",
          driver: { "@name": "qemu", "@type": format, "@cache": "none", "@io": "native" },
          source: { "@file": path },
          target: { "@dev": target, "@bus": "virtio" },
        })),
        controller: [{ "@type": "usb", "@model": "none" }],
        interface: Object.values(inputs.nics ?? {}).map(vhostUserInterface),
        serial: { "@type": "file", source: { "@path": serialLogOf(name) }, target: { "@port": 0 } },
        ...(guestAgent && {
          channel: { "@type": "unix", target: { "@type": "virtio", "@name": "org.qemu.guest_agent.0" } },
        }),
        rng: { "@model": "virtio", backend: { "@model": "random", "#": "/dev/urandom" } },
        memballoon: { "@model": "none" },
        video: { model: { "@type": "none" } },
      },
    },
  };
  return `${create(domain).end({ prettyPrint: true, headless: true })}\n`;
}

type Nic = NonNullable<DomainInputs["nics"]>[string];

/** The switch is the client, so QEMU serves; checksums and segments are left to nobody, so that frames are what the generator sent. */
function vhostUserInterface({
  mac,
  socketPath,
  queues = 1,
  rxQueueSize = 1024,
  txQueueSize = 1024,
  mergeableRxBuffers = false,
}: Nic) {
  const off = (...names: string[]) => Object.fromEntries(names.map((name) => [`@${name}`, "off"]));
  return {
    "@type": "vhostuser",
    mac: { "@address": mac },
    source: { "@type": "unix", "@path": socketPath, "@mode": "server" },
    model: { "@type": "virtio" },
    driver: {
      "@queues": queues,
      "@rx_queue_size": rxQueueSize,
      "@tx_queue_size": txQueueSize,
      host: {
        ...(mergeableRxBuffers ? {} : { "@mrg_rxbuf": "off" }),
        ...off("csum", "gso", "tso4", "tso6", "ecn", "ufo"),
      },
      guest: off("csum", "tso4", "tso6", "ecn", "ufo"),
    },
  };
}
