import type { KernelFiles } from "../observe/kernel-files.ts";
import { CpuSet } from "../units/cpuset.ts";
import { HostError, InputError, VerificationError } from "../units/errors.ts";
import { grouped } from "./grouped.ts";
import type { KnobValue } from "./kernel-text.ts";
import { writeLinesStep } from "./kernel-writes.ts";
import { CPUS, type Knob, type KnobFile } from "./knobs.ts";
import { restorable } from "./restorable.ts";
import { setElsewhere } from "./sole-owner.ts";
import type { Step } from "./step.ts";

/** Fields of a resource by name, and `cpus` where it has them. */
export type KnobInputs = Readonly<Record<string, unknown>>;

/** One kernel file that is to hold a value. */
export interface Setting {
  readonly knob: Knob;
  /** What it is of: `CPU 2`, `CPU 2 C6`, `24 virtio0-input`; empty for the host. */
  readonly of: string;
  readonly path: string;
  readonly value: KnobValue;
  readonly file: KnobFile;
}

/** What is served by device interrupts, by number, as /proc/interrupts has it. */
export type Interrupts = ReadonlyMap<number, string>;

export interface Machine {
  readonly files: KernelFiles;
  readonly interrupts: Interrupts;
}

/** How the kernel says so: EIO, and from 6.11 on EPERM. */
const UNMOVABLE = ["Input/output error", "Operation not permitted"];
const INTERRUPTS = "/proc/interrupts";

/** Every file that the knobs are in, and those that say what a machine has of them. */
export function patternsOf(knobs: readonly Knob[]): string[] {
  const patterns = knobs.flatMap(({ per, files }) => [
    ...files.flatMap(({ path, off }) => (off === undefined ? [path] : [path, off.emptied])),
    ...(per === "idle-state" ? [nameBeside(files[0].path)] : []),
    ...(per === "interrupt" ? [INTERRUPTS] : []),
  ]);
  return [...new Set([`${CPUS}/online`, ...patterns])];
}

export function onlineCpus(files: KernelFiles): CpuSet {
  return CpuSet.parse(files.get(`${CPUS}/online`) ?? "");
}

/**
 * Refuses what can be seen to be wrong without a machine: no field at all, fields of CPUs without CPUs, CPUs without such a field. `beside` are fields of the resource
 * that are in no kernel file.
 *
 * @throws InputError `knobs`
 */
export function checkKnobs(knobs: readonly Knob[], inputs: KnobInputs, beside: KnobInputs = {}): void {
  const given = knobs.filter(({ field }) => inputs[field] !== undefined);
  const fields = [...knobs.map(({ field }) => field), ...Object.keys(beside)];
  const ofCpus = knobs.filter(({ per }) => per === "cpu" || per === "idle-state");
  const isEmpty = given.length === 0 && Object.values(beside).every((value) => value === undefined);
  if (isEmpty && inputs["cpus"] === undefined)
    throw notGiven(undefined, "nothing is to be set", `at least one of ${fields.join(", ")}`);
  const needCpus = given.filter((knob) => ofCpus.includes(knob)).map(({ field }) => field);
  if (needCpus.length > 0 && inputs["cpus"] === undefined)
    throw notGiven(
      "cpus",
      `${needCpus.join(", ")} without the CPUs that are meant`,
      'a CPU list, for instance "2-9"',
    );
  if (ofCpus.length > 0 && needCpus.length === 0 && inputs["cpus"] !== undefined)
    throw notGiven(
      "cpus",
      "CPUs of which nothing is to be set",
      ofCpus.map(({ field }) => field).join(" or "),
    );
  for (const { field, per, files } of given) if (per !== "idle-state") checkText(field, files, inputs[field]);
}

/** What the file could not take, as a latency of half a microsecond. */
function checkText(property: string, [{ text }]: Knob["files"], value: unknown): void {
  try {
    text.write(value as KnobValue);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { code, problem, observed, expected } = error;
    throw new InputError({ code, property, problem, ...present({ observed, expected }) });
  }
}

function present(facts: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(facts).flatMap(([key, text]) => (text === undefined ? [] : [[key, text]])),
  );
}

function notGiven(property: string | undefined, problem: string, expected: string): InputError {
  return new InputError({ code: "knobs", ...(property !== undefined && { property }), problem, expected });
}

