import type { ReportedInspection, ReportedSetting } from "../report/experiment.ts";
import { InspectedTuning } from "../schema/inspection.ts";
import { CpuSet } from "../units/cpuset.ts";
import { valueText } from "../units/value-text.ts";
import type { StateResource } from "./state-resource.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What a stack has of a machine that it tunes and that no inspection looked at. */
export interface TunedResources {
  readonly name: string;
  readonly tuned: StateResource | undefined;
  readonly resources: readonly StateResource[];
}

/** A setting before its verdict. */
interface Row {
  readonly name: string;
  readonly wanted: string;
  readonly effective: string;
  readonly configured: string;
  /** Configured, and not in force before its module, service or machine starts anew. */
  readonly pending?: boolean;
  /** Why the machine has no such setting. */
  readonly absent?: string;
}

/** Resources with a field a setting, whose values are in force as the state has them. */
const BY_FIELD: Readonly<Record<string, string>> = {
  memoryManagement: "MemoryManagement",
  machineChecks: "MachineChecks",
  cpuFrequency: "CpuFrequency",
  cpuIdle: "CpuIdle",
  workqueues: "Workqueues",
  irqAffinity: "IrqAffinity",
};

/** Where `cpus` are what the other fields are of. */
const OF_CPUS: ReadonlySet<string> = new Set(["cpuFrequency", "cpuIdle"]);

/**
 * The settings of a tuned host by its state: as the last `up` or refresh left its resources. Without settings where there are none, and the summary says why.
 */
export function tuningOf({ name, tuned, resources }: TunedResources): ReportedInspection {
  const none = (why: string) => ({ host: name, summary: `no settings: ${why}`, settings: [] });
  if (tuned === undefined) return none("no TunedHost tunes it, and no HostInspection has looked at it");
  const wanted = InspectedTuning.safeParse(tuned.outputs?.["wanted"]);
  if (!wanted.success)
    return none("another version wrote its state, and the next up notes what it is to have");
  const rows = rowsOf(wanted.data, (type) => resources.filter((each) => each.type === `nfvlab:host:${type}`));
  if (rows.length === 0)
    return none(
      "its TunedHost has no tuning, sysctls, swap or hugepages, and no HostInspection has looked at it",
    );
  const settings = rows.map(judged);
  const asWanted = settings.filter(({ verdict }) => verdict === "as wanted").length;
  const beside = wanted.data.profile === undefined ? "" : ` beside profile ${wanted.data.profile}`;
  const noun = settings.length === 1 ? "setting" : "settings";
  return {
    ...{ host: name, settings },
    summary: `by the stack's state${beside}, ${asWanted} of ${settings.length} ${noun} as wanted`,
  };
}

type Here = (type: string) => readonly StateResource[];

function rowsOf({ resources: parts, hugepages = [] }: InspectedTuning, here: Here): Row[] {
  const outputs = (type: string, isIt: (fields: Fields) => boolean = () => true): Fields =>
    here(type).find(({ outputs: fields }) => fields !== undefined && isIt(fields))?.outputs ?? {};
  return [
    ...(parts.bootArguments === undefined ? [] : bootArguments(outputs("BootArguments"))),
    ...byKey("sysctls", parts.sysctls?.values, outputs("Sysctls"), "values"),
    ...Object.entries(BY_FIELD).flatMap(([part, type]) =>
      byField(part, parts[part as keyof typeof parts] as Fields | undefined, outputs(type)),
    ),
    ...(parts.swap === undefined ? [] : [swap(outputs("Swap"))]),
    ...(parts.irqBalance === undefined
      ? []
      : [irqBalance(parts.irqBalance.bannedCpus, outputs("IrqBalance"))]),
    ...systemdCpus(parts.systemdCpus, outputs("SystemdCpus")),
    ...byKey("kernelThreads", parts.kernelThreads?.threads, outputs("KernelThreads"), "threads"),
    ...(parts.moduleParameters ?? []).flatMap(({ module, parameters }) => {
      const { effective, configured, pending } = outputs(
        "ModuleParameters",
        (fields) => fields["module"] === module,
      );
      return Object.entries(parameters).map(([parameter, value]) => ({
        ...{ name: `moduleParameters.${module}.${parameter}`, wanted: moduleText(value) },
        ...{ effective: textAt(effective, parameter), configured: textAt(configured, parameter) },
        pending: list(pending).includes(parameter),
      }));
    }),
    ...hugepages.map(({ numaNode, size, count }) => {
      const pool = outputs(
        "Hugepages",
        (fields) => fields["numaNode"] === numaNode && fields["size"] === size,
      );
      const effective = pool["count"];
      // A boot takes the pages away, and the next `up` brings them back.
      return {
        name: `hugepages.node${numaNode}/${size}`,
        wanted: `${count}`,
        effective: valueText(effective),
        configured: "",
      };
    }),
  ];
}

