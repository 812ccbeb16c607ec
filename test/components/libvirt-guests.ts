import type { LibvirtGuestArgs } from "../../components/libvirt-domain.ts";
import type { OvsDpdkBridge } from "../../components/ovs-dpdk-bridge.ts";

const kernel = { kind: "kernel" as const, kernel: "/boot/vmlinuz", initramfs: "/boot/initrd.img" };
const mac = (last: string) => `52:54:00:00:00:${last}`;
const small = {
  name: "small",
  memory: "256MiB" as const,
  pageSize: "2MiB" as const,
  numaNode: 1,
  vcpuPins: ["3"],
  emulatorCpus: "0",
  boot: kernel,
};

/** Guests that together say all that can be said, by what is special about them. */
export const libvirtGuests = (bridge: OvsDpdkBridge): Readonly<Record<string, LibvirtGuestArgs>> => ({
  "vhost-user": {
    ...small,
    name: "vnf1",
    memory: "8GiB",
    pageSize: "1GiB",
    numaNode: 0,
    vcpuPins: ["1", "2", "3"],
    emulatorCpus: "0,20",
    iothreadPins: ["0,20"],
    realtimeVcpus: { vcpus: "1-2", priority: 1 },
    cpu: { features: { "tsc-deadline": "require", invtsc: "require" } },
    timers: { tsc: { mode: "native" } },
    boot: { kind: "disk" },
    disks: { vda: { path: "/var/lib/libvirt/images/vnf1.qcow2", iothread: 1 } },
    nics: {
      east: { kind: "vhost-user", bridge, port: "vhu0", mac: mac("01") },
      west: {
        ...{ kind: "vhost-user", bridge, port: "vhu1", mac: mac("02"), mtu: 9000 },
        ...{ mergeableRxBuffers: true, queues: 2, packedRing: true, pagePerQueue: true, eventIndex: false },
        ...{ hostOffloads: { checksum: true, generic: true }, guestOffloads: { checksum: true } },
      },
      management: { kind: "network", network: "default", mac: mac("03") },
    },
  },
  kernel: {
    ...small,
    pageSize: "4KiB",
    locked: false,
    mergePages: true,
    allocationThreads: 2,
    boot: { ...kernel, arguments: ["isolcpus=1"], bridgedNics: ["bridge", "own"] },
    nics: {
      bridge: { kind: "bridge", bridge: "br0", address: "198.18.0.2/24" },
      emulated: { kind: "bridge", bridge: "br0", mac: mac("02"), model: "e1000" },
      own: { kind: "tap", device: "tap0", mac: mac("03"), vhost: "off" },
      outside: { kind: "macvtap", device: "eth0", mode: "passthrough", mac: mac("04"), queues: 2 },
      switched: { kind: "openvswitch", bridge: "ovsbr0", mac: mac("05"), rxQueueSize: 512 },
    },
  },
  passthrough: {
    ...small,
    nics: {
      function: { kind: "sr-iov", vf: "0000:05:02.1", mac: mac("01"), vlan: 100 },
      bound: { kind: "sr-iov", vf: "0000:05:12.3", mac: mac("02"), managed: false },
      card: { kind: "pci", device: "0000:06:00.0" },
      rings: { kind: "vdpa", device: "/dev/vhost-vdpa-0", mac: mac("03") },
    },
  },
  "two-cells": {
    ...small,
    memory: "4GiB",
    vcpuPins: ["3", "13", "14", "15"],
    iothreadPins: ["0", "0-1"],
    cells: [
      { vcpus: "0", memory: "1GiB", numaNode: 1, distances: [10, 21] },
      { vcpus: "1-3", memory: "3GiB", numaNode: 0, distances: [21, 10] },
    ],
    realtimeVcpus: { vcpus: "2-3", policy: "rr", priority: 5 },
    emulatorScheduling: { priority: 1 },
    cacheTune: [{ vcpus: "0-1", caches: [{ id: 0, size: "3MiB" }], monitor: true }],
    memoryTune: [{ vcpus: "0-3", bandwidth: [{ node: 0, percent: 60 }] }],
    cpu: {
      topology: { sockets: 1, clusters: 1, cores: 2, threads: 2 },
      cache: "emulate",
      physicalAddressBits: "passthrough",
    },
    machine: "pc-q35-9.2",
  },
  devices: {
    ...small,
    boot: { kind: "disk", firmware: "efi" },
    iothreadPins: ["0"],
    disks: {
      vda: { path: "/var/lib/nfvlab/volumes/vnf", iothread: 1, queues: 2, discard: "unmap" },
      vdb: { path: "/var/lib/nfvlab/volumes/seed", format: "raw", readOnly: true, cache: "writeback" },
    },
    serial: "pty",
    guestAgent: false,
    randomness: { source: "/dev/hwrng", bytesPerSecond: 4096 },
    watchdog: { model: "i6300esb", action: "none" },
    sharedMemory: {
      ring: { kind: "ivshmem-plain", size: "4MiB", role: "peer" },
      bells: { kind: "ivshmem-doorbell", socket: "/run/ivshmem.sock", vectors: 2 },
    },
    iommu: { model: "intel", extendedInterrupts: true, addressBits: 48 },
    timers: { rtc: { track: "guest" }, kvmclock: { present: false }, tsc: { frequencyHz: 2_100_000_000 } },
    features: {
      ...{ pmu: true, apicEoi: true, hintDedicated: false, pollControl: false, hidden: true },
      ...{ vmport: false, smm: true, pvIpi: false, dirtyRing: 4096 },
    },
  },
  "paravirtual-iommu": {
    ...small,
    iommu: { model: "virtio" },
    serial: "none",
    randomness: { source: "none" },
    boot: { ...kernel, routes: [{ nic: "east", to: "198.18.0.1", nextHop: mac("11") }] },
    nics: { east: { kind: "vhost-user", bridge, port: "vhu0", mac: mac("01"), iommu: true, ats: true } },
  },
});
