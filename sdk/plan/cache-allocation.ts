import type { ObservedResctrl, ResctrlGroup, ResctrlResource } from "../observe/resctrl.ts";
import type { cacheAllocation } from "../schema/cache-allocation.ts";
import type { Inputs } from "../schema/definition.ts";
import { CpuSet } from "../units/cpuset.ts";
import { HostError, InputError, VerificationError } from "../units/errors.ts";
import { type Step, writeStep } from "./step.ts";

export type Share = Pick<Inputs<typeof cacheAllocation>, "cpus" | "schemata">;
type Texts = Readonly<Record<string, string>>;

const FOLDER = "/sys/fs/resctrl";
/** The key in what was found that says that the file system was not there. */
const UNMOUNTED = "unmounted";

export function groupName(name: string): string {
  return `nfvlab-${name}`;
}

function groupFolder(name: string): string {
  return `${FOLDER}/${groupName(name)}`;
}

/**
 * Refuses a machine that can't share caches, and says what is missing: the processor, or the kernel.
 *
 * @throws HostError `resctrl-missing`
 */
export function requireResctrl({ flags, known }: ObservedResctrl, host: string): void {
  if (known) return;
  const inProcessor = flags.length > 0;
  throw new HostError({
    code: "resctrl-missing",
    problem: `${host} can't give CPUs a share of a cache`,
    observed: inProcessor
      ? `a processor that can (${flags.join(", ")}), and a kernel without resctrl`
      : "a processor without the flags cat_l3, cat_l2 and mba",
    expected: "both: such a processor, and a kernel with resctrl",
    hint: inProcessor
      ? "take a kernel with CONFIG_X86_CPU_RESCTRL, and no rdt=! among its boot arguments"
      : "leave it out for this machine; virtual machines do not have it",
  });
}

/** What mounts the file system, which says what there is; nothing where it is mounted. */
export function planMount({ mounted }: ObservedResctrl): Step[] {
  if (mounted) return [];
  return [{ purpose: `mount ${FOLDER}`, argv: ["mount", "-t", "resctrl", "resctrl", FOLDER] }];
}

/**
 * Refuses what this machine's caches can't give.
 *
 * @throws InputError `cache-share` that names everything that is wrong, HostError `cache-groups` where no group is left
 */
export function requireShare(
  name: string,
  { schemata }: Share,
  observed: ObservedResctrl,
  host: string,
): void {
  const all = observed.groups.get("")?.schemata ?? new Map<string, ReadonlyMap<string, string>>();
  const problems = partsOf(schemata).flatMap(({ resource, id, value }) => {
    const there = all.get(resource);
    const facts = observed.resources.get(resource);
    if (there === undefined || facts === undefined)
      return [`${resource}: ${host} shares no such resource, but ${[...all.keys()].join(", ") || "none"}`];
    if (!there.has(id)) return [`${resource} ${id}: no such cache, but ${[...there.keys()].join(", ")}`];
    return resource === "MB"
      ? []
      : maskProblems(Number.parseInt(`${value}`, 16), facts).map((text) => `${resource} ${id}: ${text}`);
  });
  if (problems.length > 0)
    throw new InputError({
      code: "cache-share",
      property: "schemata",
      problem: `the caches of ${host} can't be shared so${[...new Set(problems)].map((text) => `\n  - ${text}`).join("")}`,
      hint: `look at ${FOLDER}/info and ${FOLDER}/schemata there`,
    });
  const most = Math.min(...[...observed.resources.values()].map(({ groups }) => groups));
  if (!observed.groups.has(groupName(name)) && observed.groups.size >= most)
    throw new HostError({
      code: "cache-groups",
      problem: `${host} can't tell one more group apart`,
      observed: `${observed.groups.size} groups: ${[...observed.groups.keys()].map((each) => each || "the default").join(", ")}`,
      expected: `fewer than ${most} (num_closids)`,
      hint: "remove one, or put the CPUs into one that is there",
    });
}

