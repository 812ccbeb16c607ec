import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { domains } from "../../sdk/observe/domains.ts";
import {
  checkGuestHost,
  domainFault,
  endGuest,
  observedDomain,
  planDomain,
  planPins,
} from "../../sdk/plan/domain.ts";
import { checkDomain } from "../../sdk/plan/domain-check.ts";
import { renderDomain } from "../../sdk/plan/domain-xml.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import type { GuestNic } from "../../sdk/schema/guest-nic.ts";
import { libvirtDomain } from "../../sdk/schema/libvirt.ts";
import { LabError } from "../../sdk/units/errors.ts";
import { domainInputs } from "./domain-arbitraries.ts";

type DomainInputs = Inputs<typeof libvirtDomain>;

const nic = {
  kind: "vhost-user" as const,
  socketPath: "/run/nfvlab-vhost/vnf1-0.sock",
  mac: "52:54:00:00:00:01",
  address: "198.18.0.2/24",
};
const guest = {
  host: { name: "dut", connection: { kind: "local" as const } },
  name: "vnf1",
  memory: "8GiB" as const,
  pageSize: "1GiB" as const,
  numaNode: 0,
  vcpuPins: ["1", "2", "3"],
  emulatorCpus: "0,20",
  realtimeVcpus: { vcpus: "1-2", priority: 1 },
  boot: { kind: "disk" as const },
  disks: { vda: { path: "/var/lib/libvirt/images/vnf1.qcow2" } },
  nics: { east: nic },
};
const kernel = { kind: "kernel" as const, kernel: "/boot/vmlinuz", initramfs: "/boot/initrd.img" };
const small: DomainInputs = {
  host: guest.host,
  name: "small",
  memory: "256MiB",
  pageSize: "2MiB",
  numaNode: 1,
  vcpuPins: ["3"],
  emulatorCpus: "0",
  boot: kernel,
};
const context = { tag: "0badcafe", cpuFlags: new Set(["tsc_deadline_timer", "nonstop_tsc"]) };
const mac = (last: string) => `52:54:00:00:00:${last}`;

