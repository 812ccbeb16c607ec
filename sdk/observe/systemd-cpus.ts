import type { Probe } from "./probe.ts";
import { fileIn, sectionsOf } from "./sections.ts";

/** CPUs of what systemd starts. */
export interface ObservedSystemdCpus {
  /** Whether systemd runs the machine, with control groups of version 2. */
  readonly systemd: boolean;
  readonly unified: boolean;
  /** CPUs in force: `manager`, and of the slices `system`, `user` and `machine` those that are there. */
  readonly effective: ReadonlyMap<string, string>;
  /** Drop-ins of ours, by path. */
  readonly files: ReadonlyMap<string, string>;
  /** Services that run: the CPUs that their unit asks for, empty where it does not, and those of their main process. */
  readonly services: readonly { readonly name: string; readonly own: string; readonly cpus: string }[];
}

const DROP_INS =
  "/etc/systemd/system.conf.d/90-nfvlab-cpus.conf /etc/systemd/system/*.slice.d/90-nfvlab-cpus.conf";

const IN_FORCE = `sed -n 's/^Cpus_allowed_list:[[:space:]]*/@effective manager /p' /proc/1/status
for slice in system user machine; do
  folder=/sys/fs/cgroup/$slice.slice
  [ ! -d $folder ] || printf '@effective %s %s\\n' $slice "$(cat $folder/cpuset.cpus.effective 2>/dev/null || cat /sys/fs/cgroup/cpuset.cpus.effective)"
done
`;

const SCRIPT = `[ ! -d /run/systemd/system ] || echo @systemd
[ ! -e /sys/fs/cgroup/cgroup.controllers ] || echo @unified
${IN_FORCE}for file in ${DROP_INS}; do
  [ ! -e "$file" ] || { printf '@file %s\\n' "$file"; sed 's/^/@text /' "$file"; }
done
running=$(systemctl list-units --type=service --state=running --plain --no-legend --no-pager | cut -d ' ' -f 1)
services=$(systemctl show $running --property=Id --property=MainPID --property=CPUAffinity)
printf '%s\\n' "$services"
for pid in $(printf '%s\\n' "$services" | sed -n 's/^MainPID=\\([1-9][0-9]*\\)$/\\1/p'); do
  sed -n "s/^Cpus_allowed_list:[[:space:]]*/@process $pid /p" "/proc/$pid/status" 2>/dev/null
done
true`;

/** Asked for all resources of a machine, so it costs little where there is no drop-in of ours. */
export const ownSystemdCpus: Probe<ObservedSystemdCpus | undefined> = {
  name: "own-systemd-cpus",
  ask: {
    kind: "command",
    argv: ["sh", "-c", `set -- ${DROP_INS}\n[ -e "$1" ] || [ -e "$2" ] || exit 0\n${SCRIPT}`],
  },
  parse: ({ stdout }) => (stdout.trim() === "" ? undefined : systemdCpusIn(stdout)),
};

export const systemdCpusNow: Probe<ObservedSystemdCpus> = {
  name: "systemd-cpus",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) => systemdCpusIn(stdout),
};

/** CPUs in force alone: systemd gives slices theirs a moment after it has answered. */
export const systemdCpusInForce: Probe<ObservedSystemdCpus["effective"]> = {
  name: "systemd-cpus-in-force",
  ask: { kind: "command", argv: ["sh", "-c", IN_FORCE] },
  parse: ({ stdout }) => systemdCpusIn(stdout).effective,
};

function systemdCpusIn(stdout: string): ObservedSystemdCpus {
  const pairs = (pattern: RegExp) =>
    [...stdout.matchAll(pattern)].map(([, key = "", value = ""]) => [key, value.trim()] as const);
  const cpusOf = new Map(pairs(/^@process (\d+) (.*)$/gm));
  const services = stdout.split(/\n\n+/).flatMap((block) => {
    const property = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(block)?.[1];
    const [name, cpus] = [property("Id"), cpusOf.get(property("MainPID") ?? "")];
    return name === undefined || cpus === undefined
      ? []
      : [{ name, own: property("CPUAffinity") ?? "", cpus }];
  });
  const files = sectionsOf(stdout, "file").map(({ head, lines }) => [head, fileIn(lines)] as const);
  return {
    systemd: /^@systemd$/m.test(stdout),
    unified: /^@unified$/m.test(stdout),
    effective: new Map(pairs(/^@effective (\S+) ?(.*)$/gm)),
    files: new Map(files),
    services,
  };
}
