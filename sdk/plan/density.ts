import type { DensityRung } from "../observe/density.ts";
import type { ObservedPool } from "../observe/hugepages.ts";
import type { Inputs } from "../schema/definition.ts";
import type { density } from "../schema/density.ts";
import type { HostFacts } from "../schema/facts.ts";
import { CpuSet } from "../units/cpuset.ts";
import { exactDuration } from "../units/duration.ts";
import { HostError, InputError } from "../units/errors.ts";
import { samplesToTell } from "../units/percentile.ts";
import { bytes, exactly } from "../units/size.ts";
import { systemBytes } from "./cpu-planner/node-choice.ts";
import { checkDomain } from "./domain-check.ts";
import { renderDomain } from "./domain-xml.ts";
import { ROOT_SCRIPT, rootLines } from "./lxc-container.ts";
import { reportingTo } from "./report-file.ts";

type DensityInputs = Inputs<typeof density>;
type Argv = readonly [string, ...string[]];
type Latency = NonNullable<DensityInputs["latency"]>;

/** Where a run lives on a machine. */
export interface DensityPlace {
  /** Name of its unit, which names of its instances and of its folder begin with. */
  readonly unit: string;
  /** Owner tag of its guests. */
  readonly tag: string;
  /** Flags of the machine's CPU. */
  readonly cpuFlags: ReadonlySet<string>;
}

export interface DensityPlan {
  /** What the record tells as the command. */
  readonly command: readonly string[];
  /** So many instances beside each other, from their start to their end. */
  readonly rung: (count: number) => {
    readonly argv: Argv;
    readonly properties: readonly string[];
    readonly endSeconds: number;
  };
  readonly repetitions: number;
  /** One repetition at most, s. */
  readonly limitSeconds: number;
  /** Most instances that are asked for. */
  readonly most: number;
  readonly startSeconds: number;
  /** Goal of wake-ups; undefined without. */
  readonly latency: DensityLatency | undefined;
}

export interface DensityLatency {
  readonly percentile: NonNullable<Latency["percentile"]>;
  readonly limitNs: number;
  /** Wake-ups that each instance has for certain. */
  readonly expected: number;
}

const MIB = 2 ** 20;
/** What QEMU takes beside its guest's memory, and what a container takes of the kernel, bytes: for an estimate of what fits, which what is measured corrects. */
const BESIDE = { guest: 64 * MIB, container: 2 * MIB } as const;
const MOST = 1000;
/** Words of a definition that stand for what differs from one instance to the next. */
const INSTANCE = "@INSTANCE@";
const CPU = "@CPU@";
/** The first and the last wake-up may fall outside of the time measured. */
const EDGE_SAMPLES = 2;

/**
 * What starts instances beside each other, runs them, looks at them, and ends them.
 *
 * @throws InputError `memory-multiple`, `emulator-on-vcpu`, `density-samples`, `density-latency`, `duration`
 */
export function planDensity(inputs: DensityInputs, place: DensityPlace): DensityPlan {
  const { instances, duration = "20s", limit = "1h", startTimeout = "60s" } = inputs;
  const { most = MOST, repetitions = 3 } = inputs;
  const [seconds, startSeconds] = [exactDuration(duration, "s"), exactDuration(startTimeout, "s")];
  const latency = inputs.latency && latencyGoal(inputs.latency, seconds);
  const load = latency === undefined ? [] : loadOf(inputs, seconds);
  const { unit } = place;
  const folder = `/run/${unit}`;
  const prefix = `${unit}-instance-`;
  const cpus = [...CpuSet.parse(inputs.cpus)].join(" ");
  const script = `${ENDING}\n${KIND[instances.kind]}\n${RUNG}`;
  const template =
    instances.kind === "guest" ? guestTemplate(inputs, place) : containerTemplate(inputs, folder);
  const end = `-/bin/sh -c '${END[instances.kind].replaceAll("$", "$$$$").replaceAll("%", "%%")}' sh ${prefix} ${folder}`;
  return {
    command:
      instances.kind === "guest"
        ? ["virsh", "create", `${prefix}N.xml`]
        : ["lxc-execute", "-P", folder, "-n", `${prefix}N`],
    rung: (count) => {
      const endSeconds = 60 + count;
      return {
        argv: [
          ...([
            "sh",
            "-c",
            script,
            "sh",
            prefix,
            folder,
            `${count}`,
            `${startSeconds}`,
            `${seconds}`,
          ] as const),
          ...[cpus, template, ROOT_SCRIPT, ...load],
        ],
        properties: [
          `RuntimeDirectory=${unit}`,
          "Delegate=yes",
          "KillMode=mixed",
          `TimeoutStopSec=${endSeconds}`,
          `ExecStartPre=${end}`,
          `ExecStopPost=${end}`,
        ],
        endSeconds,
      };
    },
    ...{ repetitions, most, startSeconds, latency },
    limitSeconds: exactDuration(limit, "s"),
  };
}

