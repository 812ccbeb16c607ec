import type { Probe } from "./probe.ts";

/** A thread of the kernel's own. */
export interface ObservedThread {
  readonly pid: number;
  /** As ps(1) shows it, without brackets: `ksoftirqd/2`. */
  readonly name: string;
  /** `fifo`, `rr`, `other`, `batch`, `idle`, `deadline`, or the number of one that is newer than this. */
  readonly policy: string;
  /** 0 but for real-time policies. */
  readonly priority: number;
  readonly cpus: string;
  /** The kernel keeps it on its CPUs: PF_NO_SETAFFINITY. */
  readonly bound: boolean;
}

export interface ObservedThreads {
  readonly threads: readonly ObservedThread[];
  /** Our service that sets them at boot, and whether it is enabled; undefined where there is none. */
  readonly service: { readonly text: string; readonly enabled: boolean } | undefined;
}

const UNIT = "/etc/systemd/system/nfvlab-kernel-threads.service";

// Workers come and go under names of their own, and take what they were made with.
const SCRIPT = `threads=$(cat /proc/[0-9]*/stat 2>/dev/null | grep -E '^[0-9]+ [(].*[)] [A-Za-z] 2 ' | grep -v '^[0-9]* (kworker')
printf '%s\\n' "$threads" | sed 's/^/@stat /'
grep -s '^Cpus_allowed_list:' $(printf '%s\\n' "$threads" | sed 's/^\\([0-9]*\\) .*/\\/proc\\/\\1\\/status/') /dev/null
[ ! -e ${UNIT} ] || { printf '@unit %s\\n' "$(systemctl is-enabled nfvlab-kernel-threads.service)"; sed 's/^/@text /' ${UNIT}; }
true`;

/** Asked for all resources of a machine, so it costs little where there is no service of ours. */
export const ownKernelThreads: Probe<ObservedThreads | undefined> = {
  name: "own-kernel-threads",
  ask: { kind: "command", argv: ["sh", "-c", `[ -e ${UNIT} ] || exit 0\n${SCRIPT}`] },
  parse: ({ stdout }) => (stdout.trim() === "" ? undefined : threadsIn(stdout)),
};

export const kernelThreadsNow: Probe<ObservedThreads> = {
  name: "kernel-threads",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) => threadsIn(stdout),
};

/** As sched(7) numbers them. */
const POLICIES = ["other", "fifo", "rr", "batch", "iso", "idle", "deadline"];
const PF_NO_SETAFFINITY = 0x04000000;

function threadsIn(stdout: string): ObservedThreads {
  const cpusOf = new Map(
    [...stdout.matchAll(/^\/proc\/(\d+)\/status:Cpus_allowed_list:\s*(.*)$/gm)].map(
      ([, pid = "", list = ""]) => [Number(pid), list.trim()],
    ),
  );
  const threads = [...stdout.matchAll(/^@stat (\d+) \((.*)\) [A-Za-z] (2 .*)$/gm)].flatMap(
    ([, number = "", name = "", rest = ""]) => {
      const [pid, fields] = [Number(number), rest.split(" ")];
      // Fields of proc_pid_stat(5), counted from the fourth: 9 flags, 40 priority, 41 policy.
      const [flags = Number.NaN, priority = Number.NaN, policy = Number.NaN] = [9, 40, 41].map((field) =>
        Number(fields[field - 4]),
      );
      const cpus = cpusOf.get(pid);
      if (cpus === undefined || ![flags, priority, policy].every(Number.isInteger)) return [];
      const bound = Math.floor(flags / PF_NO_SETAFFINITY) % 2 === 1;
      return [{ pid, name, policy: POLICIES[policy] ?? `${policy}`, priority, cpus, bound }];
    },
  );
  const enabled = /^@unit (\S*)$/m.exec(stdout)?.[1];
  const text = [...stdout.matchAll(/^@text (.*)$/gm)].map(([, line]) => `${line}\n`).join("");
  return { threads, service: enabled === undefined ? undefined : { text, enabled: enabled === "enabled" } };
}
