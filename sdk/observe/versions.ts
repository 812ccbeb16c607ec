import { unreadable } from "./parse-error.ts";
import type { Probe } from "./probe.ts";

export interface ObservedVersions {
  readonly cpuModel: string;
  readonly microcode?: string;
  readonly ovs?: string;
  readonly dpdk?: string;
  readonly qemu?: string;
  readonly libvirt?: string;
  readonly tuned?: string;
  readonly rtTests?: string;
}

// Daemons live in sbin, which is not on everybody's path. Only their programs are asked, so none needs to run. tuned-adm would take as long as all
// others together to start, so its version is read.
const SCRIPT = `PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
grep -m1 '^model name' /proc/cpuinfo || lscpu | grep -m1 '^Model name'
grep -m1 '^microcode' /proc/cpuinfo
ovs-vswitchd --version
for qemu in qemu-system-x86_64 qemu-system-aarch64 /usr/libexec/qemu-kvm; do $qemu --version && break; done
libvirtd --version || virtqemud --version
cat /usr/lib/python3*/dist-packages/tuned/version.py /usr/lib/python3*/site-packages/tuned/version.py
cyclictest --help | head -n 1`;

/** Versions of what a testbed is made of, each from the program itself; what is absent is left out. */
export const softwareVersions: Probe<ObservedVersions> = {
  name: "versions",
  ask: { kind: "command", argv: ["sh", "-c", `{ ${SCRIPT}; } 2>&1; true`] },
  parse: (answer) => {
    const find = (name: string, pattern: RegExp) => {
      const found = pattern.exec(answer.stdout)?.[1]?.trim();
      return found === undefined ? {} : { [name]: found };
    };
    const versions = {
      ...find("cpuModel", /^model name\s*:\s*(.+)$/im),
      ...find("microcode", /^microcode\s*:\s*(\S+)\s*$/m),
      ...find("ovs", /\(Open vSwitch\) (\S+)/),
      ...find("dpdk", /^DPDK (\S+)/m),
      ...find("qemu", /^QEMU emulator version ([^\s(]+)/m),
      ...find("libvirt", /\(libvirt\) (\S+)/),
      ...tunedIn(answer.stdout),
      ...find("rtTests", /^cyclictest V (\S+)/m),
    };
    if (Object.keys(versions).length === 0)
      throw unreadable("the CPU's model and the programs' versions", answer);
    return { cpuModel: "", ...versions };
  },
};

function tunedIn(text: string): { readonly tuned?: string } {
  const parts = ["MAJOR", "MINOR", "PATCH"].map(
    (part) => new RegExp(`^TUNED_VERSION_${part} = (\\d+)\\s*$`, "m").exec(text)?.[1],
  );
  return parts.some((part) => part === undefined) ? {} : { tuned: parts.join(".") };
}
