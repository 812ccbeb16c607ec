import { CONTAINER_FOLDER } from "../schema/lxc.ts";
import { CpuSet } from "../units/cpuset.ts";
import type { Probe } from "./probe.ts";
import { fileIn, sectionsOf } from "./sections.ts";
import { wholeNumberOf } from "./understood.ts";

/** A container of ours, as its files, its service and its control group show it. */
export interface ObservedContainer {
  readonly name: string;
  /** Text of its LXC configuration, of its command and of its unit; empty where the file is missing. */
  readonly files: Readonly<Record<"config" | "command" | "unit", string>>;
  readonly running: boolean;
  readonly enabled: boolean;
  /** `cpuset.cpus`, empty for all; absent while it does not run. */
  readonly cpus?: string;
  readonly effectiveCpus: string;
  /** Bytes; absent for no limit. */
  readonly memory?: number;
  readonly threadCpus: string;
}

// Its process is that of init in the group that LXC makes, so a service that only starts it again and again does not count as running.
const SCRIPT = `for folder in "$1"/*/; do
  folder=\${folder%/} name=\${folder##*/}
  [ -d "$folder" ] && [ "$name" != '*' ] || continue
  unit=nfvlab-lxc-$name.service group=/sys/fs/cgroup/lxc.payload.$name
  echo "@container $name"
  for file in "config $folder/config" "command $folder/command" "unit /etc/systemd/system/$unit"; do
    sed "s/^/@\${file%% *} /" "\${file#* }" 2>/dev/null
  done
  echo "@enabled $(systemctl is-enabled "$unit" 2>/dev/null)"
  threads=$(cat "$group"/cgroup.threads "$group"/*/cgroup.threads 2>/dev/null) || [ -n "$threads" ] || continue
  grep -H . "$group"/cpuset.cpus "$group"/cpuset.cpus.effective "$group"/memory.max 2>/dev/null | sed 's/^.*\\//@group /'
  for thread in $threads; do echo "/proc/$thread/status"; done | xargs -r grep -hs ^Cpus_allowed_list
done
true`;

/** Every container of ours. */
export const lxcContainers: Probe<readonly ObservedContainer[]> = {
  name: "lxc-containers",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT, "sh", CONTAINER_FOLDER] },
  parse: ({ stdout }) =>
    sectionsOf(stdout, "container").map(({ head: name, lines }) => {
      const text = (file: string) => fileIn(lines, file);
      const group = (file: string) =>
        lines.find((line) => line.startsWith(`@group ${file}:`))?.slice(`@group ${file}:`.length);
      const threads = lines.flatMap((line) => /^Cpus_allowed_list:\s*(\S+)$/.exec(line)?.[1] ?? []);
      const memory = group("memory.max");
      return {
        name,
        files: { config: text("config"), command: text("command"), unit: text("unit") },
        running: threads.length > 0,
        enabled: lines.includes("@enabled enabled"),
        ...(threads.length > 0 && { cpus: group("cpuset.cpus") ?? "" }),
        effectiveCpus: threads.length > 0 ? (group("cpuset.cpus.effective") ?? "") : "",
        ...(memory !== undefined &&
          memory !== "max" && { memory: wholeNumberOf(`the memory of container ${name}`, memory) }),
        threadCpus: threads.length > 0 ? CpuSet.parse(threads.join(",")).format() : "",
      };
    }),
};
