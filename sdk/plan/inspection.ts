import type { BootArgument } from "../observe/boot-arguments.ts";
import type { BootConfiguration } from "../observe/boot-configuration.ts";
import type { ObservedBootLoader } from "../observe/boot-loader.ts";
import type { ObservedPool } from "../observe/hugepages.ts";
import type { ObservedIrqBalance } from "../observe/irq-balance.ts";
import type { ObservedThreads } from "../observe/kernel-threads.ts";
import type { ObservedHolder } from "../observe/latency-holders.ts";
import type { ObservedModule } from "../observe/module-parameters.ts";
import type { ObservedSwap } from "../observe/swap.ts";
import type { ObservedSystemdCpus } from "../observe/systemd-cpus.ts";
import type { BootArgumentSet } from "../schema/boot-arguments.ts";
import type { InspectedKnob, InspectedTuning } from "../schema/inspection.ts";
import type { TuningResources } from "../schema/tuning-plan.ts";
import { exactly } from "../units/size.ts";
import { oneLine } from "../units/sysctl.ts";
import { valueText } from "../units/value-text.ts";
import { fieldNames, formatArgument, type Shown, table } from "./boot-argument-table.ts";
import { judge, readBootArguments, renderBootArguments } from "./boot-arguments.ts";
import { wayOf } from "./boot-loader.ts";
import { stagedLine } from "./boot-sets.ts";
import { type Compared, fileWord, wordOf } from "./inspection-row.ts";
import { irqBalance, kernelThreads, swap, systemdCpus } from "./inspection-services.ts";
import { inForce, type Machine, observedFields, type Setting, settingsOf } from "./kernel-files.ts";
import { type KnobValue, moduleParameter } from "./kernel-text.ts";
import { type Knob, knobs } from "./knobs.ts";
import { heldLatency, isHeld } from "./latency-holder.ts";
import { effectiveOf } from "./module-parameters.ts";
import { observedValues } from "./sysctls.ts";

/** All that a machine shows of its tuning, now and for its next boot. */
export interface TunedState extends Machine {
  readonly boot: BootConfiguration;
  readonly shown: Shown;
  readonly loader: ObservedBootLoader;
  /** By key. */
  readonly sysctls: ReadonlyMap<string, string>;
  /** By name. */
  readonly modules: ReadonlyMap<string, ObservedModule>;
  readonly pools: readonly ObservedPool[];
  /** What all holders of /dev/cpu_dma_latency ask for; undefined where it can't be read. */
  readonly latencyLimit: number | undefined;
  readonly latencyHolders: ReadonlyMap<string, ObservedHolder>;
  readonly swap: ObservedSwap;
  readonly irqBalance: ObservedIrqBalance;
  readonly systemdCpus: ObservedSystemdCpus;
  readonly kernelThreads: ObservedThreads;
}

/**
 * Compares a machine with what is wanted of it, setting by setting. A machine that was brought to a plan has none that differs.
 *
 * @param tuning arguments of resources, and where each comes from
 */
export function inspectTuning(tuning: InspectedTuning, state: TunedState): InspectedKnob[] {
  const { resources, hugepages = [], unapplied = [] } = tuning;
  const set = resources.bootArguments?.arguments;
  const compared = [
    ...(set === undefined ? [] : bootArguments(set, state)),
    ...sysctls(resources.sysctls?.values ?? {}, state),
    ...Object.entries(knobs).flatMap(([part, rows]) =>
      kernelFiles(part, rows, resources[part as keyof typeof knobs], state),
    ),
    ...dmaLatency(resources.cpuIdle?.dmaLatency, state),
    ...(resources.swap === undefined ? [] : swap(state.swap)),
    ...irqBalance(resources.irqBalance?.bannedCpus, state.irqBalance),
    ...systemdCpus(resources.systemdCpus ?? {}, state.systemdCpus),
    ...kernelThreads(resources.kernelThreads?.threads ?? {}, state.kernelThreads),
    ...(resources.moduleParameters ?? []).flatMap((module) => moduleParameters(module, state)),
    ...hugepages.map((pool) => hugepagePool(pool, state)),
    ...Object.entries(resources).flatMap(([part, inputs]) => (isRead(part) ? [] : notRead(part, inputs))),
  ];
  const settings = new Map((tuning.settings ?? []).map((setting) => [setting.setting, setting]));
  const origin = (knob: string) => {
    const { source = "", reason = "" } = settings.get(settingOf(knob)) ?? {};
    return { source, reason };
  };
  return [
    ...compared.map((one) => ({ ...judged(one), ...origin(one.knob) })),
    ...unapplied.map(({ setting, reason: note }) => {
      const { value, source = "", reason = "" } = settings.get(setting) ?? {};
      return { ...judged(notApplied(setting, value, note)), source, reason };
    }),
  ];
}