/** Guests by what is special about them; each has a golden definition. */
const guests: Readonly<Record<string, DomainInputs>> = {
  vnf1: guest,
  "small-pages": { ...small, pageSize: "4KiB", locked: false, mergePages: true, allocationThreads: 2 },
  "two-cells": {
    ...small,
    memory: "4GiB",
    vcpuPins: ["3", "13"],
    cells: [
      { vcpus: "0", memory: "1GiB", numaNode: 1, distances: [10, 21] },
      { vcpus: "1", memory: "3GiB", numaNode: 0, distances: [21, 10] },
    ],
  },
  "cpu-tuning": {
    ...small,
    vcpuPins: ["3", "4", "5", "6"],
    iothreadPins: ["0", "0-1"],
    realtimeVcpus: { vcpus: "2-3", policy: "rr", priority: 5 },
    emulatorScheduling: { priority: 1 },
    cacheTune: [{ vcpus: "0-1", caches: [{ id: 0, size: "3MiB" }], monitor: true }],
    memoryTune: [{ vcpus: "0-3", bandwidth: [{ node: 0, percent: 60 }] }],
    cpu: {
      topology: { sockets: 1, clusters: 1, cores: 2, threads: 2 },
      features: { pdpe1gb: "require" },
      physicalAddressBits: "passthrough",
    },
  },
  migratable: {
    ...small,
    machine: "pc-q35-9.2",
    cpu: { migratable: true },
    features: { dirtyRing: 4096 },
  },
  timers: {
    ...small,
    timers: {
      rtc: { track: "guest" },
      hpet: { present: true },
      kvmclock: { present: false },
      tsc: { frequencyHz: 2_100_000_000 },
    },
    features: {
      pmu: true,
      apicEoi: true,
      hintDedicated: false,
      pollControl: false,
      hidden: true,
      vmport: false,
    },
  },
  disks: {
    ...small,
    boot: { kind: "disk", firmware: "efi" },
    iothreadPins: ["0"],
    disks: {
      vda: { path: "/var/lib/nfvlab/volumes/vnf", iothread: 1, queues: 2, discard: "unmap" },
      vdb: { path: "/var/lib/nfvlab/volumes/seed", format: "raw", readOnly: true, cache: "writeback" },
      vdc: { volume: { pool: "vg0", name: "data" }, format: "raw" },
    },
  },
  devices: {
    ...small,
    serial: "pty",
    guestAgent: false,
    randomness: { source: "/dev/hwrng", bytesPerSecond: 4096 },
    watchdog: { model: "i6300esb", action: "none" },
  },
  viommu: {
    ...small,
    iommu: { model: "intel", extendedInterrupts: true, addressBits: 48 },
    nics: {
      east: {
        ...nic,
        queues: 4,
        iommu: true,
        ats: true,
        packedRing: true,
        pagePerQueue: true,
        eventIndex: false,
        rxQueueSize: 256,
      },
    },
  },
  "vhost-user": {
    ...small,
    nics: {
      client: { ...nic, mode: "client", reconnect: "2s" },
      jumbo: {
        ...nic,
        mac: mac("02"),
        socketPath: "/run/nfvlab-vhost/vnf1-1.sock",
        mtu: 9000,
        mergeableRxBuffers: true,
      },
      offloads: {
        ...nic,
        mac: mac("03"),
        socketPath: "/run/nfvlab-vhost/vnf1-2.sock",
        hostOffloads: { checksum: true, generic: true, tcp4: true },
        guestOffloads: { checksum: true },
      },
    },
  },
  kernel: {
    ...small,
    nics: {
      bridge: { kind: "bridge", bridge: "br0", mac: mac("01"), address: "198.18.0.2/24" },
      emulated: { kind: "bridge", bridge: "br0", mac: mac("02"), model: "e1000" },
      own: { kind: "tap", device: "tap0", mac: mac("03"), vhost: "off" },
      outside: { kind: "macvtap", device: "eth0", mode: "passthrough", mac: mac("04"), queues: 2 },
      switched: { kind: "openvswitch", bridge: "ovsbr0", mac: mac("05") },
      managed: { kind: "network", network: "default", mac: mac("06") },
    },
  },
  passthrough: {
    ...small,
    nics: {
      function: { kind: "sr-iov", vf: "0000:05:02.1", mac: mac("01"), vlan: 100 },
      bound: { kind: "sr-iov", vf: "0000:05:02.3", mac: mac("02"), managed: false },
      card: { kind: "pci", device: "0000:06:00.0" },
      vdpa: { kind: "vdpa", device: "/dev/vhost-vdpa-0", mac: mac("03") },
    },
  },
  forwarder: {
    ...small,
    boot: { ...kernel, bridgedNics: ["east", "west"] },
    nics: { east: nic, west: { kind: "bridge", bridge: "br0", mac: mac("02") } },
  },
  router: {
    ...small,
    boot: {
      ...kernel,
      routes: [
        { nic: "east", to: "198.18.0.1", nextHop: mac("11") },
        { nic: "west", to: "198.18.0.2", nextHop: mac("12") },
      ],
    },
    nics: {
      east: { kind: "sr-iov", vf: "0000:05:02.1", mac: mac("01") },
      west: { kind: "sr-iov", vf: "0000:05:02.3", mac: mac("02") },
    },
  },
  "shared-memory": {
    ...small,
    sharedMemory: {
      ring: { kind: "ivshmem-plain", size: "4MiB", role: "peer" },
      bells: { kind: "ivshmem-doorbell", socket: "/run/ivshmem.sock", vectors: 2 },
    },
  },
};

