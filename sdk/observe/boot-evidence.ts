import {
  type BootArguments,
  type BootHugepages,
  hugepagesOf,
  lastValue,
  parseBootArguments,
} from "./boot-arguments.ts";
import { unreadable } from "./parse-error.ts";
import { filesOf, type Probe } from "./probe.ts";

/** Argument of ours that tells which menu entry was booted. The kernel passes over what has a dot and no module. */
export const ENTRY_ARGUMENT = "nfvlab.boot";

/** What a running kernel shows of its command line: each argument's own trace, not the line alone. */
export interface BootEvidence {
  readonly bootId: string;
  readonly kernelRelease: string;
  readonly commandLine: BootArguments;
  /** Reservations that the command line asks for. */
  readonly hugepages: readonly BootHugepages[];
  /** The menu entry of ours that was booted. */
  readonly entry?: string;
  /** Text of the files that are there, by path. */
  readonly files: ReadonlyMap<string, string>;
}

const CPU = "/sys/devices/system/cpu";
const CLOCK = "/sys/devices/system/clocksource/clocksource0";
const MACHINE_CHECK = "/sys/devices/system/machinecheck/machinecheck0";

export const bootEvidence: Probe<BootEvidence> = {
  name: "boot-evidence",
  ask: {
    kind: "files",
    patterns: [
      ...["/proc/cmdline", "/proc/meminfo", "/proc/irq/default_smp_affinity"],
      ...[
        "osrelease",
        "version",
        "random/boot_id",
        "soft_watchdog",
        "watchdog",
        "nmi_watchdog",
        "numa_balancing",
      ].map((file) => `/proc/sys/kernel/${file}`),
      ...["isolated", "nohz_full", "present", "online", "smt/control", "smt/active"].map(
        (file) => `${CPU}/${file}`,
      ),
      ...["intel_pstate/status", "amd_pstate/status", "cpuidle/current_driver"].map(
        (file) => `${CPU}/${file}`,
      ),
      ...["spectre_v1", "spectre_v2"].map((file) => `${CPU}/vulnerabilities/${file}`),
      "/sys/devices/system/node/node*/hugepages/hugepages-*kB/nr_hugepages",
      "/sys/devices/system/node/node*/meminfo",
      "/sys/kernel/iommu_groups/*/type",
      ...["current_clocksource", "available_clocksource"].map((file) => `${CLOCK}/${file}`),
      ...["ignore_ce", "dont_log_ce", "cmci_disabled"].map((file) => `${MACHINE_CHECK}/${file}`),
      "/sys/kernel/mm/transparent_hugepage/enabled",
      "/sys/kernel/rcu_normal",
      "/sys/kernel/realtime",
      "/sys/kernel/debug/sched/preempt",
      ...[
        "processor/parameters/max_cstate",
        "intel_idle/parameters/max_cstate",
        "rcutree/parameters/nohz_full_patience_delay",
        "rcupdate/parameters/rcu_normal_after_boot",
      ].map((file) => `/sys/module/${file}`),
    ],
  },
  parse: (answer) => {
    const files = new Map([...filesOf(answer)].map(([path, lines]) => [path, lines.join("\n").trim()]));
    const bootId = files.get("/proc/sys/kernel/random/boot_id");
    if (bootId === undefined) throw unreadable("the identity of the boot", answer);
    const commandLine = parseBootArguments(files.get("/proc/cmdline") ?? "");
    const entry = lastValue(commandLine, ENTRY_ARGUMENT);
    return {
      bootId,
      kernelRelease: files.get("/proc/sys/kernel/osrelease") ?? "",
      commandLine,
      hugepages: hugepagesOf(commandLine),
      ...(entry !== undefined && { entry }),
      files,
    };
  },
};

/** IOMMUs that the kernel drives: dmar0 is one of Intel's, ivhd0 one of AMD's. */
export const iommus: Probe<readonly string[]> = {
  name: "iommus",
  ask: { kind: "links", patterns: ["/sys/class/iommu/*"] },
  parse: ({ stdout }) =>
    [...stdout.matchAll(/^\/sys\/class\/iommu\/(\S+) /gm)].map(([, name]) => name as string),
};

export interface BootLog {
  /** When this boot began, UTC. */
  readonly bootedAt: string;
  /** False where the beginning of the kernel's log is lost: then what is not in it may have been. */
  readonly complete: boolean;
  /** What the log says of the command line, without time stamps. */
  readonly lines: readonly string[];
}

const SAID = [
  ...["Linux version", "Unknown kernel command line parameters", "Housekeeping:", "Offload RCU callbacks"],
  ...["Poll for callbacks from no-CBs", "polling idle threads", "audit: (disabled|enabled|initializing)"],
  ...["PCIe ASPM is", "Dynamic Preempt:"],
].join("|");

const LOG_SCRIPT = `date -u -d "@$(sed -n 's/^btime //p' /proc/stat)" '+@booted %Y-%m-%dT%H:%M:%SZ'
{ if dmesg 2>/dev/null | grep -q 'Linux version'; then dmesg; else journalctl -k -b -q --no-pager -o short-monotonic 2>/dev/null || dmesg 2>/dev/null; fi; } |
  grep -a -E '${SAID}'
true`;

/** What the kernel logged about its command line while it booted. */
export const bootLog: Probe<BootLog> = {
  name: "boot-log",
  ask: { kind: "command", argv: ["sh", "-c", LOG_SCRIPT] },
  parse: ({ stdout }) => {
    const lines = stdout
      .split("\n")
      .filter((line) => line.startsWith("["))
      .map((line) => line.replace(/^\[[^\]]*\]\s*(\S+ kernel: )?/, "").trim());
    return {
      bootedAt: /^@booted (\S+)$/m.exec(stdout)?.[1] ?? "",
      complete: lines.some((line) => line.includes("Linux version")),
      lines,
    };
  },
};

/** The menu entry of ours that was booted, alone; undefined where it was none. */
export const bootedEntry: Probe<string | undefined> = {
  name: "booted-entry",
  ask: { kind: "files", patterns: ["/proc/cmdline"] },
  parse: (answer) => {
    const [line = ""] = filesOf(answer).get("/proc/cmdline") ?? [];
    return lastValue(parseBootArguments(line), ENTRY_ARGUMENT);
  },
};
