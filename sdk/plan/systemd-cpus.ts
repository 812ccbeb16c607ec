import type { ObservedSystemdCpus } from "../observe/systemd-cpus.ts";
import type { Inputs } from "../schema/definition.ts";
import type { systemdCpus } from "../schema/systemd-cpus.ts";
import { CpuSet } from "../units/cpuset.ts";
import { HostError, InputError, VerificationError } from "../units/errors.ts";
import { restorable } from "./restorable.ts";
import { type Step, writeStep } from "./step.ts";
import { removeDropIn } from "./systemd.ts";
import { planFile } from "./tmpfiles.ts";

export type SystemdCpuLists = Pick<Inputs<typeof systemdCpus>, "cpuAffinity" | "allowedCpus">;
type Texts = Readonly<Record<string, string>>;

const MANAGER = "manager";
const SLICES = ["system", "user", "machine"] as const;
const MANAGER_FILE = "/etc/systemd/system.conf.d/90-nfvlab-cpus.conf";
const FIRST = "# Written by nfvlab; removed when its resource is deleted.\n";

/** @throws InputError `systemd-cpus` where nothing is to be set */
export function checkSystemdCpus({ cpuAffinity, allowedCpus }: SystemdCpuLists): void {
  if (cpuAffinity !== undefined || allowedCpus !== undefined) return;
  throw new InputError({
    code: "systemd-cpus",
    problem: "nothing is to be set",
    expected: "cpuAffinity, allowedCpus or both",
  });
}

/** CPU lists by what they are of, in canonical form. */
export function listsOf({ cpuAffinity, allowedCpus = {} }: SystemdCpuLists): Map<string, string> {
  const lists = { [MANAGER]: cpuAffinity, ...allowedCpus };
  return new Map(
    Object.entries(lists).flatMap(([scope, list]) => (list === undefined ? [] : [[scope, canonical(list)]])),
  );
}

function canonical(list: string): string {
  try {
    return CpuSet.parse(list).format();
  } catch {
    return list;
  }
}

/** The drop-ins for lists, by path. */
export function dropIns(lists: ReadonlyMap<string, string>): Map<string, string> {
  return new Map(
    [...lists].map(([scope, list]) =>
      scope === MANAGER
        ? [MANAGER_FILE, `${FIRST}[Manager]\nCPUAffinity=\nCPUAffinity=${list}\n`]
        : [sliceFile(scope), `${FIRST}[Slice]\nAllowedCPUs=\nAllowedCPUs=${list}\n`],
    ),
  );
}

function sliceFile(slice: string): string {
  return `/etc/systemd/system/${slice}.slice.d/90-nfvlab-cpus.conf`;
}

/** What our drop-ins ask for, by what it is of. */
export function configuredLists({ files }: Pick<ObservedSystemdCpus, "files">): Record<string, string> {
  return Object.fromEntries(
    [...files].flatMap(([path, text]) => {
      const scope = path === MANAGER_FILE ? MANAGER : sliceOf(path);
      const list = [...text.matchAll(/^(?:CPUAffinity|AllowedCPUs)=(.+)$/gm)].at(-1)?.[1];
      return scope === undefined || list === undefined ? [] : [[scope, canonical(list)]];
    }),
  );
}

/** On import: the inputs that our drop-ins mean. */
export function listsMeant(observed: Pick<ObservedSystemdCpus, "files">): SystemdCpuLists {
  const { [MANAGER]: cpuAffinity, ...slices } = configuredLists(observed);
  return {
    ...(cpuAffinity !== undefined && { cpuAffinity }),
    ...(Object.keys(slices).length > 0 && { allowedCpus: slices }),
  } as SystemdCpuLists;
}

/**
 * Refuses what the machine can't do, and a machine.slice that would keep guests off the CPUs that are isolated for them.
 *
 * @throws HostError `systemd-missing`, `cgroups`, InputError `machine-slice`
 */
