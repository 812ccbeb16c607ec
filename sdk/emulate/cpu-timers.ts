import type { Transport } from "../remote/transport.ts";

/** How long a sleep of 10 ms may take before its CPU's timer counts as dead, s: emulation on a busy machine is slow. */
const LIMIT_S = 15;

const ASK = `left=
for path in /sys/devices/system/cpu/cpu[0-9]*; do
  [ "$(cat "$path/online" 2>/dev/null || echo 1)" = 1 ] || continue
  taskset -c "\${path##*/cpu}" sleep 0.01 &
  left="$left \${path##*/cpu}:$!"
done
for _ in $(seq ${LIMIT_S * 10}); do
  asleep=
  for one in $left; do kill -0 "\${one#*:}" 2>/dev/null && asleep="$asleep $one"; done
  left=$asleep
  [ -n "$left" ] || exit 0
  sleep 0.1
done
for one in $left; do kill "\${one#*:}"; echo "\${one%:*}"; done`;

/**
 * CPUs of a machine on which nobody who sleeps wakes up. Under QEMU's emulation a CPU was seen, rarely, whose local timer stopped in the first second of a
 * boot: all else works on it, so the machine seems healthy, but a guest or a benchmark there hangs for ever.
 */
export async function deadTimers(transport: Transport, signal?: AbortSignal): Promise<number[]> {
  const { stdout } = await transport.run({
    argv: ["sh", "-c", ASK],
    timeoutMs: 4 * LIMIT_S * 1000,
    ...(signal !== undefined && { signal }),
  });
  return stdout.split("\n").flatMap((cpu) => (cpu === "" ? [] : [Number(cpu)]));
}
