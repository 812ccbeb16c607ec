import type { BootArgument } from "../observe/boot-arguments.ts";
import type { BootArgumentSet, BootHugepages } from "../schema/boot-arguments.ts";
import { CpuSet } from "../units/cpuset.ts";
import { type ErrorFacts, HostError, InputError } from "../units/errors.ts";
import { bytes } from "../units/size.ts";
import {
  type FieldName,
  type Fields,
  fieldFor,
  fieldNames,
  fieldOfParameter,
  formatArgument,
  pageSizeOf,
  type Row,
  type Shown,
  table,
} from "./boot-argument-table.ts";
import { isKnownParameter, nearestParameter, spelled } from "./boot-parameter-names.ts";

type FreeForm = NonNullable<BootArgumentSet["extra"]>;
type FreeValue = FreeForm[string];

/** What decides which system starts, and is nobody's tuning. */
const PROTECTED = [
  ...["root", "rootfstype", "rootflags", "ro", "rw", "init", "rdinit", "initrd", "BOOT_IMAGE", "nfvlab.boot"],
];
/** What the kernel takes from the first of several, or adds up. */
const TAKEN_ONCE = ["isolcpus", "nohz_full", "rcu_nocbs", "hugepages"];

/**
 * The arguments of a set in their one order: fields first, each pool of huge pages behind its size, then what has no field, by name.
 *
 * @example renderBootArguments({ skewTick: true, nosoftlockup: true }).map(formatArgument); // ["nosoftlockup", "skew_tick=1"]
 */
export function renderBootArguments(set: BootArgumentSet): BootArgument[] {
  return groupsOf(set).flatMap(({ arguments: group }) => group);
}

/** The set that a line of arguments stands for. What no field can say is free form: listed where kernels know its name. */
export function readBootArguments(line: readonly BootArgument[]): BootArgumentSet {
  const set: Record<string, unknown> = {};
  const pools: BootHugepages[] = [];
  const free = { extra: {} as Record<string, FreeValue>, unlisted: {} as Record<string, FreeValue> };
  let size: BootHugepages["size"] | undefined;
  for (const { name, value } of line) {
    const field = fieldFor(name);
    if (field === "hugepages") {
      const pool = size === undefined ? undefined : poolOf(size, value ?? "");
      if (spelled(name) === "hugepagesz") size = pageSizeOf(value ?? "");
      else if (pool !== undefined) pools.push(pool);
      continue;
    }
    const read = field === undefined ? undefined : table[field].read(value);
    if (field !== undefined && read !== undefined) set[field] = read;
    else add(isKnownParameter(name) || field !== undefined ? free.extra : free.unlisted, name, value);
  }
  return {
    ...set,
    ...(pools.length > 0 && { hugepages: pools }),
    ...(Object.keys(free.extra).length > 0 && { extra: free.extra }),
    ...(Object.keys(free.unlisted).length > 0 && { unlisted: free.unlisted }),
  } as BootArgumentSet;
}

/** The set in force, in the user's spelling where it means the same. */
export function observedSet(wanted: BootArgumentSet, line: readonly BootArgument[]): BootArgumentSet {
  const observed = readBootArguments(line) as Record<string, unknown>;
  const own = (field: string, whole: object, value: unknown) =>
    textOf({ [field]: (whole as Record<string, unknown>)[field] }) === textOf({ [field]: value });
  return Object.fromEntries(
    Object.entries(observed).map(([field, value]) => {
      const mine = (wanted as Record<string, unknown>)[field];
      if (field !== "extra" && field !== "unlisted")
        return [field, mine !== undefined && own(field, wanted, value) ? mine : value];
      const free = (mine ?? {}) as FreeForm;
      const items = Object.entries(value as FreeForm).map(([name, now]) => {
        const asked = free[name];
        const same =
          asked !== undefined && textOf({ extra: { [name]: asked } }) === textOf({ extra: { [name]: now } });
        return [name, same ? asked : now];
      });
      return [field, Object.fromEntries(items)];
    }),
  ) as BootArgumentSet;
}