/** The files that inputs mean on this machine; a file that it does not have is among them. `left` are those that are let alone, by `of`. */
export function settingsOf(
  knobs: readonly Knob[],
  inputs: KnobInputs,
  machine: Machine,
  left: readonly string[] = [],
): Setting[] {
  return knobs
    .filter(({ field }) => inputs[field] !== undefined)
    .flatMap((knob) => PLACES[knob.per](knob, inputs, machine))
    .filter(({ of }) => !left.includes(of));
}

const PLACES: Readonly<Record<Knob["per"], (knob: Knob, inputs: KnobInputs, machine: Machine) => Setting[]>> =
  {
    host: (knob, inputs, { files }) => {
      const file = knob.files.find(({ path }) => files.has(path)) ?? knob.files[0];
      return [{ knob, of: "", path: file.path, value: inputs[knob.field] as KnobValue, file }];
    },
    cpu: (knob, inputs) => {
      const [file] = knob.files;
      return cpusOf(inputs).map((cpu) => ({
        ...{ knob, file, of: `CPU ${cpu}`, path: ofCpu(file.path, cpu) },
        value: inputs[knob.field] as KnobValue,
      }));
    },
    "idle-state": (knob, inputs, { files }) => {
      const [file] = knob.files;
      return cpusOf(inputs).flatMap((cpu) => {
        const byName = idleStates(ofCpu(file.path, cpu), files);
        return (inputs[knob.field] as readonly string[]).map((state) => ({
          ...{ knob, file, value: true, of: `CPU ${cpu} ${state}` },
          path: byName.get(state) ?? ofCpu(file.path, cpu),
        }));
      });
    },
    interrupt: (knob, inputs, { files, interrupts }) => {
      const [file] = knob.files;
      // Those that no driver has asked for yet as well: it gets them as they are.
      const numbers = [...files.keys()].flatMap((path) =>
        matches(file.path, path) ? [Number(/\d+/.exec(path)?.[0])] : [],
      );
      return numbers.map((number) => ({
        ...{ knob, file, path: file.path.replace("[0-9]*", `${number}`) },
        of: [number, interrupts.get(number)].filter((part) => part !== undefined).join(" "),
        value: inputs[knob.field] as KnobValue,
      }));
    },
  };

function cpusOf(inputs: KnobInputs): number[] {
  return [...CpuSet.parse((inputs["cpus"] as string | undefined) ?? "")];
}

function ofCpu(pattern: string, cpu: number): string {
  return pattern.replace("cpu[0-9]*", `cpu${cpu}`);
}

function nameBeside(path: string): string {
  return path.replace(/[^/]+$/, "name");
}

/** The file of each idle state of a CPU, by the state's name. */
function idleStates(pattern: string, files: KernelFiles): Map<string, string> {
  const states = new Map<string, string>();
  for (let state = 0; ; state += 1) {
    const path = pattern.replace("state[0-9]*", `state${state}`);
    const name = files.get(nameBeside(path))?.trim();
    if (name === undefined) return states;
    states.set(name, path);
  }
}

/**
 * Refuses before anything is written what the machine does not have, all of it at once.
 *
 * @throws HostError `knob-missing`
 */
export function requireKnobs(settings: readonly Setting[], files: KernelFiles, host: string): void {
  const missing = settings.filter(({ path }) => !files.has(path));
  if (missing.length === 0) return;
  const byField = grouped(missing, ({ knob }) => knob);
  throw new HostError({
    code: "knob-missing",
    ...(byField.size === 1 && { property: missing[0]?.knob.field ?? "" }),
    problem: `${host} does not have ${[...byField.keys()].map(({ field }) => field).join(", ")}`,
    observed: [...byField].map(([{ absent }, list]) => `no ${wherePath(list)} (${absent})`).join("; "),
    hint: "leave out what this machine does not have; `ls` shows there what it has",
  });
}

/**
 * Refuses what another resource of ours on the machine sets: the last one to write would win, and each would undo the other. `own` is the file of this one among those that
 * systemd-tmpfiles applies.
 *
 * @throws HostError `knob-elsewhere`
 */
export function requireSole(
  settings: readonly Setting[],
  own: string,
  others: ReadonlyMap<string, ReadonlySet<string>>,
  host: string,
): void {
  const twice = [...others].flatMap(([other, paths]) => {
    const both = settings.filter(({ path }) => other !== own && paths.has(path));
    return [...grouped(both, ({ knob }) => knob.field)].map(([field, list]) => {
      const of = list[0]?.of === "" ? "" : ` of ${placesOf(list)}`;
      return { field, text: `${field}${of} in ${other}` };
    });
  });
  const fields = new Set(twice.map(({ field }) => field));
  if (twice.length === 0) return;
  throw setElsewhere(
    fields.size === 1 ? [...fields][0] : undefined,
    host,
    twice.map(({ text }) => text),
    own,
  );
}