function judged(compared: Compared) {
  const { knob, wanted, effective, isEffective, configured, isTried = false, absent, note } = compared;
  const isMissing = absent === undefined && isEffective === false && !isTried;
  const pending = isMissing && configured?.isWanted === true;
  const takenAway =
    isEffective === true && configured !== undefined && !configured.isWanted
      ? `the next boot brings ${configured.text || "nothing of it"}, says ${configured.file ?? "the boot menu"}`
      : undefined;
  const verdict: InspectedKnob["verdict"] =
    absent !== undefined
      ? "not on this machine"
      : isEffective === undefined
        ? "not verifiable here"
        : isEffective && takenAway === undefined
          ? "as wanted"
          : pending
            ? "pending"
            : "differs";
  return {
    ...{ knob, wanted, effective, configured: configured?.text ?? "", pending, verdict },
    note: absent ?? takenAway ?? note ?? "",
  };
}

function bootArguments(set: BootArgumentSet, { shown, loader }: TunedState): Compared[] {
  const running = readBootArguments(shown.commandLine.kernel);
  const next = nextLine(loader);
  const configured = next && readBootArguments(next);
  return partsOf(set).map(({ name, part, pick, hasEvidence }) => {
    const wanted = lineOf(part);
    const { pending, complaints } = judge(part, shown);
    const stands = lineOf(pick(running));
    const isThere = pending.length === 0;
    const atBoot = configured && lineOf(pick(configured));
    // What a variable of the menu stands for, only the boot itself tells.
    const isKnown = atBoot !== undefined && (atBoot !== "" || !next?.some((one) => one.name.startsWith("$")));
    return {
      knob: `bootArguments.${name}`,
      wanted,
      // What stands there and has no trace in the kernel is not in force.
      effective: stands === wanted && !isThere ? "" : stands,
      isEffective: isThere && !hasEvidence ? undefined : isThere,
      configured: isKnown ? { text: atBoot, isWanted: atBoot === wanted } : undefined,
      isTried: stands === wanted,
      ...(isThere && !hasEvidence
        ? { note: "it stands on the command line, and the kernel shows no other trace of it" }
        : complaints.length > 0
          ? { note: `the kernel logged: ${complaints.join(" | ")}` }
          : stands === wanted && !isThere
            ? { note: "it stands on the command line, and the kernel does not show it in force" }
            : {}),
    };
  });
}

interface Part {
  readonly name: string;
  readonly part: BootArgumentSet;
  /** The same part of another set. */
  readonly pick: (set: BootArgumentSet) => BootArgumentSet;
  readonly hasEvidence: boolean;
}

/** A set, an argument each; pools of huge pages together. */
function partsOf(set: BootArgumentSet): Part[] {
  const ofFields = [...fieldNames, "hugepages" as const].flatMap((field) => {
    const only = ({ [field]: value }: BootArgumentSet): BootArgumentSet =>
      value === undefined ? {} : { [field]: value };
    const hasEvidence = field === "hugepages" || table[field].holds !== undefined;
    return set[field] === undefined ? [] : [{ name: field, part: only(set), pick: only, hasEvidence }];
  });
  const free = (["extra", "unlisted"] as const).flatMap((group) =>
    Object.keys(set[group] ?? {}).map((name) => {
      const only = (other: BootArgumentSet): BootArgumentSet => {
        const value = other.extra?.[name] ?? other.unlisted?.[name];
        return value === undefined ? {} : { [group]: { [name]: value } };
      };
      return { name: `${group}.${name}`, part: only(set), pick: only, hasEvidence: false };
    }),
  );
  return [...ofFields, ...free];
}

/** The arguments of the next boot: of the entry that waits for a reboot, else of the machine's default. Undefined where nobody may read the menu. */
export function nextLine(loader: ObservedBootLoader): readonly BootArgument[] | undefined {
  const { defaultEntry, ownEntry } = wayOf(loader);
  const staged = stagedLine(loader.sets);
  const entry = loader.entries.find(({ id }) => id === defaultEntry(loader)) ?? ownEntry(loader);
  if (entry === undefined && staged.length === 0) return undefined;
  const base = (staged.length > 0 ? ownEntry(loader) : entry)?.arguments ?? [];
  return [...base, ...staged];
}

function lineOf(set: BootArgumentSet): string {
  return renderBootArguments(set).map(formatArgument).join(" ");
}