function textOf(set: object): string {
  return renderBootArguments(set as BootArgumentSet)
    .map(formatArgument)
    .join(" ");
}

/**
 * Says everything that can be said against a set without a machine.
 *
 * @throws InputError `boot-arguments`, whose cause is an AggregateError of one InputError a finding
 */
export function checkBootArguments(set: BootArgumentSet): void {
  refuse([
    ...(groupsOf(set).length === 0
      ? [finding({ problem: "there is no argument in it", expected: "at least one", property: "arguments" })]
      : []),
    ...checkCpus(set),
    ...checkHugepages(set),
    ...Object.keys(set.extra ?? {}).flatMap((name) => checkName("extra", name)),
    ...Object.keys(set.unlisted ?? {}).flatMap((name) => checkName("unlisted", name)),
  ]);
}

function checkCpus({ isolcpus, nohzFull, rcuNocbs, rcuNocbPoll, irqaffinity, kthreadCpus }: BootArgumentSet) {
  const found: InputError[] = [];
  const isolated = CpuSet.parse(isolcpus?.cpus ?? "");
  const tickless = CpuSet.parse(nohzFull ?? "");
  const { flags } = isolcpus ?? {};
  if (flags !== undefined && !flags.includes("domain")) {
    found.push(
      finding({
        property: "arguments.isolcpus.flags",
        problem: "these flags without domain leave no CPU isolated",
        observed: flags.join(", "),
        expected: "domain among them",
      }),
    );
  }
  if (flags?.includes("nohz") && nohzFull !== undefined && !tickless.equals(isolated)) {
    found.push(
      finding({
        property: "arguments.nohzFull",
        problem: "with the flag nohz the kernel takes only the first of two different lists",
        observed: `nohz_full=${tickless}`,
        expected: `${isolated}, the CPUs of isolcpus`,
      }),
    );
  }
  for (const [field, cpus] of [
    ["isolcpus.cpus", isolated],
    ["nohzFull", tickless],
  ] as const) {
    if (!cpus.has(0)) continue;
    found.push(
      finding({
        property: `arguments.${field}`,
        problem: "CPU 0 boots the machine and can't be taken away from it",
        observed: cpus.format(),
        expected: "CPUs beside CPU 0",
      }),
    );
  }
  for (const [field, value] of [
    ["irqaffinity", irqaffinity],
    ["kthreadCpus", kthreadCpus],
  ] as const) {
    const both = CpuSet.parse(value ?? "").intersect(isolated.union(tickless));
    if (both.size === 0) continue;
    found.push(
      finding({
        property: `arguments.${field}`,
        problem: "housekeeping lands on isolated CPUs",
        observed: both.format(),
        expected: "CPUs that neither isolcpus nor nohzFull names",
      }),
    );
  }
  if (rcuNocbPoll === true && rcuNocbs === undefined && nohzFull === undefined) {
    found.push(
      finding({
        property: "arguments.rcuNocbPoll",
        problem: "no CPU hands its RCU callbacks over, so there is nothing to poll for",
        expected: "rcuNocbs or nohzFull beside it",
      }),
    );
  }
  return found;
}

function checkHugepages({ hugepages = [] }: BootArgumentSet): InputError[] {
  const twice = hugepages.filter(
    ({ size }, index) => hugepages.findIndex((pool) => pool.size === size) !== index,
  );
  return twice.map(({ size }) =>
    finding({
      property: "arguments.hugepages",
      problem: "the kernel takes the first of two pools of one size",
      observed: `${size} twice`,
      expected: "each size once",
    }),
  );
}