const pools = [{ numaNode: 0, sizeKib: 2 ** 20, total: 10, free: 8, surplus: 0 }];
const port = {
  ...{ uuid: "5d1c", statistics: {}, settings: {} },
  name: "p",
  type: "dpdkvhostuserclient",
  options: { "vhost-server-path": nic.socketPath },
  status: {},
};
const machine = {
  pools,
  switch: {
    bridges: [
      { name: "br-dpdk", datapath: "netdev", settings: {} },
      { name: "ovsbr0", datapath: "system", settings: {} },
    ],
    interfaces: [port],
  },
  attachments: {
    bridges: new Set(["br0"]),
    taps: new Set(["tap0"]),
    networks: new Set(["default"]),
    devices: new Set(["br0", "tap0", "eth0"]),
    vdpaDevices: new Set<string>(),
    listening: new Set<string>(),
  },
  pciLinks: new Map(
    [
      ["0000:05:00.0", "iommu_group", "12"],
      ["0000:05:02.1", "iommu_group", "31"],
      ["0000:05:02.1", "physfn", "0000:05:00.0"],
      ["0000:05:02.1", "driver", "igbvf"],
    ].map(([address, link, to]) => [`/sys/bus/pci/devices/${address}/${link}`, to as string]),
  ),
};

const recorded = (definition: string, threads: readonly string[] = []) => ({
  code: 0,
  stderr: "",
  stdout: `@domain g\n@state ${threads.length > 0 ? "running" : "shut off"}\n${definition}${threads.join("\n")}\n`,
});

/** A thread as /proc shows it: `stat` up to the policy, and the CPUs of `status`. */
const thread = (id: number, name: string, cpus: string, policy = 0, priority = 0) => [
  `@/proc/7/task/${id}/stat:${id} (${name}) S ${Array.from({ length: 36 }, () => "1").join(" ")} ${priority} ${policy} 0 0`,
  `@/proc/7/task/${id}/status:Cpus_allowed_list:\t${cpus}`,
];

const observed = (inputs: DomainInputs, threads: readonly string[] = []) => {
  const [found] = domains.parse(recorded(renderDomain(inputs, context), threads));
  return found as NonNullable<typeof found>;
};

