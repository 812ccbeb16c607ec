import { dirname } from "node:path/posix";
import type { ObservedDomain, ObservedNic } from "../observe/domains.ts";
import type { ObservedPool } from "../observe/hugepages.ts";
import type { ObservedInterface, Polling } from "../observe/ovs.ts";
import type { ObservedThread } from "../observe/qemu-threads.ts";
import type { Inputs } from "../schema/definition.ts";
import type { GuestNic } from "../schema/guest-nic.ts";
import type { libvirtDomain } from "../schema/libvirt.ts";
import { CpuSet } from "../units/cpuset.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import { bytes, exactly, formatSize } from "../units/size.ts";
import { type AttachmentHost, checkAttachments, socketOf } from "./guest-attachments.ts";
import { guestCells } from "./guest-cells.ts";
import { portFault } from "./ovs-port.ts";
import type { Step } from "./step.ts";

type DomainInputs = Inputs<typeof libvirtDomain>;

/** libvirt of the system, without tables around what it says. */
export const VIRSH = ["virsh", "--quiet", "--connect", "qemu:///system"] as const;

/** The CPU lists of a guest by property. */
export function guestCpus({
  vcpuPins,
  emulatorCpus,
  iothreadPins = [],
}: DomainInputs): Record<string, string> {
  const named = (property: string, lists: readonly string[]) =>
    lists.map((list, index) => [`${property}[${index}]`, list] as const);
  return {
    ...Object.fromEntries([...named("vcpuPins", vcpuPins), ...named("iothreadPins", iothreadPins)]),
    emulatorCpus,
  };
}

/** What the machine has for a guest before it is started. */
export interface GuestHost extends AttachmentHost {
  readonly pools: readonly ObservedPool[];
}

/** @throws HostError where huge pages or what its interfaces are joined to are missing: QEMU would fail late, or wait for ever */
export function checkGuestHost(inputs: DomainInputs, host: GuestHost): void {
  for (const [numaNode, neededKib] of memoryByNode(inputs))
    checkPool(inputs, numaNode, neededKib, host.pools);
  checkAttachments(inputs, host);
}

function memoryByNode(inputs: DomainInputs): ReadonlyMap<number, number> {
  const byNode = new Map<number, number>();
  if (inputs.pageSize === "4KiB") return byNode;
  for (const { numaNode, memoryKib } of guestCells(inputs))
    byNode.set(numaNode, (byNode.get(numaNode) ?? 0) + memoryKib);
  return byNode;
}

function checkPool(
  { pageSize, name }: DomainInputs,
  numaNode: number,
  neededKib: number,
  pools: readonly ObservedPool[],
): void {
  const sizeKib = exactly(pageSize, "KiB");
  const pool = pools.find((candidate) => candidate.numaNode === numaNode && candidate.sizeKib === sizeKib);
  const needed = neededKib / sizeKib;
  if (pool !== undefined && pool.free >= needed) return;
  throw new HostError({
    code: "guest-memory",
    property: "memory",
    problem: `node ${numaNode} has too few free pages of ${pageSize} for ${name}`,
    observed: pool === undefined ? "no such pool" : `${pool.free} free of ${pool.total}`,
    expected: `${needed}`,
    hint: "raise the count of the Hugepages resource on that node, or stop what uses them",
  });
}

/** @throws HostError `foreign` where somebody else's guest has the name */
export function checkDomainOwner(
  inputs: DomainInputs,
  domain: ObservedDomain | undefined,
  tag: string,
): void {
  if (domain === undefined || domain.owner === tag) return;
  throw new HostError({
    code: "foreign",
    property: "name",
    problem: `a guest ${inputs.name} is there already and is not ours`,
    observed: `${domain.state}, ${domain.memoryKib} KiB, vCPUs on ${domain.vcpuPins.join(", ")}, owner ${domain.owner ?? "nobody"}`,
    expected: `${inputs.memory}, vCPUs on ${inputs.vcpuPins.join(", ")}`,
    hint: `choose another name, or remove it: virsh undefine ${inputs.name}`,
  });
}

