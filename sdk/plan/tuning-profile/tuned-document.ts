import { InputError } from "../../units/errors.ts";
import { readIni } from "./ini.ts";
import { lookUp } from "./look-up.ts";
import type { TunedMachine } from "./tuned-functions.ts";
import { TunedVariables } from "./tuned-variables.ts";

/** A line of one of the documents that make a profile. */
export interface TunedLine {
  /** Name of the profile, or path of the file of variables, that it stands in. */
  readonly document: string;
  readonly section: string;
  readonly key: string;
  readonly value: string;
}

/** A line that nothing came of, and why. */
export interface NotApplied extends TunedLine {
  readonly reason: string;
}

/** A section after all includes: its plug-in's options. */
export interface TunedUnit {
  readonly name: string;
  /** Name of the plug-in. */
  readonly type: string;
  readonly options: ReadonlyMap<string, TunedLine>;
}

/** A profile with everything that it includes. */
export interface TunedDocument {
  readonly summary: string;
  readonly units: readonly TunedUnit[];
  readonly variables: TunedVariables;
  /** Lines that others replaced, and those about the section itself. */
  readonly notApplied: readonly NotApplied[];
  /** Lines that were read and set nothing by themselves: the summary, includes, variables. */
  readonly read: readonly TunedLine[];
}

/** Texts of what a profile includes: profiles by name, files of variables by path. */
export type TunedTexts = Readonly<Record<string, string>>;

const VARIABLES = "variables";
/** Options that every section may have, and that say which devices or machines it is for. */
const ABOUT_DEVICES = ["devices_udev_regex", "cpuinfo_regex", "uname_regex"];
const ABOUT_THE_SECTION = ["type", "enabled", "replace", "prepend", "drop", "priority"];

interface Unit {
  type: string;
  enabled: boolean;
  switches: TunedLine[];
  options: Map<string, TunedLine>;
}

/**
 * Reads a profile as tuned does: what it includes first, then section by section its own lines over those; then the variables in their order.
 *
 * @throws InputError `tuned-profile` that names everything that is wrong: lines that are no INI, profiles that include each other, assertions that fail
 */
export function readTunedDocument(
  name: string,
  text: string,
  texts: TunedTexts,
  machine: TunedMachine,
): TunedDocument {
  const loading = new Loading(texts, machine);
  loading.load(name, text, []);
  return loading.finish(name);
}

class Loading {
  readonly #texts: TunedTexts;
  readonly #variables: TunedVariables;
  readonly #units = new Map<string, Unit>();
  readonly #given = new Map<string, TunedLine>();
  readonly #loaded = new Set<string>();
  readonly #problems: string[] = [];
  readonly #read: TunedLine[] = [];
  readonly #notApplied: NotApplied[] = [];
  #summary = "";

  constructor(texts: TunedTexts, machine: TunedMachine) {
    this.#texts = texts;
    this.#variables = new TunedVariables(machine);
  }

  load(document: string, text: string, including: readonly string[]): void {
    this.#loaded.add(document);
    const ini = readIni(text);
    for (const { line, text: wrong, problem } of ini.problems)
      this.#problems.push(`${document}, line ${line}: ${problem}: ${JSON.stringify(wrong)}`);
    const lines = ini.lines.map(({ section, key, value = "" }) => ({ document, section, key, value }));
    for (const include of lines.filter(({ section, key }) => section === "main" && key === "include"))
      this.#include(include, [...including, document]);
    for (const section of ini.sections) {
      const own = this.#once(lines.filter((line) => line.section === section));
      if (section === "main") this.#main(own);
      else if (section === VARIABLES) this.#define(own);
      else this.#merge(section, own);
    }
  }

  finish(name: string): TunedDocument {
    this.#evaluate();
    const failed = this.#variables.failed.map((problem) => `an assertion of the profile fails: ${problem}`);
    const problems = [...this.#problems, ...failed];
    if (problems.length > 0) {
      throw new InputError({
        code: "tuned-profile",
        property: name,
        problem: `tuned would not load this profile${problems.map((problem) => `\n  - ${problem}`).join("")}`,
        observed: `${problems.length} ${problems.length === 1 ? "fault" : "faults"}`,
        expected: "a tuned.conf with what it includes",
        hint: "try it with tuned-adm verify where it is in force, and set the variables that its comments name",
      });
    }
    const enabled: TunedUnit[] = [];
    for (const [section, unit] of this.#units) {
      for (const line of unit.switches)
        this.#notApplied.push({ ...line, reason: reasonOfSwitch(line, unit) });
      if (unit.enabled) {
        enabled.push({ name: section, type: unit.type, options: unit.options });
        continue;
      }
      for (const line of unit.options.values())
        this.#notApplied.push({ ...line, reason: "its section is switched off by enabled=false" });
    }
    return {
      summary: this.#summary,
      units: enabled,
      variables: this.#variables,
      notApplied: this.#notApplied,
      read: this.#read,
    };
  }

  #include(line: TunedLine, including: readonly string[]): void {
    const names = this.#variables.expand(line.value);
    const unsettled = this.#variables.unsettled(names);
    if (unsettled !== undefined) {
      this.#notApplied.push({ ...line, reason: unsettled });
      return;
    }
    this.#read.push(line);
    for (const name of names.split(/\s*[,;]\s*/).filter((each) => each !== "")) {
      const text = lookUp(this.#texts, name);
      if (including.includes(name)) this.#problems.push(`${line.document} and ${name} include each other`);
      else if (text !== undefined && !this.#loaded.has(name)) this.load(name, text, including);
      else if (text === undefined) {
        const reason = `the text of the profile ${name} is not given: hand it over by that name`;
        this.#notApplied.push({ ...line, value: name, reason });
      }
    }
  }

  /** Of lines with one key the last counts, in the place of the first. */
  #once(lines: readonly TunedLine[]): Map<string, TunedLine> {
    const own = new Map<string, TunedLine>();
    for (const line of lines) this.#put(own, line);
    return own;
  }

  #put(options: Map<string, TunedLine>, line: TunedLine): void {
    const before = options.get(line.key);
    if (before !== undefined) this.#notApplied.push({ ...before, reason: `${line.document} gives it again` });
    options.set(line.key, line);
  }

