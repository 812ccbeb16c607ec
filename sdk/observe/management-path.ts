import { unreadable } from "./parse-error.ts";
import type { Answer, Probe } from "./probe.ts";
import { jsonOf, understood } from "./understood.ts";

/** A network interface, and what it stands on. */
export interface ObservedStack {
  readonly name: string;
  /** PCI addresses on the way to it, bridges among them; none of what the kernel made itself. */
  readonly functions: readonly string[];
  /** Members of a bond, ports of a bridge, what a VLAN is on. */
  readonly lowers: readonly string[];
}

/** What keeps a machine reachable and running, by the interfaces and PCI functions that it goes through. */
export interface ManagementPath {
  /** What goes out by an interface: `the default route`, `the SSH session from 198.51.100.7`, `the address 198.51.100.5/24`. */
  readonly carried: readonly { readonly name: string; readonly what: string }[];
  readonly stacks: readonly ObservedStack[];
  /** Mounted file systems and swap, by PCI functions that they are behind. */
  readonly mounts: readonly { readonly target: string; readonly functions: readonly string[] }[];
}

// The session's peer is in the environment of what sshd started, which sudo takes away from what it starts.
// NVMe with native multipath hides its controllers behind a virtual subsystem; btrfs its devices behind an anonymous number.
const SCRIPT = `below() {
  path=$(readlink -f "$1") || return
  printf '@below %s\\n' "$path"
  case "$path" in */nvme-subsystem/*) system=\${path#*/nvme-subsystem/}
    for each in /sys/class/nvme-subsystem/"\${system%%/*}"/nvme*; do printf '@below %s\\n' "$(readlink -f "$each")"; done;; esac
  for each in "$path"/slaves/*; do [ ! -e "$each" ] || ( below "$each" ); done
}
to() { printf '@to %s\\n' "$2"; ip -json route get "$1" 2>/dev/null; }
echo @routes; ip -json -4 route show table all
echo @routes; ip -json -6 route show table all
echo @addresses; ip -json address show scope global
pid=$$
while [ "\${pid:-0}" -gt 1 ]; do
  peer=$(tr '\\0' '\\n' < "/proc/$pid/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=\\([^ ]*\\) .*/\\1/p')
  [ -z "$peer" ] || { to "$peer" "the SSH session from $peer"; break; }
  pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status")
done
findmnt -rno SOURCE --types nfs,nfs4 | sed -n 's/:.*//p' | sort -u | while read -r server; do
  for address in $(getent ahosts "$server" | cut -d' ' -f1 | sort -u); do to "$address" "file systems of $server"; done
done
for file in /sys/class/iscsi_connection/*/persistent_address; do [ ! -e "$file" ] || to "$(cat "$file")" "the disk of $(cat "$file")"; done
for each in /sys/class/net/*; do
  [ -e "$each" ] || continue
  printf '@interface %s %s' "\${each##*/}" "$(readlink -f "$each")"
  for lower in "$each"/lower_*; do [ ! -e "$lower" ] || printf ' %s' "\${lower##*/lower_}"; done
  echo
done
findmnt -rno TARGET,MAJ:MIN,SOURCE --real | while read -r target number source; do
  echo "@mount $target"
  case "$number" in 0:*) number=$(stat -Lc '%Hr:%Lr' "\${source%%\\[*}" 2>/dev/null) || continue;; esac
  below "/sys/dev/block/$number"
done
sed 1d /proc/swaps | while read -r file kind rest; do
  [ "$kind" = partition ] || continue
  echo "@mount swap"; below "/sys/dev/block/$(stat -Lc '%Hr:%Lr' "$file")"
done
for each in /sys/fs/btrfs/*/devices/*; do [ ! -e "$each" ] || { echo "@mount btrfs"; below "$each"; }; done
true`;

export const managementPath: Probe<ManagementPath> = {
  name: "management-path",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: (answer) => understood("what the machine depends on", answer, () => pathIn(answer)),
};

function pathIn(answer: Answer): ManagementPath {
  const sections = answer.stdout.split(/^@/m).slice(1);
  const carried: { name: string; what: string }[] = [];
  const stacks: ObservedStack[] = [];
  const mounts: { target: string; functions: string[] }[] = [];
  for (const section of sections) {
    const [head = "", ...lines] = section.split("\n");
    const [kind, ...words] = head.split(" ");
    const list = () => jsonIn<Listed>(lines.join("\n"));
    switch (kind) {
      case "routes":
        for (const route of list().filter(({ dst }) => dst === "default"))
          for (const { dev } of [route, ...(route.nexthops ?? [])])
            if (dev !== undefined) carried.push({ name: dev, what: "the default route" });
        break;
      case "to":
        for (const { dev } of list())
          if (dev !== undefined) carried.push({ name: dev, what: words.join(" ") });
        break;
      case "addresses":
        for (const { ifname, addr_info: addresses = [] } of list())
          for (const { local, prefixlen } of addresses)
            if (ifname !== undefined)
              carried.push({ name: ifname, what: `the address ${local}/${prefixlen}` });
        break;
      case "interface": {
        const [name = "", path = "", ...lowers] = words;
        stacks.push({ name, functions: functionsIn(path), lowers });
        break;
      }
      case "mount":
        mounts.push({ target: words.join(" "), functions: [] });
        break;
      case "below":
        mounts.at(-1)?.functions.push(...functionsIn(words.join(" ")));
    }
  }
  // Every machine has lo and a root file system: without them the script did not run.
  if (stacks.length === 0 || mounts.length === 0) throw unreadable("what the machine depends on", answer);
  return { carried, stacks, mounts };
}

interface Listed {
  readonly dst?: string;
  readonly dev?: string;
  readonly nexthops?: readonly { readonly dev?: string }[];
  readonly ifname?: string;
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

/** Rows that ip prints; one without any prints nothing, or an empty list. */
function jsonIn<T>(text: string): readonly T[] {
  return text.trim() === "" ? [] : (jsonOf(text) as readonly T[]);
}

function functionsIn(path: string): string[] {
  return path.split("/").filter((part) => /^[0-9a-f]{4,}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/.test(part));
}