function latencyGoal(
  { percentile = "99.9", limit, interval = "1ms" }: Latency,
  seconds: number,
): DensityLatency {
  const [limitUs, intervalUs] = [exactDuration(limit, "us"), exactDuration(interval, "us")];
  if (limitUs < 1 || limitUs > 1_000_000 || intervalUs < 1) {
    throw new InputError({
      code: "density-latency",
      property: "latency",
      problem: "wake-ups can't be judged so",
      observed: `limit ${limit}, interval ${interval}`,
      expected: "a limit from 1us to 1s, an interval of 1us or more",
    });
  }
  const expected = Math.floor((seconds * 1e6) / intervalUs) - EDGE_SAMPLES;
  const needed = percentile === "max" ? 1 : samplesToTell(percentile);
  if (expected < needed) {
    throw new InputError({
      code: "density-samples",
      property: "duration",
      problem: `too few wake-ups to tell which ${percentile === "max" ? "is the latest" : `${percentile} % come in time`}`,
      observed: `${Math.max(0, expected)} of each instance in ${seconds} s`,
      expected: `${needed} or more`,
      hint: "lengthen `duration`, shorten `latency.interval`, or judge another percentile",
    });
  }
  return { percentile, limitNs: limitUs * 1000, expected };
}

/** cyclictest with one thread on the only CPU that an instance has, whatever its number is. Of a guest, as its agent is asked for it. */
function loadOf({ instances, latency }: DensityInputs, seconds: number): string[] {
  const { limit = "1ms", interval = "1ms", priority = 95 } = latency ?? {};
  // Whatever lies beyond twice the limit has broken the goal; a longer histogram would take memory that is measured.
  const histogramUs = Math.max(1000, 2 * exactDuration(limit, "us"));
  const [path, ...arg] = reportingTo("--json", [
    ...[
      "cyclictest",
      "--quiet",
      "--mlockall",
      "--policy=fifo",
      `--priority=${priority}`,
      "--threads=1",
      "--affinity",
    ],
    ...[`--interval=${exactDuration(interval, "us")}`, `--duration=${seconds}`, `--histogram=${histogramUs}`],
  ]);
  if (instances.kind === "container") return [path, ...arg];
  return [JSON.stringify({ execute: "guest-exec", arguments: { path, arg, "capture-output": true } })];
}

