import type { ObservedDomain } from "../observe/domains.ts";
import { unitOf } from "../plan/benchmarks.ts";
import { requireOnline } from "../plan/online-cpus.ts";
import type { BenchmarkSubject, CoLoad } from "../schema/benchmarks.ts";
import type { HostReference } from "../schema/connection.ts";
import type { HostFacts } from "../schema/facts.ts";
import type { FirmwareIntent } from "../schema/inspection.ts";
import type { ResultRecord } from "../schema/record.ts";
import { CpuSet } from "../units/cpuset.ts";
import { formatNanoseconds } from "../units/duration.ts";
import { busyBefore } from "./busy-before.ts";
import { runInGuest } from "./guest-agent.ts";
import type { Host, Operation } from "./handler.ts";
import { besideLoad, besideText } from "./loading.ts";
import { type Measured, measuring } from "./measuring.ts";
import type { RawOutputs } from "./raw-outputs.ts";
import { printedBy, runUnit } from "./unit-program.ts";

/** Beyond the run itself: start, locking memory, writing the report, s. A loaded emulated server takes more than a minute for them. */
const SLACK_S = 180;

/** What the inputs of all benchmarks of CPUs have. */
export interface CpuBenchmarkInputs {
  readonly host: HostReference;
  readonly name: string;
  readonly subject: BenchmarkSubject;
  readonly coLoad?: CoLoad | undefined;
  readonly firmware?: FirmwareIntent | undefined;
}

/** A program that is run once for each repetition. */
export interface ProgramPlan {
  readonly argv: readonly [string, ...string[]];
  /** What is told in the record as the command. */
  readonly command: readonly string[];
  /** Properties of its unit. */
  readonly properties?: readonly string[];
  /** One repetition, s. */
  readonly seconds: number;
  readonly repetitions: number;
}

/** A benchmark of some CPUs by a program of their machine, or of the guest that they are of. */
export interface CpuBenchmark<Plan extends ProgramPlan, Run> {
  readonly kind: string;
  readonly plan: (housekeeping: CpuSet) => Plan;
  readonly parse: (stdout: string) => Run;
  readonly slowestNs: (run: Run) => number;
  readonly measured: (runs: readonly Run[], plan: Plan, facts: HostFacts) => Omit<Measured, "coLoad">;
}

/**
 * Runs a benchmark of CPUs: as a unit of the machine, which ends by itself, or through the agent of a guest; beside load where that is asked for.
 *
 * @throws InputError `cpu-unknown`, `co-load-measured`; HostError `benchmark-failed`, `parse`, and those of `measuring`
 */
export async function benchmarkCpus<Plan extends ProgramPlan, Run>(
  operation: Operation,
  inputs: CpuBenchmarkInputs,
  benchmark: CpuBenchmark<Plan, Run>,
): Promise<ResultRecord> {
  const host = operation.host(inputs.host);
  const { subject, coLoad, firmware } = inputs;
  const { seconds: each, repetitions } = benchmark.plan(CpuSet.empty);
  const seconds = repetitions * each + SLACK_S;
  const beside = await besideLoad(operation, host, coLoad, {
    unit: unitOf(operation.tag, inputs.name),
    seconds: seconds + repetitions * SLACK_S,
    measured: ({ guests }) => measuredCpus(inputs, guests),
  });
  return measuring(
    operation,
    host,
    {
      ...{ kind: benchmark.kind, name: inputs.name, seconds, firmware, asked: inputs },
      guests: subject.kind === "guest" ? [subject.domain] : [],
      subject: `${placeOf(inputs)}, CPUs ${subject.cpus}${besideText(coLoad)}`,
    },
    (facts) => {
      const plan = benchmark.plan(housekeepingFor(inputs, facts));
      return (raw) => beside(raw, () => measureAll(operation, host, inputs, benchmark, { plan, facts, raw }));
    },
  );
}

/** Machine or guest, as sentences name it. */
export function placeOf({ host, subject }: Pick<CpuBenchmarkInputs, "host" | "subject">): string {
  return subject.kind === "host" ? host.name : `guest ${subject.domain}`;
}

async function measureAll<Plan extends ProgramPlan, Run>(
  operation: Operation,
  host: Host,
  inputs: CpuBenchmarkInputs,
  { kind, parse, slowestNs, measured }: CpuBenchmark<Plan, Run>,
  { plan, facts, raw }: { readonly plan: Plan; readonly facts: HostFacts; readonly raw: RawOutputs },
): Promise<Omit<Measured, "coLoad">> {
  // The CPUs of a guest that polls are busy on their machine for its own sake.
  const busy =
    inputs.subject.kind === "host"
      ? await busyBefore(host, CpuSet.parse(inputs.subject.cpus), operation.signal)
      : [];
  const runs: Run[] = [];
  for (let repetition = 1; repetition <= plan.repetitions; repetition += 1) {
    const slowest = Math.max(0, ...runs.map(slowestNs));
    const soFar = runs.length === 0 ? "" : `, max ${formatNanoseconds(slowest)} so far`;
    const status = () => operation.status(`repetition ${repetition}/${plan.repetitions}${soFar}`);
    status();
    runs.push(parse(await runOnce(operation, host, inputs, { kind, raw, ...plan }, status)));
  }
  const { faults = [], ...rest } = measured(runs, plan, facts);
  return { ...rest, faults: [...busy, ...faults] };
}

/** CPUs of the machine that the measured threads run on. */
function measuredCpus({ subject }: CpuBenchmarkInputs, guests: readonly ObservedDomain[]): CpuSet {
  const cpus = CpuSet.parse(subject.cpus);
  if (subject.kind === "host") return cpus;
  const pins = guests.find(({ name }) => name === subject.domain)?.vcpuPins ?? [];
  return CpuSet.of([...cpus].flatMap((vcpu) => [...CpuSet.parse(pins[vcpu] ?? "")]));
}

function housekeepingFor({ subject, host }: CpuBenchmarkInputs, facts: HostFacts): CpuSet {
  const cpus = CpuSet.parse(subject.cpus);
  if (subject.kind === "guest") return CpuSet.parse("0");
  const online = CpuSet.parse(facts.onlineCpus);
  requireOnline({ "subject.cpus": subject.cpus }, online, host.name);
  return online.minus(CpuSet.parse(facts.kernel.isolatedCpus)).minus(cpus);
}

async function runOnce(
  operation: Operation,
  host: Host,
  inputs: CpuBenchmarkInputs,
  {
    kind,
    raw,
    argv,
    seconds,
    properties = [],
  }: ProgramPlan & { readonly kind: string; readonly raw: RawOutputs },
  onProgress: () => void,
): Promise<string> {
  const { subject, name } = inputs;
  const limit = seconds + SLACK_S;
  const ran =
    subject.kind === "host"
      ? await runUnit(operation, host, name, { argv, properties, seconds: limit }, raw)
      : await runInGuest(host, subject.domain, argv, {
          ...{ timeoutMs: limit * 1000, signal: operation.signal, onProgress, raw },
        });
  return printedBy(kind, placeOf(inputs), ran);
}
