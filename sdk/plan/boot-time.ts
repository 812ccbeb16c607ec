import { dirname } from "node:path/posix";
import type { Inputs } from "../schema/definition.ts";
import type { bootTime } from "../schema/latency.ts";
import { exactDuration } from "../units/duration.ts";
import { HostError, InputError } from "../units/errors.ts";
import { folderOf, groupOf, serviceOf } from "./lxc-container.ts";

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

/** What is started. */
export interface BootSubject {
  readonly kind: "guest" | "container";
  readonly name: string;
}

/** @throws InputError `boot-subject` where a guest and a container are named, or neither */
export function bootSubject({
  domain,
  container,
}: Pick<BootTimeInputs, "domain" | "container">): BootSubject {
  if (domain !== undefined && container === undefined) return { kind: "guest", name: domain };
  if (container !== undefined && domain === undefined) return { kind: "container", name: container };
  throw new InputError({
    code: "boot-subject",
    property: "domain",
    problem: "one thing is started and timed, a guest or a container",
    observed: domain === undefined ? "neither" : `guest ${domain} and container ${container}`,
    expected: "domain or container",
  });
}

/**
 * One start of a guest or a container, with what is timed of it, and the memory that it takes when it answers.
 *
 * @throws InputError `boot-subject`
 */
export function planBootTime(inputs: BootTimeInputs): BootTimePlan {
  const {
    answer = { kind: "agent" },
    shutdownTimeout = "60s",
    bootTimeout = "300s",
    repetitions = 3,
  } = inputs;
  const { kind, name } = bootSubject(inputs);
  const [down, up] = [exactDuration(shutdownTimeout, "s"), exactDuration(bootTimeout, "s")];
  const address = answer.kind === "ping" ? answer.address : "";
  const own = kind === "guest" ? [] : [serviceOf(name), dirname(folderOf(name)), groupOf(name)];
  return {
    argv: ["sh", "-c", `${SUBJECT[kind]}\n${START}`, "sh", name, `${down}`, `${up}`, address, ...own],
    properties: ["KillMode=mixed", `TimeoutStopSec=${down + START_S}`],
    seconds: down + START_S + up,
    endSeconds: down + START_S,
    repetitions,
  };
}

const FAILED = { notRunning: 65, transient: 66, staysUp: 67, noStart: 68, noAnswer: 69 } as const;

const SUBJECT = {
  // Memory of a guest is that of its QEMU: what it shares counts by its part, and huge pages, which are in no such part, in full.
  guest: `name=$1
v() { virsh --quiet --connect qemu:///system "$@"; }
is() { [ "$(v domstate "$name" 2>/dev/null | head -n 1)" = "$1" ]; }
runs() { is running; }
off() { is "shut off"; }
lasts() { v dominfo "$name" | grep -q '^Persistent: *yes'; }
stop() { v shutdown "$name" --mode agent,acpi; }
start() { v start "$name"; }
inside() { v qemu-agent-command --timeout 5 "$name" '{"execute":"guest-ping"}'; }
memory() {
  read -r pid </run/libvirt/qemu/"$name".pid || [ -n "$pid" ] || return
  kib=0
  while read -r key value _; do
    case $key in Pss: | Shared_Hugetlb: | Private_Hugetlb:) kib=$((kib + value)) ;; esac
  done </proc/"$pid"/smaps_rollup
  echo $((kib * 1024))
}`,
  // Memory of a container is what its control group is charged, huge pages beside it.
  container: `name=$1; service=$5; folder=$6; group=$7
runs() { systemctl is-active --quiet "$service" && inside; }
off() { ! systemctl is-active --quiet "$service" && [ ! -e "$group" ]; }
lasts() { systemctl cat "$service" >/dev/null 2>&1; }
stop() { systemctl stop --no-block "$service"; }
start() { systemctl start "$service"; }
inside() { lxc-attach -P "$folder" -n "$name" -- /bin/sh -c :; }
memory() {
  bytes=0
  for file in "$group"/memory.current "$group"/hugetlb.*.current; do
    case $file in *.rsvd.current) continue ;; esac
    [ -r "$file" ] && read -r value <"$file" && bytes=$((bytes + value))
  done
  echo "$bytes"
}
echo "@lxc $(lxc-execute --version)"`,
} as const;

// Whoever ends it half-way gets back what is timed: from the order to shut down until its start, that is owed. Times are since the boot, in ms by hundredths of a second.
const START = `down=$2; up=$3; address=$4
now() { read -r since _ < /proc/uptime; now=\${since%.*}\${since#*.}0; }
untilOff() { now; until off; do end=$1; now; [ "$now" -lt "$end" ] || return 1; sleep 0.1; done; }
answers() { if [ -n "$address" ]; then ping -n -c 1 -W 1 "$address"; else inside; fi; } >/dev/null 2>&1
owed=
back() { [ -z "$owed" ] || { now; untilOff $((now + down * 1000)) && start; }; }
trap back EXIT
trap 'exit 143' TERM INT
runs >/dev/null 2>&1 || exit ${FAILED.notRunning}
lasts || exit ${FAILED.transient}
owed=1
stop >&2
now; untilOff $((now + down * 1000)) || { owed=; exit ${FAILED.staysUp}; }
now; from=$now
start >&2 || exit ${FAILED.noStart}
owed=
now; started=$now
until answers; do now; [ "$now" -lt $((from + up * 1000)) ] || exit ${FAILED.noAnswer}; sleep 0.05; done
now
echo "@booted $from $started $now $(memory 2>/dev/null)"`;

/** What is said of a start that did not go well. */
export function bootFailure(
  { answer, shutdownTimeout = "60s", bootTimeout = "300s", ...named }: BootTimeInputs,
  { code, stderr }: { readonly code: number; readonly stderr: string },
): HostError {
  const { kind, name } = bootSubject(named);
  const facts: Readonly<Record<number, Pick<HostError, "problem"> & Partial<HostError>>> = {
    [FAILED.notRunning]: {
      problem: `${kind} ${name} does not run, so it is not shut down and started`,
      hint: `start it first: its ${kind === "guest" ? "Domain" : "Container"} does`,
    },
    [FAILED.transient]: {
      problem: `${kind} ${name} is transient: it would be gone once it is shut down`,
      hint: "define it; a Domain does",
    },
    [FAILED.staysUp]: {
      problem: `${kind} ${name} did not shut down`,
      observed: `it runs after ${shutdownTimeout}`,
      hint: `${kind === "guest" ? "it needs a guest agent or ACPI; " : ""}it is not forced, and runs on`,
    },
    [FAILED.noStart]: {
      problem: `${kind} ${name} did not start`,
      hint: `see ${kind === "guest" ? "virsh start" : `journalctl -u ${serviceOf(name)}`} there`,
    },
    [FAILED.noAnswer]: {
      problem: `${kind} ${name} did not answer`,
      observed: `nothing of its ${answer?.kind === "ping" ? `address ${answer.address}` : kind === "guest" ? "agent" : "commands"} within ${bootTimeout}`,
      hint: "see its console or its journal; it runs on",
    },
  };
  const { problem, observed, hint } = facts[code] ?? {
    problem: `timing the start of ${kind} ${name} failed`,
  };
  const said = [observed, stderr.trim().split("\n").at(-1), observed === undefined ? `exit code ${code}` : ""]
    .filter((part) => part !== undefined && part !== "")
    .join(": ");
  return new HostError({
    ...{ code: "guest-boot", problem, observed: said },
    ...(hint !== undefined && { hint }),
  });
}
