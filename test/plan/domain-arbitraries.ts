import fc from "fast-check";
import type { Inputs } from "../../sdk/schema/definition.ts";
import type { GuestNic } from "../../sdk/schema/guest-nic.ts";
import type { libvirtDomain } from "../../sdk/schema/libvirt.ts";

type DomainInputs = Inputs<typeof libvirtDomain>;

/** Keys that may be left out, as a user leaves them out. */
const partial = <T extends Record<string, fc.Arbitrary<unknown>>>(model: T) =>
  fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<{
    [K in keyof T]?: T[K] extends fc.Arbitrary<infer V> ? V : never;
  }>;

const flag = fc.boolean();
const ring = fc.constantFrom(256, 512, 1024);
const offloads = partial({ checksum: flag, generic: flag, tcp4: flag, tcp6: flag, ecn: flag, udp: flag });
const hex = (number: number, width: number) => number.toString(16).padStart(width, "0");

const virtio = partial({
  queues: fc.integer({ min: 1, max: 8 }),
  packedRing: flag,
  eventIndex: flag,
  pagePerQueue: flag,
  mtu: fc.constantFrom(576, 1500),
  hostOffloads: offloads,
  guestOffloads: offloads,
});

/** One interface of any kind; `index` keeps its names apart from those of the others. */
function nic(index: number): fc.Arbitrary<GuestNic> {
  const mac = `52:54:00:00:00:${hex(index, 2)}`;
  const socketPath = `/run/nfvlab-vhost/p${index}.sock`;
  const pci = `0000:01:10.${index}`;
  const common = { mac, address: `198.18.${index}.2/24` };
  const throughKernel = fc.oneof(
    fc
      .tuple(
        virtio,
        partial({ vhost: fc.constantFrom("kernel" as const, "off" as const), rxQueueSize: ring }),
      )
      .map(([options, own]) => ({ ...common, ...options, ...own, model: "virtio" as const })),
    fc
      .constantFrom("e1000" as const, "e1000e" as const, "rtl8139" as const)
      .map((model) => ({ ...common, model })),
  );
  const managed = partial({ managed: flag });
  return fc.oneof(
    fc
      .tuple(virtio, partial({ rxQueueSize: ring, txQueueSize: ring, mergeableRxBuffers: flag }), flag)
      .map(([options, own, client]) => ({
        ...{ kind: "vhost-user" as const, socketPath, ...common, ...options, ...own },
        ...(client && { mode: "client" as const, reconnect: "2s" as const }),
      })),
    throughKernel.map((rest) => ({ kind: "bridge" as const, bridge: "br0", ...rest })),
    throughKernel.map((rest) => ({ kind: "openvswitch" as const, bridge: "ovsbr0", ...rest })),
    throughKernel.map((rest) => ({ kind: "network" as const, network: "default", ...rest })),
    throughKernel.map((rest) => ({ kind: "tap" as const, device: `tap${index}`, ...rest })),
    fc
      .tuple(
        throughKernel,
        fc.constantFrom("bridge" as const, "vepa" as const, "private" as const, "passthrough" as const),
      )
      .map(([rest, mode]) => ({ kind: "macvtap" as const, device: `eth${index}`, mode, ...rest })),
    fc
      .tuple(managed, partial({ vlan: fc.integer({ min: 1, max: 4094 }) }))
      .map(([own, vlan]) => ({ kind: "sr-iov" as const, vf: pci, ...common, ...own, ...vlan })),
    managed.map((own) => ({ kind: "pci" as const, device: pci, ...own })),
    virtio.map((options) => ({
      kind: "vdpa" as const,
      device: `/dev/vhost-vdpa-${index}`,
      ...common,
      ...options,
    })),
  );
}

const nics = fc
  .integer({ min: 0, max: 4 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => nic(index))))
  .map((list) => Object.fromEntries(list.map((one, index) => [`nic${index}`, one])));

const sharedMemory = fc.dictionary(
  fc.constantFrom("ring", "table", "shm.1"),
  fc.oneof(
    fc
      .tuple(
        fc.constantFrom("1MiB" as const, "64MiB" as const, "1GiB" as const),
        partial({ role: fc.constantFrom("master" as const, "peer" as const) }),
      )
      .map(([size, role]) => ({ kind: "ivshmem-plain" as const, size, ...role })),
    partial({ vectors: fc.integer({ min: 1, max: 16 }), ioEventFd: flag }).map((own) => ({
      kind: "ivshmem-doorbell" as const,
      socket: "/run/ivshmem.sock",
      ...own,
    })),
  ),
);

const diskSettings = partial({
  format: fc.constantFrom("raw" as const, "qcow2" as const),
  readOnly: flag,
  cache: fc.constantFrom("none" as const, "directsync" as const, "writeback" as const, "unsafe" as const),
  discard: fc.constantFrom("unmap" as const, "ignore" as const),
  queues: fc.integer({ min: 1, max: 8 }),
});
const disk = fc
  .tuple(
    fc.constantFrom({ path: "/var/lib/nfvlab/volumes/disk" }, { volume: { pool: "vg0", name: "disk" } }),
    diskSettings,
  )
  .map(([source, settings]) => ({ ...source, ...settings }));

const features = partial({
  pmu: flag,
  apicEoi: flag,
  ioapic: fc.constantFrom("qemu" as const, "kvm" as const),
  vmport: flag,
  smm: flag,
  hintDedicated: flag,
  pollControl: flag,
  hidden: flag,
  pvIpi: flag,
  dirtyRing: fc.constantFrom(1024, 4096),
});