/** Defines and starts a guest, or starts one that is defined; one that is to be off is defined alone. */
export function planDomain(
  inputs: DomainInputs,
  domain: ObservedDomain | undefined,
  xml: string,
  qemuUser: string,
): Step[] {
  const folders = [
    ...new Set(
      Object.values(inputs.nics ?? {}).flatMap((nic) =>
        nic.kind === "vhost-user" && (nic.mode ?? "server") === "server" ? [dirname(nic.socketPath)] : [],
      ),
    ),
  ];
  const { name } = inputs;
  return [
    ...folders.map(
      (folder): Step => ({
        purpose: `make the socket folder ${folder}`,
        argv: ["install", "-d", "-m", "0770", "-o", qemuUser, folder],
      }),
    ),
    ...(domain === undefined
      ? [
          {
            ...{ purpose: `define ${name}`, argv: [...VIRSH, "define", "/dev/stdin"] as const, stdin: xml },
            // libvirtd may have to start for it, and asks each QEMU for all that it can first.
            timeoutMs: 180_000,
          },
        ]
      : []),
    ...(domain?.state === "running" || inputs.start === false
      ? []
      : [{ purpose: `start ${name}`, argv: [...VIRSH, "start", name] as const, timeoutMs: 180_000 }]),
  ];
}

/** Moves threads of a running guest where they belong, and keeps it so for its next start. */
export function planPins(inputs: DomainInputs, domain: ObservedDomain): Step[] {
  const { name, emulatorCpus, iothreadPins = [] } = inputs;
  const scope = domain.state === "running" ? ["--live", "--config"] : ["--config"];
  const pin = (what: string, cpus: string, ...command: [string, ...string[]]): Step => ({
    purpose: `pin ${what} of ${name} to ${cpus}`,
    argv: [...VIRSH, command[0], name, ...command.slice(1), CpuSet.parse(cpus).format(), ...scope],
  });
  const thread = (verb: string, id: number): Step => ({
    purpose: `${verb === "iothreadadd" ? "add" : "remove"} I/O thread ${id} of ${name}`,
    argv: [...VIRSH, verb, name, String(id), ...scope],
  });
  const had = domain.iothreadPins;
  return [
    ...inputs.vcpuPins.flatMap((cpus, vcpu) =>
      same(cpus, domain.vcpuPins[vcpu]) ? [] : [pin(`vCPU ${vcpu}`, cpus, "vcpupin", String(vcpu))],
    ),
    ...(same(emulatorCpus, domain.emulatorCpus)
      ? []
      : [pin("the emulator threads", emulatorCpus, "emulatorpin")]),
    ...iothreadPins.flatMap((cpus, index) => [
      ...(index < had.length ? [] : [thread("iothreadadd", index + 1)]),
      ...(same(cpus, had[index])
        ? []
        : [pin(`I/O thread ${index + 1}`, cpus, "iothreadpin", String(index + 1))]),
    ]),
    ...had
      .slice(iothreadPins.length)
      .map((_, index) => thread("iothreaddel", iothreadPins.length + index + 1)),
  ];
}

export function shutdownSteps(name: string): Step[] {
  return [
    {
      purpose: `ask ${name} to shut down`,
      argv: [
        "sh",
        "-c",
        'virsh --quiet -c qemu:///system shutdown "$1" --mode agent,acpi || true',
        "sh",
        name,
      ],
    },
  ];
}

/** Ends a guest that does not listen. */
export function endGuest({ name, state }: ObservedDomain): Step[] {
  return state === "shut off" ? [] : [{ purpose: `end ${name}`, argv: [...VIRSH, "destroy", name] }];
}

/** Ends a guest that does not listen, and removes its definition. */
export function removeDomain(domain: ObservedDomain): Step[] {
  const { name } = domain;
  return [
    ...endGuest(domain),
    { purpose: `undefine ${name}`, argv: [...VIRSH, "undefine", name, "--nvram"] },
  ];
}

/** Removes memory that only this guest shared; QEMU leaves it behind for the others. */
export function removeSharedMemory(inputs: DomainInputs, others: readonly ObservedDomain[]): Step[] {
  return Object.entries(inputs.sharedMemory ?? {}).flatMap(([shared, { kind }]): Step[] =>
    kind !== "ivshmem-plain" || others.some(({ sharedMemory }) => sharedMemory.includes(shared))
      ? []
      : [{ purpose: `remove the shared memory ${shared}`, argv: ["rm", "-f", `/dev/shm/${shared}`] }],
  );
}