/** Definition of one guest, but for its name and its CPU. */
function guestTemplate({ host, instances, cpus }: DensityInputs, { tag, cpuFlags }: DensityPlace): string {
  if (instances.kind !== "guest") return "";
  const { kernel, initramfs, memory = "128MiB", pageSize = "4KiB", numaNode, emulatorCpus } = instances;
  const [first = 0] = CpuSet.parse(cpus);
  const name = "instance";
  const shared = CpuSet.parse(emulatorCpus).intersect(CpuSet.parse(cpus));
  if (shared.size > 0) {
    throw new InputError({
      code: "emulator-on-vcpu",
      property: "instances.emulatorCpus",
      problem: `QEMU's other threads would run on CPU ${shared.format()} of guests' vCPUs`,
      observed: `emulatorCpus ${emulatorCpus}, cpus ${cpus}`,
      expected: "disjoint lists",
      hint: "keep them on housekeeping CPUs",
    });
  }
  const guest = {
    ...{ host, name, memory, pageSize, numaNode, emulatorCpus, vcpuPins: [`${first}`] },
    ...{ boot: { kind: "kernel" as const, kernel, initramfs }, serial: "none" as const },
  };
  checkDomain(guest);
  return renderDomain(guest, { tag, cpuFlags })
    .replace(`<name>${name}</name>`, `<name>${INSTANCE}</name>`)
    .replace(`<vcpupin vcpu="0" cpuset="${first}"/>`, `<vcpupin vcpu="0" cpuset="${CPU}"/>`);
}

/** lxc.container.conf(5) of one container: the machine's programs, one CPU, no network. */
function containerTemplate({ instances }: DensityInputs, folder: string): string {
  if (instances.kind !== "container") return "";
  return `${[
    ...rootLines("instance", `${folder}/${INSTANCE}/rootfs`, "host"),
    `lxc.cgroup2.cpuset.cpus = ${CPU}`,
    `lxc.cgroup2.memory.max = ${bytes(instances.memory ?? "64MiB")}`,
    "lxc.net.0.type = empty",
  ].join("\n")}\n`;
}

/** What a machine has room for, and what ends it. */
export interface DensityRoom {
  readonly most: number;
  /** What there is no more of, as a sentence goes on: `CPUs`, `memory on node 1`. */
  readonly by: string;
}

/** What a machine has for instances before they are started. */
export interface DensityHost {
  readonly name: string;
  readonly facts: HostFacts;
  /** By node, KiB. */
  readonly available: ReadonlyMap<number, number>;
  readonly pools: readonly ObservedPool[];
}

/** Nodes that instances take memory from: a guest's own, any for containers. */
function nodesOf({ instances }: DensityInputs, { available }: DensityHost): number[] {
  return instances.kind === "guest" ? [instances.numaNode] : [...available.keys()];
}

/** What stays free on each node that instances take memory from, KiB: the planner's rule B21, which small nodes of an emulated server could never keep. */
export function keptFree(inputs: DensityInputs, host: DensityHost): ReadonlyMap<number, number> {
  const { keepFree } = inputs;
  const totalOf = (node: number) =>
    host.facts.numaNodes.find((candidate) => candidate.node === node)?.memoryTotalKib ?? 0;
  const own = (totalKib: number) =>
    host.facts.identity.emulated ? totalKib / 10 : systemBytes(totalKib) / 1024;
  return new Map(
    nodesOf(inputs, host).map((node) => [
      node,
      keepFree === undefined ? Math.ceil(own(totalOf(node))) : exactly(keepFree, "KiB"),
    ]),
  );
}

/**
 * How many instances fit, by the number that is asked for, CPUs, memory and huge pages (rules B20 and B21 of the planner).
 *
 * @throws HostError `density-room` where not even one fits
 */
export function densityRoom(inputs: DensityInputs, host: DensityHost): DensityRoom {
  const { instances, cpus, perCpu = 1, most = MOST } = inputs;
  const size = CpuSet.parse(cpus).size;
  const kept = keptFree(inputs, host);
  const spareKib = [...kept].reduce(
    (sum, [node, keep]) => sum + Math.max(0, (host.available.get(node) ?? 0) - keep),
    0,
  );
  const where = instances.kind === "guest" ? `node ${instances.numaNode}` : host.name;
  const limits: DensityRoom[] = [
    { most, by: "instances that are asked for" },
    { most: size * perCpu, by: `CPUs, ${perCpu} to each of ${size}` },
    {
      most: Math.floor((spareKib * 1024) / smallPagesOf(instances)),
      by: `memory on ${where} beside what is kept free`,
    },
    ...(instances.kind === "guest" && (instances.pageSize ?? "4KiB") !== "4KiB"
      ? [hugepageRoom(instances, host)]
      : []),
  ];
  const room = limits.reduce((least, limit) => (limit.most < least.most ? limit : least));
  if (room.most >= 1) return room;
  throw new HostError({
    code: "density-room",
    problem: `${host.name} has no room for a single ${instances.kind}`,
    observed: `${Math.floor(spareKib / 1024)} MiB beside what is kept free, ${size} CPUs`,
    expected: `more ${room.by}`,
    hint: "ask for less memory of each, lower `keepFree`, or raise the pool of huge pages",
  });
}

