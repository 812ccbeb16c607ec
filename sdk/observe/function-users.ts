import type { Probe } from "./probe.ts";

/** Who holds PCI functions beyond the kernel's own drivers. */
export interface FunctionUsers {
  /** Processes that have a VFIO device open, by IOMMU group. */
  readonly groups: ReadonlyMap<number, readonly string[]>;
  /** Interfaces with what they belong to: a bridge, a bond, ovs-system. */
  readonly uppers: ReadonlyMap<string, string>;
}

// A device opened by its own file (iommufd) is told by the group of its function.
const SCRIPT = `find /proc/[0-9]*/fd -lname '/dev/vfio/*' -printf '%p %l\\n' 2>/dev/null | while read -r fd file; do
  group=\${file##*/}
  case "$file" in
    /dev/vfio/vfio) continue;;
    /dev/vfio/devices/*) group=$(readlink -f /sys/class/vfio-dev/"$group"/device/iommu_group); group=\${group##*/};;
  esac
  pid=\${fd#/proc/}; pid=\${pid%%/*}
  echo "@group $group $(cat "/proc/$pid/comm") ($pid)"
done | sort -u
for each in /sys/class/net/*/master; do
  [ ! -e "$each" ] || { name=\${each%/master}; upper=$(readlink "$each"); echo "@upper \${name##*/} \${upper##*/}"; }
done
true`;

export const functionUsers: Probe<FunctionUsers> = {
  name: "function-users",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) => {
    const groups = new Map<number, string[]>();
    for (const [, group, process = ""] of stdout.matchAll(/^@group (?:noiommu-)?(\d+) (.+)$/gm))
      groups.set(Number(group), [...(groups.get(Number(group)) ?? []), process]);
    const uppers = [...stdout.matchAll(/^@upper (\S+) (\S+)$/gm)];
    return { groups, uppers: new Map(uppers.map(([, name = "", upper = ""]) => [name, upper])) };
  },
};