/** Arguments by the kernel's names, each in force by its own evidence or pending. */
function bootArguments({ effective, pending, configured }: Fields): Row[] {
  const row = (argument: string, isEffective: boolean): Row => ({
    ...{ name: `bootArguments.${argument.split("=")[0]}`, wanted: argument },
    ...{ effective: isEffective ? argument : "", configured: configured === true ? argument : "" },
    pending: !isEffective && configured === true,
  });
  return [
    ...list(effective).map((argument) => row(argument, true)),
    ...list(pending).map((argument) => row(argument, false)),
  ];
}

/** Values by key in one field; a file of ours has them all for the next boot, or not. */
function byKey(part: string, wanted: Fields | undefined, outputs: Fields, field: string): Row[] {
  return Object.entries(wanted ?? {}).map(([key, value]) => ({
    ...{ name: `${part}.${key}`, wanted: valueText(value), effective: textAt(outputs[field], key) },
    configured: outputs["persisted"] === true ? valueText(value) : "",
  }));
}

function byField(part: string, wanted: Fields | undefined, outputs: Fields): Row[] {
  const isOfCpus = OF_CPUS.has(part);
  const scope = isOfCpus && wanted?.["cpus"] !== undefined ? ` of CPU ${valueText(wanted["cpus"])}` : "";
  return Object.entries(wanted ?? {})
    .filter(([field, value]) => value !== undefined && !(isOfCpus && field === "cpus"))
    .map(([field, value]) => {
      const own = field === "dmaLatency" ? "" : scope;
      const found = valueText(outputs[field]);
      return {
        ...{ name: `${part}.${field}`, wanted: `${valueText(value)}${own}` },
        effective: found === "" ? "" : `${found}${own}`,
        configured: outputs["persisted"] === true ? `${valueText(value)}${own}` : "",
      };
    });
}

function swap({ effective, configured }: Fields): Row {
  const said = (areas: unknown) => (Array.isArray(areas) ? list(areas).join(", ") || "off" : "");
  return { name: "swap", wanted: "off", effective: said(effective), configured: said(configured) };
}

function irqBalance(wanted: string, { presence, effective, configured, pending }: Fields): Row {
  return {
    ...{ name: "irqBalance.bannedCpus", wanted, pending: pending === true },
    ...{
      effective: asWritten(valueText(effective), wanted),
      configured: asWritten(valueText(configured), wanted),
    },
    ...(presence === "missing" && { absent: "irqbalance is not installed, or masked" }),
  };
}

function systemdCpus(wanted: InspectedTuning["resources"]["systemdCpus"], outputs: Fields): Row[] {
  const scopes = { cpuAffinity: ["manager", wanted?.cpuAffinity] as const };
  const slices = Object.entries(wanted?.allowedCpus ?? {}).map(
    ([slice, cpus]) => [`allowedCpus.${slice}`, [slice, cpus] as const] as const,
  );
  return [...Object.entries(scopes), ...slices].flatMap(([field, [scope, cpus]]) =>
    cpus === undefined
      ? []
      : [
          {
            ...{ name: `systemdCpus.${field}`, wanted: cpus },
            effective: asWritten(textAt(outputs["effective"], scope), cpus),
            configured: asWritten(textAt(outputs["configured"], scope), cpus),
          },
        ],
  );
}

/** A list of CPUs as the program writes it, where it means the same. */
function asWritten(found: string, wanted: string): string {
  return found !== "" && CpuSet.parse(found).equals(CpuSet.parse(wanted)) ? wanted : found;
}

function judged({ absent, pending = false, ...row }: Row): ReportedSetting {
  const { wanted, effective } = row;
  if (absent !== undefined) return { ...row, verdict: "not on this machine", note: absent };
  if (effective === wanted) return { ...row, verdict: "as wanted", note: "" };
  if (pending) return { ...row, verdict: "pending", note: "" };
  return { ...row, verdict: "differs", note: effective === "" ? "the state has no value of it" : "" };
}

function list(value: unknown): string[] {
  return Array.isArray(value) ? value.map(valueText) : [];
}

function textAt(holder: unknown, key: string): string {
  return typeof holder === "object" && holder !== null ? valueText((holder as Fields)[key]) : "";
}

/** A module writes a boolean as a letter. */
function moduleText(value: unknown): string {
  return typeof value === "boolean" ? (value ? "Y" : "N") : valueText(value);
}
