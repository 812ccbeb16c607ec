import { busyShare, type CpuTime, cpuTimes } from "../observe/cpu-times.ts";
import { domains } from "../observe/domains.ts";
import { loadFolderSpace, parseOperations, stressNgVersion } from "../observe/stress-ng.ts";
import { type CoLoadPlan, recordedCoLoad } from "../plan/co-load.ts";
import type { RecordedCoLoad } from "../schema/record.ts";
import type { Host, Operation } from "./handler.ts";
import { type RawOutputs, runKept } from "./raw-outputs.ts";

/** What is asked before a load is planned. */
export const coLoadProbes = { stressNg: stressNgVersion, space: loadFolderSpace, domains };

/** How long a load may take until it keeps its CPUs busy. */
const READY_MS = 60_000;
const POLL_MS = 2000;

/**
 * Does something while load runs on other CPUs of the machine: it is there before, and gone after, whatever becomes of the work. A load that does not come up is measured with all the
 * same, and the record says that it was not there.
 */
export async function loaded<T>(
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
