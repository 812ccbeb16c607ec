import type { Inputs } from "../schema/definition.ts";
import type { exitCost } from "../schema/latency.ts";
import { CpuSet } from "../units/cpuset.ts";
import { exactDuration } from "../units/duration.ts";
import { InputError } from "../units/errors.ts";

type ExitCostInputs = Inputs<typeof exitCost>;

export interface ExitCostPlan {
  readonly argv: readonly [string, ...string[]];
  readonly command: readonly string[];
  readonly properties: readonly string[];
  /** One repetition at most, s. */
  readonly seconds: number;
  readonly repetitions: number;
}

/** QEMU's part of a repetition on an emulated machine, s: its start, and the vCPUs' way to their CPUs. */
const START_S = 60;
const MEMORY_MIB = 32;

/**
 * A guest that times its own exits, each vCPU on a CPU of its own, QEMU's other threads elsewhere; before it, as a program of the host, the same file times a system call.
 *
 * @throws InputError `exit-cpus`
 */
export function planExitCost(inputs: ExitCostInputs, housekeeping: CpuSet): ExitCostPlan {
  const { program, samples = 100_000, limit = "2min", repetitions = 3 } = inputs;
  const cpus = CpuSet.parse(inputs.cpus);
  const [first, second, ...more] = cpus;
  if (first === undefined || second === undefined || more.length > 0) {
    throw new InputError({
      code: "exit-cpus",
      property: "cpus",
      problem: "the guest has two vCPUs, one that times and one that is notified",
      observed: inputs.cpus,
      expected: "two CPUs",
      hint: "name two cores of one node, not two threads of one core",
    });
  }
  const seconds = exactDuration(limit, "s");
  const others = housekeeping.size === 0 ? cpus : housekeeping;
  const command = [
    ...[
      "qemu-system-x86_64",
      "-no-user-config",
      "-nodefaults",
      "-machine",
      "q35",
      "-accel",
      "kvm",
      "-cpu",
      "host",
    ],
    ...[
      "-smp",
      "2",
      "-m",
      `${MEMORY_MIB}`,
      "-display",
      "none",
      "-no-reboot",
      "-name",
      "nfvlab-exits,debug-threads=on",
    ],
    ...[
      "-kernel",
      program,
      "-append",
      `samples=${samples}`,
      "-device",
      "isa-debug-exit,iobase=0xf4,iosize=4",
    ],
  ];
  return {
    argv: [
      ...([
        "sh",
        "-c",
        RUN,
        "sh",
        program,
        `${samples}`,
        `${first}`,
        `${second}`,
        others.format(),
        `${seconds}`,
      ] as const),
      ...command.slice(1),
    ],
    command,
    properties: ["RuntimeDirectory=nfvlab-exits"],
    seconds: seconds + START_S,
    repetitions,
  };
}

/** How QEMU ends where the guest ends it: twice what it wrote, and one. */
const ENDED = { well: 33, badly: 35 } as const;
const NO_KVM = 65;
const NOT_PINNED = 66;
const NO_END = 67;

// The guest stands still until its vCPUs are on their CPUs. QEMU is told to go on by its monitor, and writes what the guest prints into a file.
const RUN = `program=$1; samples=$2; first=$3; second=$4; others=$5; limit=$6; shift 6
cd "$RUNTIME_DIRECTORY" || exit
trap '' PIPE
[ -c /dev/kvm ] || { echo "there is no /dev/kvm: load kvm_intel or kvm_amd" >&2; exit ${NO_KVM}; }
for qemu in qemu-system-x86_64 /usr/libexec/qemu-kvm; do command -v "$qemu" >/dev/null && break; done
taskset --cpu-list "$first" "$program" "samples=$samples" || exit
rm -f monitor pid report; mkfifo monitor || exit
taskset --cpu-list "$others" timeout "$limit" "$qemu" "$@" -S -pidfile pid -debugcon file:report \\
  -chardev stdio,id=monitor,signal=off -mon chardev=monitor,mode=control <monitor >/dev/null 2>said &
guest=$!
exec 3>monitor
vcpu() {
  for comm in "/proc/$(cat pid 2>/dev/null)"/task/*/comm; do
    read -r name 2>/dev/null <"$comm"
    case $name in "CPU $1/"*) task=\${comm%/comm}; echo "\${task##*/}" ;; esac
  done
}
until [ -n "$(vcpu 0)" ] && [ -n "$(vcpu 1)" ]; do
  kill -0 "$guest" 2>/dev/null || break
  sleep 0.1
done
if kill -0 "$guest" 2>/dev/null; then
  { taskset --cpu-list --pid "$first" "$(vcpu 0)" && taskset --cpu-list --pid "$second" "$(vcpu 1)"; } >/dev/null || { kill "$guest"; exit ${NOT_PINNED}; }
  echo '{"execute":"qmp_capabilities"}{"execute":"cont"}' >&3
fi
wait "$guest"; code=$?
case $code in
  ${ENDED.well} | ${ENDED.badly}) cat report ;;
  124) cat said >&2; echo "the guest did not end within $limit s" >&2; exit ${NO_END} ;;
  *) cat said >&2; exit "$code" ;;
esac`;
