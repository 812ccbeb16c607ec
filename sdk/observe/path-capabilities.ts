import type { Capability, PathCapability } from "../schema/path-capabilities.ts";
import { unreadable } from "./parse-error.ts";
import type { Answer, Probe } from "./probe.ts";

/** A module is loaded, built in, or could be loaded; `modprobe -n` loads nothing. */
const SCRIPT = `module() {
  if [ -d "/sys/module/$1" ]; then echo "module $1 loaded"
  elif modprobe -n -q "$1" 2>/dev/null; then echo "module $1 loadable"; fi
}
command -v modprobe >/dev/null || echo unasked
for name in vhost_net macvtap veth vfio_pci vhost_vdpa; do module $name; done
for device in /dev/vhost-net /dev/vhost-vdpa-*; do [ ! -e "$device" ] || echo "device $device"; done
for device in /sys/bus/vdpa/devices/*; do [ ! -e "$device" ] || echo "vdpa $(basename "$device")"; done
for total in /sys/bus/pci/devices/*/sriov_totalvfs; do
  [ ! -e "$total" ] || echo "card $(basename "$(dirname "$total")") $(cat "$total")"
done
echo "iommu-groups $(ls /sys/kernel/iommu_groups 2>/dev/null | wc -l)"
command -v bpftool >/dev/null && echo "program bpftool"
if grep -qs '^CONFIG_XDP_SOCKETS=y' "/boot/config-$(uname -r)" || zgrep -qs '^CONFIG_XDP_SOCKETS=y' /proc/config.gz; then echo "xdp-sockets y"; fi
ovs-vswitchd --version 2>/dev/null | sed -n 's/^DPDK /switch-dpdk /p'
qemu-system-x86_64 -device help 2>/dev/null | sed -n 's/^name "\\(ivshmem-[a-z]*\\)".*/qemu-device \\1/p'
for parameter in kvm_intel/parameters/enable_apicv kvm_amd/parameters/avic; do
  [ ! -r "/sys/module/$parameter" ] || echo "parameter $parameter $(cat "/sys/module/$parameter")"
done
sed -n '/^vendor_id/{s/.*: /vendor /p;}; /^vmx flags/{s/.*: /vmx-flags /p;q;}' /proc/cpuinfo | sort -u
true`;

/** What a machine has for each packet path. */
export const pathCapabilities: Probe<readonly PathCapability[]> = {
  name: "path-capabilities",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: (answer) => {
    const seen = readingOf(answer);
    return Object.entries(JUDGED).map(([path, judge]) => ({ path: path as Capability, ...judge(seen) }));
  },
};

/** The lines of the script by their first word; a path's own words further on. */
class Reading {
  readonly #lines: readonly (readonly string[])[];

  constructor(lines: readonly (readonly string[])[]) {
    this.#lines = lines;
  }

  all(...start: readonly string[]): string[] {
    return this.#lines
      .filter((line) => start.every((word, index) => line[index] === word))
      .map((line) => line.slice(start.length).join(" "));
  }

  one(...start: readonly string[]): string | undefined {
    return this.all(...start)[0];
  }
}

function readingOf(answer: Answer): Reading {
  const lines = answer.stdout.split("\n").filter((line) => line !== "");
  if (!lines.some((line) => line.startsWith("iommu-groups ")))
    throw unreadable("what packet paths there are", answer);
  return new Reading(lines.map((line) => line.split(" ")));
}

type Judged = Omit<PathCapability, "path">;

const ready = (found: string): Judged => ({ state: "ready", found, needs: null });
const possible = (found: string, needs: string): Judged => ({ state: "possible", found, needs });
const missing = (found: string, needs: string): Judged => ({ state: "missing", found, needs });

function byModule(module: string) {
  return (seen: Reading): Judged => {
    const state = seen.one("module", module);
    if (state === "loaded") return ready(`module ${module} is loaded`);
    // The kernel loads these as they are asked for.
    if (state === "loadable") return ready(`module ${module}, loaded when it is asked for`);
    if (seen.one("unasked") !== undefined)
      return missing(`module ${module} is not loaded, and there is no modprobe to ask for it`, "kmod");
    return missing(`no module ${module}`, `a kernel with ${module}`);
  };
}

