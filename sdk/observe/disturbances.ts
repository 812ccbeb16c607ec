import type { Disturbances } from "../schema/record.ts";
import type { Probe } from "./probe.ts";

/** What the hardware has done to the machine since it booted: sums over all CPUs, null of what can't be counted there. */
export type DisturbanceCounts = Disturbances;

// MSR_SMI_COUNT is 0x34 of Intel's processors; its device is there where the module msr is loaded, and nothing is loaded for it.
const COUNT = `sed -n 's/^ *\\(MCE\\|TRM\\): */@\\1 /p' /proc/interrupts
for file in /sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count; do [ ! -r "$file" ] || echo "@throttled $(cat "$file")"; done
if grep -q -m 1 GenuineIntel /proc/cpuinfo; then
  for device in /dev/cpu/[0-9]*/msr; do
    [ ! -r "$device" ] || echo "@smi $(dd if="$device" bs=8 count=1 iflag=skip_bytes skip=52 2>/dev/null | od -A n -t u8)"
  done
fi
true`;

export const disturbanceCounts: Probe<DisturbanceCounts> = {
  name: "disturbances",
  ask: { kind: "command", argv: ["sh", "-c", COUNT] },
  parse: ({ stdout }) => {
    const sumOf = (key: string) => {
      const counts = stdout
        .split("\n")
        .filter((line) => line.startsWith(`@${key} `))
        .flatMap((line) => line.match(/(?<=\s)\d{1,15}(?=\s|$)/g) ?? [])
        .map(Number);
      return counts.length === 0 ? null : counts.reduce((sum, each) => sum + each, 0);
    };
    return {
      machineChecks: sumOf("MCE"),
      throttles: sumOf("throttled") ?? sumOf("TRM"),
      managementInterrupts: sumOf("smi"),
    };
  },
};
