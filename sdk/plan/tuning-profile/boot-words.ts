import { BootArgumentSet, type BootHugepages } from "../../schema/boot-arguments.ts";
import type { TuningSettings } from "../../schema/tuning-plan.ts";
import {
  cpusOf,
  type FieldName,
  fieldFor,
  fieldOfParameter,
  formatArgument,
  pageSizeOf,
  table,
} from "../boot-argument-table.ts";
import { renderBootArguments } from "../boot-arguments.ts";
import { isKnownParameter, nearestParameter, spelled } from "../boot-parameter-names.ts";
import { lookUp } from "./look-up.ts";
import type { Section } from "./profile.ts";
import { schemaIssue } from "./schema-issue.ts";

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
 * A name that is nearly a kernel parameter's is taken for a slip. Each word is either read or refused.
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
    const field = fieldFor(name);
    if (field === "hugepages") {
      pools.take(word, name, value);
      continue;
    }
    const meaning = field === undefined ? withoutField(name, value) : withField(field, value);
    if (typeof meaning === "string") {
      refused.push({ word, reason: meaning });
      continue;
    }
    const place = `${meaning.section}.${meaning.key}`;
    const before = read.get(place) ?? [];
    if (!isFree(meaning.section)) {
      for (const earlier of before)
        refused.push({ word: earlier.word, reason: `it is given again: ${word.text}` });
      read.set(place, [{ word, ...meaning }]);
      continue;
    }
    const values = [...before.map((each) => parted(each.word.text)[1]), value];
    const all = values.length === 1 ? meaning.value : values.map((each) => each ?? "");
    const issue = schemaIssue(BootArgumentSet.shape.unlisted.safeParse({ [meaning.key]: all }));
    if (issue !== undefined) refused.push({ word, reason: issue });
    else
      read.set(place, [...before.map((each) => ({ ...each, value: all })), { word, ...meaning, value: all }]);
  }
  pools.close();
  return {
    read: [...[...read.values()].flat(), ...pools.read()],
    refused: [...refused, ...pools.refused],
  };
}

/** The words that stand for boot arguments on a command line. */
export function writeBootWords({
  bootArguments,
  extraBootArguments: extra,
  unlistedBootArguments: unlisted,
}: Partial<TuningSettings>): string[] {
  return renderBootArguments({ ...bootArguments, extra, unlisted }).map(formatArgument);
}

type Meaning = Omit<ReadWord<unknown>, "word">;

/** What a word sets, or why it sets nothing. */
function withField(field: FieldName, value: string | undefined): Meaning | string {
  const read = table[field].read(value);
  if (read === undefined) {
    const said = schemaIssue(BootArgumentSet.shape[field].safeParse(value ?? true)) ?? "";
    return said.startsWith("observed") ? said : `its value is none that ${table[field].name} has`;
  }
  if (field === "isolcpus") {
    const { flags } = read as NonNullable<BootArgumentSet["isolcpus"]>;
    if (flags !== undefined && !flags.includes("domain")) {
      return `${flags.join(",")} without domain isolates nothing from the load balancer: /sys/devices/system/cpu/isolated stays empty`;
    }
  }
  return { section: "bootArguments", key: field, value: read };
}

function withoutField(name: string, value: string | undefined): Meaning | string {
  const notTuning = lookUp(NOT_TUNING, name);
  if (notTuning !== undefined) return notTuning;
  if (name === "systemd.cpu_affinity") {
    const cpus = cpusOf(value)?.format();
    return cpus === undefined
      ? "its value is no CPU list"
      : { section: "systemd", key: "cpuAffinity", value: cpus };
  }
  const text = value !== undefined && /^(0|-?[1-9]\d{0,14})$/.test(value) ? Number(value) : (value ?? true);
  if (isKnownParameter(name)) return { section: "extraBootArguments", key: name, value: text };
  const meant = nearestParameter(name, fieldOfParameter.keys());
  if (meant !== undefined)
    return `no parameter of the kernel's is called ${name}: ${meant} was meant, perhaps`;
  return { section: "unlistedBootArguments", key: name, value: text };
}

/** Pools of huge pages: `hugepages` counts pages of the size named last before it, or of the default size. */
class PoolReader<Tag> {
  readonly refused: RefusedWord<Tag>[] = [];
  readonly #pools = new Map<string, { pool: BootHugepages; words: Word<Tag>[] }>();
  /** The size that counts; its word until a pool has taken it. */
  #size: { readonly text: string; readonly word?: Word<Tag> | undefined };

  constructor(words: readonly Word<Tag>[]) {
    const named = words
      .map(({ text }) => parted(text))
      .findLast(([name]) => spelled(name) === "default_hugepagesz");
    this.#size = { text: named?.[1] ?? "2M" };
  }

  take(word: Word<Tag>, name: string, value = ""): void {
    if (name === "hugepagesz") {
      this.close();
      this.#size = { text: value, word };
      return;
    }
    const words = [...(this.#size.word === undefined ? [] : [this.#size.word]), word];
    this.#size = { text: this.#size.text };
    const size = pageSizeOf(this.#size.text);
    const pool = { size, count: poolCount(value) };
    const reason =
      size === undefined
        ? `no page of x86-64 has the size ${this.#size.text}`
        : this.#pools.has(size)
          ? `there is a pool of ${size} already, and the kernel takes the first`
          : schemaIssue(BootArgumentSet.shape.hugepages.safeParse([pool]));
    if (reason === undefined) this.#pools.set(`${size}`, { pool: pool as BootHugepages, words });
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

function isFree(section: Section): boolean {
  return section === "extraBootArguments" || section === "unlistedBootArguments";
}

function parted(word: string): readonly [name: string, value: string | undefined] {
  const equals = word.indexOf("=", 1);
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

function poolCount(count: string): unknown {
  if (/^\d+$/.test(count)) return Number(count);
  if (!/^\d+:\d+(,\d+:\d+)*$/.test(count)) return count;
  return Object.fromEntries(
    count.split(",").map((pair) => {
      const [node = "", pages = ""] = pair.split(":");
      return [node, Number(pages)];
    }),
  );
}
