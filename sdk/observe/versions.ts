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

const SCRIPT = `grep -m1 '^model name' /proc/cpuinfo
grep -m1 '^microcode' /proc/cpuinfo
ovs-vswitchd --version
for qemu in qemu-system-x86_64 /usr/libexec/qemu-kvm; do $qemu --version && break; done
libvirtd --version || virtqemud --version
tuned-adm --version
cyclictest --help | head -n 1`;

/** Versions of what a testbed is made of, each from the program itself; what is absent is left out. */
export const softwareVersions: Probe<ObservedVersions> = {
  name: "versions",
  ask: { kind: "command", argv: ["sh", "-c", `{ ${SCRIPT}; } 2>&1; true`] },
  parse: ({ stdout }) => {
    const find = (name: string, pattern: RegExp) => {
      const found = pattern.exec(stdout)?.[1]?.trim();
      return found === undefined ? {} : { [name]: found };
    };
    return {
      cpuModel: "",
      ...find("cpuModel", /^model name\s*:\s*(.+)$/m),
      ...find("microcode", /^microcode\s*:\s*(\S+)$/m),
      ...find("ovs", /\(Open vSwitch\) (\S+)/),
      ...find("dpdk", /^DPDK (\S+)/m),
      ...find("qemu", /^QEMU emulator version (\S+)/m),
      ...find("libvirt", /\(libvirt\) (\S+)/),
      ...find("tuned", /^tuned-adm (\S+)/m),
      ...find("rtTests", /^cyclictest V (\S+)/m),
    };
  },
};