/** One path for all places of a field: its pattern where there are several. */
function wherePath(list: readonly Setting[]): string {
  const [first] = list;
  if (list.length === 1 || first === undefined) return first?.path ?? "";
  const names = [...new Set(list.map(({ of }) => /^CPU \d+ (.+)$/.exec(of)?.[1]))].filter(Boolean);
  return `${first.file.path}${names.length > 0 ? ` named ${names.join(", ")}` : ""} of ${placesOf(list)}`;
}

function placesOf(list: readonly Setting[]): string {
  const numbers = list.flatMap(({ of }) => /^CPU (\d+)/.exec(of)?.[1] ?? []).map(Number);
  return numbers.length > 0 ? `CPU ${CpuSet.of(numbers).format()}` : list.map(({ of }) => of).join(", ");
}

/** Whether the kernel has what the setting says. */
export function inForce({ path, file, value }: Setting, files: KernelFiles): boolean {
  const text = files.get(path);
  if (text === undefined || !means(file, text, value)) return false;
  return (
    file.off === undefined || file.text.write(value) !== "0" || files.get(file.off.emptied)?.trim() === "0"
  );
}

function means({ text: form }: KnobFile, text: string, value: KnobValue): boolean {
  const observed = form.read(text);
  return form.write(observed) === form.write(value) || form.satisfies?.(observed, value) === true;
}

/** What brings the kernel to the settings in one go; nothing where it has them. */
export function planSettings(settings: readonly Setting[], files: KernelFiles): Step[] {
  const changes = settings.filter((setting) => !inForce(setting, files));
  return writes(
    changes.map(({ knob, of, path, file, value }) => ({
      ...{ path, file, text: file.text.write(value) },
      what: `${knob.field}${of === "" ? "" : ` of ${of}`} to ${file.text.write(value)}`,
    })),
  );
}

interface Write {
  readonly path: string;
  readonly file: KnobFile;
  readonly text: string;
  readonly what: string;
}

function writes(list: readonly Write[]): Step[] {
  const [first] = list;
  if (first === undefined) return [];
  const others = list.length === 1 ? "" : ` and ${list.length - 1} more`;
  const lines = list.flatMap(({ path, file: { off }, text }) =>
    (off !== undefined && text === "0" ? [off.first, text] : [text]).map((line) => ({ path, text: line })),
  );
  return [writeLinesStep(`set ${first.what}${others}`, lines)];
}

/** Interrupts that are elsewhere, by `of`. */
export function strayInterrupts(settings: readonly Setting[], files: KernelFiles): string[] {
  return settings
    .filter((setting) => setting.knob.per === "interrupt" && !inForce(setting, files))
    .map(({ of }) => of);
}

/** Of those the ones that the kernel keeps where they are: their drivers manage them, or they belong to one CPU. */
export function unmovableOf(
  settings: readonly Setting[],
  files: KernelFiles,
  refusals: ReadonlyMap<string, string>,
): string[] {
  return strayInterrupts(
    settings.filter(({ path }) => UNMOVABLE.includes(refusals.get(path) ?? "")),
    files,
  );
}

/** @throws VerificationError `knob-not-taken`: the kernel refuses a value, or takes it and keeps its own */
export function verifySettings(
  settings: readonly Setting[],
  files: KernelFiles,
  refusals: ReadonlyMap<string, string> = new Map(),
): void {
  const wrong = settings.filter((setting) => !inForce(setting, files));
  const [first] = wrong;
  if (first === undefined) return;
  const said = new Set(wrong.flatMap(({ path }) => refusals.get(path) ?? []));
  const fields = new Set(wrong.map(({ knob }) => knob.field));
  throw new VerificationError({
    code: "knob-not-taken",
    ...(fields.size === 1 && { property: first.knob.field }),
    problem: "the kernel reads back otherwise than written",
    observed: listed(wrong, ({ path }) => files.get(path)?.trim() ?? "no such file"),
    expected: listed(wrong, ({ file, value }) => file.text.write(value)),
    hint:
      said.size > 0
        ? `it refused with ${[...said].map((reason) => `"${reason}"`).join(", ")}: ask for what it takes, or look for what holds it`
        : "it limits or rounds what is written, or something else sets it as well: ask for a value that it keeps",
  });
}

