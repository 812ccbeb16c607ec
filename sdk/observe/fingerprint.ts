import { createHash } from "node:crypto";
import type { HostFacts } from "../schema/facts.ts";
import type { Fingerprint } from "../schema/record.ts";
import { domains, type ObservedDomain } from "./domains.ts";
import { hostFactsOf, hostFactsProbes } from "./host-facts.ts";
import { ovsDatabase, type Switch } from "./ovs.ts";
import type { Observed } from "./probe.ts";

/** Everything that is in force on a machine, for one round trip. */
export const fingerprintProbes = { ...hostFactsProbes, database: ovsDatabase, domains };

export function fingerprintOf(
  observed: Observed<typeof fingerprintProbes>,
  declared: Readonly<Record<string, string>> = {},
): Fingerprint {
  return fingerprint(hostFactsOf(observed), observed.database, observed.domains, declared);
}

/** Equal hashes mean that two numbers may be compared; which boot it was does not count. */
export function fingerprint(
  facts: HostFacts,
  database: Switch,
  guests: readonly ObservedDomain[],
  declared: Readonly<Record<string, string>>,
): Fingerprint {
  const { machineId, bootId } = facts.identity;
  const inForce = {
    machineId,
    kernel: `${facts.kernel.release} ${facts.kernel.version}`,
    kernelArguments: facts.kernel.arguments,
    isolatedCpus: facts.kernel.isolatedCpus,
    nohzFullCpus: facts.kernel.nohzFullCpus,
    clocksource: facts.kernel.clocksource,
    cpuModel: facts.cpuModel,
    microcode: facts.microcode ?? null,
    hugepages: Object.fromEntries(
      facts.numaNodes.flatMap(({ node, hugepages }) =>
        hugepages.map(({ size, total }) => [`node${node}/${size}`, total]),
      ),
    ),
    versions: defined(facts.versions),
    switchOptions: database.state === "answering" ? { ...database.otherConfig } : {},
    guests: Object.fromEntries(
      guests
        .filter(({ state }) => state === "running")
        .map(({ name, xml }) => [name, sha256(stableXml(xml))]),
    ),
    declared: { ...declared },
  };
  return { ...inForce, hash: sha256(canonical(inForce)), bootId };
}

/** A definition without what changes from start to start. */
export function stableXml(xml: string): string {
  return xml
    .replace(/(<domain[^>]*) id='\d+'/, "$1")
    .replace(/^\s*<alias name='[^']*'\/>\n/gm, "")
    .replace(/^\s*<seclabel[\s\S]*?<\/seclabel>\n/gm, "")
    .replace(/ (tty|path)='\/(dev\/pts|run\/libvirt|var\/lib\/libvirt\/qemu\/channel)[^']*'/g, "")
    .replace(/<target dev='(vnet|macvtap)\d+'\/>/g, "");
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

function defined(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}
