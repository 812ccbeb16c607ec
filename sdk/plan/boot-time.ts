import type { Inputs } from "../schema/definition.ts";
import type { bootTime } from "../schema/latency.ts";
import { exactDuration } from "../units/duration.ts";
import { HostError } from "../units/errors.ts";

type BootTimeInputs = Inputs<typeof bootTime>;

export interface BootTimePlan {
  readonly argv: readonly [string, ...string[]];
  readonly properties: readonly string[];
  /** One repetition at most, s. */
  readonly seconds: number;
  /** What it may take to end once it is told to: the guest is brought back first, s. */
  readonly endSeconds: number;
  readonly repetitions: number;
}

/** What virsh itself may take for a start, s. */
const START_S = 120;

/** One start of a guest, with what is timed of it. */
export function planBootTime(inputs: BootTimeInputs): BootTimePlan {
  const {
    domain,
    answer = { kind: "agent" },
    shutdownTimeout = "60s",
    bootTimeout = "300s",
    repetitions = 3,
  } = inputs;
  const [down, up] = [exactDuration(shutdownTimeout, "s"), exactDuration(bootTimeout, "s")];
  const address = answer.kind === "ping" ? answer.address : "";
  return {
    argv: ["sh", "-c", START, "sh", domain, `${down}`, `${up}`, address],
    properties: ["KillMode=mixed", `TimeoutStopSec=${down + START_S}`],
    seconds: down + START_S + up,
    endSeconds: down + START_S,
    repetitions,
  };
}

const FAILED = { notRunning: 65, transient: 66, staysUp: 67, noStart: 68, noAnswer: 69 } as const;

// Whoever ends it half-way gets the guest back: from the order to shut down until its start, that is owed. Times are since the boot, in ms by hundredths of a second.
const START = `domain=$1; down=$2; up=$3; address=$4
v() { virsh --quiet --connect qemu:///system "$@"; }
now() { read -r since _ < /proc/uptime; now=\${since%.*}\${since#*.}0; }
is() { [ "$(v domstate "$domain" 2>/dev/null | head -n 1)" = "$1" ]; }
untilOff() { now; until is "shut off"; do end=$1; now; [ "$now" -lt "$end" ] || return 1; sleep 0.1; done; }
answers() {
  if [ -n "$address" ]; then ping -n -c 1 -W 1 "$address"; else v qemu-agent-command --timeout 5 "$domain" '{"execute":"guest-ping"}'; fi
} >/dev/null 2>&1
owed=
back() { [ -z "$owed" ] || { now; untilOff $((now + down * 1000)) && v start "$domain"; }; }
trap back EXIT
trap 'exit 143' TERM INT
is running || exit ${FAILED.notRunning}
v dominfo "$domain" | grep -q '^Persistent: *yes' || exit ${FAILED.transient}
owed=1
v shutdown "$domain" --mode agent,acpi >&2
now; untilOff $((now + down * 1000)) || { owed=; exit ${FAILED.staysUp}; }
now; from=$now
v start "$domain" >&2 || exit ${FAILED.noStart}
owed=
now; started=$now
until answers; do now; [ "$now" -lt $((from + up * 1000)) ] || exit ${FAILED.noAnswer}; sleep 0.05; done
now
echo "@booted $from $started $now"`;

/** What is said of a start that did not go well. */
export function bootFailure(
  { domain, answer, shutdownTimeout = "60s", bootTimeout = "300s" }: BootTimeInputs,
  { code, stderr }: { readonly code: number; readonly stderr: string },
): HostError {
  const facts: Readonly<Record<number, Pick<HostError, "problem"> & Partial<HostError>>> = {
    [FAILED.notRunning]: {
      problem: `guest ${domain} does not run, so it is not shut down and started`,
      hint: "start it first: its Domain does",
    },
    [FAILED.transient]: {
      problem: `guest ${domain} is transient: it would be gone once it is shut down`,
      hint: "define it; a Domain does",
    },
    [FAILED.staysUp]: {
      problem: `guest ${domain} did not shut down`,
      observed: `it runs after ${shutdownTimeout}`,
      hint: "it needs a guest agent or ACPI; it is not forced, and runs on",
    },
    [FAILED.noStart]: { problem: `guest ${domain} did not start`, hint: "see virsh start there" },
    [FAILED.noAnswer]: {
      problem: `guest ${domain} did not answer`,
      observed: `nothing of its ${answer?.kind === "ping" ? `address ${answer.address}` : "agent"} within ${bootTimeout}`,
      hint: "see its console; it runs on",
    },
  };
  const { problem, observed, hint } = facts[code] ?? {
    problem: `timing the start of guest ${domain} failed`,
  };
  const said = [observed, stderr.trim().split("\n").at(-1), observed === undefined ? `exit code ${code}` : ""]
    .filter((part) => part !== undefined && part !== "")
    .join(": ");
  return new HostError({
    ...{ code: "guest-boot", problem, observed: said },
    ...(hint !== undefined && { hint }),
  });
}