function smallPagesOf(instances: DensityInputs["instances"]): number {
  const { memory, kind } = instances;
  if (kind === "container") return bytes(memory ?? "64MiB") + BESIDE.container;
  const own = (instances.pageSize ?? "4KiB") === "4KiB" ? bytes(memory ?? "128MiB") : 0;
  return own + BESIDE.guest;
}

function hugepageRoom(
  { numaNode, pageSize = "4KiB", memory = "128MiB" }: Extract<DensityInputs["instances"], { kind: "guest" }>,
  { pools }: DensityHost,
): DensityRoom {
  const sizeKib = exactly(pageSize, "KiB");
  const free = pools.find((pool) => pool.numaNode === numaNode && pool.sizeKib === sizeKib)?.free ?? 0;
  return {
    most: Math.floor((free * sizeKib) / exactly(memory, "KiB")),
    by: `free pages of ${pageSize} on node ${numaNode}`,
  };
}

/** Exit codes of a rung that could not begin. */
const MISSING = 65;

/** A search that takes longer than it may. */
export function outOfTime(
  { host, limit = "1h" }: DensityInputs,
  tried: readonly { readonly count: number; readonly broke: string | undefined }[],
): HostError {
  const rungs = tried.map(({ count, broke }) => `${count} ${broke === undefined ? "held" : "broke"}`);
  return new HostError({
    code: "density-limit",
    property: "limit",
    problem: `the search on ${host.name} did not end in its time`,
    observed: rungs.length === 0 ? "no rung came to its end" : rungs.join(", "),
    expected: `an end within ${limit}`,
    hint: "raise `limit`, or bound `most`",
  });
}

/**
 * A single instance that does not start, or in which nothing runs, says nothing of how many there is room for.
 *
 * @throws HostError `density-first`
 */
export function firstBroken(
  { host, instances: { kind }, startTimeout = "60s" }: DensityInputs,
  { failed, lost: [lost] }: Pick<DensityRung, "failed" | "lost">,
): void {
  if (failed === undefined && lost === undefined) return;
  const what =
    failed === undefined
      ? "did not run to its end"
      : failed.how === "start"
        ? "did not start"
        : "did not answer";
  const said = failed?.said ?? lost?.said ?? "";
  const late = failed?.how === "answer" ? `nothing within ${startTimeout}` : undefined;
  throw new HostError({
    code: "density-first",
    problem: `a ${kind} alone ${what} on ${host.name}, so there is no number of them to seek`,
    observed: [late, said].filter((part) => part !== undefined && part !== "").join(": ") || "no word of why",
    hint: "start one by itself first: what keeps it from running there is no matter of density",
  });
}

/** What is said of a rung that did not come to its end. */
export function densityFailure(
  { host, instances: { kind } }: DensityInputs,
  { code, stderr }: { readonly code: number; readonly stderr: string },
): HostError {
  const said = stderr.trim().split("\n").at(-1) ?? "";
  if (code === MISSING) {
    return new HostError({
      code: "density-program",
      problem: `${host.name} lacks what ${kind}s are started with`,
      observed: said,
      hint:
        kind === "guest"
          ? "install libvirt, QEMU and KVM"
          : "install LXC, and rt-tests for a goal of wake-ups",
    });
  }
  return new HostError({
    code: "benchmark-failed",
    problem: `density failed on ${host.name}`,
    observed: `exit code ${code}: ${said || "no word of why"}`,
  });
}