describe("a guest", () => {
  it.each(Object.entries(guests))("is rendered: %s", async (name, inputs) => {
    expect(libvirtDomain.inputs.safeParse(inputs).error).toBeUndefined();
    expect(() => checkDomain(inputs)).not.toThrow();
    await expect(renderDomain(inputs, context)).toMatchFileSnapshot(`../golden/domain/${name}.xml`);
  });

  it("boots a kernel with its addresses, and asks for no feature that the host lacks", async () => {
    const direct = { ...guest, boot: { kind: "kernel" as const, kernel: "/k", initramfs: "/i" } };
    await expect(renderDomain(direct, { ...context, cpuFlags: new Set() })).toMatchFileSnapshot(
      "../golden/domain/vnf1-kernel.xml",
    );
  });

  it.each(Object.entries(guests))("comes back from its own definition: %s", (_, inputs) => {
    expect(observed(inputs).owner).toBe("0badcafe");
    expect(observedDomain(inputs, observed(inputs))).toEqual(inputs);
  });

  it("comes back whatever is said about it, and Check takes it", () => {
    fc.assert(
      fc.property(domainInputs, (inputs) => {
        expect(libvirtDomain.inputs.safeParse(inputs).error).toBeUndefined();
        checkDomain(inputs);
        expect(observedDomain(inputs, observed(inputs))).toEqual(inputs);
      }),
    );
  });

  it("is read from its threads while it runs, not from its definition", () => {
    const tuned = { ...guest, iothreadPins: ["0"] };
    const threads = [
      ...thread(7, "qemu-system-x86", "0,20"),
      ...thread(8, "CPU 0/KVM", "1"),
      ...thread(9, "CPU 1/KVM", "7", 1, 1),
      ...thread(10, "CPU 2/KVM", "3"),
      ...thread(11, "IO iothread1", "0-1"),
      ...thread(12, "a (b) c", "0-9"),
    ];
    const found = observed(tuned, threads);
    expect(observedDomain(tuned, found)).toMatchObject({
      vcpuPins: ["1", "7", "3"],
      iothreadPins: ["0-1"],
      realtimeVcpus: { vcpus: "1", priority: 1 },
    });
    expect(found.threads.at(-1)).toMatchObject({ id: 12, name: "a (b) c", policy: 0, priority: 0 });
    expect(planPins(tuned, found).map(({ argv }) => argv.slice(4).join(" "))).toEqual([
      "vcpupin vnf1 1 2 --live --config",
      "iothreadpin vnf1 1 0 --live --config",
    ]);
    const repinned = { ...tuned, vcpuPins: ["1", "7", "3"], iothreadPins: ["0-1"] };
    expect(domainFault(repinned, found, [], { state: "answering", threads: [] })).toBe(
      "vCPU 2 runs under policy 0 with priority 0, not under SCHED_FIFO with 1",
    );
  });

  it("gets and loses I/O threads while it runs", () => {
    const found = observed(small, thread(7, "qemu-system-x86", "0"));
    const steps = (inputs: DomainInputs, before = found) =>
      planPins({ ...inputs, vcpuPins: [...before.vcpuPins] }, before).map(({ argv }) =>
        argv.slice(4).join(" "),
      );
    expect(steps({ ...small, iothreadPins: ["0-1"] })).toEqual([
      "iothreadadd small 1 --live --config",
      "iothreadpin small 1 0-1 --live --config",
    ]);
    expect(steps(small, { ...found, iothreadPins: ["0"] })).toEqual(["iothreaddel small 1 --live --config"]);
  });

  it("is defined and left off where it is not to be started", () => {
    const verbs = (inputs: DomainInputs, state?: string) => {
      const domain =
        state === undefined ? undefined : ({ name: "small", state } as Parameters<typeof planDomain>[1]);
      return planDomain(inputs, domain, "<domain/>", "libvirt-qemu").map(({ argv }) => argv[4]);
    };
    expect(verbs(small)).toEqual(["define", "start"]);
    expect(verbs({ ...small, start: false })).toEqual(["define"]);
    expect(verbs({ ...small, start: true }, "shut off")).toEqual(["start"]);
    expect(verbs({ ...small, start: false }, "running")).toEqual([]);
    const ended = (state: string) =>
      endGuest({ name: "small", state } as Parameters<typeof endGuest>[0]).map(({ argv }) => argv[4]);
    expect([ended("running"), ended("paused"), ended("shut off")]).toEqual([["destroy"], ["destroy"], []]);
  });

  it("shows an interface that somebody took away or put into another VLAN", () => {
    const inputs = guests["passthrough"] as DomainInputs;
    const changed = renderDomain(inputs, context)
      .replace('<tag id="100"/>', '<tag id="7"/>')
      .replace(/<hostdev[\s\S]*<\/hostdev>/, "");
    const [found] = domains.parse(recorded(changed));
    const { nics = {} } = observedDomain(inputs, found as NonNullable<typeof found>);
    expect(Object.keys(nics)).toEqual(["function", "bound", "vdpa"]);
    expect(nics["function"]).toMatchObject({ vlan: 7 });
  });

  const other: GuestNic = { ...nic, mac: mac("02"), socketPath: "/run/nfvlab-vhost/vnf1-1.sock" };
  const tap: GuestNic = { kind: "tap", device: "tap0", mac: mac("02") };

  it.each<[string, Partial<DomainInputs>]>([
    ["memory that is no multiple", { memory: "1000MiB" }],
    ["a vCPU on two CPUs", { vcpuPins: ["1-2", "3"] }],
    ["two vCPUs on a CPU", { vcpuPins: ["1", "1", "2"] }],
    ["emulator threads on a vCPU's CPU", { emulatorCpus: "0-1" }],
    ["an I/O thread on a vCPU's CPU", { iothreadPins: ["0", "2"] }],
    ["all vCPUs in real time", { realtimeVcpus: { vcpus: "0-2", priority: 1 } }],
    ["a vCPU that is not there", { realtimeVcpus: { vcpus: "3", priority: 1 } }],
    ["cells that lack memory", { cells: [{ vcpus: "0-2", memory: "4GiB", numaNode: 0 }] }],
    ["cells that lack a vCPU", { cells: [{ vcpus: "0-1", memory: "8GiB", numaNode: 0 }] }],
    ["cells elsewhere", { cells: [{ vcpus: "0-2", memory: "8GiB", numaNode: 1 }] }],
    ["too few distances", { cells: [{ vcpus: "0-2", memory: "8GiB", numaNode: 0, distances: [] }] }],
    [
      "a vCPU in two groups",
      { memoryTune: ["0-1", "1-2"].map((vcpus) => ({ vcpus, bandwidth: [{ node: 0, percent: 50 }] })) },
    ],
    ["a topology of four", { cpu: { topology: { cores: 2, threads: 2 } } }],
    ["a server that reconnects", { nics: { east: { ...nic, reconnect: "1s" } } }],
    ["a reconnect of half a second", { nics: { east: { ...nic, mode: "client", reconnect: "500ms" } } }],
    ["jumbo frames without buffers", { nics: { east: { ...nic, mtu: 9000 } } }],
    ["DMA through no vIOMMU", { nics: { east: { ...nic, iommu: true } } }],
    [
      "queues of an e1000",
      { nics: { east: { kind: "bridge", bridge: "br0", mac: mac("01"), model: "e1000", queues: 2 } } },
    ],
    ["a socket for two", { nics: { east: nic, west: { ...nic, mac: mac("02") } } }],
    ["a MAC address for two", { nics: { east: nic, west: { ...other, mac: nic.mac } } }],
    ["a tap for two", { nics: { east: tap, west: { ...tap, mac: mac("03") } } }],
    [
      "a function for two",
      {
        nics: {
          east: { kind: "sr-iov", vf: "0000:05:02.1", mac: mac("02") },
          west: { kind: "pci", device: "0000:05:02.1" },
        },
      },
    ],
    ["a disk boot without a disk", { disks: {} }],
    ["a disk from two places", { disks: { vda: { path: "/a", volume: { pool: "vms", name: "a" } } } }],
    ["a disk from nowhere", { disks: { vda: { format: "raw" } } }],
    ["an I/O thread that is not there", { disks: { vda: { path: "/a", iothread: 1 } } }],
    [
      "native I/O through the page cache",
      { disks: { vda: { path: "/a", io: "native", cache: "writeback" } } },
    ],
    ["shared memory of 3 MiB", { sharedMemory: { ring: { kind: "ivshmem-plain", size: "3MiB" } } }],
    ["a bridge over a NIC that is not there", { boot: { ...kernel, bridgedNics: ["east", "west"] } }],
    [
      "a route by a NIC that is not there",
      { boot: { ...kernel, routes: [{ nic: "west", to: "198.18.0.2", nextHop: mac("12") }] } },
    ],
    ["VT-d on another board", { machine: "pc", iommu: { model: "intel" } }],
  ])("is refused with %s", async (what, change) => {
    const inputs = { ...guest, ...change };
    expect(libvirtDomain.inputs.safeParse(inputs).error).toBeUndefined();
    const message = refusal(() => checkDomain(inputs));
    await expect(message).toMatchFileSnapshot(
      `../golden/domain/refusals/${what.replaceAll(/[^A-Za-z0-9]+/g, "-")}.txt`,
    );
  });

  const on = (nics: Record<string, GuestNic>, change: Partial<DomainInputs> = {}): DomainInputs => ({
    ...guest,
    nics,
    ...change,
  });
  const bridge: GuestNic = { kind: "bridge", bridge: "br0", mac: mac("01") };

  it.each<[string, DomainInputs]>([
    ["on its own pool and port", guest],
    ["on a bridge", on({ east: bridge })],
    [
      "on a bridge of the kernel's Open vSwitch",
      on({ east: { ...bridge, kind: "openvswitch", bridge: "ovsbr0" } }),
    ],
    [
      "on a tap and a card",
      on({ east: { ...tap }, west: { kind: "macvtap", device: "eth0", mac: mac("01") } }),
    ],
    ["on a network of libvirt's", on({ east: { kind: "network", network: "default", mac: mac("01") } })],
    ["with a function", on({ east: { kind: "sr-iov", vf: "0000:05:02.1", mac: mac("01") } })],
    ["in small pages", { ...guest, pageSize: "4KiB", memory: "64GiB" }],
  ])("can be started %s", (_, inputs) => {
    expect(() => checkGuestHost(inputs, machine)).not.toThrow();
  });

  it.each<[string, DomainInputs]>([
    ["too few pages", { ...guest, memory: "9GiB" }],
    ["no pages on the other node", { ...guest, numaNode: 1 }],
    ["no port of the switch", on({ east: { ...nic, socketPath: "/run/other.sock" } })],
    ["a port that connects where it should serve", on({ east: { ...nic, mode: "client" } })],
    ["no such bridge", on({ east: { ...bridge, bridge: "br1" } })],
    ["a bridge of the other datapath", on({ east: { ...bridge, kind: "openvswitch", bridge: "br-dpdk" } })],
    ["a tap that is none", on({ east: { ...tap, device: "eth0" } })],
    ["no such network", on({ east: { kind: "network", network: "lab", mac: mac("01") } })],
    ["no such device", on({ east: { kind: "macvtap", device: "eth1", mac: mac("01") } })],
    ["no vDPA device", on({ east: { kind: "vdpa", device: "/dev/vhost-vdpa-0", mac: mac("01") } })],
    ["no such function", on({ east: { kind: "sr-iov", vf: "0000:05:02.5", mac: mac("01") } })],
    ["a function that is not virtual", on({ east: { kind: "sr-iov", vf: "0000:05:00.0", mac: mac("01") } })],
    [
      "a function on its own driver",
      on({ east: { kind: "sr-iov", vf: "0000:05:02.1", mac: mac("01"), managed: false } }),
    ],
    [
      "nobody who rings",
      on({}, { sharedMemory: { bells: { kind: "ivshmem-doorbell", socket: "/run/ivshmem.sock" } } }),
    ],
  ])("is not started with %s", async (what, inputs) => {
    const message = refusal(() => checkGuestHost(inputs, machine));
    await expect(message).toMatchFileSnapshot(
      `../golden/domain/refusals/${what.replaceAll(/[^A-Za-z0-9]+/g, "-")}.txt`,
    );
  });
});

const SCHEMA = "/usr/share/libvirt/schemas/domain.rng";
const validator = existsSync(SCHEMA) && spawnSync("xmllint", ["--version"]).status === 0;
const unless = validator
  ? ""
  : ` (not tried: needs xmllint and ${SCHEMA}, of libxml2-utils and libvirt-common; the trials of guests do it too)`;

describe("libvirt's own schema", () => {
  it.skipIf(!validator)(`takes all definitions${unless}`, { timeout: 60_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), "nfvlab-domains-"));
    try {
      const all = [...Object.values(guests), ...fc.sample(domainInputs, 50)];
      const files = all.map((inputs, index) => {
        const file = join(folder, `${index}.xml`);
        writeFileSync(file, renderDomain(inputs, context));
        return file;
      });
      const { status, stderr } = spawnSync("xmllint", ["--noout", "--relaxng", SCHEMA, ...files], {
        encoding: "utf8",
      });
      expect(status, stderr).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function refusal(call: () => void): string {
  try {
    call();
  } catch (error) {
    if (error instanceof LabError) return `${error.name} ${error.code}\n${error.message}\n`;
    throw error;
  }
  throw new Error("nothing was refused");
}
