import { BootArgumentSet, type BootHugepages } from "../../schema/boot-arguments.ts";
import { CpuSet } from "../../units/cpuset.ts";
import type { Section, TuningSettings } from "./profile.ts";
import { schemaIssue } from "./schema-issue.ts";

type Fields = TuningSettings["bootArguments"];
type FieldName = keyof Fields;

/** How a field is written on the command line: what stands for its value, undefined for a flag; and back. */
interface Spelling<T> {
  readonly name: string;
  readonly write: (value: T) => string | undefined;
  /** A candidate: whether the field takes it, its schema says. */
  readonly read: (value: string | undefined) => unknown;
}

const text = <T extends string>(name: string): Spelling<T> => ({
  name,
  write: (value) => value,
  read: (value) => value,
});
const flag = (name: string): Spelling<true> => ({
  name,
  write: () => undefined,
  read: (value) => value === undefined || value,
});
const number = (name: string): Spelling<number> => ({
  name,
  write: (value) => `${value}`,
  read: (value = "") => (/^\d+$/.test(value) ? Number(value) : value),
});
const toggle = (name: string, on = "1", off = "0"): Spelling<boolean> => ({
  name,
  write: (value) => (value ? on : off),
  read: (value) => (value === on ? true : value === off ? false : value),
});
const cpus = (name: string): Spelling<string> => ({
  name,
  write: (value) => CpuSet.parse(value).format(),
  read: (value = "") => canonicalCpus(value) ?? value,
});

const spellings: { readonly [F in Exclude<FieldName, "hugepages">]-?: Spelling<NonNullable<Fields[F]>> } = {
  isolcpus: {
    name: "isolcpus",
    write: ({ cpus: list, flags }) => [...(flags ?? []), CpuSet.parse(list).format()].join(","),
    read: (value = "") => {
      const items = value.split(",");
      const flags = items.filter((item) => /^[a-z_]+$/.test(item));
      const list = items.filter((item) => !flags.includes(item)).join(",");
      return { cpus: canonicalCpus(list) ?? list, ...(flags.length > 0 && { flags }) };
    },
  },
  nohzFull: cpus("nohz_full"),
  rcuNocbs: cpus("rcu_nocbs"),
  rcuNocbPoll: flag("rcu_nocb_poll"),
  irqaffinity: cpus("irqaffinity"),
  kthreadCpus: cpus("kthread_cpus"),
  defaultHugepagesz: {
    name: "default_hugepagesz",
    write: (value) => value.replace(/iB$/, ""),
    read: (value) => pageSize(value),
  },
  transparentHugepage: text("transparent_hugepage"),
  numaBalancing: toggle("numa_balancing", "enable", "disable"),
  intelIommu: text("intel_iommu"),
  amdIommu: text("amd_iommu"),
  iommu: text("iommu"),
  intelPstate: text("intel_pstate"),
  amdPstate: text("amd_pstate"),
  idle: text("idle"),
  processorMaxCstate: number("processor.max_cstate"),
  intelIdleMaxCstate: number("intel_idle.max_cstate"),
  nosoftlockup: flag("nosoftlockup"),
  nmiWatchdog: toggle("nmi_watchdog"),
  nowatchdog: flag("nowatchdog"),
  tsc: text("tsc"),
  clocksource: text("clocksource"),
  hpet: text("hpet"),
  mce: text("mce"),
  skewTick: toggle("skew_tick"),
  nohz: toggle("nohz", "on", "off"),
  audit: toggle("audit"),
  mitigations: text("mitigations"),
  nosmt: {
    name: "nosmt",
    write: (value) => (value === true ? undefined : value),
    read: (value) => value ?? true,
  },
  rcuNormalAfterBoot: toggle("rcupdate.rcu_normal_after_boot"),
  nohzFullPatienceDelay: number("rcutree.nohz_full_patience_delay"),
  pcieAspm: text("pcie_aspm"),
  preempt: text("preempt"),
};

/** What arguments of these names would change is not how the machine is tuned. */
const NOT_TUNING: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["root", "rootflags", "rootfstype", "init", "rdinit", "initrd", "ro", "rw", "BOOT_IMAGE"].map((name) => [
      name,
      "it says what the machine boots, not how it is tuned",
    ]),
  ),
  "tuned.non_isolcpus":
    "only tuned's initrd reads it; kernel.workqueueCpus sets the same mask once the machine is up",
};

