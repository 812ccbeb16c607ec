import { dirname } from "node:path/posix";
import type { ObservedDomain } from "../observe/domains.ts";
import type { ObservedPool } from "../observe/hugepages.ts";
import type { ObservedInterface, Polling } from "../observe/ovs.ts";
import type { Inputs } from "../schema/definition.ts";
import type { libvirtDomain } from "../schema/libvirt.ts";
import { CpuSet } from "../units/cpuset.ts";
import { HostError, InputError, VerificationError } from "../units/errors.ts";
import { bytes, exactly } from "../units/size.ts";
import { portFault } from "./ovs-port.ts";
import type { Step } from "./step.ts";

type DomainInputs = Inputs<typeof libvirtDomain>;

/** libvirt of the system, without tables around what it says. */
export const VIRSH = ["virsh", "--quiet", "--connect", "qemu:///system"] as const;

/** @throws InputError where the definition contradicts itself */
export function checkDomain(inputs: DomainInputs): void {
  const { memory, pageSize, vcpuPins, emulatorCpus, realtimeVcpus } = inputs;
  const remainder = bytes(memory) % bytes(pageSize);
  if (remainder !== 0) {
    throw new InputError({
      code: "memory-multiple",
      property: "memory",
      problem: "not a multiple of the page size",
      observed: `${memory} in pages of ${pageSize}`,
      expected: `a multiple of ${pageSize}`,
    });
  }
  const pins = vcpuPins.map((pin) => CpuSet.parse(pin));
  const wide = pins.findIndex((pin) => pin.size !== 1);
  if (wide >= 0) {
    throw new InputError({
      code: "vcpu-pin",
      property: `vcpuPins[${wide}]`,
      problem: "a vCPU is pinned to one CPU: isolated CPUs are not load-balanced",
      observed: vcpuPins[wide] ?? "",
      expected: "one CPU",
    });
  }
  const all = CpuSet.of(pins.flatMap((pin) => [...pin]));
  if (all.size !== pins.length) {
    throw new InputError({
      code: "vcpu-shared",
      property: "vcpuPins",
      problem: "two vCPUs are pinned to one CPU",
      observed: vcpuPins.join(", "),
      expected: "a CPU for each",
    });
  }
  const shared = all.intersect(CpuSet.parse(emulatorCpus));
  if (shared.size > 0) {
    throw new InputError({
      code: "emulator-on-vcpu",
      property: "emulatorCpus",
      problem: `emulator threads would run on CPU ${shared.format()} of a vCPU`,
      observed: `emulatorCpus ${emulatorCpus}, vcpuPins ${vcpuPins.join(", ")}`,
      expected: "disjoint lists",
      hint: "keep emulator threads on housekeeping CPUs",
    });
  }
  if (realtimeVcpus !== undefined && CpuSet.parse(realtimeVcpus.vcpus).size >= vcpuPins.length) {
    throw new InputError({
      code: "all-realtime",
      property: "realtimeVcpus.vcpus",
      problem: "all vCPUs would run under SCHED_FIFO, which starves the guest's own housekeeping",
      observed: realtimeVcpus.vcpus,
      expected: `fewer than ${vcpuPins.length} of the vCPUs`,
    });
  }
}

/** The CPU lists of a guest by property. */
export function guestCpus({ vcpuPins, emulatorCpus }: DomainInputs): Record<string, string> {
  return { ...Object.fromEntries(vcpuPins.map((list, vcpu) => [`vcpuPins[${vcpu}]`, list])), emulatorCpus };
}

/** What the machine has for a guest before it is started. */
export interface GuestHost {
  readonly pools: readonly ObservedPool[];
  readonly interfaces: readonly ObservedInterface[];
}

/** @throws HostError where huge pages or a switch port are missing: QEMU would fail late, or wait for ever */
export function checkGuestHost(inputs: DomainInputs, host: GuestHost): void {
  const sizeKib = exactly(inputs.pageSize, "KiB");
  const needed = bytes(inputs.memory) / bytes(inputs.pageSize);
  const pool = host.pools.find(
    ({ numaNode, sizeKib: size }) => numaNode === inputs.numaNode && size === sizeKib,
  );
  if (pool === undefined || pool.free < needed) {
    throw new HostError({
      code: "guest-memory",
      property: "memory",
      problem: `node ${inputs.numaNode} has too few free pages of ${inputs.pageSize} for ${inputs.name}`,
      observed: pool === undefined ? "no such pool" : `${pool.free} free of ${pool.total}`,
      expected: `${needed}`,
      hint: "raise the count of the Hugepages resource on that node, or stop what uses them",
    });
  }
  for (const [name, { socketPath }] of Object.entries(inputs.nics ?? {})) {
    if (
      host.interfaces.some(
        ({ type, options }) => type === "dpdkvhostuserclient" && options["vhost-server-path"] === socketPath,
      )
    )
      continue;
    throw new HostError({
      code: "switch-port-missing",
      property: `nics.${name}.socketPath`,
      problem: "no port of the switch connects to this socket, so QEMU would wait for ever",
      observed:
        host.interfaces.flatMap(({ options }) => options["vhost-server-path"] ?? []).join(", ") ||
        "no dpdkvhostuserclient port",
      expected: socketPath,
      hint: "make the Port first and let the Domain depend on it",
    });
  }
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
    hint: `choose another name, or take it over: pulumi import nfvlab:libvirt:Domain NAME ${inputs.host.name}/libvirt/${inputs.name}`,
  });
}

