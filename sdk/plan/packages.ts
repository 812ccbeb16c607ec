import type { AptSimulation, InstalledPackages } from "../observe/packages.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import type { Step } from "./step.ts";

export type Versions = Readonly<Record<string, string>>;

const QUIET = "DEBIAN_FRONTEND=noninteractive";
const APT = ["env", QUIET, "LC_ALL=C", "apt-get", "--quiet", "--yes", "--no-install-recommends"] as const;
const TIMEOUT_MS = 1_800_000;

// dpkg starts and enables what comes along unless a policy forbids it; one that the machine has itself is kept.
const WITHOUT_SERVICES = `policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\\nexit 101\\n' > "$policy" && chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT INT TERM
fi
"$@"`;

/** What is asked for and not there, or there in another version, as apt takes it. */
export function lacking(wanted: Versions, installed: InstalledPackages): string[] {
  return Object.entries(wanted)
    .filter(([name, version]) => !isThere(name, version, installed))
    .map(([name, version]) => (version === "any" ? name : `${name}=${version}`))
    .sort();
}

function isThere(name: string, version: string, installed: InstalledPackages): boolean {
  const found = installed?.get(name);
  return found !== undefined && (version === "any" || version === found);
}

export function simulateInstall(names: readonly string[]): Step {
  return { purpose: "ask apt what would come", argv: [...APT, "--simulate", "install", "--", ...names] };
}

/** Renews what apt knows of its sources. */
export function updateLists(): Step {
  return { purpose: "renew apt's lists", argv: [...APT, "update"], timeoutMs: TIMEOUT_MS };
}

export function installPackages(names: readonly string[]): Step {
  return {
    purpose: `install ${names.join(", ")}`,
    argv: ["sh", "-c", WITHOUT_SERVICES, "sh", ...APT, "install", "--", ...names],
    timeoutMs: TIMEOUT_MS,
  };
}

/** Removal of exactly these: nothing that depends on them, and nothing that is there without need. */
export function simulateRemoval(names: readonly string[]): Step {
  return { purpose: "ask apt what would go", argv: [...APT, "--simulate", "purge", "--", ...names] };
}

export function removePackages(names: readonly string[]): Step {
  return {
    purpose: `remove ${names.join(", ")}`,
    argv: [...APT, "purge", "--", ...names],
    timeoutMs: TIMEOUT_MS,
  };
}

/** @throws HostError `packages-apt` */
export function requireDpkg(installed: InstalledPackages, host: string): void {
  if (installed !== undefined) return;
  throw new HostError({
    code: "packages-apt",
    problem: `${host} is no machine of Debian's kind`,
    observed: "no dpkg-query",
    expected: "dpkg and apt",
    hint: "install the software there by what its distribution has, and leave this resource out",
  });
}

/**
 * Refuses what apt could only do by taking away or exchanging what is there.
 *
 * @throws HostError `packages-disturb`
 */
export function requireAdditions(
  { changes, removes }: AptSimulation,
  names: readonly string[],
  host: string,
): void {
  const exchanged = [...changes].map(([name, { from, to }]) => `${name} ${from} would become ${to}`);
  const removed = removes.map((name) => `${name} would be removed`);
  const disturbed = [...exchanged, ...removed].sort();
  if (disturbed.length === 0) return;
  throw new HostError({
    code: "packages-disturb",
    property: "packages",
    problem: `installing ${names.join(", ")} would change what ${host} has`,
    observed: disturbed.join("; "),
    expected: "packages that only come in addition",
    hint: "ask for the versions that are there, or upgrade the machine by hand first",
  });
}

/** @throws HostError `packages-unknown` */
export function unknownPackages(names: readonly string[], stderr: string, host: string): HostError {
  const said = [...stderr.matchAll(/^E: (.+)$/gm)].map(([, text = ""]) => text.trim());
  return new HostError({
    code: "packages-unknown",
    property: "packages",
    problem: `apt on ${host} can't install ${names.join(", ")}`,
    observed: said.join("; ") || stderr.trim(),
    hint: "look for name and version with `apt-cache policy` there; `apt-get update` renews what it knows of its sources",
  });
}

/** What a simulation of a removal would take beyond what is ours. */
export function foreignRemovals({ removes }: AptSimulation, ours: readonly string[]): string[] {
  const own = new Set(ours);
  return removes.filter((name) => !own.has(name)).sort();
}

/** What came, with its version, since these were all that was there. */
export function additions(before: readonly string[], after: InstalledPackages): Record<string, string> {
  const known = new Set(before);
  return Object.fromEntries([...(after ?? [])].filter(([name]) => !known.has(name)));
}

/** Versions of the packages that were asked for; what is not there is left out. */
export function versionsOf(wanted: Versions, installed: InstalledPackages): Record<string, string> {
  return Object.fromEntries(
    Object.keys(wanted).flatMap((name) => {
      const version = installed?.get(name);
      return version === undefined ? [] : [[name, version]];
    }),
  );
}

/** @throws VerificationError `packages-not-installed` */
export function verifyPackages(wanted: Versions, installed: InstalledPackages): void {
  const missing = lacking(wanted, installed);
  if (missing.length === 0) return;
  throw new VerificationError({
    code: "packages-not-installed",
    property: "packages",
    problem: "apt ended without an error, and packages are missing",
    observed: JSON.stringify(versionsOf(wanted, installed)),
    expected: missing.join(", "),
    hint: "look there: dpkg --audit, /var/log/apt/term.log",
  });
}
