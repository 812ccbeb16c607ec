import type { Inputs } from "../schema/definition.ts";
import type { GuestNic } from "../schema/guest-nic.ts";
import type { libvirtDomain } from "../schema/libvirt.ts";
import { CpuSet } from "../units/cpuset.ts";
import { nanoseconds } from "../units/duration.ts";
import { type ErrorFacts, InputError } from "../units/errors.ts";
import { bytes } from "../units/size.ts";

type DomainInputs = Inputs<typeof libvirtDomain>;

/** @throws InputError where the definition contradicts itself */
export function checkDomain(inputs: DomainInputs): void {
  const [wrong] = contradictions(inputs);
  if (wrong !== undefined) throw new InputError(wrong);
}

function* contradictions(inputs: DomainInputs): Generator<ErrorFacts> {
  yield* memoryContradictions(inputs);
  yield* cpuContradictions(inputs);
  for (const [name, nic] of Object.entries(inputs.nics ?? {})) {
    for (const wrong of nicContradictions(nic, inputs))
      yield { ...wrong, property: `nics.${name}.${wrong.property}` };
  }
  yield* sharedThings(inputs);
  yield* deviceContradictions(inputs);
}

function* memoryContradictions({
  memory,
  pageSize,
  cells,
  vcpuPins,
  numaNode,
}: DomainInputs): Generator<ErrorFacts> {
  const sizes = [
    ["memory", memory],
    ...(cells ?? []).map((cell, id) => [`cells[${id}].memory`, cell.memory]),
  ];
  for (const [property = "", size = ""] of sizes) {
    if (bytes(size) % bytes(pageSize) === 0) continue;
    yield {
      code: "memory-multiple",
      property,
      problem: "not a multiple of the page size",
      observed: `${size} in pages of ${pageSize}`,
      expected: `a multiple of ${pageSize}`,
    };
  }
  if (cells === undefined) return;
  const sum = cells.reduce((total, cell) => total + bytes(cell.memory), 0);
  if (sum !== bytes(memory)) {
    yield {
      code: "cells-memory",
      property: "cells",
      problem: "the nodes of the guest do not add up to its memory",
      observed: `${sum / 2 ** 20} MiB in ${cells.length} nodes`,
      expected: memory,
    };
  }
  const held = cells.flatMap(({ vcpus }) => [...CpuSet.parse(vcpus)]);
  if (held.length !== vcpuPins.length || !CpuSet.of(held).equals(CpuSet.of([...vcpuPins.keys()]))) {
    yield {
      code: "cells-vcpus",
      property: "cells",
      problem: "each vCPU belongs to one node of the guest",
      observed: cells.map(({ vcpus }) => vcpus).join(" and "),
      expected: `vCPUs 0 to ${vcpuPins.length - 1}, each once`,
    };
  }
  if (cells[0]?.numaNode !== numaNode) {
    yield {
      code: "cells-node",
      property: "numaNode",
      problem: "not the node of the guest's first cell",
      observed: String(numaNode),
      expected: String(cells[0]?.numaNode),
    };
  }
  const short = cells.findIndex(
    ({ distances }) => distances !== undefined && distances.length !== cells.length,
  );
  if (short >= 0) {
    yield {
      code: "cells-distances",
      property: `cells[${short}].distances`,
      problem: "a distance to each node of the guest is needed",
      observed: `${cells[short]?.distances?.length}`,
      expected: `${cells.length}`,
    };
  }
}