const timers = partial({
  rtc: partial({
    tickPolicy: fc.constantFrom("delay" as const, "catchup" as const),
    track: fc.constantFrom("guest" as const, "wall" as const),
    present: flag,
  }),
  pit: partial({ tickPolicy: fc.constantFrom("delay" as const, "discard" as const), present: flag }),
  hpet: partial({ present: flag }),
  kvmclock: partial({ present: flag }),
  tsc: partial({
    mode: fc.constantFrom("native" as const, "auto" as const),
    frequencyHz: fc.constant(2_100_000_000),
  }),
});

const scheduling = partial({ policy: fc.constantFrom("fifo" as const, "rr" as const) }).chain((policy) =>
  fc.integer({ min: 1, max: 99 }).map((priority) => ({ ...policy, priority })),
);

const iommu = fc.oneof(
  fc.constant({ model: "virtio" as const }),
  partial({
    interruptRemapping: flag,
    cachingMode: flag,
    deviceTlb: flag,
    extendedInterrupts: flag,
    addressBits: fc.constantFrom(39, 48),
  }).map((own) => ({ model: "intel" as const, ...own })),
);

/** A share of a guest's vCPUs from `first` on. */
const vcpus = (first: number, last: number) => (first === last ? `${first}` : `${first}-${last}`);

/** Definitions that Check takes, of all that can be said about a guest. */
export const domainInputs: fc.Arbitrary<DomainInputs> = fc
  .record({
    cores: fc.integer({ min: 1, max: 4 }),
    threads: fc.constantFrom(1, 2),
    cells: fc.constantFrom(0, 1, 2),
  })
  .chain(({ cores, threads, cells }) => {
    const count = cores * threads;
    const split = cells === 2 && count > 1;
    return fc.record(
      {
        host: fc.constant({ name: "dut", connection: { kind: "local" as const } }),
        name: fc.constantFrom("vnf", "l2fwd-1", "a.b_c"),
        memory: fc.constant(split ? ("4GiB" as const) : ("2GiB" as const)),
        pageSize: fc.constantFrom("4KiB" as const, "2MiB" as const, "1GiB" as const),
        numaNode: fc.constant(1),
        ...(cells > 0 && {
          cells: fc.constant(
            split
              ? [
                  { vcpus: vcpus(0, 0), memory: "1GiB" as const, numaNode: 1, distances: [10, 21] },
                  { vcpus: vcpus(1, count - 1), memory: "3GiB" as const, numaNode: 0, distances: [21, 10] },
                ]
              : [{ vcpus: vcpus(0, count - 1), memory: "2GiB" as const, numaNode: 1 }],
          ),
        }),
        vcpuPins: fc.constant(Array.from({ length: count }, (_, vcpu) => `${vcpu + 8}`)),
        emulatorCpus: fc.constantFrom("0", "0-1,4"),
        iothreadPins: fc.constantFrom(["0"], ["0-1", "2"]),
        ...(count > 1 && {
          realtimeVcpus: scheduling.map((own) => ({ vcpus: vcpus(1, count - 1), ...own })),
        }),
        emulatorScheduling: scheduling,
        cacheTune: fc
          .tuple(flag, fc.constantFrom("both" as const, "data" as const))
          .map(([monitor, type]) => [
            { vcpus: vcpus(0, count - 1), caches: [{ id: 0, type, size: "3MiB" as const }], monitor },
          ]),
        memoryTune: fc.constant([{ vcpus: "0", bandwidth: [{ node: 0, percent: 60 }] }]),
        cpu: partial({
          topology: fc.constantFrom(
            { cores, threads },
            { sockets: cores, cores: 1, threads },
            { clusters: cores, cores: 1, threads },
          ),
          features: fc.dictionary(
            fc.constantFrom("x2apic", "pdpe1gb"),
            fc.constantFrom("require" as const, "disable" as const),
          ),
          migratable: flag,
          cache: fc.constantFrom("passthrough" as const, "emulate" as const, "disable" as const),
          physicalAddressBits: fc.constantFrom("passthrough" as const, "emulate" as const),
        }),
        features,
        timers,
        machine: fc.constantFrom("q35", "pc-q35-9.2"),
        iommu,
        boot: fc.oneof(
          partial({ arguments: fc.constant(["isolcpus=1", "nohz_full=1"]) }).map((own) => ({
            kind: "kernel" as const,
            kernel: "/boot/vmlinuz",
            initramfs: "/boot/initrd.img",
            ...own,
          })),
          partial({ firmware: fc.constantFrom("bios" as const, "efi" as const) }).map((own) => ({
            kind: "disk" as const,
            ...own,
          })),
        ),
        disks: fc.record({ vda: disk }),
        nics,
        sharedMemory,
        locked: flag,
        mergePages: flag,
        allocationThreads: fc.constantFrom(1, 4),
        guestAgent: flag,
        serial: fc.constantFrom("file" as const, "pty" as const, "none" as const),
        randomness: fc
          .tuple(
            fc.constantFrom("/dev/urandom" as const, "none" as const),
            partial({ bytesPerSecond: fc.constant(4096) }),
          )
          .map(([source, limit]) => ({ source, ...limit })),
        watchdog: fc.constantFrom(
          { model: "i6300esb" as const, action: "none" as const },
          { model: "itco" as const, action: "inject-nmi" as const },
        ),
        shutdownTimeout: fc.constant("30s" as const),
      },
      {
        requiredKeys: [
          ...([
            "host",
            "name",
            "memory",
            "pageSize",
            "numaNode",
            "vcpuPins",
            "emulatorCpus",
            "boot",
            "disks",
          ] as const),
          ...(cells > 0 ? (["cells"] as const) : []),
        ],
      },
    );
  }) as fc.Arbitrary<DomainInputs>;
