import type { Inputs } from "../schema/definition.ts";
import type { exitRate } from "../schema/latency.ts";
import { exactDuration } from "../units/duration.ts";
import { VIRSH } from "./domain.ts";

type ExitRateInputs = Inputs<typeof exitRate>;

export interface ExitRatePlan {
  readonly argv: readonly [string, ...string[]];
  readonly command: readonly string[];
  /** One repetition, s. */
  readonly seconds: number;
  readonly repetitions: number;
}

/** Looks at the counters of a guest once a second. */
export function planExitRate(inputs: ExitRateInputs): ExitRatePlan {
  const { domain, settle = "5s", duration = "30s", repetitions = 3 } = inputs;
  const [before, during] = [exactDuration(settle, "s"), exactDuration(duration, "s")];
  const command = [VIRSH[0], "--readonly", ...VIRSH.slice(1), "domstats", "--vcpu", domain];
  return {
    argv: ["sh", "-c", LOOK, "sh", `${before}`, `${during}`, ...command],
    command,
    seconds: before + during,
    repetitions,
  };
}

// Time since the boot in hundredths of a second, before and after each look: virsh takes its own, and the counters are read somewhere in between.
const LOOK = `settle=$1; during=$2; shift 2
now() { read -r up _ < /proc/uptime; now=\${up%.*}\${up#*.}; }
sleep "$settle"
now; end=$((now + during * 100)); looks=0
while :; do
  now; from=$now
  said=$("$@") || exit
  now
  echo "@at $from $now"
  echo "$said" | grep -E '^ *vcpu\\.[0-9]+\\.([a-z_]+_)?exits\\.sum='
  looks=$((looks + 1))
  [ "$now" -lt "$end" ] || [ "$looks" -lt 2 ] || break
  sleep 1
done
true`;