/** Defines and starts a guest, or starts one that is defined. */
export function planDomain(
  inputs: DomainInputs,
  domain: ObservedDomain | undefined,
  xml: string,
  qemuUser: string,
): Step[] {
  const folders = [...new Set(Object.values(inputs.nics ?? {}).map(({ socketPath }) => dirname(socketPath)))];
  const { name } = inputs;
  return [
    ...folders.map(
      (folder): Step => ({
        purpose: `make the socket folder ${folder}`,
        argv: ["install", "-d", "-m", "0770", "-o", qemuUser, folder],
      }),
    ),
    ...(domain === undefined
      ? [{ purpose: `define ${name}`, argv: [...VIRSH, "define", "/dev/stdin"] as const, stdin: xml }]
      : []),
    ...(domain?.state === "running"
      ? []
      : [{ purpose: `start ${name}`, argv: [...VIRSH, "start", name] as const, timeoutMs: 180_000 }]),
  ];
}

/** Moves threads of a running guest where they belong, and keeps it so for its next start. */
export function planPins(inputs: DomainInputs, domain: ObservedDomain): Step[] {
  const { name, emulatorCpus } = inputs;
  const scope = domain.state === "running" ? ["--live", "--config"] : ["--config"];
  return [
    ...inputs.vcpuPins.flatMap((pin, vcpu): Step[] =>
      same(pin, domain.vcpuPins[vcpu])
        ? []
        : [
            {
              purpose: `pin vCPU ${vcpu} of ${name} to CPU ${pin}`,
              argv: [...VIRSH, "vcpupin", name, String(vcpu), CpuSet.parse(pin).format(), ...scope],
            },
          ],
    ),
    ...(same(emulatorCpus, domain.emulatorCpus)
      ? []
      : [
          {
            purpose: `pin the emulator threads of ${name} to ${emulatorCpus}`,
            argv: [...VIRSH, "emulatorpin", name, CpuSet.parse(emulatorCpus).format(), ...scope] as const,
          },
        ]),
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

/** Ends a guest that does not listen, and removes its definition. */
export function removeDomain({ name, state }: ObservedDomain): Step[] {
  return [
    ...(state === "shut off" ? [] : [{ purpose: `end ${name}`, argv: [...VIRSH, "destroy", name] as const }]),
    { purpose: `undefine ${name}`, argv: [...VIRSH, "undefine", name, "--nvram"] },
  ];
}

/** The state of a guest as inputs, in the user's spelling where it means the same. */
export function observedDomain(inputs: DomainInputs, domain: ObservedDomain): DomainInputs {
  const nics = Object.entries(inputs.nics ?? {}).filter(
    ([, { mac, socketPath }]) => domain.macs.includes(mac) && domain.sockets.includes(socketPath),
  );
  return {
    ...inputs,
    memory: bytes(inputs.memory) === domain.memoryKib * 1024 ? inputs.memory : `${domain.memoryKib}KiB`,
    numaNode: domain.numaNode,
    vcpuPins: domain.vcpuPins.map((pin, vcpu) =>
      same(inputs.vcpuPins[vcpu], pin) ? (inputs.vcpuPins[vcpu] ?? pin) : pin,
    ),
    emulatorCpus: same(inputs.emulatorCpus, domain.emulatorCpus) ? inputs.emulatorCpus : domain.emulatorCpus,
    ...(inputs.nics !== undefined && { nics: Object.fromEntries(nics) }),
  };
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
  for (const [name, { socketPath }] of Object.entries(inputs.nics ?? {})) {
    const row = rows.find(({ options }) => options["vhost-server-path"] === socketPath);
    if (row?.status.status !== "connected")
      return `the switch's port of nic ${name} is ${row?.status.status ?? "missing"}`;
    const fault = portFault(row.type, row, polling);
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
