import { CpuSet } from "../units/cpuset.ts";
import type { Probe } from "./probe.ts";

/** A thread of user space that may not run on all CPUs that init may run on. */
export interface ConfinedTask {
  readonly id: number;
  /** Process that it is a thread of. */
  readonly process: number;
  readonly name: string;
  readonly cpus: CpuSet;
  /** Control group of its process, by which systemd, libvirt and LXC tell whose it is; empty where it has gone meanwhile. */
  readonly group: string;
}

// Threads come and go while they are looked at. What the kernel made itself has kthreadd, 2, as its parent.
const SCRIPT = `cd /proc || exit 0
grep -s -H -E '^(Name|Tgid|PPid|Cpus_allowed_list):' 1/task/1/status [0-9]*/task/[0-9]*/status | awk -F '\\t' '
  { split($1, at, "/"); id = at[3] }
  /:Name:/ { name = $2 }
  /:Tgid:/ { process = $2 }
  /:PPid:/ { parent = $2 }
  /:Cpus_allowed_list:/ {
    if (NR <= 4) all = $2
    else if ($2 != all && parent != 2 && id != 2) print id, process, $2, name
  }' | while read -r id process list name; do
  printf '@task %s %s %s %s\\n' "$id" "$process" "$list" "$name"
  [ "$process" = "$last" ] || sed -n 's/^0:://p; s/^[0-9]*:name=systemd://p' "$process/cgroup" 2>/dev/null | sed "s/^/@group $process /"
  last=$process
done
true`;

/** Every such thread of the machine. */
export const confinedTasks: Probe<readonly ConfinedTask[]> = {
  name: "confined-tasks",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) => {
    const groups = new Map(
      [...stdout.matchAll(/^@group (\d+) (.*)$/gm)].map(([, process, group = ""]) => [
        Number(process),
        group,
      ]),
    );
    return [...stdout.matchAll(/^@task (\d+) (\d+) ([\d,-]+) (.*)$/gm)].map(
      ([, id, process, list = "", name = ""]) => ({
        ...{ id: Number(id), process: Number(process), name, cpus: CpuSet.parse(list) },
        group: groups.get(Number(process)) ?? "",
      }),
    );
  },
};
