import type { FileSystemSpace } from "../observe/stress-ng.ts";
import type { CoLoad } from "../schema/benchmarks.ts";
import type { HostFacts } from "../schema/facts.ts";
import type { RecordedCoLoad } from "../schema/record.ts";
import { CpuSet } from "../units/cpuset.ts";
import { HostError, InputError } from "../units/errors.ts";
import { requireOnline } from "./online-cpus.ts";
import type { Step } from "./step.ts";

const MIB = 2 ** 20;
const FILE_MIB = 64;
/** What a file system keeps free beside the files of a load. */
const LEAST_FREE = 0.2;
/** An instance's own memory beside the pages that it writes. */
const OVERHEAD_MIB = 128;
const LEAST_BUSY = 0.95;

export interface CoLoadPlan {
  readonly kind: CoLoad["kind"];
  readonly cpus: CpuSet;
  readonly units: readonly string[];
  readonly start: readonly Step[];
  /** Stops all instances; prints what they told of themselves. */
  readonly stop: Step;
  /** Prints the unit of each instance that runs. */
  readonly running: Step;
  readonly leastBusy: number;
  readonly command: readonly string[];
  readonly version: string;
}

export interface LoadedMachine {
  readonly name: string;
  readonly facts: HostFacts;
  readonly stressNg: string | undefined;
  readonly space: FileSystemSpace | undefined;
}

export interface LoadedMeasurement {
  /** First part of the names of its units. */
  readonly unit: string;
  /** CPUs of the machine that are measured; of a guest those that its measured vCPUs run on. */
  readonly measured: CpuSet;
  /** After which the load ends by itself, s. */
  readonly seconds: number;
}

/**
 * Load on some CPUs of a machine, an instance of stress-ng pinned to each, in a unit of its own that ends by itself.
 *
 * @throws InputError `cpu-unknown`, `co-load-measured`; HostError `stress-ng-missing`, `co-load-disk`, `co-load-memory`
 */
export function planCoLoad(load: CoLoad, machine: LoadedMachine, measurement: LoadedMeasurement): CoLoadPlan {
  const cpus = CpuSet.parse(load.cpus);
  const { facts, name, stressNg: version, space } = machine;
  requireOnline({ "coLoad.cpus": load.cpus }, CpuSet.parse(facts.onlineCpus), name);
  if (load.overlap !== "allow") requireApart(cpus, measurement.measured, facts);
  if (version === undefined)
    throw new HostError({
      code: "stress-ng-missing",
      property: "coLoad",
      problem: `${name} has nothing to make load with`,
      observed: "no stress-ng",
      hint: "install the package stress-ng there",
    });
  if (load.kind === "io") requireSpace(space, cpus.size, name);
  const instances = [...cpus].map((cpu) => {
    const unit = `${measurement.unit}-load-${cpu}`;
    const memoryMib = load.kind === "memory" ? memoryOf(cpu, cpus, load, machine) : undefined;
    return { cpu, unit, ...instance(load.kind, cpu, unit, measurement.seconds, memoryMib) };
  });
  const units = instances.map(({ unit }) => `${unit}.service`);
  return {
    kind: load.kind,
    cpus,
    units,
    start: instances.map(({ cpu, argv }) => ({ purpose: `load CPU ${cpu} with ${load.kind}`, argv })),
    stop: {
      purpose: `stop the ${load.kind} load`,
      argv: ["sh", "-c", STOP, "sh", ...units],
      timeoutMs: 120_000,
    },
    running: {
      purpose: `see whether the ${load.kind} load runs`,
      argv: ["sh", "-c", RUNNING, "sh", ...units],
    },
    leastBusy: load.kind === "io" ? 0 : LEAST_BUSY,
    command: instances[0]?.command ?? [],
    version,
  };
}

const RUNNING = 'for unit; do systemctl is-active --quiet "$unit" && echo "$unit"; done; true';

// The metrics come by the journal, which has them after the unit is gone.
const STOP = `ids=
for unit; do ids="$ids $(systemctl show --property=InvocationID --value "$unit")"; done
systemctl stop "$@" 2>/dev/null
systemctl reset-failed "$@" 2>/dev/null
[ -z "$(echo $ids)" ] || journalctl --sync 2>/dev/null
for id in $ids; do journalctl --quiet --no-pager --output=cat "_SYSTEMD_INVOCATION_ID=$id" 2>/dev/null; done
true`;