// Before the first word is said: who hears it may end the script at once.
const ENDING = `trap 'exit 143' TERM INT; trap '' PIPE`;

const KIND = {
  guest: `v() { virsh --quiet --connect qemu:///system "$@"; }
ask() { v qemu-agent-command --timeout 10 "$one" "$1"; }
[ -c /dev/kvm ] || { echo "there is no /dev/kvm" >&2; exit ${MISSING}; }
command -v virsh >/dev/null || { echo "there is no virsh" >&2; exit ${MISSING}; }
prepare() { filled >"$folder/$one.xml"; }
launch() { v create "$folder/$one.xml" >"$folder/said" 2>&1 && pid=$(processes); }
lives() { [ -d "/proc/$pid" ]; }
answers() { ask '{"execute":"guest-ping"}' >/dev/null 2>"$folder/said"; }
reason() { grep . "$folder/said" | tail -n 1; }
processes() { cat "/run/libvirt/qemu/$one.pid"; }
cpu() {
  stat=$(cat "/proc/$(processes)/stat"); set -- \${stat##*) }
  echo $(((\${12} + \${13}) * 1000000 / ticks))
}
load() {
  program=$(ask "$1" 2>"$folder/$i.err" | sed -n 's/.*"pid":\\([0-9]*\\).*/\\1/p')
  [ -n "$program" ] || return
  sleep "$window"
  while :; do
    status=$(ask '{"execute":"guest-exec-status","arguments":{"pid":'"$program"'}}' 2>"$folder/$i.err") || return
    case $status in *'"exited":true'*) break ;; esac
    sleep 1
  done
  said() { echo "$status" | sed -n 's/.*"'"$1"'":"\\{0,1\\}\\([^",}]*\\).*/\\1/p'; }
  said err-data | base64 -d >"$folder/$i.err" 2>/dev/null
  [ "$(said exitcode)" = 0 ] && said out-data >"$folder/$i.out"
}`,
  container: `command -v lxc-execute >/dev/null || { echo "LXC is not installed" >&2; exit ${MISSING}; }
[ $# -le 8 ] || command -v cyclictest >/dev/null || { echo "there is no cyclictest" >&2; exit ${MISSING}; }
echo "@lxc $(lxc-execute --version)"
prepare() { sh -c "$root" sh "$folder/$one" host >&2 && filled >"$folder/$one/config"; }
launch() { lxc-execute -P "$folder" -n "$one" -- sleep 2147483647 </dev/null >"$folder/said" 2>&1 & pid=$!; }
lives() { kill -0 "$pid" 2>/dev/null; }
inside() { lxc-attach -P "$folder" -n "$one" -- "$@"; }
answers() { inside /bin/sh -c : </dev/null >/dev/null 2>&1; }
reason() { grep . "$folder/said" | head -n 1; }
processes() { cat "/sys/fs/cgroup/lxc.payload.$one/cgroup.procs" "/sys/fs/cgroup/lxc.monitor.$one/cgroup.procs"; }
cpu() { sed -n 's/^usage_usec //p' "/sys/fs/cgroup/lxc.payload.$one/cpu.stat"; }
load() { inside "$@" </dev/null >"$folder/$i.plain" 2>"$folder/$i.err" && base64 -w 0 "$folder/$i.plain" >"$folder/$i.out"; }`,
} as const;

