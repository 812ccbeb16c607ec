import { dirname } from "node:path/posix";
import type { ObservedDomain } from "../observe/domains.ts";
import type { GuestAttachments } from "../observe/guest-platform.ts";
import type { ObservedPool } from "../observe/hugepages.ts";
import type { ObservedInterface } from "../observe/ovs.ts";
import { CpuSet } from "../units/cpuset.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import { VIRSH } from "./domain.ts";
import { socketOf } from "./guest-attachments.ts";
import type { Step } from "./step.ts";

/** Two machines by name, and the guest as each of them has it. */
export interface Sighting {
  readonly domain: string;
  readonly uuid: string;
  readonly home: { readonly name: string; readonly guest: ObservedDomain | undefined };
  readonly away: { readonly name: string; readonly guest: ObservedDomain | undefined };
}

export interface Whereabouts {
  readonly at: "home" | "away";
  /** What a migration that failed left behind, to be cleared away. */
  readonly mend: { readonly on: "home" | "away"; readonly step: Step }[];
}

/**
 * Where a guest is that was migrated, or was to be. A copy that does not run while the other one does is a migration's remainder and goes; one that stands still alone goes on. Nothing else is
 * mended: a guest that runs twice, or nowhere, is for somebody to look at, since whatever was done by itself could make it worse.
 *
 * @throws VerificationError `guest-twice`, `guest-nowhere`
 */
export function whereaboutsOf({ domain, uuid, home, away }: Sighting): Whereabouts {
  const ours = (guest: ObservedDomain | undefined) => (guest?.uuid === uuid ? guest : undefined);
  const [homeGuest, awayGuest] = [ours(home.guest), ours(away.guest)];
  const states = { home: homeGuest?.state ?? "not there", away: awayGuest?.state ?? "not there" };
  const observed = `${states.home} on ${home.name}, ${states.away} on ${away.name}`;
  const end: Step = { purpose: `end what is left of ${domain}`, argv: [...VIRSH, "destroy", domain] };
  if (states.home === "running" && states.away === "running") {
    throw new VerificationError({
      code: "guest-twice",
      problem: `guest ${domain} runs on both machines, and each copy has changed since`,
      observed,
      expected: "one of them",
      hint: `end the one that you do not want, for instance on ${away.name}: virsh destroy ${domain}`,
    });
  }
  if (states.home === "running")
    return { at: "home", mend: hasCopy(awayGuest) ? [{ on: "away", step: end }] : [] };
  if (states.away === "running")
    return { at: "away", mend: hasCopy(homeGuest) ? [{ on: "home", step: end }] : [] };
  if (states.home === "paused" && !hasCopy(awayGuest)) {
    const step: Step = { purpose: `let ${domain} go on`, argv: [...VIRSH, "resume", domain] };
    return { at: "home", mend: [{ on: "home", step }] };
  }
  throw new VerificationError({
    code: "guest-nowhere",
    problem: `guest ${domain} runs on neither machine`,
    observed,
    expected: `running on ${home.name}`,
    hint: hasCopy(awayGuest)
      ? `look at /var/log/libvirt/qemu/${domain}.log on both, end the copy on ${away.name} (virsh destroy ${domain}) and remove ${AWAY_FOLDER}/${domain} on ${home.name}; pulumi up starts it again there`
      : `look at /var/log/libvirt/qemu/${domain}.log on both; pulumi up starts it again on ${home.name}`,
  });
}

/** Whether there is more of a guest than its definition: a QEMU that runs, stands still or has crashed. */
export function hasCopy(guest: ObservedDomain | undefined): boolean {
  return guest !== undefined && guest.state !== "shut off";
}

/** What the destination has for a guest. */
export interface DestinationHost {
  readonly name: string;
  readonly domains: readonly ObservedDomain[];
  readonly onlineCpus: CpuSet;
  readonly pools: readonly ObservedPool[];
  readonly attachments: GuestAttachments;
  readonly switchPorts: readonly Pick<ObservedInterface, "type" | "options" | "status">[];
  /** Of the files that the guest has open, those that are not there. */
  readonly missingFiles: readonly string[];
}

/**
 * Refuses a destination that lacks what the guest has where it is: QEMU would fail late there, or wait for ever.
 *
 * @throws HostError `migration-destination` with all that is missing
 */
