import { readBootWords, type Word, wordsOf } from "./boot-words.ts";
import { lookUp } from "./look-up.ts";
import { type PlacedSetting, recordedSettings, type Section, type TuningProfile } from "./profile.ts";
import {
  isAboutDevices,
  type NotApplied,
  readTunedDocument,
  type TunedDocument,
  type TunedLine,
  type TunedTexts,
  type TunedUnit,
} from "./tuned-document.ts";
import { type TunedMachine, tunedCpuList, tunedFunctions } from "./tuned-functions.ts";
import { foreignSection, otherBootloaderOption, tunedSections } from "./tuned-sections.ts";

/** A line, and the settings that it became. */
export interface AppliedLine extends TunedLine {
  readonly settings: readonly string[];
}

export interface TunedImport {
  readonly profile: TuningProfile;
  readonly applied: readonly AppliedLine[];
  /** Lines that set nothing by themselves, but were heeded: the summary, includes, variables. */
  readonly read: readonly TunedLine[];
  /** Every other line, with the reason. A line of which a part was applied is in both. */
  readonly notApplied: readonly NotApplied[];
}

/**
 * A profile of tuned's in our own terms. Nothing is lost in silence: each line of it and of what it includes is in `applied`, `read` or `notApplied`.
 * Changes nothing. `calc_isolated_cores` is computed as tuned does it, by CPU numbers: with simultaneous multithreading it isolates the siblings of the
 * CPUs that it leaves to the system.
 *
 * @param name of the profile, as its directory is called
 * @param text its tuned.conf
 * @param texts what it includes: the tuned.conf of profiles by their names, files of variables by their paths
 * @throws InputError `tuned-profile` that names everything that is wrong: lines that are no INI, profiles that include each other, assertions that fail
 * @example
 * const { profile, notApplied } = tunedToProfile("quiet", text, { "network-latency": parent }, { cpus: facts.cpus, vendor: "intel" });
 * settingsOf(profile).bootArguments.nohzFull; // "2-7"
 */
export function tunedToProfile(
  name: string,
  text: string,
  texts: TunedTexts,
  machine: TunedMachine,
): TunedImport {
  const document = readTunedDocument(name, text, texts, machine);
  const reading = new Reading(name, document, machine);
  for (const unit of document.units) reading.take(unit);
  return reading.result();
}

class Reading {
  readonly #name: string;
  readonly #document: TunedDocument;
  readonly #machine: TunedMachine;
  readonly #settings = new Map<string, PlacedSetting & { readonly line: TunedLine }>();
  readonly #applied = new Map<TunedLine, string[]>();
  readonly #notApplied: NotApplied[];

  constructor(name: string, document: TunedDocument, machine: TunedMachine) {
    this.#name = name;
    this.#document = document;
    this.#machine = machine;
    this.#notApplied = [...document.notApplied];
  }

