import type { IdleBound, ThreadScheduling, TuningSettings } from "../../schema/tuning-plan.ts";
import { CpuSet } from "../../units/cpuset.ts";
import { type Duration, exactDuration, nanoseconds } from "../../units/duration.ts";
import { InputError } from "../../units/errors.ts";
import { writeBootWords } from "./boot-words.ts";
import { placedSettings, type Section, settingsOf, type TuningProfile } from "./profile.ts";

/** How a setting is written for tuned: the section, and its line. */
type Written = readonly [section: string, line: string];
type Writers = {
  readonly [S in Section]?: { readonly [K in keyof TuningSettings[S]]-?: (value: never) => Written };
};

const MASK = "/sys/devices/virtual/workqueue/cpumask";
const cpu =
  (key: string) =>
  (value: unknown): Written => ["cpu", `${key}=${value}`];

const writers: Writers = {
  memory: {
    transparentHugepages: (value: string) => ["vm", `transparent_hugepages=${value}`],
    defrag: (value: string) => ["vm", `transparent_hugepage.defrag=${value}`],
    ksm: (value: boolean) => ["sysfs", `/sys/kernel/mm/ksm/run=${value ? 1 : 2}`],
  },
  processor: {
    governor: cpu("governor"),
    turbo: (value: boolean) => ["cpu", `boost=${value ? 1 : 0}`],
    energyPerfBias: cpu("energy_perf_bias"),
    energyPerformancePreference: cpu("energy_performance_preference"),
    minimumPerformance: cpu("min_perf_pct"),
    maximumPerformance: cpu("max_perf_pct"),
    idleBound: (value: readonly IdleBound[]) => ["cpu", `force_latency=${value.map(boundText).join("|")}`],
    resumeLatency: (value: "unlimited" | Duration) => [
      "cpu",
      `pm_qos_resume_latency_us=${resumeText(value)}`,
    ],
  },
  interrupts: {
    defaultCpus: (value: string) => ["scheduler", `default_irq_smp_affinity=${CpuSet.parse(value)}`],
    unbalancedCpus: (value: string) => ["irqbalance", `banned_cpus=${CpuSet.parse(value)}`],
  },
  kernel: {
    workqueueCpus: (value: string) => ["sysfs", `${MASK}=${CpuSet.parse(value).toGroupedMask()}`],
    ignoreCorrectedErrors: (value: boolean) => [
      "sysfs",
      `/sys/devices/system/machinecheck/machinecheck*/ignore_ce=${value ? 1 : 0}`,
    ],
  },
  systemd: { cpuAffinity: (value: string) => ["systemd", `cpu_affinity=${CpuSet.parse(value)}`] },
};

const ORDER = ["sysctl", "vm", "cpu", "sysfs", "irqbalance", "scheduler", "systemd", "modules", "bootloader"];

/**
 * A tuned.conf that sets what the profile sets, each line under its reason and source. `tunedToProfile` reads the same settings from it. What is set
 * by machines of either vendor is in it as the profile has it: it is for machines like the profile's.
 *
 * @throws InputError `tuned-export`: a value that a line of tuned's cannot hold
 * @example writeFileSync("/etc/tuned/lab/tuned.conf", profileToTuned(nfv(isolation, machine)));
 */
export function profileToTuned(profile: TuningProfile): string {
  const settings = settingsOf(profile);
  const lines = new Map<string, string[]>(ORDER.map((section) => [section, []]));
  const put = ([section, line]: Written, why: string) => lines.get(section)?.push(`# ${why}`, line);
  const modules = new Map<string, { options: string[]; why: string[] }>();
  for (const { section, key, setting } of placedSettings(profile.settings)) {
    const why = `${setting.reason} (${setting.source})`.replaceAll(/\s+/g, " ");
    const { value } = setting;
    if (section === "sysctls") put(["sysctl", `${key}=${value}`], why);
    else if (section === "kernelThreads")
      put(["scheduler", threadGroup(key, value as ThreadScheduling)], why);
    else if (section === "kvm") {
      const [module = "", parameter = ""] = key.split(".");
      const { options, why: reasons } = modules.get(module) ?? { options: [], why: [] };
      modules.set(module, { options: [...options, `${parameter}=${value}`], why: [...reasons, why] });
    } else {
      const writer = (
        writers[section] as Readonly<Record<string, (value: unknown) => Written>> | undefined
      )?.[key];
      if (writer !== undefined) put(writer(value), why);
      else put(["bootloader", ""], `${words(section, key, value).join(" ")}: ${why}`);
    }
  }
  for (const [module, { options, why }] of modules)
    put(["modules", `${module}=${options.join(" ")}`], why.join("; "));
  const boot = lines.get("bootloader")?.filter((line) => line !== "") ?? [];
  const command = writeBootWords(settings);
  lines.set(
    "bootloader",
    command.length === 0 ? [] : [...boot, `cmdline_${plainName(profile.name)}=+${command.join(" ")}`],
  );
  const text = [
    "[main]",
    `summary=${profile.summary}`,
    ...[...lines].flatMap(([section, own]) => (own.length === 0 ? [] : ["", `[${section}]`, ...own])),
    "",
  ].join("\n");
  refuseUnwritable(profile, text);
  return text;
}

/** A line ends at ` #`, and `${` begins a variable. */
function refuseUnwritable({ name }: TuningProfile, text: string): void {
  const wrong = text.split("\n").filter((line) => !line.startsWith("#") && /\$\{|\s#/.test(line));
  if (wrong.length === 0) return;
  throw new InputError({
    code: "tuned-export",
    property: name,
    problem: "tuned would read this otherwise than it is written",
    observed: wrong.join("; "),
    expected: "values without ${ and without a # behind white space",
    hint: "override these settings, or take them out of what is exported",
  });
}

function words(section: Section, key: string, value: unknown): string[] {
  return writeBootWords({ [section]: { [key]: value } });
}

function threadGroup(thread: string, { policy, priority }: ThreadScheduling): string {
  return `group.${thread}=0:${policy[0]}:${priority}:*:^\\[${thread}`;
}

function boundText(bound: IdleBound): string {
  if ("microseconds" in bound) return `${bound.microseconds}`;
  return `cstate.${typeof bound.state === "number" ? "id" : "name"}${bound.unlessZero ? "_no_zero" : ""}:${bound.state}`;
}

/** In the file 0 is no bound, and n/a the one that nothing meets. */
function resumeText(value: "unlimited" | Duration): string {
  if (value === "unlimited") return "0";
  return nanoseconds(value) === 0 ? "n/a" : `${exactDuration(value, "us")}`;
}

function plainName(name: string): string {
  return name.replaceAll(/\W+/g, "_");
}