function maskProblems(bits: number, { mask = "", minBits = 1, sparse }: ResctrlResource): string[] {
  const all = Number.parseInt(mask, 16);
  const text = bits.toString(16);
  const beyond = Math.floor(bits / 2 ** (32 - Math.clz32(all)));
  const count = bits.toString(2).replaceAll("0", "").length;
  return [
    ...(beyond > 0 || (bits & ~all) !== 0 ? [`${text} has ways beyond ${mask}, all that there are`] : []),
    ...(count < minBits ? [`${text} has ${count} ways, at least ${minBits} are needed`] : []),
    ...(!sparse && !/^1+0*$/.test(bits.toString(2))
      ? [`${text} has gaps, and the ways of a group are one run`]
      : []),
  ];
}

/** Ways that devices put data into as well: what runs on them is disturbed by network cards. */
export function sharedWithDevices({ schemata }: Share, { resources }: ObservedResctrl): string[] {
  return partsOf(schemata).flatMap(({ resource, id, value }) => {
    const shareable = Number.parseInt(resources.get(resource)?.shareable ?? "0", 16);
    const both = resource === "MB" ? 0 : Number.parseInt(`${value}`, 16) & shareable;
    return both === 0 ? [] : [`${resource} ${id}: ${(both >>> 0).toString(16)}`];
  });
}

interface Part {
  readonly resource: string;
  readonly id: string;
  readonly value: string | number;
}

function partsOf(schemata: Share["schemata"]): Part[] {
  return Object.entries(schemata).flatMap(([resource, byId]) =>
    Object.entries(byId ?? {}).map(([id, value]) => ({ resource, id, value })),
  );
}

/** What was there before, for the undo: the groups that the CPUs are in, and whether there were any. */
export function foundGroups(
  name: string,
  { cpus }: Share,
  { mounted, groups }: ObservedResctrl,
): Record<string, string> {
  const wanted = CpuSet.parse(cpus);
  const others = [...groups].filter(([group]) => group !== groupName(name));
  return {
    ...(!mounted && { [UNMOUNTED]: "yes" }),
    ...Object.fromEntries(
      others
        .map(([group, each]) => [group, CpuSet.parse(each.cpus).intersect(wanted).format()] as const)
        .filter(([, list]) => list !== ""),
    ),
  };
}

/** What makes the group be as wanted; nothing where it is. */
export function planShare(name: string, share: Share, { groups }: ObservedResctrl): Step[] {
  const group = groups.get(groupName(name));
  const lines = resourceLines(partsOf(share.schemata).filter((part) => !isSet(part, group)));
  const cpus = CpuSet.parse(share.cpus);
  const isThere = group !== undefined && CpuSet.parse(group.cpus).equals(cpus);
  return [
    ...(group === undefined
      ? [{ purpose: `make group ${groupName(name)}`, argv: ["mkdir", groupFolder(name)] } as Step]
      : []),
    ...(lines === ""
      ? []
      : [writeStep(`set ${lines.trim().replaceAll("\n", ", ")}`, `${groupFolder(name)}/schemata`, lines)]),
    ...(isThere
      ? []
      : [writeStep(`give ${groupName(name)} CPU ${cpus}`, `${groupFolder(name)}/cpus_list`, `${cpus}\n`)]),
  ];
}

function resourceLines(parts: readonly Part[]): string {
  const resources = [...new Set(parts.map(({ resource }) => resource))];
  return resources
    .map((resource) => {
      const mine = parts.filter((part) => part.resource === resource);
      return `${resource}:${mine.map(({ id, value }) => `${id}=${`${value}`.replace(/^0x/i, "")}`).join(";")}\n`;
    })
    .join("");
}

function isSet({ resource, id, value }: Part, group: ResctrlGroup | undefined): boolean {
  const now = group?.schemata.get(resource)?.get(id);
  if (now === undefined) return false;
  // The kernel rounds a bandwidth up to what it can give.
  return resource === "MB"
    ? Number(now) >= Number(value) && Number(now) - Number(value) < 10
    : Number.parseInt(now, 16) === Number.parseInt(`${value}`, 16);
}

/** The group as it reads, for the undo; nothing where it is gone. */
export function writtenGroup(name: string, { groups }: ObservedResctrl): Record<string, string> {
  const group = groups.get(groupName(name));
  if (group === undefined) return {};
  const schemata = [...group.schemata].map(
    ([resource, byId]) => `${resource}:${[...byId].map((pair) => pair.join("=")).join(";")}`,
  );
  return { schemata: schemata.join("\n"), cpus: CpuSet.parse(group.cpus).format() };
}

