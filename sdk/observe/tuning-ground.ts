import { irqBalanceNow } from "./irq-balance.ts";
import { kernelFiles, tuningServices } from "./kernel-files.ts";
import { kernelThreadsNow } from "./kernel-threads.ts";
import { kernelModule } from "./module-parameters.ts";
import { filesOf, type Observed, type Probe } from "./probe.ts";
import { idleLatencyLimit } from "./settings.ts";
import { wholeNumberOf } from "./understood.ts";

const IDLE = "/sys/devices/system/cpu/cpu0/cpuidle";

/** An idle state of the machine, by its number. */
export interface IdleState {
  readonly name: string;
  /** Time to wake up from it, µs. */
  readonly latency: number;
}

/** The idle states of CPU 0, which stand for all; none where nothing drives them. */
export const idleStates: Probe<readonly IdleState[]> = {
  name: "idle-states",
  ask: { kind: "files", patterns: [`${IDLE}/state[0-9]*/name`, `${IDLE}/state[0-9]*/latency`] },
  parse: (answer) => {
    const files = filesOf(answer);
    const states: IdleState[] = [];
    for (let number = 0; ; number += 1) {
      const [name] = files.get(`${IDLE}/state${number}/name`) ?? [];
      if (name === undefined) return states;
      states.push({
        name: name.trim(),
        latency: wholeNumberOf(
          `the latency of idle state ${name}`,
          files.get(`${IDLE}/state${number}/latency`)?.[0] ?? "0",
        ),
      });
    }
  },
};

/** Every parameter under /proc/sys, as a path. */
export const sysctlPaths: Probe<ReadonlySet<string>> = {
  name: "sysctl-paths",
  ask: { kind: "command", argv: ["find", "/proc/sys", "-type", "f"] },
  parse: ({ stdout }) => new Set(stdout.split("\n").filter((path) => path !== "")),
};

/** The profile that tuned was last told, whether it runs or not; empty where it was told none. */
export const tunedProfile: Probe<string> = {
  name: "tuned-profile",
  ask: { kind: "files", patterns: ["/etc/tuned/active_profile"] },
  parse: (answer) => filesOf(answer).get("/etc/tuned/active_profile")?.join(" ").trim() ?? "",
};

/** Files that tell which boot arguments a kernel has, and what the first process is. */
const OTHER_FILES = [
  "/proc/1/comm",
  "/sys/devices/system/cpu/nohz_full",
  "/proc/sys/kernel/soft_watchdog",
  "/sys/kernel/rcu_normal",
  "/sys/module/rcutree/parameters/nohz_full_patience_delay",
  "/sys/module/processor/parameters/max_cstate",
  "/sys/module/intel_idle/parameters/max_cstate",
  "/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver",
] as const;

/** What a profile needs to know of a machine beyond its facts: which of its settings there is a place for, and who else tunes. `patterns` are those of knobs. */
export const tuningGroundProbes = (patterns: readonly string[]) => ({
  files: kernelFiles("tuning", [...patterns, ...OTHER_FILES]),
  idleStates,
  sysctlPaths,
  kvm: kernelModule("kvm"),
  kvmIntel: kernelModule("kvm_intel"),
  kvmAmd: kernelModule("kvm_amd"),
  idleLatency: idleLatencyLimit,
  irqBalance: irqBalanceNow,
  kernelThreads: kernelThreadsNow,
  running: tuningServices,
  tunedProfile,
});
export type TuningGround = Observed<ReturnType<typeof tuningGroundProbes>>;
