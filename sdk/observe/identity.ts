import { unreadable } from "./parse-error.ts";
import { filesOf, type Probe } from "./probe.ts";

export interface ObservedIdentity {
  readonly hostname: string;
  readonly machineId: string;
  readonly bootId: string;
  readonly vendor?: string;
  readonly product?: string;
  readonly serial?: string;
  readonly uuid?: string;
  readonly bios?: string;
  readonly biosDate?: string;
  /** The distribution and its release. */
  readonly os?: string;
  readonly kernelRelease: string;
  readonly kernelVersion: string;
  readonly realtime: boolean;
  readonly kernelArguments: string;
  readonly clocksource: string;
}

const DMI = "/sys/class/dmi/id";

/** Who a machine is, which boot this is, and what it booted. */
export const identityFiles: Probe<ObservedIdentity> = {
  name: "identity",
  ask: {
    kind: "files",
    patterns: [
      ...["hostname", "osrelease", "version", "random/boot_id"].map((file) => `/proc/sys/kernel/${file}`),
      ...["/proc/cmdline", "/etc/machine-id", "/etc/os-release", "/sys/kernel/realtime"],
      "/sys/devices/system/clocksource/clocksource0/current_clocksource",
      ...["sys_vendor", "product_name", "product_serial", "product_uuid", "bios_version", "bios_date"].map(
        (file) => `${DMI}/${file}`,
      ),
    ],
  },
  parse: (answer) => {
    const files = filesOf(answer);
    const text = (path: string) => files.get(path)?.[0]?.trim() ?? "";
    const bootId = text("/proc/sys/kernel/random/boot_id");
    if (bootId === "") throw unreadable("the identity of the boot", answer);
    const given = (name: string, file: string) =>
      text(`${DMI}/${file}`) === "" ? {} : { [name]: text(`${DMI}/${file}`) };
    return {
      hostname: text("/proc/sys/kernel/hostname"),
      machineId: text("/etc/machine-id"),
      bootId,
      ...given("vendor", "sys_vendor"),
      ...given("product", "product_name"),
      ...given("serial", "product_serial"),
      ...given("uuid", "product_uuid"),
      ...given("bios", "bios_version"),
      ...given("biosDate", "bios_date"),
      ...distribution(files.get("/etc/os-release") ?? []),
      kernelRelease: text("/proc/sys/kernel/osrelease"),
      kernelVersion: text("/proc/sys/kernel/version"),
      realtime:
        text("/sys/kernel/realtime") === "1" || text("/proc/sys/kernel/version").includes("PREEMPT_RT"),
      kernelArguments: text("/proc/cmdline"),
      clocksource: text("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
    };
  },
};

/** As os-release(5) has it for people: `Debian GNU/Linux 13 (trixie)`. */
function distribution(lines: readonly string[]): { readonly os?: string } {
  const os = lines.flatMap((line) => /^PRETTY_NAME=(["']?)(.+)\1\s*$/.exec(line)?.[2] ?? [])[0];
  return os === undefined ? {} : { os };
}

/** What the machine runs on, as systemd sees it. */
export const virtualization: Probe<string> = {
  name: "virtualization",
  ask: { kind: "command", argv: ["systemd-detect-virt"] },
  // Exit code 1 says `none`; a machine without systemd says nothing, and is taken for what it claims to be.
  parse: ({ stdout }) => stdout.trim() || "none",
};

/** Made by this SDK, or run by an emulator without virtualisation: its timings mean nothing. */
export function isEmulated(identity: Pick<ObservedIdentity, "vendor">, virtualizationKind: string): boolean {
  return identity.vendor === "nfvlab" || virtualizationKind === "qemu";
}