/** The state of a guest as inputs, in the user's spelling where it means the same. */
export function observedDomain(inputs: DomainInputs, domain: ObservedDomain): DomainInputs {
  const nics = Object.entries(inputs.nics ?? {}).flatMap(([name, nic]) => {
    const found = observedNic(nic, domain.nics);
    return found === undefined ? [] : [[name, found] as const];
  });
  const shared = Object.entries(inputs.sharedMemory ?? {}).filter(([name]) =>
    domain.sharedMemory.includes(name),
  );
  const { realtimeVcpus: _, emulatorScheduling: __, iothreadPins: ___, ...rest } = inputs;
  return {
    ...rest,
    memory: bytes(inputs.memory) === domain.memoryKib * 1024 ? inputs.memory : `${domain.memoryKib}KiB`,
    pageSize:
      exactly(inputs.pageSize, "KiB") === domain.pageSizeKib
        ? inputs.pageSize
        : (formatSize(domain.pageSizeKib * 1024) as DomainInputs["pageSize"]),
    numaNode: domain.numaNode,
    vcpuPins: spelled(inputs.vcpuPins, domain.vcpuPins),
    emulatorCpus: same(inputs.emulatorCpus, domain.emulatorCpus) ? inputs.emulatorCpus : domain.emulatorCpus,
    ...((inputs.iothreadPins !== undefined || domain.iothreadPins.length > 0) && {
      iothreadPins: spelled(inputs.iothreadPins ?? [], domain.iothreadPins),
    }),
    ...observedScheduling(inputs, domain.threads),
    ...(inputs.nics !== undefined && { nics: Object.fromEntries(nics) }),
    ...(inputs.sharedMemory !== undefined && { sharedMemory: Object.fromEntries(shared) }),
  };
}

function spelled(wanted: readonly string[], found: readonly string[]): string[] {
  return found.map((cpus, index) => (same(wanted[index], cpus) ? (wanted[index] ?? cpus) : cpus));
}

const LIBVIRT_TYPE = {
  "vhost-user": "vhostuser",
  bridge: "bridge",
  openvswitch: "bridge",
  network: "network",
  tap: "ethernet",
  macvtap: "direct",
  "sr-iov": "hostdev",
  vdpa: "vdpa",
  pci: "pci",
} as const satisfies Record<GuestNic["kind"], string>;

/** An interface as it is; undefined where the guest has none like it. */
function observedNic(nic: GuestNic, nics: readonly ObservedNic[]): GuestNic | undefined {
  const found = nics.find(
    ({ type, mac, source }) =>
      type === LIBVIRT_TYPE[nic.kind] && source === sourceOf(nic) && (!("mac" in nic) || mac === nic.mac),
  );
  if (found === undefined) return undefined;
  if (nic.kind === "sr-iov") {
    const { vlan: _, ...rest } = nic;
    return { ...rest, ...(found.vlan !== undefined && { vlan: found.vlan }) };
  }
  return nic;
}

function sourceOf(nic: GuestNic): string {
  switch (nic.kind) {
    case "vhost-user":
      return nic.socketPath;
    case "bridge":
    case "openvswitch":
      return nic.bridge;
    case "network":
      return nic.network;
    case "sr-iov":
      return nic.vf;
    default:
      return nic.device;
  }
}

const POLICY = { fifo: 1, rr: 2 } as const;
type Scheduling = NonNullable<DomainInputs["emulatorScheduling"]>;
const isRealtime = ({ policy }: ObservedThread) => policy === POLICY.fifo || policy === POLICY.rr;

/** Scheduling as the threads have it; as it was given while there are none. */
function observedScheduling(
  { realtimeVcpus, emulatorScheduling, vcpuPins }: DomainInputs,
  threads: readonly ObservedThread[],
): Pick<DomainInputs, "realtimeVcpus" | "emulatorScheduling"> {
  if (threads.length === 0) {
    return {
      ...(realtimeVcpus !== undefined && { realtimeVcpus }),
      ...(emulatorScheduling !== undefined && { emulatorScheduling }),
    };
  }
  const vcpus = [...vcpuPins.keys()].flatMap((vcpu) => {
    const thread = threads.find((candidate) => candidate.vcpu === vcpu);
    return thread !== undefined && isRealtime(thread) ? [{ vcpu, thread }] : [];
  });
  const [first] = vcpus;
  const main = threads.find(({ main }) => main);
  const list = CpuSet.of(vcpus.map(({ vcpu }) => vcpu)).format();
  return {
    ...(first !== undefined && {
      realtimeVcpus: {
        vcpus: same(realtimeVcpus?.vcpus, list) ? (realtimeVcpus?.vcpus ?? list) : list,
        ...schedulingOf(first.thread, realtimeVcpus),
      },
    }),
    ...(main !== undefined &&
      isRealtime(main) && { emulatorScheduling: schedulingOf(main, emulatorScheduling) }),
  };
}