/** A word of a command line with whatever its reader wants to know it by. */
export interface Word<Tag> {
  readonly text: string;
  readonly tag: Tag;
}

export interface ReadWord<Tag> {
  readonly word: Word<Tag>;
  readonly section: Section;
  readonly key: string;
  readonly value: unknown;
}

export interface RefusedWord<Tag> {
  readonly word: Word<Tag>;
  readonly reason: string;
}

/** The words of a command line: white space parts them, double quotes keep them together and go. So does `${...}`, which stays. */
export function wordsOf(line: string): string[] {
  return (line.match(/(?:"[^"]*"|\$\{[^}]*\}|[^\s"])+/g) ?? []).map((word) => word.replaceAll('"', ""));
}

/**
 * What a command line sets, field by field. Of an argument that comes twice the last counts, of two pools of one page size the first, as with the kernel.
 * Each word is either read or refused.
 */
export function readBootWords<Tag>(words: readonly Word<Tag>[]): {
  read: ReadWord<Tag>[];
  refused: RefusedWord<Tag>[];
} {
  const read = new Map<string, ReadWord<Tag>[]>();
  const refused: RefusedWord<Tag>[] = [];
  const pools = new PoolReader<Tag>(words);
  for (const word of words) {
    const [name, value] = parted(word.text);
    const put = (section: Section, key: string, result: unknown, also: readonly ReadWord<Tag>[] = []) => {
      read.set(`${section}.${key}`, [...also, { word, section, key, value: result }]);
    };
    const notTuning = NOT_TUNING[name];
    if (notTuning !== undefined) refused.push({ word, reason: notTuning });
    else if (name === "hugepagesz" || name === "hugepages") pools.take(word, name, value);
    else if (name === "systemd.cpu_affinity") {
      const list = canonicalCpus(value ?? "");
      if (list === undefined || list === "") refused.push({ word, reason: "its value is no CPU list" });
      else put("systemd", "cpuAffinity", list);
    } else {
      const [field, spelling] = fieldNamed(name) ?? [];
      if (field === undefined || spelling === undefined) {
        const section = "unlistedBootArguments";
        const key = name;
        const before = read.get(`${section}.${key}`) ?? [];
        const values = [...before.map((each) => parted(each.word.text)[1]), value];
        const result = values.length === 1 ? (freeValue(value) ?? true) : values.map((each) => each ?? "");
        const issue = schemaIssue(BootArgumentSet.shape.unlisted.safeParse({ [key]: result }));
        if (issue === undefined) put(section, key, result, before);
        else refused.push({ word, reason: issue });
        continue;
      }
      const candidate = spelling.read(value);
      const issue =
        schemaIssue(BootArgumentSet.shape[field].safeParse(candidate)) ?? unusable(field, candidate);
      if (issue !== undefined) refused.push({ word, reason: issue });
      else {
        for (const earlier of read.get(`bootArguments.${field}`) ?? [])
          refused.push({ word: earlier.word, reason: `it is given again: ${word.text}` });
        put("bootArguments", field, candidate);
      }
    }
  }
  pools.close();
  refused.push(...pools.refused);
  return { read: [...[...read.values()].flat(), ...pools.read()], refused };
}

/** The words that stand for boot arguments on a command line, sorted by the order of the fields. */
export function writeBootWords(settings: TuningSettings): string[] {
  const { bootArguments, extraBootArguments, unlistedBootArguments } = settings;
  return [
    ...Object.entries(spellings).flatMap(([field, spelling]) => {
      const value = bootArguments[field as FieldName];
      return value === undefined ? [] : [joined(spelling.name, (spelling as Spelling<unknown>).write(value))];
    }),
    ...(bootArguments.hugepages ?? []).flatMap(({ size, count }) => [
      `hugepagesz=${size.replace(/iB$/, "")}`,
      `hugepages=${typeof count === "number" ? count : byNode(count)}`,
    ]),
    ...[extraBootArguments, unlistedBootArguments].flatMap((free) =>
      Object.entries(free).flatMap(([name, value]) =>
        (Array.isArray(value) ? value : [value]).map((each) =>
          joined(name, each === true ? undefined : `${each}`),
        ),
      ),
    ),
  ];
}