function sysctls(values: Readonly<Record<string, string | number>>, state: TunedState): Compared[] {
  const observed = observedValues(values, state.sysctls);
  return Object.entries(values).map(([key, value]) => ({
    knob: `sysctls.${key}`,
    wanted: `${value}`,
    effective: `${observed[key] ?? ""}`,
    isEffective: observed[key] === value,
    configured: fileWord(state.boot.sysctl(key), (text) => oneLine(text) === oneLine(`${value}`)),
    ...(key in observed ? {} : { absent: "a kernel without this key, or its module is not loaded" }),
  }));
}

function kernelFiles(
  part: string,
  rows: readonly Knob[],
  inputs: Readonly<Record<string, unknown>> | undefined,
  state: TunedState,
): Compared[] {
  if (inputs === undefined) return [];
  return rows
    .filter(({ field }) => inputs[field] !== undefined)
    .map((row) => {
      const settings = settingsOf([row], inputs, state);
      const missing = settings.filter(({ path }) => !state.files.has(path));
      const isEffective = settings.every((setting) => inForce(setting, state.files));
      const cpus = row.per === "host" || row.per === "interrupt" ? "" : ` of CPU ${inputs["cpus"]}`;
      return {
        knob: `${part}.${row.field}`,
        wanted: `${valueText(inputs[row.field])}${cpus}`,
        effective: valueText(observedFields([row], inputs, state)[row.field]),
        isEffective,
        configured: filesWord(row, settings, inputs, state),
        ...(missing.length > 0 && {
          absent:
            missing.length < settings.length
              ? `${missing.map(({ of }) => of).join(", ")}: ${row.absent}`
              : row.absent,
        }),
        ...(row.per === "interrupt" &&
          !isEffective && {
            note: `${elsewhere(settings, state)} elsewhere; one that its driver manages can't be moved`,
          }),
      };
    });
}

function elsewhere(settings: readonly Setting[], { files }: TunedState): string {
  const strays = settings.filter((setting) => !inForce(setting, files)).map(({ of }) => of);
  return `${strays.slice(0, 4).join(", ")}${strays.length > 4 ? ` and ${strays.length - 4} more` : ""}`;
}

/** What files say of all places of a field together: the kernel as it would be after them. */
function filesWord(
  row: Knob,
  settings: readonly Setting[],
  inputs: Readonly<Record<string, unknown>>,
  { files, interrupts, boot }: TunedState,
): Compared["configured"] {
  const words = new Map(
    settings.flatMap(({ path }) => {
      const word = boot.kernelFile(path);
      return word === undefined ? [] : [[path, word] as const];
    }),
  );
  const [first] = words.values();
  if (first === undefined) return undefined;
  const emptied = row.files.flatMap(({ off }) => (off === undefined ? [] : [[off.emptied, "0"] as const]));
  const after = new Map([
    ...files,
    ...emptied,
    ...[...words].map(([path, { text }]) => [path, text] as const),
  ]);
  const isWanted = words.size === settings.length && settings.every((setting) => inForce(setting, after));
  const named = new Map(
    [...after].filter(([path]) => words.has(path) || !settings.some((s) => s.path === path)),
  );
  const observed = observedFields([row], inputs, { files: isWanted ? after : named, interrupts });
  return { text: valueText(observed[row.field]), isWanted, file: first.file };
}

function dmaLatency(wanted: string | undefined, { latencyLimit, latencyHolders }: TunedState): Compared[] {
  if (wanted === undefined) return [];
  const held = [...latencyHolders.values()].map((holder) =>
    heldLatency(wanted, { ...holder, running: true }),
  );
  const word = held.find((text) => text === wanted) ?? held[0];
  const isEffective = latencyLimit === undefined ? undefined : isHeld(wanted, latencyLimit);
  return [
    {
      knob: "cpuIdle.dmaLatency",
      wanted,
      effective:
        latencyLimit === undefined ? "" : latencyLimit === 2_000_000_000 ? "unlimited" : `${latencyLimit}us`,
      isEffective,
      configured: wordOf(word, (text) => text === wanted),
      ...(isEffective === undefined
        ? { note: "/dev/cpu_dma_latency is not there, or root alone may read it" }
        : isEffective && word === undefined
          ? { note: "somebody else holds it, for as long as they run" }
          : {}),
    },
  ];
}