export function requireSystemdCpus(
  inputs: SystemdCpuLists,
  { systemd, unified }: ObservedSystemdCpus,
  isolated: CpuSet,
  host: string,
): void {
  if (!systemd)
    throw new HostError({
      code: "systemd-missing",
      problem: `${host} is not run by systemd`,
      observed: "no /run/systemd/system",
      hint: "leave it out for this machine",
    });
  if (inputs.allowedCpus === undefined) return;
  if (!unified)
    throw new HostError({
      code: "cgroups",
      property: "allowedCpus",
      problem: `slices on ${host} can't be kept to CPUs`,
      observed: "control groups of version 1",
      expected: "version 2: /sys/fs/cgroup/cgroup.controllers",
      hint: "boot it with systemd.unified_cgroup_hierarchy=1, or leave allowedCpus out",
    });
  const machine = inputs.allowedCpus.machine;
  if (machine === undefined) return;
  const missing = isolated.minus(CpuSet.parse(machine));
  if (missing.size > 0)
    throw new InputError({
      code: "machine-slice",
      property: "allowedCpus.machine",
      problem: `guests on ${host} could not be pinned to CPU ${missing.format()}, which is isolated for them`,
      observed: machine,
      expected: `a list with ${isolated.format()} in it`,
      hint: "add the isolated CPUs: what else runs in machine.slice stays off them by isolcpus",
    });
}

/** What brings the machine to the lists; nothing where it has them. */
export function planSystemdCpus(
  lists: ReadonlyMap<string, string>,
  { files, effective }: ObservedSystemdCpus,
): Step[] {
  const wanted = dropIns(lists);
  const steps = [...wanted].flatMap(([path, text]) => planFile(path, text, files.get(path)?.trimEnd()));
  const [list, now] = [lists.get(MANAGER), effective.get(MANAGER)];
  if (steps.length === 0 && areInForce(lists, effective)) return [];
  return [...steps, reload(), ...(list === undefined || list === now ? [] : [giveManager(list, now)])];
}

function reload(): Step {
  return { purpose: "let systemd read its configuration again", argv: ["systemctl", "daemon-reload"] };
}

/** Process 1 takes a list from its configuration, but none back when the list is gone from there. */
function giveManager(list: string, now: string | undefined): Step {
  return {
    purpose: `give systemd CPU ${list}, from ${now}`,
    argv: ["taskset", "--cpu-list", "--pid", list, "1"],
  };
}

/** What undoes what is no longer asked for, in this order. */
export interface SystemdUndo {
  /** Gives slices the CPUs that were found: what runs there keeps to the old ones where the drop-in just goes. */
  readonly widen: readonly Step[];
  /** The CPUs that slices have after that, before anything else is done. */
  readonly until: ReadonlyMap<string, string>;
  readonly steps: readonly Step[];
  readonly changedByOthers: readonly string[];
}

/** Drop-ins that are as they were written go, and the manager has its CPUs back where it runs by what it was given. */
export function planUndo(
  { found, written }: { readonly found: Texts; readonly written: Texts },
  kept: ReadonlyMap<string, string>,
  { files, effective }: ObservedSystemdCpus,
): SystemdUndo {
  const keeps = dropIns(kept);
  const dropped = Object.entries(written).filter(([key]) => key.startsWith("/") && !keeps.has(key));
  const ours = dropped.filter(([path, text]) => files.get(path) === text).map(([path]) => path);
  const theirs = dropped.filter(([path]) => files.has(path) && !ours.includes(path)).map(([path]) => path);
  const wider = ours.flatMap((path) => {
    const slice = sliceOf(path);
    const [was, now] = slice === undefined ? [] : [found[slice], effective.get(slice)];
    return slice === undefined || was === undefined || now === undefined || now === was
      ? []
      : [[slice, was] as const];
  });
  const { target, changedByOthers } = restorable(
    new Map(Object.entries(kept.has(MANAGER) ? {} : found).filter(([scope]) => scope === MANAGER)),
    new Map(Object.entries(written)),
    effective,
  );
  const list = target.get(MANAGER);
  const widening = [...dropIns(new Map(wider))].flatMap(([path, text]) => planFile(path, text, undefined));
  // Before systemd reads it once more, and takes what somebody else gave the manager for a slip.
  const early = widening.length > 0 && ours.includes(MANAGER_FILE) ? [MANAGER_FILE] : [];
  return {
    widen: widening.length > 0 ? [...early.map(removeDropIn), ...widening, reload()] : [],
    until: new Map(wider),
    steps: [
      ...ours.filter((path) => !early.includes(path)).map(removeDropIn),
      ...(ours.length > 0 ? [reload()] : []),
      ...(list === undefined ? [] : [giveManager(list, effective.get(MANAGER))]),
    ],
    changedByOthers: [...theirs, ...changedByOthers.map(() => "the CPUs of process 1")],
  };
}

/** What is left to undo where systemd read its configuration in between, and gave the manager once more what was written. */
export function planManagerBack(
  { found, written }: { readonly found: Texts; readonly written: Texts },
  kept: ReadonlyMap<string, string>,
  effective: ObservedSystemdCpus["effective"],
): Step[] {
  const [was, ours, now] = [found[MANAGER], written[MANAGER], effective.get(MANAGER)];
  return kept.has(MANAGER) || was === undefined || now !== ours || now === was ? [] : [giveManager(was, now)];
}

