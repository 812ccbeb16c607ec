import fc from "fast-check";
import { z } from "zod";
import type { Interrupts, Machine } from "../../sdk/plan/kernel-files.ts";
import { choice, cpuMask, cpusWithin, type KernelText, type KnobValue } from "../../sdk/plan/kernel-text.ts";
import { type Knob, type KnobFile, knobs } from "../../sdk/plan/knobs.ts";
import type { Step } from "../../sdk/plan/step.ts";
import { cpuFrequency } from "../../sdk/schema/cpu-frequency.ts";
import { cpuIdle } from "../../sdk/schema/cpu-idle.ts";
import { fieldFacts, type ResourceDefinition } from "../../sdk/schema/definition.ts";
import { irqAffinity } from "../../sdk/schema/irq-affinity.ts";
import { machineChecks } from "../../sdk/schema/machine-checks.ts";
import { memoryManagement } from "../../sdk/schema/memory-management.ts";
import { workqueues } from "../../sdk/schema/workqueues.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";

/** The resource of each part of the table of knobs. */
export const resources: Readonly<Record<keyof typeof knobs, ResourceDefinition>> = {
  cpuFrequency,
  cpuIdle,
  workqueues,
  memoryManagement,
  machineChecks,
  irqAffinity,
};

export const parts = Object.entries(knobs).map(([part, rows]) => ({
  part,
  rows: rows as readonly Knob[],
  definition: resources[part as keyof typeof knobs],
}));

const CPUS = 70; // more than a mask of two words holds
const STATES = ["POLL", "C1", "C6"];
const INTERRUPTS: Interrupts = new Map([
  [1, "i8042"],
  [24, "virtio0-input"],
  [9000, "eth0-rx-0"], // beyond the highest CPU
]);

const cpuList = fc
  .uniqueArray(fc.integer({ min: 0, max: CPUS - 1 }), { minLength: 1, maxLength: 6 })
  .map((cpus) => CpuSet.of(cpus).format());

/** Any value that the schema of a field takes. */
function valuesOf(definition: ResourceDefinition, field: string): fc.Arbitrary<unknown> {
  let schema = definition.inputs.shape[field] as z.ZodType;
  while (schema instanceof z.ZodOptional) schema = schema.unwrap() as z.ZodType;
  const { format } = fieldFacts(definition.inputs, [field]);
  if (format === "cpu-list") return cpuList;
  if (format === "duration") return fc.constantFrom("unlimited", "0us", "20us", "1ms");
  if (schema instanceof z.ZodEnum) return fc.constantFrom(...schema.options);
  if (schema instanceof z.ZodBoolean) return fc.boolean();
  if (schema instanceof z.ZodNumber) return fc.integer({ min: 1, max: 15 });
  if (schema instanceof z.ZodArray) return fc.subarray(STATES, { minLength: 1 });
  throw new Error(`say here what values ${field} of ${definition.token} takes`);
}

/** Any inputs that set at least one field. */
export function inputsOf({
  rows,
  definition,
}: (typeof parts)[number]): fc.Arbitrary<Record<string, unknown>> {
  return fc.subarray([...rows], { minLength: 1 }).chain((given) =>
    fc.record({
      ...Object.fromEntries(given.map(({ field }) => [field, valuesOf(definition, field)])),
      ...(given.some(({ per }) => per === "cpu" || per === "idle-state") && { cpus: cpuList }),
    }),
  );
}

/** A machine that has every file of the rows, each with a value that it may have had. */
export function machineOf({ rows, definition }: (typeof parts)[number]): fc.Arbitrary<Machine> {
  const files = rows.flatMap((knob) =>
    knob.per === "host"
      ? [fc.constantFrom(...knob.files).map((file) => [{ file, path: file.path }])]
      : [fc.constant(pathsOf(knob).map((path) => ({ file: knob.files[0], path })))],
  );
  return fc.tuple(...files).chain((places) => {
    const flat = places.flatMap((list, row) => list.map((place) => ({ ...place, knob: rows[row] as Knob })));
    const texts = flat.map(({ file, knob }) => {
      const values = knob.per === "idle-state" ? fc.boolean() : valuesOf(definition, knob.field);
      return values.map((value) => shown(file.text, file.text.write(value as KnobValue)));
    });
    return fc.tuple(...texts).map((list) => ({
      files: new Map<string, string>([
        ["/sys/devices/system/cpu/online", `0-${CPUS - 1}`],
        ...flat.map(({ path }, index) => [path, list[index] as string] as const),
        ...flat.flatMap(({ file: { off } }) => (off === undefined ? [] : [[off.emptied, "12"] as const])),
        ...rows
          .filter(({ per }) => per === "idle-state")
          .flatMap(pathsOf)
          .map(
            (path) =>
              [
                path.replace(/[^/]+$/, "name"),
                STATES[Number(/state(\d)/.exec(path)?.[1])] as string,
              ] as const,
          ),
      ]),
      interrupts: INTERRUPTS,
    }));
  });
}

function pathsOf({ per, files: [{ path }] }: Knob): string[] {
  if (per === "interrupt") return [...INTERRUPTS.keys()].map((number) => path.replace("[0-9]*", `${number}`));
  const paths = Array.from({ length: CPUS }, (_, cpu) => path.replace("cpu[0-9]*", `cpu${cpu}`));
  return per === "cpu"
    ? paths
    : paths.flatMap((each) => STATES.map((_, state) => each.replace("state[0-9]*", `state${state}`)));
}

const CHOICES = ["always", "defer", "defer+madvise", "madvise", "never"];

/** As the kernel shows what was written: the chosen among all, masks of all words of the machine. */
export function shown(form: KernelText, text: string): string {
  if (form === choice) return CHOICES.map((word) => (word === text ? `[${word}]` : word)).join(" ");
  if (form === cpuMask)
    return ["", "", "", ...text.split(",")]
      .slice(-Math.ceil(CPUS / 32))
      .map((group) => group.padStart(8, "0"))
      .join(",");
  return form === cpusWithin ? CpuSet.parse(text).format() : text;
}

/** What a kernel that takes every write has after the steps. */
export function afterwards(
  steps: readonly Step[],
  rows: readonly Knob[],
  { files, interrupts }: Machine,
): Machine {
  const after = new Map(files);
  for (const line of steps.flatMap(({ stdin = "" }) => stdin.trimEnd().split("\n"))) {
    const [, path = "", text = ""] = /^(\S+) (.*)$/.exec(line) ?? [];
    if (!after.has(path)) throw new Error(`there is no ${path}`);
    const file = fileAt(rows, path);
    after.set(path, shown(file.text, text));
    // What was merged stays so until ksmd is told to take it apart.
    if (file.off !== undefined && text === file.off.first) after.set(file.off.emptied, "0");
  }
  return { files: after, interrupts };
}

/** As a person would change one file. */
export function changed(path: string, rows: readonly Knob[], { files, interrupts }: Machine): Machine {
  const now = files.get(path) ?? "";
  const { text: form } = fileAt(rows, path);
  const others = ["0", "1", "7", "9999", "n/a", "always", "never", "powersave", "3"];
  const other = others.find(
    (text) => shown(form, text) !== now && form.write(form.read(shown(form, text))) === text,
  );
  return { files: new Map([...files, [path, shown(form, other ?? "0")]]), interrupts };
}

function fileAt(rows: readonly Knob[], path: string): KnobFile {
  const file = rows
    .flatMap(({ files }) => files)
    .find((candidate) => new RegExp(`^${candidate.path.replaceAll("[0-9]*", "\\d+")}$`).test(path));
  if (file === undefined) throw new Error(`no row for ${path}`);
  return file;
}
