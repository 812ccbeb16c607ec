import { busyShare, type CpuTime, cpuTimes } from "../observe/cpu-times.ts";
import { domains, type ObservedDomain } from "../observe/domains.ts";
import { hostFactsOf, hostFactsProbes } from "../observe/host-facts.ts";
import { polling } from "../observe/ovs.ts";
import { loadFolderSpace, parseOperations, stressNgVersion } from "../observe/stress-ng.ts";
import { type CoLoadPlan, planCoLoad, recordedCoLoad } from "../plan/co-load.ts";
import type { CoLoad } from "../schema/benchmarks.ts";
import type { RecordedCoLoad } from "../schema/record.ts";
import { CpuSet } from "../units/cpuset.ts";
import type { Host, Operation } from "./handler.ts";
import { type RawOutputs, runKept } from "./raw-outputs.ts";

/** What is asked before a load is planned. */
const probes = { ...hostFactsProbes, stressNg: stressNgVersion, space: loadFolderSpace, domains, polling };

/** What runs on a machine and may be what is measured. */
export interface Loadable {
  readonly guests: readonly ObservedDomain[];
  /** CPUs of the switch's poll-mode threads. */
  readonly pollModeCpus: CpuSet;
}

export interface Beside {
  /** First part of the names of the load's units. */
  readonly unit: string;
  /** How long it is loaded at most, s. */
  readonly seconds: number;
  /** CPUs of the loaded machine that are measured. */
  readonly measured: (loadable: Loadable) => CpuSet;
}

/** Runs a measurement, beside load where one was asked for; the record's part of it comes with the result. */
type RunBeside = <T extends object>(
  raw: RawOutputs,
  work: () => Promise<T>,
) => Promise<T & { readonly coLoad?: RecordedCoLoad }>;

/**
 * Plans load beside a measurement, before that waits for its turn.
 *
 * @param load undefined where none was asked for
 * @throws as `planCoLoad`
 */
export async function besideLoad(
  operation: Operation,
  host: Host,
  load: CoLoad | undefined,
  { unit, seconds, measured }: Beside,
): Promise<RunBeside> {
  if (load === undefined) return (_, work) => work();
  const { stressNg, space, domains: guests, polling: polled, ...observed } = await host.observeNow(probes);
  const threads = polled.state === "answering" ? polled.threads : [];
  const loadable = { guests, pollModeCpus: CpuSet.of(threads.map(({ cpu }) => cpu)) };
  const machine = { name: host.name, facts: hostFactsOf(observed), stressNg, space };
  const plan = planCoLoad(load, machine, { unit, measured: measured(loadable), seconds });
  return async (raw, work) => {
    const { result, coLoad } = await loaded(operation, host, { plan, raw }, work);
    return { ...result, coLoad };
  };
}

/** CPUs that frames are worked on: those of the generator where it is on the loaded machine, of poll-mode threads, and of the vCPUs of guests that run. */
export function forwardingCpus({ guests, pollModeCpus }: Loadable, generator: string | undefined): CpuSet {
  const vcpus = guests
    .filter(({ state }) => state === "running")
    .flatMap(({ vcpuPins }) => vcpuPins.flatMap((pin) => [...CpuSet.parse(pin)]));
  return CpuSet.of([...CpuSet.parse(generator ?? ""), ...pollModeCpus, ...vcpus]);
}

/** How much longer than frames are sent load beside them may run: until it is there, and between repetitions, s. */
const AROUND_S = 180;

/** What frames are sent with, and beside. */
export interface Forwarded {
  readonly generator: { readonly cpus: string };
  readonly systemUnderTest?: unknown;
  readonly coLoad?: CoLoad | undefined;
}

/**
 * Plans load on the machine that forwards.
 *
 * @param seconds that frames are sent at most
 * @throws as `planCoLoad`
 */
export function besideFrames(
  operation: Operation,
  forwarding: Host,
  { generator, systemUnderTest, coLoad }: Forwarded,
  { unit, seconds }: Pick<Beside, "unit" | "seconds">,
): Promise<RunBeside> {
  return besideLoad(operation, forwarding, coLoad, {
    ...{ unit, seconds: seconds + AROUND_S },
    measured: (loadable) =>
      forwardingCpus(loadable, systemUnderTest === undefined ? generator.cpus : undefined),
  });
}

/** As the subject of a record tells it. */
export function besideText(load: CoLoad | undefined): string {
  return load === undefined ? "" : `, ${load.kind} load on CPU ${load.cpus}`;
}

/** How long a load may take until it keeps its CPUs busy. */
const READY_MS = 60_000;
const POLL_MS = 2000;

/**
 * Does something while load runs on other CPUs of the machine: it is there before, and gone after, whatever becomes of the work. A load that does not come up is measured with all the
 * same, and the record says that it was not there.
 */
async function loaded<T>(
  operation: Operation,
  host: Host,
  { plan, raw }: { readonly plan: CoLoadPlan; readonly raw: RawOutputs },
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly coLoad: RecordedCoLoad }> {
  // One of a run that was lost would be in the way.
  await host.transport.execute(plan.stop);
  try {
    operation.status(`loads CPU ${plan.cpus} with ${plan.kind}`);
    await host.execute(plan.start);
    const before = await untilBusy(host, plan);
    const result = await work();
    const { times: after } = await host.observeNow({ times: cpuTimes });
    const { stdout: running } = await host.transport.run({ ...plan.running, signal: operation.signal });
    const { stdout: told } = await runKept(raw, host, plan.stop);
    const busy = (cpu: number) => busyShare(cpu, before, after);
    return { result, coLoad: recordedCoLoad(plan, { busy, running, operations: parseOperations(told) }) };
  } finally {
    await host.transport.execute(plan.stop).catch(() => undefined);
  }
}

/** The times of the CPUs from when the load is there. */
async function untilBusy(host: Host, { cpus, leastBusy }: CoLoadPlan): Promise<ReadonlyMap<number, CpuTime>> {
  let earlier: ReadonlyMap<number, CpuTime> | undefined;
  const isBusy = ({ times }: { readonly times: ReadonlyMap<number, CpuTime> }) => {
    const before = earlier;
    earlier = times;
    return before !== undefined && [...cpus].every((cpu) => busyShare(cpu, before, times) >= leastBusy);
  };
  const options = { timeoutMs: READY_MS, everyMs: POLL_MS };
  return (await host.waitFor({ times: cpuTimes }, isBusy, options)).times;
}