function checkName(group: "extra" | "unlisted", name: string): InputError[] {
  const property = `arguments.${group}["${name}"]`;
  const field = fieldFor(name);
  if (spelled(name) === "mce" || field !== undefined)
    return [finding({ property, problem: `${name} has a field of its own`, hint: `use ${field ?? "mce"}` })];
  if (PROTECTED.some((one) => spelled(one) === spelled(name))) {
    const problem = `${name} decides what the machine starts, which is not to be changed from here`;
    return [finding({ property, problem, hint: "leave it as the machine has it" })];
  }
  if (group === "unlisted") {
    if (!isKnownParameter(name)) return [];
    return [
      finding({ property, problem: `${name} is a parameter that kernels know`, hint: "put it into extra" }),
    ];
  }
  if (isKnownParameter(name)) return [];
  const meant = nearestParameter(name, fieldOfParameter.keys());
  const known = meant === undefined ? undefined : fieldFor(meant);
  const hint =
    meant === undefined
      ? "put it into unlisted, where the kernel is a special one or the argument is not for the kernel"
      : known === undefined
        ? `${meant} is meant, perhaps; where it is not, put it into unlisted`
        : `${meant} is meant, perhaps: use ${known}; where it is not, put it into unlisted`;
  return [finding({ property, problem: `no kernel parameter of the name ${name} is known`, hint })];
}

/** What a set meets on a machine. */
export interface Surroundings {
  readonly shown: Shown;
  /** Arguments that the machine has of its own in the entry that is to be booted. */
  readonly base: readonly BootArgument[];
  /** The file that these come from. */
  readonly baseFile?: string | undefined;
  /** Sets of others on the machine, by name. */
  readonly others: ReadonlyMap<string, readonly BootArgument[]>;
}

/**
 * Says everything that a machine has against a set, before it is touched.
 *
 * @throws InputError `boot-arguments`
 */
export function requireFitting(set: BootArgumentSet, { shown, base, baseFile, others }: Surroundings): void {
  const present = CpuSet.parse(shown.files.get("/sys/devices/system/cpu/present") ?? "");
  const online = CpuSet.parse(shown.files.get("/sys/devices/system/cpu/online") ?? "");
  const found: InputError[] = [];
  const note = (facts: Omit<ErrorFacts, "code">) => found.push(finding(facts));
  const isolated = CpuSet.parse(set.isolcpus?.cpus ?? "");
  const tickless = CpuSet.parse(set.nohzFull ?? "");
  for (const [field, list] of [
    ["isolcpus.cpus", set.isolcpus?.cpus],
    ["nohzFull", set.nohzFull],
    ["rcuNocbs", set.rcuNocbs],
    ["irqaffinity", set.irqaffinity],
    ["kthreadCpus", set.kthreadCpus],
  ] as const) {
    const missing = CpuSet.parse(list ?? "").minus(present);
    if (present.size === 0 || missing.size === 0) continue;
    note({
      property: `arguments.${field}`,
      problem: "there are no such CPUs",
      observed: missing.format(),
      expected: `CPUs among ${present}`,
    });
  }
  for (const [field, list] of [
    ["isolcpus.cpus", isolated],
    ["nohzFull", tickless],
  ] as const) {
    if (online.size === 0 || online.minus(list).size > 0) continue;
    note({
      property: `arguments.${field}`,
      problem: "no CPU is left for the system itself",
      observed: list.format(),
      expected: `fewer than ${online}`,
    });
  }
  if (set.isolcpus !== undefined && set.nohzFull !== undefined && !isolated.equals(tickless)) {
    if (isOlderThan(shown.kernelRelease, 5, 18))
      note({
        property: "arguments.nohzFull",
        problem: `Linux ${shown.kernelRelease} takes only the first of two different lists`,
        observed: `nohz_full=${tickless}`,
        expected: `${isolated}, the CPUs of isolcpus`,
      });
  }
  for (const problem of tooMuchMemory(set, shown)) note(problem);
  const names = new Set(renderBootArguments(set).map(({ name }) => spelled(name)));
  for (const name of TAKEN_ONCE) {
    const there = base.find((argument) => spelled(argument.name) === name);
    if (there === undefined || !names.has(name)) continue;
    note({
      property: `arguments.${fieldFor(name)}`,
      problem: `the machine has its own ${name}, which comes first and wins`,
      observed: formatArgument(there),
      expected: `no ${name} in ${baseFile ?? "/etc/default/grub"}`,
    });
  }
  for (const [other, line] of others) {
    const shared = [...new Set(line.map(({ name }) => spelled(name)))].filter((name) => names.has(name));
    if (shared.length === 0) continue;
    note({
      property: "arguments",
      problem: `the set ${other} on this machine has ${shared.join(", ")} already`,
      hint: "leave each argument to one set",
    });
  }
  refuse(found);
}