  take(unit: TunedUnit): void {
    const { name: section, type, options } = unit;
    const isKnown = type === "bootloader" || lookUp(tunedSections, type) !== undefined;
    if (options.size === 0) {
      const empty = { document: this.#name, section, key: "", value: "" };
      this.#refuse(empty, isKnown ? "the section is empty" : foreignSection(type));
    }
    const restriction = [...options.values()].find(isAboutDevices);
    const lines: TunedLine[] = [];
    for (const line of options.values()) {
      const reason = this.#document.variables.unsettled(this.#expanded(line));
      if (restriction !== undefined)
        this.#refuse(line, `its section is for some devices or machines alone: ${restriction.key}`);
      else if (line.key === "devices") this.#refuse(line, "heeded: all devices");
      else if (!isKnown) this.#refuse(line, foreignSection(type));
      else if (reason !== undefined && type !== "bootloader") this.#refuse(line, reason);
      else lines.push(line);
    }
    if (type === "bootloader") this.#commandLine(lines);
    else for (const line of lines) this.#option(type, line, options);
  }

  result(): TunedImport {
    return {
      profile: {
        name: this.#name,
        summary: this.#document.summary,
        settings: recordedSettings([...this.#settings.values()].sort((a, b) => (a.key < b.key ? -1 : 1))),
        leftOut: [],
        overridden: [],
      },
      applied: [...this.#applied].map(([line, settings]) => ({ ...line, settings })),
      read: this.#document.read,
      notApplied: this.#notApplied,
    };
  }

  #expanded({ value }: TunedLine): string {
    return this.#document.variables.expand(value);
  }

  #refuse(line: TunedLine, reason: string): void {
    this.#notApplied.push({ ...line, reason });
  }

  #set(line: TunedLine, section: Section, key: string, value: unknown): void {
    const place = `${section}.${key}`;
    const before = this.#settings.get(place);
    if (before !== undefined && before.line !== line && !isSame(before.setting.value, value)) {
      const told = this.#applied.get(before.line)?.filter((each) => each !== place) ?? [];
      if (told.length > 0) this.#applied.set(before.line, told);
      else this.#applied.delete(before.line);
      this.#refuse(before.line, `${line.key} of [${line.section}] sets ${place} as well, and comes later`);
    }
    this.#settings.set(place, {
      section,
      key,
      setting: {
        value,
        source: `tuned ${line.document} [${line.section}]`,
        reason: `${line.key} of ${line.document}`,
      },
      line,
    });
    this.#applied.set(line, [...new Set([...(this.#applied.get(line) ?? []), place])]);
  }

  #option(type: string, line: TunedLine, options: ReadonlyMap<string, TunedLine>): void {
    const { set, reason } = lookUp(tunedSections, type)?.(line.key, this.#expanded(line)) ?? { set: [] };
    for (const { section, key, value } of set) this.#set(line, section, key, value);
    if (reason !== undefined || set.length === 0) this.#refuse(line, reason ?? "it sets nothing");
    if (type === "scheduler" && line.key === "isolated_cores") this.#interrupts(line, options);
  }

  /** With isolated_cores tuned also sets where new interrupts go, unless the section says otherwise. */
  #interrupts(line: TunedLine, options: ReadonlyMap<string, TunedLine>): void {
    const wanted = (key: string, usual: string) => {
      const other = options.get(key);
      return other === undefined ? usual : this.#expanded(other);
    };
    const isolated = tunedCpuList(this.#expanded(line));
    if (isolated === undefined || isolated.size === 0) return;
    if (
      !/^(1|true)$/i.test(wanted("irq_process", "true")) ||
      wanted("default_irq_smp_affinity", "calc") !== "calc"
    )
      return;
    const rest = tunedFunctions["cpulist_invert"]?.([isolated.format()], this.#machine);
    if (typeof rest === "string" && rest !== "") this.#set(line, "interrupts", "defaultCpus", rest);
  }

  /** All cmdline options together make the command line; one that begins with `-` takes words of those before it away. */
  #commandLine(lines: readonly TunedLine[]): void {
    let words: Word<TunedLine>[] = [];
    for (const line of lines) {
      const text = this.#expanded(line);
      if (!line.key.startsWith("cmdline")) {
        this.#refuse(line, otherBootloaderOption(line.key));
        continue;
      }
      const own = wordsOf(text.replace(/^(\\?[+-]|\\\\)/, ""));
      if (text.startsWith("-")) {
        const taken = words.filter((word) => own.includes(word.text));
        for (const word of taken)
          this.#refuse(word.tag, `${line.key} of ${line.document} takes ${word.text} away`);
        words = words.filter((word) => !taken.includes(word));
        this.#refuse(
          line,
          taken.length === 0 ? "nothing before it has these words" : "heeded: it takes words away",
        );
        continue;
      }
      if (own.length === 0) this.#refuse(line, "it has no word");
      for (const word of own) {
        const reason = this.#document.variables.unsettled(word);
        if (reason === undefined) words.push({ text: word, tag: line });
        else this.#refuse({ ...line, value: word }, reason);
      }
    }
    const { read, refused } = readBootWords(words);
    for (const { word, section, key, value } of read) this.#set(word.tag, section, key, value);
    for (const { word, reason } of refused) this.#notApplied.push({ ...word.tag, value: word.text, reason });
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