function* cpuContradictions(inputs: DomainInputs): Generator<ErrorFacts> {
  const { vcpuPins, emulatorCpus, iothreadPins = [], realtimeVcpus, cpu } = inputs;
  const pins = vcpuPins.map((pin) => CpuSet.parse(pin));
  const wide = pins.findIndex((pin) => pin.size !== 1);
  if (wide >= 0) {
    yield {
      code: "vcpu-pin",
      property: `vcpuPins[${wide}]`,
      problem: "a vCPU is pinned to one CPU: isolated CPUs are not load-balanced",
      observed: vcpuPins[wide] ?? "",
      expected: "one CPU",
    };
  }
  const all = CpuSet.of(pins.flatMap((pin) => [...pin]));
  if (all.size !== pins.length) {
    yield {
      code: "vcpu-shared",
      property: "vcpuPins",
      problem: "two vCPUs are pinned to one CPU",
      observed: vcpuPins.join(", "),
      expected: "a CPU for each",
    };
  }
  const others = [
    { property: "emulatorCpus", who: "emulator threads", cpus: emulatorCpus },
    ...iothreadPins.map((cpus, id) => ({
      property: `iothreadPins[${id}]`,
      who: `I/O thread ${id + 1}`,
      cpus,
    })),
  ];
  for (const { property, who, cpus } of others) {
    const shared = all.intersect(CpuSet.parse(cpus));
    if (shared.size === 0) continue;
    yield {
      code: "emulator-on-vcpu",
      property,
      problem: `${who} would run on CPU ${shared.format()} of a vCPU`,
      observed: `${property} ${cpus}, vcpuPins ${vcpuPins.join(", ")}`,
      expected: "disjoint lists",
      hint: `keep ${who} on housekeeping CPUs`,
    };
  }
  const vcpus = CpuSet.of([...vcpuPins.keys()]);
  if (realtimeVcpus !== undefined && CpuSet.parse(realtimeVcpus.vcpus).size >= vcpuPins.length) {
    yield {
      code: "all-realtime",
      property: "realtimeVcpus.vcpus",
      problem: "all vCPUs would run in real time, which starves the guest's own housekeeping",
      observed: realtimeVcpus.vcpus,
      expected: `fewer than ${vcpuPins.length} of the vCPUs`,
    };
  }
  const named = [
    ...(realtimeVcpus === undefined ? [] : [{ property: "realtimeVcpus.vcpus", list: realtimeVcpus.vcpus }]),
    ...(["cacheTune", "memoryTune"] as const).flatMap((property) =>
      (inputs[property] ?? []).map(({ vcpus: list }, id) => ({ property: `${property}[${id}].vcpus`, list })),
    ),
  ];
  for (const { property, list } of named) {
    if (CpuSet.parse(list).minus(vcpus).size === 0) continue;
    yield {
      code: "vcpu-unknown",
      property,
      problem: "names a vCPU that the guest does not have",
      observed: list,
      expected: `vCPUs among 0-${vcpuPins.length - 1}`,
    };
  }
  yield* overlaps("cacheTune", inputs.cacheTune);
  yield* overlaps("memoryTune", inputs.memoryTune);
  if (cpu?.topology === undefined) return;
  const { sockets = 1, dies = 1, clusters = 1, cores, threads = 1 } = cpu.topology;
  const count = sockets * dies * clusters * cores * threads;
  if (count !== vcpuPins.length) {
    yield {
      code: "topology-vcpus",
      property: "cpu.topology",
      problem: "does not multiply to the number of vCPUs",
      observed: `${count} CPUs`,
      expected: `${vcpuPins.length}`,
    };
  }
}

/** libvirt makes a group of the kernel's for each entry, and a vCPU is in one. */
function* overlaps(
  property: string,
  tunes: readonly { readonly vcpus: string }[] = [],
): Generator<ErrorFacts> {
  for (const [index, { vcpus }] of tunes.entries()) {
    const earlier = CpuSet.of(tunes.slice(0, index).flatMap((other) => [...CpuSet.parse(other.vcpus)]));
    const shared = CpuSet.parse(vcpus).intersect(earlier);
    if (shared.size === 0) continue;
    yield {
      code: "vcpu-twice",
      property: `${property}[${index}].vcpus`,
      problem: `vCPU ${shared.format()} is in an earlier entry already`,
      observed: vcpus,
      expected: "each vCPU in one entry",
    };
  }
}

const VIRTIO_ONLY = [
  ...(["queues", "rxQueueSize", "packedRing", "iommu", "ats", "eventIndex", "pagePerQueue"] as const),
  ...(["hostOffloads", "guestOffloads", "vhost"] as const),
];

type Contradiction = ErrorFacts & { readonly property: string };

function* nicContradictions(nic: GuestNic, { iommu }: DomainInputs): Generator<Contradiction> {
  if (nic.kind === "vhost-user") {
    const { mode = "server", reconnect, mtu = 1500, mergeableRxBuffers = false } = nic;
    if (reconnect !== undefined && mode === "server") {
      yield {
        code: "reconnect-server",
        property: "reconnect",
        problem: "QEMU serves the socket, so it is the switch that connects again",
        observed: `mode ${mode}`,
        expected: "mode client, or no reconnect",
      };
    }
    if (reconnect !== undefined && (nanoseconds(reconnect) % 1e9 !== 0 || nanoseconds(reconnect) === 0)) {
      yield {
        code: "reconnect-seconds",
        property: "reconnect",
        problem: "libvirt counts it in whole seconds",
        observed: reconnect,
        expected: "at least 1s",
      };
    }
    if (mtu > 1500 && !mergeableRxBuffers) {
      yield {
        code: "jumbo-buffers",
        property: "mtu",
        problem: "larger frames than 1500 bytes need several receive buffers",
        observed: `${mtu} without mergeableRxBuffers`,
        expected: "mergeableRxBuffers: true",
      };
    }
  }
  if (nic.kind === "sr-iov" || nic.kind === "pci") return;
  if ("model" in nic && nic.model !== undefined && nic.model !== "virtio") {
    for (const property of VIRTIO_ONLY.filter((field) => nic[field] !== undefined)) {
      yield {
        code: "virtio-only",
        property,
        problem: `a card of model ${nic.model} has no such thing`,
        observed: `model ${nic.model}`,
        expected: "model virtio, or the field left out",
      };
    }
  }
  if ((nic.iommu === true || nic.ats === true) && iommu === undefined) {
    yield {
      code: "viommu-missing",
      property: nic.iommu === true ? "iommu" : "ats",
      problem: "the guest has no vIOMMU",
      observed: "no iommu of the domain",
      expected: 'iommu: { model: "intel" }',
    };
  }
}