/** Pools of huge pages: `hugepages` counts pages of the size named last before it, or of the default size. */
class PoolReader<Tag> {
  readonly refused: RefusedWord<Tag>[] = [];
  readonly #pools = new Map<string, { pool: BootHugepages; words: Word<Tag>[] }>();
  /** The size that counts; its word until a pool has taken it. */
  #size: { readonly text: string | undefined; readonly word?: Word<Tag> | undefined };

  constructor(words: readonly Word<Tag>[]) {
    const named = words
      .map(({ text: word }) => parted(word))
      .findLast(([name]) => name === "default_hugepagesz");
    this.#size = { text: named?.[1] ?? "2M" };
  }

  take(word: Word<Tag>, name: string, value: string | undefined): void {
    if (name === "hugepagesz") {
      this.close();
      this.#size = { text: value, word };
      return;
    }
    const words = [...(this.#size.word === undefined ? [] : [this.#size.word]), word];
    this.#size = { text: this.#size.text };
    const pool = { size: pageSize(this.#size.text), count: poolCount(value) };
    const size = `${pool.size}`;
    const reason = this.#pools.has(size)
      ? `there is a pool of ${size} already, and the kernel takes the first`
      : schemaIssue(BootArgumentSet.shape.hugepages.safeParse([pool]));
    if (reason === undefined) this.#pools.set(size, { pool: pool as BootHugepages, words });
    else this.refused.push(...words.map((each) => ({ word: each, reason })));
  }

  /** Refuses a size that no pool has taken. */
  close(): void {
    const { word } = this.#size;
    if (word !== undefined) this.refused.push({ word, reason: "no hugepages= stands behind it" });
  }

  read(): ReadWord<Tag>[] {
    const pools = [...this.#pools.values()];
    const value = pools.map(({ pool }) => pool);
    return pools
      .flatMap(({ words }) => words)
      .map((word) => ({ word, section: "bootArguments", key: "hugepages", value }));
  }
}

function fieldNamed(name: string): readonly [keyof typeof spellings, Spelling<never>] | undefined {
  return Object.entries(spellings).find(([, spelling]) => spelling.name === name.replaceAll("-", "_")) as
    | [keyof typeof spellings, Spelling<never>]
    | undefined;
}

/** What a schema takes and the kernel makes nothing of. */
function unusable(field: FieldName, candidate: unknown): string | undefined {
  if (field !== "isolcpus") return undefined;
  const { flags } = candidate as NonNullable<Fields["isolcpus"]>;
  return flags === undefined || flags.includes("domain")
    ? undefined
    : `${flags.join(",")} without domain isolates nothing from the load balancer: /sys/devices/system/cpu/isolated stays empty`;
}

function parted(word: string): readonly [name: string, value: string | undefined] {
  const equals = word.indexOf("=", 1);
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

function joined(name: string, value: string | undefined): string {
  return value === undefined ? name : `${name}=${value}`;
}

function freeValue(value: string | undefined): string | number | undefined {
  return value !== undefined && /^(0|-?[1-9]\d{0,14})$/.test(value) ? Number(value) : value;
}

function canonicalCpus(list: string): string | undefined {
  try {
    return CpuSet.parse(list).format();
  } catch {
    return undefined;
  }
}

function pageSize(size: string | undefined): string | undefined {
  const sizes: Readonly<Record<string, string>> = {
    "2M": "2MiB",
    "2048K": "2MiB",
    "1G": "1GiB",
    "1024M": "1GiB",
  };
  return sizes[`${size}`.toUpperCase()] ?? size;
}

function poolCount(count: string | undefined): unknown {
  if (count !== undefined && /^\d+$/.test(count)) return Number(count);
  if (count === undefined || !/^\d+:\d+(,\d+:\d+)*$/.test(count)) return count;
  return Object.fromEntries(
    count.split(",").map((pair) => {
      const [node = "", pages = ""] = pair.split(":");
      return [node, Number(pages)];
    }),
  );
}

function byNode(count: Readonly<Record<string, number>>): string {
  return Object.entries(count)
    .map(([node, pages]) => `${node}:${pages}`)
    .join(",");
}