function sliceOf(path: string): string | undefined {
  return /\/(\w+)\.slice\.d\//.exec(path)?.[1];
}

/** Gives slices at once what they are configured to have: systemd passes over one whose configuration it has not seen change. */
export function insist(
  lists: ReadonlyMap<string, string>,
  effective: ObservedSystemdCpus["effective"],
): Step[] {
  return [...lists].flatMap(([scope, list]) =>
    scope === MANAGER || canonical(effective.get(scope) ?? list) === list
      ? []
      : [writeStep(`give ${scope}.slice CPU ${list}`, `/sys/fs/cgroup/${scope}.slice/cpuset.cpus`, list)],
  );
}

/** Whether the lists are in force, but for slices that have nothing in them. */
export function areInForce(
  lists: ReadonlyMap<string, string>,
  effective: ObservedSystemdCpus["effective"],
): boolean {
  return [...lists].every(([scope, list]) => canonical(effective.get(scope) ?? list) === list);
}

export function writtenLists(lists: ReadonlyMap<string, string>): Record<string, string> {
  const manager = lists.get(MANAGER);
  return { ...(manager !== undefined && { [MANAGER]: manager }), ...Object.fromEntries(dropIns(lists)) };
}

/** The CPUs of what is to be set, as they are now. */
export function foundLists(
  lists: ReadonlyMap<string, string>,
  { effective }: ObservedSystemdCpus,
): Record<string, string> {
  return Object.fromEntries([...effective].filter(([scope]) => lists.has(scope)));
}

/** Services that run elsewhere, since they started before. */
export function pendingServices(
  { cpuAffinity }: SystemdCpuLists,
  { services }: ObservedSystemdCpus,
): string[] {
  if (cpuAffinity === undefined) return [];
  const wanted = CpuSet.parse(canonical(cpuAffinity));
  return services
    .filter(({ own, cpus }) => own === "" && !CpuSet.parse(cpus).isSubsetOf(wanted))
    .map(({ name }) => name)
    .sort();
}

/** Services that still have what they were started with under our lists. */
export function servicesLeftBehind(
  { written, found }: { readonly written: Texts; readonly found: Texts },
  { services }: ObservedSystemdCpus,
): string[] {
  const [was, list] = [found[MANAGER], written[MANAGER]];
  if (was === undefined || list === undefined || was === list) return [];
  // Those of this lab go with it, and that of a user goes when he logs out.
  return services
    .filter(({ name, own, cpus }) => own === "" && cpus === list && !/^(nfvlab-|user@)/.test(name))
    .map(({ name }) => name)
    .sort();
}

/** The lists in force, in the user's spelling where it means the same. */
export function observedLists(inputs: SystemdCpuLists, { effective }: ObservedSystemdCpus): SystemdCpuLists {
  const shown = (scope: string, list: string) => {
    const now = effective.get(scope);
    return now === undefined || canonical(now) === canonical(list) ? list : canonical(now);
  };
  const { cpuAffinity, allowedCpus } = inputs;
  return {
    ...(cpuAffinity !== undefined && { cpuAffinity: shown(MANAGER, cpuAffinity) }),
    ...(allowedCpus !== undefined && {
      allowedCpus: Object.fromEntries(
        SLICES.flatMap((slice) => {
          const list = allowedCpus[slice];
          return list === undefined ? [] : [[slice, shown(slice, list)]];
        }),
      ),
    }),
  } as SystemdCpuLists;
}

/** @throws VerificationError `systemd-cpus-not-taken` */
export function verifySystemdCpus(
  lists: ReadonlyMap<string, string>,
  { effective }: ObservedSystemdCpus,
): void {
  const wrong = [...lists].filter(([scope, list]) => canonical(effective.get(scope) ?? list) !== list);
  const [first] = wrong;
  if (first === undefined) return;
  throw new VerificationError({
    code: "systemd-cpus-not-taken",
    ...(wrong.length === 1 && { property: first[0] === MANAGER ? "cpuAffinity" : `allowedCpus.${first[0]}` }),
    problem: "systemd has read its configuration, and runs by other CPUs",
    observed: wrong.map(([scope]) => `${scope} ${effective.get(scope)}`).join(", "),
    expected: wrong.map(([scope, list]) => `${scope} ${list}`).join(", "),
    hint: "another drop-in comes after ours, or `systemctl set-property` was used: systemctl cat system.slice, systemd-analyze cat-config systemd/system.conf",
  });
}