/** Nine tenths of a node is what pages may take: the system starts from the rest. */
const LARGEST_SHARE = 0.9;

function* tooMuchMemory(
  { hugepages = [] }: BootArgumentSet,
  { files }: Shown,
): Generator<Omit<ErrorFacts, "code">> {
  const nodes = new Map<string, number>();
  for (const [path, text] of files) {
    const node = /\/node(\d+)\/meminfo$/.exec(path)?.[1];
    const kib = /MemTotal:\s+(\d+) kB/.exec(text)?.[1];
    if (node !== undefined && kib !== undefined) nodes.set(node, Number(kib) * 1024);
  }
  const numbers = [...nodes.keys()];
  const asked = new Map<string, number>();
  for (const { size, count } of hugepages) {
    for (const node of typeof count === "number" ? numbers : Object.keys(count)) {
      const pages = typeof count === "number" ? count / numbers.length : (count[node] ?? 0);
      asked.set(node, (asked.get(node) ?? 0) + pages * bytes(size));
    }
  }
  for (const [node, wanted] of asked) {
    const total = nodes.get(node);
    const property = "arguments.hugepages";
    if (total === undefined) {
      if (nodes.size > 0)
        yield {
          property,
          problem: "there is no such NUMA node",
          observed: node,
          expected: `one of ${numbers.join(", ")}`,
        };
    } else if (wanted > total * LARGEST_SHARE) {
      yield {
        property,
        problem: `the pages leave node ${node} too little memory to start from`,
        observed: `${mib(wanted)} of ${mib(total)}`,
        expected: `at most ${mib(total * LARGEST_SHARE)}`,
      };
    }
  }
}

export interface Judgement {
  /** Arguments that are in force, each by its own evidence. */
  readonly effective: readonly string[];
  readonly pending: readonly string[];
  /** What the kernel logged against them. */
  readonly complaints: readonly string[];
}

/** Which of a set's arguments the running kernel shows in force. One that only stands on its command line is not. */
export function judge(set: BootArgumentSet, shown: Shown): Judgement {
  const effective: string[] = [];
  const pending: string[] = [];
  const line = shown.commandLine.kernel.map(formatArgument);
  for (const { arguments: group, holds } of groupsOf(set)) {
    const texts = group.map(formatArgument);
    const stands = texts.every((text) => line.includes(text));
    (stands && holds(shown) ? effective : pending).push(texts.join(" "));
  }
  return { effective, pending, complaints: complaintsOf(set, shown) };
}

function complaintsOf(set: BootArgumentSet, { log }: Shown): string[] {
  const isolates = set.isolcpus !== undefined || set.nohzFull !== undefined;
  const names = renderBootArguments({ ...set, unlisted: undefined }).map(({ name }) => spelled(name));
  return log.lines.filter((text) => {
    if (text.startsWith("Housekeeping:")) return isolates;
    const unknown = /Unknown kernel command line parameters "(.*)"/.exec(text)?.[1];
    const words = (unknown ?? "").split(/\s+/).map((word) => spelled(word.split("=")[0] ?? ""));
    return words.some((word) => names.includes(word));
  });
}

/** @throws HostError `boot-argument-refused` with what the kernel said */
export function requireNoComplaints(complaints: readonly string[], host: string): void {
  if (complaints.length === 0) return;
  throw new HostError({
    code: "boot-argument-refused",
    property: "arguments",
    problem: `the kernel of ${host} does not take its command line as it is`,
    observed: complaints.join(" | "),
    hint: "correct or remove what it names",
  });
}

interface Group {
  readonly arguments: readonly BootArgument[];
  readonly holds: (shown: Shown) => boolean;
}

