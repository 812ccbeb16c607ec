import { expect, it } from "vitest";
import type { Probe } from "../../sdk/observe/probe.ts";
import { busyBefore } from "../../sdk/provider/busy-before.ts";
import type { Host } from "../../sdk/provider/handler.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { said } from "../observe/recorded.ts";

/** A machine whose CPUs have these ticks of user and idle time at each look. */
function counting(...looks: readonly Readonly<Record<number, readonly [user: number, idle: number]>>[]) {
  let look = 0;
  return {
    observeNow: async (probes: Readonly<Record<string, Probe<unknown>>>) => {
      const lines = Object.entries(looks[look++] ?? {}).map(
        ([cpu, [user, idle]]) => `/proc/stat:cpu${cpu} ${user} 0 0 ${idle} 0 0 0 0 0 0`,
      );
      const answer = said(lines.join("\n"));
      return Object.fromEntries(Object.entries(probes).map(([key, probe]) => [key, probe.parse(answer)]));
    },
  } as unknown as Pick<Host, "observeNow">;
}
const never = new AbortController().signal;

it("tells of CPUs that something keeps busy, of those that are to be measured alone", async () => {
  const host = counting(
    { 0: [0, 0], 2: [100, 900], 3: [100, 900] },
    { 0: [200, 0], 2: [300, 900], 3: [120, 1080] },
  );
  expect(await busyBefore(host, CpuSet.parse("2-3"), never)).toEqual([
    "CPU 2 was busy for 100 % of the time right before it was measured: something else runs there",
  ]);
});

it("says nothing of CPUs that whoever looks uses for a moment, or that are not online", async () => {
  const host = counting({ 2: [0, 0] }, { 2: [80, 120] });
  expect(await busyBefore(host, CpuSet.parse("2,7"), never)).toEqual([]);
});

it("ends with what it is part of", async () => {
  const stop = new AbortController();
  const looking = busyBefore(counting({ 2: [0, 0] }, { 2: [0, 0] }), CpuSet.parse("2"), stop.signal);
  stop.abort();
  await expect(looking).rejects.toThrow("aborted");
});