const JUDGED: Readonly<Record<Capability, (seen: Reading) => Judged>> = {
  "vhost-net": (seen) =>
    seen.one("device", "/dev/vhost-net") !== undefined
      ? ready("/dev/vhost-net")
      : byModule("vhost_net")(seen),
  "vhost-user": (seen) => {
    const version = seen.one("switch-dpdk");
    return version === undefined
      ? missing("no Open vSwitch with DPDK", "Open vSwitch built with DPDK (Debian: openvswitch-switch-dpdk)")
      : ready(`Open vSwitch with DPDK ${version}`);
  },
  macvtap: byModule("macvtap"),
  veth: byModule("veth"),
  xdp: (seen) =>
    seen.one("program", "bpftool") === undefined
      ? possible("no bpftool", "bpftool (Debian: bpftool)")
      : ready("bpftool; whether a card's driver takes programs shows when one is attached"),
  af_xdp: (seen) =>
    seen.one("xdp-sockets") === undefined
      ? missing("the kernel's configuration names no XDP sockets", "a kernel with CONFIG_XDP_SOCKETS")
      : ready("XDP sockets in the kernel"),
  "sr-iov": (seen) => {
    const cards = seen.all("card").filter((card) => !card.endsWith(" 0"));
    if (cards.length === 0)
      return missing("no card with virtual functions", "a card with SR-IOV, switched on in the firmware");
    const found = cards.map((card) => card.replace(/ (\d+)$/, " with up to $1")).join(", ");
    if (seen.one("iommu-groups") === "0")
      return possible(
        `${found}; no IOMMU in force`,
        "VT-d or AMD-Vi in the firmware, and intel_iommu=on on Intel",
      );
    return seen.one("module", "vfio_pci") === undefined
      ? missing(`${found}; no module vfio_pci`, "a kernel with vfio_pci")
      : ready(found);
  },
  vdpa: (seen) => {
    const devices = seen.all("device").filter((path) => path.startsWith("/dev/vhost-vdpa-"));
    if (devices.length > 0) return ready(devices.join(", "));
    const unbound = seen.all("vdpa");
    if (unbound.length > 0)
      return possible(
        `vDPA device ${unbound.join(", ")} without a character device`,
        "vhost_vdpa as its driver",
      );
    return missing(
      seen.one("module", "vhost_vdpa") === undefined
        ? "no vDPA device, no module vhost_vdpa"
        : "no vDPA device",
      "a card whose driver makes vDPA devices (vdpa-dev(8))",
    );
  },
  "ivshmem-plain": byQemu("ivshmem-plain"),
  "ivshmem-doorbell": (seen) => {
    const device = byQemu("ivshmem-doorbell")(seen);
    return device.state === "ready"
      ? possible(device.found, "an ivshmem-server that its guests connect to")
      : device;
  },
  "posted-interrupts": (seen) => {
    const [given = ""] = seen.all("parameter");
    const [parameter = "", value = ""] = given.split(" ");
    if (parameter === "") return missing("KVM is not loaded", "kvm_intel or kvm_amd");
    const name = parameter.split("/").at(-1) ?? "";
    return /^[Y1]/.test(value)
      ? ready(`${name} is on`)
      : possible(
          `${name} is off`,
          `a processor that has it, and ${parameter.replace("/parameters/", ".")}=1`,
        );
  },
  vmfunc: (seen) => {
    const flags = seen.one("vmx-flags")?.split(" ");
    if (flags === undefined)
      return missing(
        `processor of ${seen.one("vendor") ?? "an unknown vendor"} without VMX flags`,
        "VT-x with VM functions, not hidden by a hypervisor",
      );
    if (!flags.includes("eptp_switching"))
      return missing("VT-x without EPTP switching", "a processor with VM functions");
    // KVM sets VM_FUNCTION_CONTROL to 0 for its own guests, which get an invalid opcode, and emulates the instruction for theirs (handle_vmfunc).
    return possible(
      "the processor has EPTP switching",
      "a kernel that gives a guest a list of EPT pointers: KVM as it is emulates VMFUNC for guests of a guest alone",
    );
  },
};

function byQemu(device: string) {
  return (seen: Reading): Judged =>
    seen.one("qemu-device", device) === undefined
      ? missing(`QEMU without ${device}`, "QEMU for x86-64 with it (Debian: qemu-system-x86)")
      : ready(`QEMU's ${device}`);
}