/** One socket, one device, one address: one interface. */
function* sharedThings({ nics = {} }: DomainInputs): Generator<ErrorFacts> {
  const seen = new Map<string, string>();
  for (const [name, nic] of Object.entries(nics)) {
    const things = [
      ["mac", "mac" in nic ? nic.mac : undefined],
      ["socketPath", nic.kind === "vhost-user" ? nic.socketPath : undefined],
      ["device", nic.kind === "tap" || nic.kind === "vdpa" ? nic.device : undefined],
      ["device", nic.kind === "macvtap" && nic.mode === "passthrough" ? nic.device : undefined],
      ["vf", nic.kind === "sr-iov" ? nic.vf : nic.kind === "pci" ? nic.device : undefined],
    ] as const;
    for (const [field, value] of things) {
      if (value === undefined) continue;
      const first = seen.get(`${field} ${value}`);
      seen.set(`${field} ${value}`, name);
      if (first === undefined) continue;
      yield {
        code: "nic-shared",
        property: `nics.${name}.${nic.kind === "pci" ? "device" : field}`,
        problem: `nics.${first} has it already`,
        observed: value,
        expected: "one of its own",
      };
    }
  }
}

function* deviceContradictions(inputs: DomainInputs): Generator<ErrorFacts> {
  const { boot, disks = {}, iothreadPins = [], sharedMemory = {}, machine = "q35", iommu } = inputs;
  if (boot.kind === "disk" && Object.keys(disks).length === 0) {
    yield {
      code: "disk-missing",
      property: "disks",
      problem: "the guest boots a disk and has none",
      observed: "no disk",
      expected: "at least vda",
    };
  }
  const { bridgedNics = [], routes = [] } = boot.kind === "kernel" ? boot : {};
  const forwarding = [
    ...bridgedNics.map((name, index) => [`boot.bridgedNics[${index}]`, name] as const),
    ...routes.map(({ nic }, index) => [`boot.routes[${index}].nic`, nic] as const),
  ];
  for (const [property, name] of forwarding) {
    const nic = inputs.nics?.[name];
    if (nic !== undefined && "mac" in nic) continue;
    yield {
      code: "forwarding-nic",
      property,
      problem: nic === undefined ? "the guest has no such NIC" : "the guest can't tell it by its MAC address",
      observed: name,
      expected: Object.keys(inputs.nics ?? {}).join(", ") || "a NIC of nics",
    };
  }
  for (const [target, { iothread, io, cache = "none", path, volume }] of Object.entries(disks)) {
    if ((path === undefined) === (volume === undefined)) {
      yield {
        code: "disk-source",
        property: `disks.${target}`,
        problem: "a disk is a file or a volume of a pool",
        observed: path === undefined ? "neither path nor volume" : "path and volume",
        expected: "one of them",
      };
    }
    if (iothread !== undefined && iothread > iothreadPins.length) {
      yield {
        code: "iothread-unknown",
        property: `disks.${target}.iothread`,
        problem: "there is no such I/O thread",
        observed: String(iothread),
        expected: iothreadPins.length === 0 ? "iothreadPins" : `1 to ${iothreadPins.length}`,
      };
    }
    if (io === "native" && cache !== "none" && cache !== "directsync") {
      yield {
        code: "io-native",
        property: `disks.${target}.io`,
        problem: "native I/O passes the host's page cache by",
        observed: `cache ${cache}`,
        expected: "cache none or directsync",
      };
    }
  }
  for (const [name, memory] of Object.entries(sharedMemory)) {
    if (memory.kind !== "ivshmem-plain") continue;
    const mebibytes = bytes(memory.size) / 2 ** 20;
    if (mebibytes >= 1 && Number.isInteger(Math.log2(mebibytes))) continue;
    yield {
      code: "shared-memory-size",
      property: `sharedMemory.${name}.size`,
      problem: "a PCI device's memory is a power of two",
      observed: memory.size,
      expected: "1MiB, 2MiB, 4MiB, …",
    };
  }
  if (iommu?.model === "intel" && !machine.includes("q35")) {
    yield {
      code: "viommu-machine",
      property: "machine",
      problem: "VT-d is a part of q35",
      observed: machine,
      expected: "q35, or iommu of model virtio",
    };
  }
}
