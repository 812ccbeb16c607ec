import type { PolicyResource } from "@pulumi/policy";
import { bytes } from "../sdk/units/size.ts";
import { type CpuClaim, cpus, type Know, type MemoryDemand, where } from "./claims.ts";
import { keys, number, positions, type Reading, text, titleOf, UNKNOWN } from "./property.ts";

export interface Guest {
  readonly resource: PolicyResource;
  readonly name: string;
  readonly numaNode: Reading<number>;
  readonly vcpus: readonly CpuClaim[];
  /** Its other threads: QEMU's own, and those that serve disks. */
  readonly helpers: readonly CpuClaim[];
  /** Sockets of its vhost-user NICs by the NIC's name. */
  readonly sockets: ReadonlyMap<string, Reading<string>>;
}

export function guestFrom(domain: PolicyResource, know: Know): Guest {
  const name = titleOf(domain);
  const pins = know(domain, "cpus", ["vcpuPins"], positions(domain, "vcpuPins")) ?? [];
  const ioThreads = know(domain, "cpus", ["iothreadPins"], positions(domain, "iothreadPins")) ?? [];
  const nics = keys(domain, "nics");
  return {
    resource: domain,
    name,
    numaNode: number(domain, "numaNode"),
    vcpus: pins.flatMap((index) =>
      cpus(know, domain, "vcpu", ["vcpuPins", index], `vCPU ${index} of ${name}`, name),
    ),
    helpers: [
      ...cpus(know, domain, "emulator", ["emulatorCpus"], `the emulator threads of ${name}`, name),
      ...ioThreads.flatMap((index) =>
        cpus(know, domain, "emulator", ["iothreadPins", index], `I/O thread ${index + 1} of ${name}`, name),
      ),
    ],
    sockets:
      nics === UNKNOWN
        ? new Map([["nics", UNKNOWN]])
        : new Map((nics ?? []).map((nic) => [nic, text(domain, "nics", nic, "socketPath")])),
  };
}

export function guestDemand(domain: PolicyResource, guest: string, know: Know): MemoryDemand[] {
  const memory = know(domain, "memory", ["memory"], text(domain, "memory"));
  const pageSize = know(domain, "memory", ["pageSize"], text(domain, "pageSize"));
  const numaNode = know(domain, "memory", ["numaNode"], number(domain, "numaNode"));
  if (memory === undefined || pageSize === undefined || numaNode === undefined) return [];
  return [{ ...where(domain, ["memory"]), bytes: bytes(memory), pageSize, numaNode, holder: guest }];
}