function instance(
  kind: CoLoad["kind"],
  cpu: number,
  unit: string,
  seconds: number,
  memoryMib: number | undefined,
): { readonly argv: Step["argv"]; readonly command: readonly string[] } {
  const files = `/var/tmp/${unit}`;
  const metrics = `/run/${unit}/metrics.yaml`;
  const stressors: Readonly<Record<CoLoad["kind"], readonly string[]>> = {
    cpu: ["--cpu", "1", "--cpu-method", "all"],
    memory: ["--vm", "1", "--vm-bytes", `${memoryMib}m`, "--vm-keep"],
    stream: ["--stream", "1"],
    cache: ["--cache", "1"],
    io: ["--hdd", "1", "--hdd-bytes", `${FILE_MIB}m`, "--hdd-opts", "wr-rnd,rd-rnd,fdatasync"],
  };
  const command = [
    ...["stress-ng", ...stressors[kind], "--taskset", `${cpu}`, "--timeout", `${seconds}s`],
    ...(kind === "io" ? ["--temp-path", files] : []),
  ];
  const properties = [
    ...[`RuntimeMaxSec=${seconds}`, `CPUAffinity=${cpu}`, `RuntimeDirectory=${unit}`],
    // The first process alone is told to end, ends the others, and writes its metrics.
    ...["KillMode=mixed", "TimeoutStopSec=20", "OOMScoreAdjust=1000"],
    ...(memoryMib === undefined ? [] : [`MemoryMax=${memoryMib + OVERHEAD_MIB}M`]),
    ...(kind === "io" ? [`ExecStartPre=/bin/mkdir -p ${files}`, `ExecStopPost=/bin/rm -rf ${files}`] : []),
    `ExecStopPost=/bin/cat ${metrics}`,
  ];
  const argv = [
    ...(["systemd-run", `--unit=${unit}`, "--collect", "--quiet"] as const),
    ...properties.map((property) => `--property=${property}`),
    ...command,
    ...["--metrics-brief", "--yaml", metrics],
  ] as const;
  return { argv: argv as unknown as Step["argv"], command };
}

/** A load beside the measured thread would be measured itself, and one on the other thread of its core takes half of the core. */
function requireApart(cpus: CpuSet, measured: CpuSet, { cpus: all }: HostFacts): void {
  const same = cpus.intersect(measured);
  const siblings = [...cpus.minus(measured)].flatMap((cpu) => {
    const core = CpuSet.parse(all.find((each) => each.cpu === cpu)?.siblings ?? `${cpu}`);
    const beside = core.intersect(measured);
    return beside.size === 0 ? [] : [`CPU ${cpu} shares its core with ${beside}`];
  });
  const problems = [...(same.size === 0 ? [] : [`CPU ${same} is measured`]), ...siblings];
  if (problems.length === 0) return;
  throw new InputError({
    code: "co-load-measured",
    property: "coLoad.cpus",
    problem: "the load would lie on what is measured",
    observed: `load on CPU ${cpus}, and ${problems.join(", ")}`,
    expected: `CPUs of other cores than those of ${measured}`,
    hint: 'choose other CPUs, or say overlap: "allow" where this is what is to be measured',
  });
}

function requireSpace(space: FileSystemSpace | undefined, instances: number, host: string): void {
  const wanted = instances * FILE_MIB * MIB;
  if (space !== undefined && space.free - wanted >= space.total * LEAST_FREE) return;
  throw new HostError({
    code: "co-load-disk",
    property: "coLoad",
    problem: `/var/tmp of ${host} is too full for a load of input and output`,
    observed: space === undefined ? "no answer from df" : `${Math.floor(space.free / MIB)} MiB free`,
    expected:
      space === undefined
        ? "a folder /var/tmp"
        : `at least ${Math.ceil((space.total * LEAST_FREE + wanted) / MIB)} MiB: a fifth of it stays free`,
    hint: "make room there, or load fewer CPUs",
  });
}

/** MiB of one instance: its share of the node's free memory. */
function memoryOf(cpu: number, cpus: CpuSet, { memoryPercent = 50 }: CoLoad, machine: LoadedMachine): number {
  const { numaNodes } = machine.facts;
  const node = numaNodes.find((each) => CpuSet.parse(each.cpus).has(cpu));
  const instances = node === undefined ? 1 : cpus.intersect(CpuSet.parse(node.cpus)).size;
  const mib = Math.floor((((node?.memoryFreeKib ?? 0) / 1024) * (memoryPercent / 100)) / instances);
  const least = 16;
  if (mib >= least) return mib;
  throw new HostError({
    code: "co-load-memory",
    property: "coLoad",
    problem: `node ${node?.node ?? "?"} of ${machine.name} has too little free memory for a load of it`,
    observed: `${mib} MiB for each of ${instances}`,
    expected: `at least ${least} MiB`,
    hint: "load fewer CPUs, or give huge pages of the node back",
  });
}

/** The load as the record has it. */
export function recordedCoLoad(
  { kind, cpus, units, leastBusy, command, version }: CoLoadPlan,
  seen: {
    readonly busy: (cpu: number) => number;
    /** What `running` printed at the end of the measurement. */
    readonly running: string;
    readonly operations: number | null;
  },
): RecordedCoLoad {
  const running = new Set(seen.running.split("\n"));
  const ended = [...cpus].filter((_, index) => !running.has(units[index] ?? ""));
  return {
    kind,
    cpus: cpus.format(),
    busy: Object.fromEntries([...cpus].map((cpu) => [`${cpu}`, Math.round(seen.busy(cpu) * 1e4) / 1e4])),
    leastBusy,
    ended: CpuSet.of(ended).format(),
    operations: seen.operations,
    command: [...command],
    version,
  };
}
