import type { Answer } from "./probe.ts";
import { filesOf, type Probe } from "./probe.ts";

/** What a running machine shows of how its firmware is set up. */
export interface ObservedFirmware {
  /** Vendor, product and version of the firmware; empty where DMI says nothing. */
  readonly machine: string;
  /** smt/control: on, off, forceoff, notsupported, notimplemented. */
  readonly smt: string | undefined;
  /** Whether the kernel lets CPUs exceed their base frequency; undefined where nothing scales it. */
  readonly boost: boolean | undefined;
  /** Whether the processor itself may (MSR 0x1a0, Intel); undefined where it can't be read. */
  readonly turboEngaged: boolean | undefined;
  /** Names of the idle states of CPU 0; empty without an idle driver. */
  readonly idleStates: readonly string[];
  readonly nodes: number;
  readonly sockets: number;
  /** ACPI tables by name; undefined where the machine has no ACPI. */
  readonly acpiTables: ReadonlySet<string> | undefined;
  readonly cpuFlags: ReadonlySet<string>;
}

const CPU = "/sys/devices/system/cpu";
const DMI = "/sys/class/dmi/id";

/** Files that show it. */
export const firmwareFiles: Probe<ReadonlyMap<string, readonly string[]>> = {
  name: "firmware-files",
  ask: {
    kind: "files",
    patterns: [
      ...["sys_vendor", "product_name", "bios_version"].map((file) => `${DMI}/${file}`),
      ...["smt/control", "intel_pstate/no_turbo", "cpufreq/boost", "cpu0/cpuidle/state*/name"].map(
        (file) => `${CPU}/${file}`,
      ),
      `${CPU}/cpu[0-9]*/topology/physical_package_id`,
      "/sys/devices/system/node/online",
    ],
  },
  parse: filesOf,
};

// A read of eight bytes at the register's number gives the register; without the module msr there is no such device, and it is not loaded for this.
const TABLES = `ls /sys/firmware/acpi/tables 2>/dev/null | sed 's/^/@table /'
grep -m 1 '^flags' /proc/cpuinfo | sed 's/^flags[^:]*:/@flags/'
grep -m 1 -q GenuineIntel /proc/cpuinfo && [ -r /dev/cpu/0/msr ] &&
  echo "@msr $(dd if=/dev/cpu/0/msr bs=8 count=1 skip=416 iflag=skip_bytes 2>/dev/null | od -A n -t u8)"
true`;

/** What is no plain file: ACPI's tables, flags of the CPU, the register of the turbo. */
export const firmwareTables: Probe<Pick<ObservedFirmware, "acpiTables" | "cpuFlags" | "turboEngaged">> = {
  name: "firmware-tables",
  ask: { kind: "command", argv: ["sh", "-c", TABLES] },
  parse: ({ stdout }: Answer) => {
    const tables = [...stdout.matchAll(/^@table (\S+)$/gm)].map(([, name]) => name as string);
    const register = /^@msr\s+(\d+)$/m.exec(stdout)?.[1];
    return {
      acpiTables: tables.length === 0 ? undefined : new Set(tables),
      cpuFlags: new Set((/^@flags\s+(.*)$/m.exec(stdout)?.[1] ?? "").split(/\s+/)),
      // IA32_MISC_ENABLE, bit 38: turbo disengaged.
      turboEngaged: register === undefined ? undefined : ((BigInt(register) >> 38n) & 1n) === 0n,
    };
  },
};

export function firmwareOf(
  files: ReadonlyMap<string, readonly string[]>,
  tables: Pick<ObservedFirmware, "acpiTables" | "cpuFlags" | "turboEngaged">,
): ObservedFirmware {
  const text = (path: string) => files.get(path)?.[0]?.trim();
  const all = (pattern: RegExp) =>
    [...files].flatMap(([path, [line = ""]]) => (pattern.test(path) ? [line.trim()] : []));
  const noTurbo = text(`${CPU}/intel_pstate/no_turbo`);
  const boost = text(`${CPU}/cpufreq/boost`);
  return {
    machine: ["sys_vendor", "product_name", "bios_version"]
      .flatMap((file) => text(`${DMI}/${file}`) || [])
      .join(", "),
    smt: text(`${CPU}/smt/control`),
    boost: noTurbo === undefined ? (boost === undefined ? undefined : boost === "1") : noTurbo === "0",
    idleStates: all(/\/cpuidle\/state\d+\/name$/),
    nodes: countOf(text("/sys/devices/system/node/online") ?? "0"),
    sockets: new Set(all(/\/physical_package_id$/)).size,
    ...tables,
  };
}

/** How many numbers a list such as `0-1,4` has. */
function countOf(list: string): number {
  return list.split(",").reduce((sum, item) => {
    const [from = 0, to = from] = item.split("-").map(Number);
    return sum + to - from + 1;
  }, 0);
}
