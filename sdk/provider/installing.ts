import { aptSimulation, type InstalledPackages, installedPackages } from "../observe/packages.ts";
import {
  additions,
  foreignRemovals,
  installPackages,
  lacking,
  removePackages,
  requireAdditions,
  requireDpkg,
  simulateInstall,
  simulateRemoval,
  unknownPackages,
  updateLists,
  type Versions,
} from "../plan/packages.ts";
import type { Host, Operation } from "./handler.ts";

const probes = { packages: installedPackages };

/** dpkg works for one at a time. */
export const PACKAGES_TURN = "dpkg";

export interface Installed {
  readonly packages: InstalledPackages;
  /** What was not there before, dependencies included, by version. */
  readonly came: Readonly<Record<string, string>>;
}

/**
 * Installs what is missing of these, and changes nothing else. What was there before is remembered under `key` until the caller forgets it, so that a second attempt
 * still knows what came with the first. `first` is done only where something is to come.
 *
 * @throws HostError `packages-apt`, `packages-unknown`, `packages-disturb`
 */
export async function install(
  operation: Operation,
  host: Host,
  wanted: Versions,
  key: string,
  first: () => Promise<void> = async () => undefined,
): Promise<Installed> {
  const { packages: before } = await host.observeNow(probes);
  requireDpkg(before, host.name);
  const names = lacking(wanted, before);
  if (names.length === 0) return { packages: before, came: {} };
  await requireInstallable(host, names);
  operation.status(`installs ${names.join(", ")}`);
  const base = await host.remember(key, [...(before?.keys() ?? [])], operation.urn);
  await first();
  await host.execute([installPackages(names)]);
  const { packages: after } = await host.observeNow(probes);
  return { packages: after, came: additions(base, after) };
}

/**
 * Says whether apt can install these without changing anything else; renews its lists where they don't have them.
 *
 * @throws HostError `packages-unknown`, `packages-disturb`
 */
export async function requireInstallable(host: Host, names: readonly string[]): Promise<void> {
  let answer = await host.transport.execute(simulateInstall(names));
  if (answer.code !== 0) {
    // A machine whose lists are old, or gone, knows no package.
    await host.transport.execute(updateLists());
    answer = await host.transport.execute(simulateInstall(names));
  }
  if (answer.code !== 0) throw unknownPackages(names, answer.stderr, host.name);
  requireAdditions(aptSimulation(answer.stdout), names, host.name);
}

/** Removes what came with an installation, unless something else needs it by now: then it stays, with a warning. */
export async function removeAdded(operation: Operation, host: Host, added: readonly string[]): Promise<void> {
  const { packages: now } = await host.observeNow(probes);
  const names = added.filter((name) => now?.has(name) === true).sort();
  if (names.length === 0) return;
  const { code, stdout, stderr } = await host.transport.execute(simulateRemoval(names));
  const foreign = code === 0 ? foreignRemovals(aptSimulation(stdout), names) : [stderr.trim()];
  if (foreign.length > 0) {
    operation.warn(
      `left installed, since others need them by now: ${names.join(", ")} (${foreign.join(", ")})`,
    );
    return;
  }
  await host.execute([removePackages(names)]);
}