function listed(settings: readonly Setting[], text: (setting: Setting) => string): string {
  const groups = grouped(settings, (setting) => `${setting.knob.field}\0${text(setting)}`);
  return [...groups.values()]
    .map((group) => {
      const [first] = group as [Setting, ...Setting[]];
      const of = first.of === "" ? "" : ` of ${placesOf(group)}`;
      return `${first.knob.field}${of} = ${text(first)}`;
    })
    .join(", ");
}

/** The fields in force, in the user's spelling where it means the same. Of one that the machine no longer has there is none. */
export function observedFields(
  knobs: readonly Knob[],
  inputs: KnobInputs,
  machine: Machine,
  left: readonly string[] = [],
): Record<string, unknown> {
  return Object.fromEntries(
    knobs
      .filter(({ field }) => inputs[field] !== undefined)
      .flatMap((knob) => {
        const settings = settingsOf([knob], inputs, machine, left);
        const value = observedField(knob, inputs[knob.field], settings, machine.files);
        return value === undefined ? [] : [[knob.field, value]];
      }),
  );
}

function observedField(
  knob: Knob,
  wanted: unknown,
  settings: readonly Setting[],
  files: KernelFiles,
): unknown {
  if (settings.every((setting) => inForce(setting, files))) return wanted;
  if (knob.per === "idle-state")
    return (wanted as readonly string[]).filter((state) =>
      settings.every((setting) => !setting.of.endsWith(` ${state}`) || inForce(setting, files)),
    );
  const seen = settings.flatMap((setting) => {
    const text = files.get(setting.path);
    return text === undefined ? [] : [{ setting, value: observedValue(setting, text, files) }];
  });
  if (knob.per === "interrupt")
    return CpuSet.of(seen.flatMap(({ value }) => [...CpuSet.parse(`${value}`)])).format();
  const groups = grouped(seen, ({ value }) => value);
  if (groups.size <= 1) return seen[0]?.value;
  return [...groups]
    .map(([value, group]) => `${placesOf(group.map(({ setting }) => setting))}: ${value}`)
    .join(", ");
}

function observedValue(setting: Setting, text: string, files: KernelFiles): KnobValue {
  const { file, value } = setting;
  const observed = file.text.read(text);
  if (!means(file, text, value)) return observed;
  // It says off, and is not yet: pages are still merged.
  return inForce(setting, files)
    ? value
    : `${text.trim()}, and ${files.get(file.off?.emptied ?? "")?.trim()} are left`;
}

/** What is there now, as it can be written back. */
export function textsOf(settings: readonly Setting[], files: KernelFiles): Map<string, string> {
  return new Map(
    settings.flatMap(({ path, file }) => {
      const text = files.get(path);
      return text === undefined ? [] : [[path, file.text.write(file.text.read(text))] as const];
    }),
  );
}

/**
 * What delete puts back: each file as found, but only where what was written is still in force, or what our file for the boot, `atBoot`, has written since: an interrupt that was
 * within its CPUs was let alone, and a boot gives it all of them.
 */
export function planRestore(
  knobs: readonly Knob[],
  texts: { readonly found: ReadonlyMap<string, string>; readonly written: ReadonlyMap<string, string> },
  files: KernelFiles,
  atBoot: ReadonlyMap<string, string> = new Map(),
): { steps: Step[]; changedByOthers: string[] } {
  // What is gone since, an interrupt or a CPU, needs nothing.
  const places = [...texts.found.keys()].flatMap((path) => {
    const [file, now] = [fileAt(knobs, path), files.get(path)];
    return file === undefined || now === undefined ? [] : [{ path, file, now }];
  });
  const current = places.map(({ path, file, now }) => [path, file.text.write(file.text.read(now))] as const);
  const sinceBoot = places.flatMap(({ path, file }, index) => {
    const [text, now] = [atBoot.get(path) ?? atBoot.get(file.path), current[index]?.[1]];
    return text !== undefined && text === now ? [[path, text] as const] : [];
  });
  const written = new Map([...texts.written, ...sinceBoot]);
  const { target, changedByOthers } = restorable(texts.found, written, new Map(current));
  const ours = places.flatMap(({ path, file }) => {
    const text = target.get(path);
    return text === undefined ? [] : [{ path, file, text, what: `${path} back to ${text}` }];
  });
  return { steps: writes(ours), changedByOthers };
}

function fileAt(knobs: readonly Knob[], path: string): KnobFile | undefined {
  return knobs.flatMap(({ files }) => files).find((file) => matches(file.path, path));
}

function matches(pattern: string, path: string): boolean {
  return new RegExp(`^${pattern.replaceAll(/[.+]/g, "\\$&").replaceAll("[0-9]*", "\\d+")}$`).test(path);
}
