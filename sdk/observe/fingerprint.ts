import { createHash } from "node:crypto";
import type { HostFacts } from "../schema/facts.ts";
import type { Fingerprint } from "../schema/record.ts";
import { knobsOf } from "./domain-knobs.ts";
import { domains, type ObservedDomain } from "./domains.ts";
import type { GuestInside } from "./guest-inside.ts";
import { hardware, memoryOf, processorsOf } from "./hardware.ts";
import { hostFactsOf, hostFactsProbes } from "./host-facts.ts";
import { interruptSettings } from "./interrupts.ts";
import { kernelThreadsNow, type ObservedThread } from "./kernel-threads.ts";
import { nicKnobs, nicLinks, nicSettings } from "./nic-settings.ts";
import { type ObservedInterface, ovsDatabase, type Switch } from "./ovs.ts";
import type { Observed } from "./probe.ts";
import { idleLatencyLimit, kernelSettings } from "./settings.ts";
import { byStandingName } from "./standing-names.ts";

/** Everything that is in force on a machine, for one round trip. */
export const fingerprintProbes = {
  ...hostFactsProbes,
  hardware,
  nicSettings,
  settings: kernelSettings,
  idleLatencyLimit,
  interrupts: interruptSettings,
  threads: kernelThreadsNow,
  database: ovsDatabase,
  domains,
};

/**
 * What is in force, and a hash of it. Equal hashes mean that two numbers may be compared; which boot it was does not count, and neither does what moves by
 * itself, such as free memory. Links are told and do not count: after a reset of a card or of its partner they come up by themselves, seconds later.
 *
 * @param declared what was declared, by name, with what the machine shows of it: firmware settings
 * @param inside what is in force inside guests, by their names, as far as they say: `inside.kernel`
 */
export function fingerprintOf(
  observed: Observed<typeof fingerprintProbes>,
  declared: Readonly<Record<string, string>> = {},
  inside: ReadonlyMap<string, Pick<GuestInside, "knobs">> = new Map(),
): Fingerprint {
  const facts = hostFactsOf(observed);
  const { identity, kernel } = facts;
  const { database, idleLatencyLimit: limit, hardware: built } = observed;
  const memory = memoryOf(built);
  const knobs = nicKnobs(observed.nicSettings, built.smbios.slots);
  const links = nicLinks(observed.nicSettings, facts.nics);
  const inForce = {
    machineId: identity.machineId,
    firmware: [identity.vendor, identity.product, identity.bios, identity.biosDate]
      .filter(Boolean)
      .join(", "),
    ...(identity.os !== undefined && { os: identity.os }),
    kernel: `${kernel.release} ${kernel.version}`,
    kernelArguments: kernel.arguments,
    onlineCpus: facts.onlineCpus,
    isolatedCpus: kernel.isolatedCpus,
    nohzFullCpus: kernel.nohzFullCpus,
    simultaneousMultithreading: facts.simultaneousMultithreading,
    clocksource: kernel.clocksource,
    cpuModel: facts.cpuModel,
    microcode: facts.microcode ?? null,
    processors: processorsOf(facts, built),
    ...(hasAny(memory) && { memory }),
    settings: {
      ...observed.settings,
      ...(limit !== undefined && { "/dev/cpu_dma_latency": `${limit}` }),
      ...observed.interrupts,
      ...threadSettings(observed.threads.threads),
    },
    hugepages: Object.fromEntries(
      facts.numaNodes.flatMap(({ node, hugepages }) =>
        hugepages.map(({ size, total }) => [`node${node}/${size}`, total]),
      ),
    ),
    nics: Object.fromEntries(facts.nics.map((nic) => [nic.address, described(nic)])),
    ...(hasAny(knobs) && { nicSettings: knobs }),
    versions: versionsOf(facts, database),
    switchState: database.state,
    switchOptions: database.state === "answering" ? { ...database.otherConfig } : {},
    switchPorts: database.state === "answering" ? portsOf(database.interfaces) : {},
    guests: guestsOf(
      observed.domains.filter(({ state }) => state === "running"),
      inside,
    ),
    declared: { ...declared },
  };
  return {
    hash: sha256(canonical(inForce)),
    bootId: identity.bootId,
    ...inForce,
    ...(hasAny(links) && { links }),
  };
}

/** What a machine does not tell is absent of its record. */
function hasAny(told: Readonly<Record<string, string>>): boolean {
  return Object.keys(told).length > 0;
}

/** Threads of the kernel that are there from its boot on. Those of devices, file systems and guests come and go, as khugepaged does with its setting. */
const STANDING_THREADS =
  /^(ksoftirqd|ktimers|irq_work|rcu\w*|rcu[bc]|backlog_napi|kswapd|kcompactd)(\/?\d+)?$/;

function threadSettings(threads: readonly ObservedThread[]): Record<string, string> {
  return byStandingName(
    "thread",
    threads
      .filter(({ name }) => STANDING_THREADS.test(name))
      .map(({ name, policy, priority, cpus, bound }) => {
        const scheduled = priority === 0 ? policy : `${policy} ${priority}`;
        return [name, bound ? scheduled : `${scheduled}, CPUs ${cpus}`];
      }),
  );
}

function described({
  vendor,
  device,
  driver,
  virtualFunctions,
  physicalFunction,
}: HostFacts["nics"][number]) {
  return [
    `${vendor}:${device}`,
    driver ?? "no driver",
    ...(virtualFunctions === undefined ? [] : [`${virtualFunctions.active} virtual functions`]),
    ...(physicalFunction === undefined ? [] : [`of ${physicalFunction}`]),
  ].join(", ");
}

/** A daemon that was not restarted since an upgrade runs what is no longer installed. */
function versionsOf({ versions }: HostFacts, database: Switch): Record<string, string> {
  const running =
    database.state === "answering"
      ? { ovs: database.version, ...(database.initialized && { dpdk: database.dpdkVersion }) }
      : {};
  return Object.fromEntries(
    Object.entries({ ...versions, ...running }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== "",
    ),
  );
}

function portsOf(interfaces: readonly ObservedInterface[]): Record<string, string> {
  return Object.fromEntries(
    // Whether a guest is connected, which number a port got and what it counted is the switch's doing.
    interfaces.map(({ name, bridge, type, options, settings }) => [
      name,
      canonical({ bridge, type, options, ...configured(settings) }),
    ]),
  );
}

/** What was set of an interface beside its type and options. Other columns are what the switch writes. */
function configured(settings: ObservedInterface["settings"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).filter(([column]) =>
      /^(mtu_request|mac|ingress_policing_\w+|cfm_mpid|(other_config|bfd|lldp):.*)$/.test(column),
    ),
  );
}

/** How many knobs of guests a record holds, those of dozens: some hundred kilobytes. */
const MOST_KNOBS = 4096;

/** By guest its knobs. Of guests that are too many for a record the hash of them alone. */
function guestsOf(
  guests: readonly ObservedDomain[],
  inside: ReadonlyMap<string, Pick<GuestInside, "knobs">>,
): Fingerprint["guests"] {
  let held = 0;
  return Object.fromEntries(
    guests
      .toSorted((one, other) => (one.name < other.name ? -1 : 1))
      .map((guest) => {
        const knobs = { ...knobsOf(guest), ...inside.get(guest.name)?.knobs };
        held += Object.keys(knobs).length;
        return [guest.name, held <= MOST_KNOBS ? knobs : sha256(canonical(knobs))];
      }),
  );
}

/** JSON with sorted keys: the order in which facts were gathered means nothing. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