/** The share in force, in the user's spelling where it means the same; undefined where the group is gone. */
export function observedShare(name: string, wanted: Share, { groups }: ObservedResctrl): Share | undefined {
  const group = groups.get(groupName(name));
  if (group === undefined) return undefined;
  const schemata = Object.entries(wanted.schemata).map(([resource, byId]) => [
    resource,
    byId &&
      Object.fromEntries(
        Object.entries(byId).map(([id, value]) => {
          const now = group.schemata.get(resource)?.get(id);
          const shown = resource === "MB" && now !== undefined ? Number(now) : now;
          return [id, isSet({ resource, id, value }, group) ? value : shown];
        }),
      ),
  ]);
  const cpus = CpuSet.parse(group.cpus);
  return {
    cpus: cpus.equals(CpuSet.parse(wanted.cpus)) ? wanted.cpus : cpus.format(),
    schemata: Object.fromEntries(schemata) as Share["schemata"],
  };
}

/** On import: all that the group has. */
export function shareOf(name: string, { groups }: ObservedResctrl): Share | undefined {
  const group = groups.get(groupName(name));
  if (group === undefined) return undefined;
  const schemata = [...group.schemata].map(([resource, byId]) => [
    resource,
    Object.fromEntries([...byId].map(([id, text]) => [id, resource === "MB" ? Number(text) : text])),
  ]);
  return { cpus: group.cpus, schemata: Object.fromEntries(schemata) as Share["schemata"] };
}

/** @throws VerificationError `cache-share-not-taken` */
export function verifyShare(name: string, share: Share, observed: ObservedResctrl): void {
  const group = observed.groups.get(groupName(name));
  const wrong = partsOf(share.schemata).filter((part) => !isSet(part, group));
  const cpus = CpuSet.parse(share.cpus);
  const isThere = group !== undefined && CpuSet.parse(group.cpus).equals(cpus);
  if (wrong.length === 0 && isThere) return;
  throw new VerificationError({
    code: "cache-share-not-taken",
    property: wrong.length > 0 ? "schemata" : "cpus",
    problem: `group ${groupName(name)} reads back otherwise than written`,
    observed: [
      ...wrong.map(
        ({ resource, id }) => `${resource} ${id} = ${group?.schemata.get(resource)?.get(id) ?? "nothing"}`,
      ),
      ...(isThere ? [] : [`CPU ${group?.cpus ?? "none"}`]),
    ].join(", "),
    expected: [
      ...wrong.map(({ resource, id, value }) => `${resource} ${id} = ${value}`),
      ...(isThere ? [] : [`CPU ${cpus}`]),
    ].join(", "),
    hint: `read ${FOLDER}/info/last_cmd_status there`,
  });
}

/** What takes the group away where it is as it was written, gives its CPUs back, and unmounts what create mounted. */
export function planShareRemoval(
  name: string,
  { found, written }: { readonly found: Texts; readonly written: Texts },
  observed: ObservedResctrl,
): { readonly steps: Step[]; readonly changedByOthers: boolean } {
  const now = writtenGroup(name, observed);
  if (now["schemata"] === undefined) return { steps: [], changedByOthers: false };
  if (now["schemata"] !== written["schemata"] || now["cpus"] !== written["cpus"])
    return { steps: [], changedByOthers: true };
  const back = Object.entries(found).flatMap(([group, list]) => {
    const theirs = observed.groups.get(group);
    if (group === "" || group === UNMOUNTED || theirs === undefined) return [];
    const cpus = CpuSet.parse(theirs.cpus).union(CpuSet.parse(list));
    return [writeStep(`give ${group} CPU ${list} back`, `${FOLDER}/${group}/cpus_list`, `${cpus}\n`)];
  });
  return {
    steps: [
      { purpose: `remove group ${groupName(name)}`, argv: ["rmdir", groupFolder(name)] },
      ...back,
      ...planUnmount(name, found, observed),
    ],
    changedByOthers: false,
  };
}

/** What unmounts what create mounted, where no other group is in it. */
export function planUnmount(name: string, found: Texts, { groups }: ObservedResctrl): Step[] {
  const others = [...groups.keys()].filter((group) => group !== "" && group !== groupName(name));
  if (found[UNMOUNTED] === undefined || others.length > 0) return [];
  return [{ purpose: `unmount ${FOLDER}`, argv: ["umount", FOLDER] }];
}