// A word that can't be said any more is of a connection that was lost: nobody waits for the rest. Times are since the boot, in ms by hundredths of a second.
const RUNG = `prefix=$1; folder=$2; count=$3; limit=$4; window=$5; cpus=$6; template=$7; root=$8; shift 8
ticks=$(getconf CLK_TCK)
say() { echo "$@" 2>/dev/null || exit 1; }
beat=0
beat() { [ "$now" -lt "$beat" ] || { beat=$((now + 5000)); say @alive; }; }
now() { read -r since _ </proc/uptime; now=\${since%.*}\${since#*.}0; }
cpu_of() { index=$1; set -- $cpus; shift $(((index - 1) % $#)); echo "$1"; }
filled() { printf '%s' "$template" | sed -e "s|@INSTANCE@|$one|g" -e "s|@CPU@|$(cpu_of "$i")|g"; }
encoded() { base64 -w 0; }
available() {
  for file in /sys/devices/system/node/node[0-9]*/meminfo; do
    awk -v word="$1" '$3 == "MemFree:" || $3 == "Active(file):" || $3 == "Inactive(file):" || $3 == "SReclaimable:" { kib += $4 } END { print word, $2, kib }' "$file" || exit 1
  done
}
failed() { say "@failed $i $1 $(reason | encoded)"; exit 0; }
each() { i=1; while [ "$i" -le "$count" ]; do one=$prefix$i; "$@"; i=$((i + 1)); done; }
start() {
  prepare || { echo "$one could not be prepared" >&2; exit 1; }
  now; from=$now
  launch || failed start
  until answers; do
    lives || failed start
    now; [ "$now" -lt $((from + limit * 1000)) ] || failed answer
    beat; sleep 0.05
  done
  now; say "@answered $i $from $now"
}
look() {
  rss=0; pss=0; huge=0
  for process in $(processes); do
    while read -r key value _; do
      case $key in
        Rss:) rss=$((rss + value)) ;; Pss:) pss=$((pss + value)) ;;
        Shared_Hugetlb: | Private_Hugetlb:) huge=$((huge + value)) ;;
      esac
    done <"/proc/$process/smaps_rollup"
  done 2>/dev/null
  say "@memory $i $rss $pss $huge"
}
tell() {
  if [ -s "$folder/$i.out" ]; then say "@latency $i $(cat "$folder/$i.out")"; else say "@lost $i $(tail -n 1 "$folder/$i.err" 2>/dev/null | encoded)"; fi
}
used() { spent=$(cpu 2>/dev/null); echo "\${spent:-0}" >"$folder/$i.$1"; }
run() { { load "$@"; : >"$folder/$i.ended"; } & }
available @before
each start
available @after
each look
each used before; now; from=$now
[ $# -eq 0 ] || each run "$@"
ended() { set -- "$folder"/*.ended; [ -e "$1" ] || return; [ $# -ge "$count" ]; }
if [ $# -eq 0 ]; then until now; [ "$now" -ge $((from + window * 1000)) ]; do sleep 1; beat; done
else until ended; do now; [ "$now" -lt $((from + (window + 60 + count) * 1000)) ] || break; sleep 1; beat; done; fi
each used after; now; took=$((now - from))
spent() {
  if [ -n "$(processes 2>/dev/null)" ]; then say "@cpu $i $(($(cat "$folder/$i.after") - $(cat "$folder/$i.before"))) $took"; else say "@gone $i"; fi
}
each spent
[ $# -eq 0 ] || each tell
say @end`;

// One line without single quotes, for a property of a unit.
const END = {
  guest: `virsh --quiet --connect qemu:///system list --all --name | grep "^$1" | xargs -r -P 8 -n 1 virsh --quiet --connect qemu:///system destroy; rm -f /var/log/libvirt/qemu/"$1"*.log`,
  container: `tries=0; while :; do left=; for group in /sys/fs/cgroup/lxc.monitor."$1"* /sys/fs/cgroup/lxc.payload."$1"*; do [ -d "$group" ] || continue; left=1; kill -KILL $(find "$group" -name cgroup.procs -exec cat {} +); find "$group" -depth -type d -exec rmdir {} +; done 2>/dev/null; [ -n "$left" ] && [ "$tries" -lt 300 ] || break; tries=$((tries + 1)); sleep 0.1; done; rm -rf /run/lxc/lock"$2" /run/lock/lxc"$2"; rmdir /run/lxc/lock/run /run/lock/lxc/run 2>/dev/null`,
} as const;