function groupsOf(set: BootArgumentSet): Group[] {
  const groups = fieldNames.flatMap((field) => {
    const group = fieldGroup(field, set[field]);
    return group === undefined ? [] : [group];
  });
  const after = groups.findIndex(({ arguments: [first] }) => first?.name === "default_hugepagesz") + 1;
  const pools = [...(set.hugepages ?? [])].sort((a, b) => bytes(b.size) - bytes(a.size)).map(poolGroup);
  return [
    ...groups.slice(0, after),
    ...pools,
    ...groups.slice(after),
    ...free(set.extra),
    ...free(set.unlisted),
  ];
}

function fieldGroup<F extends FieldName>(field: F, value: BootArgumentSet[F]): Group | undefined {
  if (value === undefined) return undefined;
  const { name, write, holds } = table[field] as unknown as Row<Fields[F]>;
  const text = write(value as Fields[F]);
  return {
    arguments: [{ name, ...(text !== undefined && { value: text }) }],
    holds: (shown) => holds?.(value as Fields[F], shown) ?? true,
  };
}

function poolGroup({ size, count }: BootHugepages): Group {
  const byNode = Object.entries(count).map(([node, pages]) => [Number(node), pages] as const);
  const text = typeof count === "number" ? `${count}` : byNode.map((pair) => pair.join(":")).join(",");
  const sizeKib = bytes(size) / 1024;
  return {
    arguments: [
      { name: "hugepagesz", value: size.slice(0, 2) },
      { name: "hugepages", value: text },
    ],
    holds: ({ files, hugepages }) => {
      if (!hugepages.some((pool) => pool.sizeKib === sizeKib)) return false;
      const pages = (node: string) =>
        Number(
          files.get(`/sys/devices/system/node/${node}/hugepages/hugepages-${sizeKib}kB/nr_hugepages`) ?? 0,
        );
      if (typeof count !== "number") return byNode.every(([node, wanted]) => pages(`node${node}`) >= wanted);
      const nodes = new Set(
        [...files.keys()].flatMap((path) => /\/(node\d+)\/hugepages\//.exec(path)?.[1] ?? []),
      );
      return [...nodes].reduce((sum, node) => sum + pages(node), 0) >= count;
    },
  };
}

function free(values: FreeForm | undefined): Group[] {
  return Object.entries(values ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({
      arguments: value === true ? [{ name }] : [value].flat().map((item) => ({ name, value: `${item}` })),
      holds: () => true,
    }));
}

function poolOf(size: BootHugepages["size"], text: string): BootHugepages | undefined {
  if (/^\d+$/.test(text)) return { size, count: Number(text) };
  if (!/^\d+:\d+(,\d+:\d+)*$/.test(text)) return undefined;
  return { size, count: Object.fromEntries(text.split(",").map((pair) => pair.split(":").map(Number))) };
}

function add(free: Record<string, FreeValue>, name: string, text: string | undefined): void {
  const before = free[name];
  const value =
    text === undefined ? true : /^-?(0|[1-9]\d{0,14})$/.test(text) && text !== "-0" ? Number(text) : text;
  if (before === undefined) free[name] = value;
  else if (before !== true && value !== true)
    free[name] = [...(Array.isArray(before) ? before : [`${before}`]), `${value}`];
}

function finding(facts: Omit<ErrorFacts, "code">): InputError {
  return new InputError({ code: "boot-argument", ...facts });
}

function refuse(findings: readonly InputError[]): void {
  const [only] = findings;
  if (only === undefined) return;
  const sentences = findings.map(({ message }) => `\n  - ${message}`).join("");
  throw new InputError({
    code: "boot-arguments",
    problem: `these boot arguments can't be used${sentences}`,
    cause: new AggregateError(findings),
  });
}

function isOlderThan(release: string, major: number, minor: number): boolean {
  const [, one, two] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  if (one === undefined) return false;
  return Number(one) < major || (Number(one) === major && Number(two) < minor);
}

function mib(amount: number): string {
  return `${Math.round(amount / 2 ** 20)} MiB`;
}
