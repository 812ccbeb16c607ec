import type { ObservedSwap, SwapUnit } from "../observe/swap.ts";
import { SWAP_DROP_IN, SWAP_UNITS, type SwapArea } from "../schema/swap.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import type { Step } from "./step.ts";
import { readUnitsAgain, removeDropIn, systemdMissing } from "./systemd.ts";
import { planFile } from "./tmpfiles.ts";

/** What stays free of memory once everything is back in it. */
const RESERVE = 0.05;
/** A page at a time comes back, from a disk at its worst. */
const SWAPOFF_MS = 1_800_000;
/** The first that reads drop-ins for all units of a type. */
const SYSTEMD = 244;

/**
 * A unit under a condition that never holds is passed over, and what needs it goes on. A masked one fails swap.target, and can't be masked where its file lies in /etc; nor does a
 * mask count for a unit that comes later.
 */
const TEXT = `# Written by nfvlab; removed when its resource is deleted.
[Unit]
ConditionPathExists=!/proc
`;
const OF_SWAP = `${SWAP_UNITS}/${SWAP_DROP_IN}`;

export interface FoundSwap {
  readonly found: readonly SwapArea[];
  /** Services that ran, and make swap themselves. */
  readonly services: readonly string[];
}

export function foundSwap({ areas, units }: ObservedSwap): FoundSwap {
  const running = units.filter((unit) => unit.isActive && isService(unit));
  return { found: [...areas], services: running.map(({ name }) => name) };
}

function isService({ name }: SwapUnit): boolean {
  return name.endsWith(".service");
}

function dropInOf(unit: SwapUnit): string {
  return isService(unit) ? `/etc/systemd/system/${unit.name}.d/${SWAP_DROP_IN}` : OF_SWAP;
}

/** Every drop-in that the machine needs: for units of type swap also where it has none yet. */
export function swapDropIns({ units }: ObservedSwap): string[] {
  return [...new Set([OF_SWAP, ...units.map(dropInOf)])];
}

/** Whether a drop-in of ours is there, as written. */
export function isKeptOff({ dropIns }: ObservedSwap): boolean {
  return dropIns.get(OF_SWAP) === TEXT;
}

/** @throws HostError `systemd-missing`, `systemd-old`, `swap-memory` where what is in swap does not fit into memory */
export function requireRoom({ systemd, areas, memory }: ObservedSwap, host: string): void {
  const byHand = "turn it off there by hand (swapoff --all, /etc/fstab), and leave this resource out";
  if (systemd === undefined) throw systemdMissing(host, "turn its swap on", byHand);
  if (systemd < SYSTEMD) {
    throw new HostError({
      code: "systemd-old",
      property: "host",
      problem: `systemd of ${host} reads no drop-ins that count for every unit of type swap`,
      observed: `systemd ${systemd}`,
      expected: `${SYSTEMD} or later`,
      hint: byHand,
    });
  }
  const room = memory.available - memory.total * RESERVE;
  if (areas.length === 0 || memory.swapped <= room) return;
  throw new HostError({
    code: "swap-memory",
    property: "host",
    problem: `what is in swap on ${host} does not fit into its memory`,
    observed: `${mib(memory.swapped)} in swap, ${mib(memory.available)} of memory available`,
    expected: `at most ${mib(Math.max(room, 0))} in swap`,
    hint: "end what takes the memory, or make pools of huge pages smaller, and run it again",
  });
}

/** What keeps swap from being turned on, before any of it is turned off. Services that made some take it away themselves. */
export function planKeepingOff(now: ObservedSwap): Step[] {
  const writes = swapDropIns(now).flatMap((path) =>
    planFile(path, TEXT, now.dropIns.get(path)?.replace(/\n$/, "")),
  );
  const running = now.units.filter((unit) => unit.isActive && isService(unit)).map(({ name }) => name);
  const isUnread = now.units.some((unit) => !unit.dropIns.includes(dropInOf(unit)));
  return [
    ...writes,
    ...(writes.length > 0 || isUnread ? [readUnitsAgain] : []),
    ...(running.length === 0
      ? []
      : [
          {
            purpose: `stop ${running.join(", ")}`,
            argv: ["systemctl", "stop", "--", ...running] as const,
            timeoutMs: SWAPOFF_MS,
          },
        ]),
  ];
}

export function planOff({ areas }: Pick<ObservedSwap, "areas">): Step[] {
  return areas.map(({ path }) => ({
    purpose: `turn swap on ${path} off`,
    argv: ["swapoff", "--", path],
    timeoutMs: SWAPOFF_MS,
  }));
}

