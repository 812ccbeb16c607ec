import { setTimeout as sleep } from "node:timers/promises";
import { busyShare, cpuTimes } from "../observe/cpu-times.ts";
import type { CpuSet } from "../units/cpuset.ts";
import type { Host } from "./handler.ts";

const WATCHED_MS = 2000;
/** Who reads the times takes some of the time, and on a machine that is not tuned perhaps here; who polls, or computes, takes all of it. */
const BUSY_SHARE = 0.5;

/** What speaks against measuring these CPUs of a machine: those that something else keeps busy before anything is measured. */
export async function busyBefore(
  host: Pick<Host, "observeNow">,
  cpus: CpuSet,
  signal: AbortSignal,
): Promise<string[]> {
  const { times: before } = await host.observeNow({ times: cpuTimes });
  await sleep(WATCHED_MS, undefined, { signal });
  const { times: after } = await host.observeNow({ times: cpuTimes });
  return [...cpus].flatMap((cpu) => {
    const share = busyShare(cpu, before, after);
    return share < BUSY_SHARE
      ? []
      : [
          `CPU ${cpu} was busy for ${Math.round(share * 100)} % of the time right before it was measured: something else runs there`,
        ];
  });
}