function moduleParameters(
  { module: name, parameters }: TuningResources["moduleParameters"][number],
  { modules, boot, loader }: TunedState,
): Compared[] {
  const module = modules.get(name);
  const onLine = new Map(
    nextLine(loader)?.map(({ name: key, value = "Y" }) => [key.replaceAll("-", "_"), value]),
  );
  return Object.entries(parameters).map(([parameter, value]) => {
    const isThere = module?.known.has(parameter) === true;
    const effective =
      module === undefined ? undefined : effectiveOf({ [parameter]: value }, module)[parameter];
    const argument = onLine.get(`${name.replaceAll("-", "_")}.${parameter}`);
    const word =
      argument === undefined
        ? boot.moduleParameter(name, parameter)
        : { text: argument, file: "the boot loader" };
    const means = (text: string) => meansValue(text, value);
    return {
      knob: `moduleParameters.${name}.${parameter}`,
      wanted: moduleParameter.write(value),
      effective: effective ?? "",
      isEffective: effective !== undefined && means(effective),
      configured: fileWord(word, means),
      ...(!isThere && {
        absent:
          module === undefined || module.presence === "unknown"
            ? `a kernel without module ${name}`
            : "the module has no such parameter",
      }),
      ...(isThere && effective === undefined && { note: `module ${name} is not loaded` }),
    };
  });
}

function meansValue(text: string, value: KnobValue): boolean {
  const observed = moduleParameter.read(text);
  return `${observed}` === `${value}` || moduleParameter.satisfies?.(observed, value) === true;
}

function hugepagePool(
  { numaNode, size, count }: NonNullable<InspectedTuning["hugepages"]>[number],
  { pools, loader }: TunedState,
): Compared {
  const sizeKib = exactly(size, "KiB");
  const pool = pools.find((each) => each.numaNode === numaNode && each.sizeKib === sizeKib);
  const next = readBootArguments(nextLine(loader) ?? []).hugepages?.find((each) => each.size === size);
  const nodes = new Set(pools.map((each) => each.numaNode)).size;
  const atBoot =
    next === undefined
      ? undefined
      : typeof next.count === "number"
        ? Math.floor(next.count / Math.max(nodes, 1))
        : (next.count[numaNode] ?? 0);
  return {
    knob: `hugepages.node${numaNode}.${size}`,
    wanted: `${count}`,
    effective: pool === undefined ? "" : `${pool.total}`,
    isEffective: pool?.total === count,
    configured: wordOf(atBoot === undefined ? undefined : `${atBoot}`, (text) => text === `${count}`),
    ...(pool === undefined && { absent: `no node ${numaNode} with pages of ${size}` }),
  };
}

const OTHERS = [
  "bootArguments",
  "sysctls",
  "moduleParameters",
  "swap",
  "irqBalance",
  "systemdCpus",
  "kernelThreads",
];

function isRead(part: string): boolean {
  return part in knobs || OTHERS.includes(part);
}

/** A resource that no comparison is written for is listed: left out, it would look as if it were as wanted. */
function notRead(part: string, inputs: unknown): Compared[] {
  return Object.entries((inputs ?? {}) as object).map(([field, value]) => ({
    knob: `${part}.${field}`,
    ...{ wanted: valueText(value), effective: "", isEffective: undefined },
    note: "nothing reads it back yet",
  }));
}

/** Knobs whose settings have other names in a profile. */
const SECTIONS: readonly (readonly [knob: RegExp, setting: string])[] = [
  [/^bootArguments\.extra\.(.*)$/, "extraBootArguments.$1"],
  [/^bootArguments\.unlisted\.(.*)$/, "unlistedBootArguments.$1"],
  [/^memoryManagement\.(.*)$/, "memory.$1"],
  [/^machineChecks\..*$/, "kernel.ignoreCorrectedErrors"],
  [/^cpuFrequency\.(.*)$/, "processor.$1"],
  [/^cpuIdle\.dmaLatency$/, "processor.idleBound"],
  [/^cpuIdle\.(.*)$/, "processor.$1"],
  [/^irqBalance\..*$/, "interrupts.unbalancedCpus"],
  [/^systemdCpus\.(.*)$/, "systemd.$1"],
  [/^irqAffinity\..*$/, "interrupts.defaultCpus"],
  [/^workqueues\..*$/, "kernel.workqueueCpus"],
  [/^moduleParameters\.(.*)$/, "kvm.$1"],
];

function settingOf(knob: string): string {
  const [pattern, setting] = SECTIONS.find(([each]) => each.test(knob)) ?? [];
  return pattern === undefined || setting === undefined ? knob : knob.replace(pattern, setting);
}

/** Settings that no resource has; of all others that a plan did not apply it found no place on the machine. */
const NOBODY_SETS = ["processor.minimumPerformance", "processor.maximumPerformance"];

function notApplied(setting: string, value: unknown, reason: string): Compared {
  const row = { knob: setting, wanted: valueText(value), effective: "", isEffective: undefined };
  return NOBODY_SETS.includes(setting) ? { ...row, note: reason } : { ...row, absent: reason };
}