/** What lets units turn swap on again, and starts the services that did. Drop-ins that somebody else has changed stay. */
export function planLetting(
  { services, written }: Pick<FoundSwap, "services"> & { readonly written: readonly string[] },
  { dropIns, units }: ObservedSwap,
): { readonly steps: Step[]; readonly changedByOthers: string[] } {
  const ours = written.filter((path) => dropIns.get(path) === TEXT);
  const stopped = units.filter((unit) => services.includes(unit.name) && !unit.isActive);
  const start = (name: string): Step => ({
    purpose: `start ${name}`,
    argv: ["systemctl", "start", "--", name],
  });
  return {
    steps: [
      ...ours.map(removeDropIn),
      // Also where they went with an earlier delete, which ended there.
      readUnitsAgain,
      ...stopped.map(({ name }) => start(name)),
    ],
    changedByOthers: written.filter((path) => dropIns.has(path) && !ours.includes(path)),
  };
}

/** What turns on what was on; a device or a unit that is gone or masked since is passed over. */
export function planOn({ found }: Pick<FoundSwap, "found">, { areas }: Pick<ObservedSwap, "areas">): Step[] {
  return (
    missingAreas(found, areas)
      // The kernel numbers those without a priority in the order in which they come.
      .sort((a, b) => b.priority - a.priority)
      .map(({ path, unit, priority }) => ({
        purpose: `turn swap on ${path} on`,
        argv: ["sh", "-c", ON, "sh", path, unit ?? "", `${priority}`],
      }))
  );
}

// A unit knows more of it than /proc/swaps shows: discarding, and what makes zram's device.
const ON = `[ -e "$1" ] || case "$2" in dev-zram*) ;; *) exit 0 ;; esac
if [ -n "$2" ]; then
  [ "$(systemctl show --property LoadState --value -- "$2")" = loaded ] || exit 0
  exec systemctl start -- "$2"
fi
if [ "$3" -ge 0 ]; then exec swapon --priority "$3" -- "$1"; else exec swapon -- "$1"; fi`;

/** What gives the priority back that somebody had given by hand: a unit gives its own. */
export function planPriorities(
  { found }: Pick<FoundSwap, "found">,
  before: Pick<ObservedSwap, "areas">,
  { areas }: Pick<ObservedSwap, "areas">,
): Step[] {
  const now = new Map(areas.map(({ path, priority }) => [path, priority]));
  const script = 'swapoff -- "$1" && exec swapon --priority "$2" -- "$1"';
  return missingAreas(found, before.areas)
    .filter(({ path, priority }) => priority >= 0 && now.has(path) && now.get(path) !== priority)
    .map(({ path, priority }) => ({
      purpose: `give swap on ${path} its priority ${priority} back`,
      argv: ["sh", "-c", script, "sh", path, `${priority}`],
    }));
}

/** What was on, and is not. */
export function missingAreas(found: readonly SwapArea[], areas: readonly SwapArea[]): SwapArea[] {
  const on = new Set(areas.map(({ path }) => path));
  return found.filter(({ path }) => !on.has(path));
}

/** What delete says of swap that it could not bring back. */
export function notBack(areas: readonly SwapArea[], host: string): string {
  const names = areas.map(({ path, unit }) => (unit === null ? path : `${path} (${unit})`));
  return `swap that was on ${host} is not turned on again, since its device or its unit is gone, or the unit masked: ${names.join(", ")}`;
}

export interface SwapStates {
  readonly configured: string[];
  readonly effective: string[];
}

export function swapStates({ areas, units, dropIns }: ObservedSwap): SwapStates {
  const isHeld = (unit: SwapUnit) =>
    dropIns.get(dropInOf(unit)) === TEXT && unit.dropIns.includes(dropInOf(unit));
  const free = units.filter((unit) => unit.isEnabled && !isHeld(unit)).map(({ name }) => name);
  const isOpen = dropIns.get(OF_SWAP) !== TEXT;
  return {
    // Where nothing turns swap on today something may after the next installation.
    configured: free.length === 0 && isOpen ? ["any later unit of type swap"] : free.sort(),
    effective: areas.map(({ path }) => path),
  };
}

/** @throws VerificationError `swap-on`, `swap-at-boot` */
export function requireOff({ configured, effective }: SwapStates, host: string): void {
  if (effective.length > 0) {
    throw new VerificationError({
      code: "swap-on",
      property: "effective",
      problem: `swap of ${host} is on again right after it was turned off`,
      observed: effective.join(", "),
      expected: "none",
      hint: "find what turns it on: systemctl status of its unit, journalctl -b, cron",
    });
  }
  if (configured.length === 0) return;
  throw new VerificationError({
    code: "swap-at-boot",
    property: "configured",
    problem: `the next boot of ${host} would turn swap on, whatever was written`,
    observed: configured.join(", "),
    expected: "none",
    hint: "look at what systemd has read: systemctl cat of the unit",
  });
}

function mib(amount: number): string {
  return `${Math.round(amount / 2 ** 20)} MiB`;
}