export function checkDestination(guest: ObservedDomain, host: DestinationHost): void {
  const missing = [...lacks(guest, host)];
  if (missing.length === 0) return;
  throw new HostError({
    code: "migration-destination",
    property: "destination",
    problem: `${host.name} has not what guest ${guest.name} needs there`,
    observed: missing.join("; "),
    hint: "make it there by the same names, and let the migration depend on it",
  });
}

function* lacks(guest: ObservedDomain, host: DestinationHost): Generator<string> {
  const other = host.domains.find(({ name, uuid }) => name === guest.name || uuid === guest.uuid);
  if (other !== undefined) yield `a guest ${other.name} is there already, ${other.state}`;
  const cpus = CpuSet.of(
    [...guest.vcpuPins, guest.emulatorCpus, ...guest.iothreadPins].flatMap((list) => [...CpuSet.parse(list)]),
  );
  const offline = cpus.minus(host.onlineCpus);
  if (offline.size > 0) yield `CPU ${offline.format()} is not online`;
  if (guest.pageSizeKib > 4) {
    const pool = host.pools.find(
      ({ numaNode, sizeKib }) => numaNode === guest.numaNode && sizeKib === guest.pageSizeKib,
    );
    const needed = guest.memoryKib / guest.pageSizeKib;
    if ((pool?.free ?? 0) < needed)
      yield `${pool?.free ?? 0} free pages of ${guest.pageSizeKib} KiB on node ${guest.numaNode}, needed are ${needed}`;
  }
  for (const file of host.missingFiles) yield `no file ${file}`;
  for (const { type, source = "" } of guest.nics) yield* lacksOfNic(type, source, host);
}

function* lacksOfNic(
  type: string,
  source: string,
  { attachments, switchPorts }: DestinationHost,
): Generator<string> {
  switch (type) {
    case "bridge":
    case "direct":
      if (!attachments.devices.has(source)) yield `no interface ${source}`;
      return;
    case "ethernet":
      if (!attachments.taps.has(source)) yield `no tap ${source}`;
      return;
    case "vhostuser":
      if (!switchPorts.some((port) => socketOf(port) === source)) yield `no port of a switch on ${source}`;
      return;
    case "pci":
    case "hostdev":
      yield `function ${source} is passed through to the guest, and can't go along`;
  }
}

/** Folders of sockets that QEMU makes: they have to be there, for its user. */
export function socketFolders({ nics }: ObservedDomain, qemuUser: string): Step[] {
  const folders = nics.flatMap(({ type, source }) =>
    type === "vhostuser" && source !== undefined ? [dirname(source)] : [],
  );
  return [...new Set(folders)].map((folder) => ({
    purpose: `make the socket folder ${folder}`,
    argv: ["install", "-d", "-m", "0770", "-o", qemuUser, folder] as const,
  }));
}

/** Where a machine notes whose guests are on their way. */
export const AWAY_FOLDER = "/var/lib/nfvlab/away";

/** Notes on a guest's own machine that it may run elsewhere: what finds it stopped there must not start it again. */
export function noteAway(domain: string, where: string): Step {
  const script =
    'umask 022; mkdir -p "$1" && cat >"$1/$2.part" && sync "$1/$2.part" && mv "$1/$2.part" "$1/$2"';
  return {
    purpose: `note that ${domain} may be on ${where}`,
    argv: ["sh", "-c", script, "sh", AWAY_FOLDER, domain],
    stdin: `${where}\n`,
  };
}

export function forgetAway(domain: string): Step {
  return { purpose: `forget that ${domain} was away`, argv: ["rm", "-f", `${AWAY_FOLDER}/${domain}`] };
}

/**
 * Refuses to start a guest that may run elsewhere: two of one address and one disk destroy each other.
 *
 * @throws HostError `guest-away`
 */
export function requireHome(domain: string, away: ReadonlyMap<string, string>): void {
  const where = away.get(domain);
  if (where === undefined) return;
  throw new HostError({
    code: "guest-away",
    property: "name",
    problem: `guest ${domain} was being migrated, and its engine was lost: it may run on ${where}`,
    observed: `stopped here, and ${AWAY_FOLDER}/${domain} is there`,
    expected: "a guest that runs once",
    hint: `end it on ${where} (virsh destroy ${domain}), or migrate it back; then remove ${AWAY_FOLDER}/${domain} here`,
  });
}