function schedulingOf({ policy, priority }: ObservedThread, wanted: Scheduling | undefined): Scheduling {
  const name = policy === POLICY.rr ? "rr" : "fifo";
  const unsaid = wanted !== undefined && wanted.policy === undefined && name === "fifo";
  return { ...(!unsaid && { policy: name }), priority };
}

/** What keeps a guest from being as wanted; the first thing found, undefined where all is well. */
export function domainFault(
  inputs: DomainInputs,
  domain: ObservedDomain | undefined,
  rows: readonly ObservedInterface[],
  polling: Polling,
): string | undefined {
  if (domain === undefined) return "it is not defined";
  if (domain.state !== "running") return `it is ${domain.state}`;
  const pin = inputs.vcpuPins.findIndex((wanted, vcpu) => !same(wanted, domain.vcpuPins[vcpu]));
  if (pin >= 0) return `vCPU ${pin} runs on CPUs ${domain.vcpuPins[pin]}, not on ${inputs.vcpuPins[pin]}`;
  if (!same(inputs.emulatorCpus, domain.emulatorCpus))
    return `emulator threads run on CPUs ${domain.emulatorCpus}, not on ${inputs.emulatorCpus}`;
  const { iothreadPins = [] } = inputs;
  const io = iothreadPins.findIndex((wanted, index) => !same(wanted, domain.iothreadPins[index]));
  if (io >= 0)
    return `I/O thread ${io + 1} runs on CPUs ${domain.iothreadPins[io]}, not on ${iothreadPins[io]}`;
  return schedulingFault(inputs, domain.threads) ?? linkFault(inputs, rows, polling);
}

function schedulingFault(
  { realtimeVcpus, emulatorScheduling }: DomainInputs,
  threads: readonly ObservedThread[],
): string | undefined {
  const wanted = [
    ...[...CpuSet.parse(realtimeVcpus?.vcpus ?? "")].map((vcpu) => ({
      who: `vCPU ${vcpu}`,
      thread: threads.find((candidate) => candidate.vcpu === vcpu),
      as: realtimeVcpus as Scheduling,
    })),
    ...(emulatorScheduling === undefined
      ? []
      : [{ who: "the main thread", thread: threads.find(({ main }) => main), as: emulatorScheduling }]),
  ];
  for (const { who, thread, as } of wanted) {
    if (thread === undefined) return `${who} has no thread`;
    if (thread.policy === POLICY[as.policy ?? "fifo"] && thread.priority === as.priority) continue;
    return `${who} runs under policy ${thread.policy} with priority ${thread.priority}, not under SCHED_${(as.policy ?? "fifo").toUpperCase()} with ${as.priority}`;
  }
  return undefined;
}

function linkFault(
  { nics = {} }: DomainInputs,
  rows: readonly ObservedInterface[],
  polling: Polling,
): string | undefined {
  for (const [name, nic] of Object.entries(nics)) {
    if (nic.kind !== "vhost-user") continue;
    const row = rows.find((candidate) => socketOf(candidate) === nic.socketPath);
    if (row?.status["status"] !== "connected")
      return `the switch's port of nic ${name} is ${row?.status["status"] ?? "missing"}`;
    const fault = portFault(row.type, row, { polling });
    if (fault !== undefined) return `the switch's port ${row.name} of nic ${name}: ${fault}`;
  }
  return undefined;
}

/** @throws VerificationError `guest-not-up` with the last lines of the guest's console */
export function verifyDomain(name: string, fault: string | undefined, console: string): void {
  if (fault === undefined) return;
  throw new VerificationError({
    code: "guest-not-up",
    problem: `guest ${name} is not as wanted`,
    observed: console === "" ? fault : `${fault}; its console ends with: ${console}`,
    hint: `look at virsh dumpxml ${name} and /var/log/libvirt/qemu/${name}.log`,
  });
}

function same(a: string | undefined, b: string | undefined): boolean {
  return CpuSet.parse(a ?? "").equals(CpuSet.parse(b ?? ""));
}