  #main(lines: ReadonlyMap<string, TunedLine>): void {
    for (const line of lines.values()) {
      if (line.key === "include") continue;
      if (line.key === "summary") {
        this.#summary = line.value;
        this.#read.push(line);
      } else this.#notApplied.push({ ...line, reason: "[main] has summary and include" });
    }
  }

  #define(lines: Map<string, TunedLine>): void {
    const [replace, prepend] = ["replace", "prepend"].map((key) => {
      const line = lines.get(key);
      if (line === undefined) return false;
      lines.delete(key);
      this.#read.push(line);
      return isTrue(line.value);
    });
    if (replace === true) {
      for (const line of this.#given.values())
        this.#notApplied.push({ ...line, reason: "replace=true takes the variables before it away" });
      this.#given.clear();
    }
    const before = [...this.#given];
    const isNew = [...lines].filter(([key]) => !this.#given.has(key));
    for (const line of lines.values()) this.#put(this.#given, line);
    if (prepend !== true) return;
    const order = [...isNew.map(([key]) => key), ...before.map(([key]) => key)];
    const sorted = order.map((key) => [key, this.#given.get(key) as TunedLine] as const);
    this.#given.clear();
    for (const [key, line] of sorted) this.#given.set(key, line);
  }

  #merge(section: string, lines: Map<string, TunedLine>): void {
    const value = (key: string) => lines.get(key)?.value;
    const drop = value("drop")?.split(/\s*[,;]\s*/) ?? [];
    const switches = [...lines.values()].filter(({ key }) => ABOUT_THE_SECTION.includes(key));
    const options = [...lines.values()].filter(({ key }) => !ABOUT_THE_SECTION.includes(key));
    const own = {
      type: value("type") ?? section,
      enabled: isTrue(value("enabled") ?? "true"),
      switches,
    };
    const there = this.#units.get(section);
    if (there === undefined || isTrue(value("replace") ?? "false")) {
      for (const line of there?.options.values() ?? [])
        this.#notApplied.push({ ...line, reason: "replace=true of a later profile takes its section away" });
      this.#units.set(section, {
        ...own,
        switches: [...(there?.switches ?? []), ...switches],
        options: new Map(options.map((line) => [line.key, line])),
      });
      return;
    }
    for (const key of drop) {
      const line = there.options.get(key);
      if (line === undefined) continue;
      there.options.delete(key);
      this.#notApplied.push({ ...line, reason: `${switches[0]?.document ?? "a later profile"} drops it` });
    }
    const devices = there.options.get("devices");
    if (devices !== undefined && !lines.has("devices")) {
      there.options.delete("devices");
      this.#notApplied.push({ ...devices, reason: "a later profile's section is for all devices again" });
    }
    there.type = own.type;
    there.enabled = own.enabled;
    there.switches.push(...switches);
    for (const line of options) this.#put(there.options, line);
  }

  #evaluate(): void {
    for (const line of this.#given.values()) {
      if (line.key !== "include") this.#defineOne(line);
      else if (lookUp(this.#texts, line.value) === undefined)
        this.#notApplied.push({
          ...line,
          reason: `the file ${line.value} is not given: hand it over by its path`,
        });
      else {
        this.#read.push(line);
        const ini = readIni(lookUp(this.#texts, line.value) ?? "", VARIABLES);
        for (const { line: number, text, problem } of ini.problems)
          this.#problems.push(`${line.value}, line ${number}: ${problem}: ${JSON.stringify(text)}`);
        const lines = ini.lines.map(({ section, key, value = "" }) => ({
          document: line.value,
          section,
          key,
          value,
        }));
        for (const own of this.#once(lines).values()) this.#defineOne(own);
      }
    }
  }

  #defineOne(line: TunedLine): void {
    if (!this.#variables.define(line.key, line.value)) {
      this.#notApplied.push({ ...line, reason: "a variable's name is made of letters, digits and _" });
      return;
    }
    // A variable that stands for itself is how tuned's profiles find out whether one is defined.
    const mine = this.#variables.unsettled(this.#variables.get(line.key) ?? "");
    const isQuestion = line.value.includes(`\${${line.key}}`) || line.value.startsWith("\\");
    if (mine === undefined || isQuestion) this.#read.push(line);
    else this.#notApplied.push({ ...line, reason: mine });
  }
}

function reasonOfSwitch(line: TunedLine, { enabled }: Unit): string {
  if (line.key === "priority") return "a profile's settings have no order";
  if (line.key === "enabled" && !enabled) return "it switches its section off";
  return "heeded: it says how its section is read";
}

function isTrue(value: string): boolean {
  return ["True", "true", "1"].includes(value);
}

/** Options that keep a section to some devices or machines, where a profile is for all of one. */
export function isAboutDevices(line: TunedLine): boolean {
  return ABOUT_DEVICES.includes(line.key) || (line.key === "devices" && line.value !== "*");
}
