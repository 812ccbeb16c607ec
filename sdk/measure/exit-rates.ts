import type { Metric } from "../schema/record.ts";
import type { CpuSet } from "../units/cpuset.ts";
import { HostError } from "../units/errors.ts";
import { mannWhitney } from "./mann-whitney.ts";
import { medianOf } from "./median.ts";
import { metricOf } from "./metric.ts";

/** Counters at one time, by vCPU and by reason. */
export interface Look {
  readonly atMs: number;
  readonly vcpus: ReadonlyMap<number, ReadonlyMap<string, number>>;
}

/**
 * Exits a second, a sample of each vCPU between two looks: `guest.exits` of all reasons, and `guest.exits.REASON` of each that is counted.
 *
 * @param vcpus that are looked at; all where it is left out
 * @throws HostError `exit-counters-reset` where the guest was started meanwhile, `vcpu-unknown` where it has none of these
 */
export function exitRates(runs: readonly (readonly Look[])[], vcpus: CpuSet | undefined): Metric[] {
  const samples = runs.map((looks) =>
    looks.slice(1).flatMap((look, index) => between(looks[index] as Look, look, vcpus)),
  );
  const reasons = new Set(samples.flatMap((each) => each.map(({ reason }) => reason)));
  if (reasons.size === 0) {
    throw new HostError({
      code: "vcpu-unknown",
      property: "vcpus",
      problem: "the guest has none of these vCPUs, or too few looks were taken",
      observed: `${runs.map(({ length }) => length).join(", ")} looks at vCPUs ${vcpus?.format() ?? "of all"}`,
      hint: "name vCPUs of the guest, from 0 on, and let a repetition take longer than a look",
    });
  }
  return [...reasons]
    .sort((one, other) => (one === "all" ? -1 : other === "all" ? 1 : one < other ? -1 : 1))
    .map((reason) =>
      metricOf(
        { name: reason === "all" ? "guest.exits" : `guest.exits.${reason}`, unit: "1/s", direction: "lower" },
        samples.map((each) => {
          const rates = each.filter((sample) => sample.reason === reason).map(({ rate }) => rate);
          return {
            buckets: rates.map((rate) => [rate, 1] as const),
            ...{ overflow: 0, max: rates.reduce((most, rate) => Math.max(most, rate), 0), expected: 0 },
          };
        }),
      ),
    );
}

/** A series is compared in this many parts, ten of its beginning with ten of its end. */
const PARTS = 20;
/** Chance of such a difference without a cause below which one is told, and the least difference that is worth telling. */
const CHANCE = 0.001;
const SHARE = 0.1;

/** Repetitions that were not of a steady state: their second half had more exits than the first, or fewer, by more than chance. Too few looks say nothing of it. */
export function exitFaults(runs: readonly (readonly Look[])[], vcpus: CpuSet | undefined): string[] {
  return runs.flatMap((looks, index) => {
    const rates = looks.slice(1).map((look, at) =>
      between(looks[at] as Look, look, vcpus)
        .filter(({ reason }) => reason === "all")
        .reduce((sum, { rate }) => sum + rate, 0),
    );
    if (rates.length < PARTS) return [];
    const parts = Array.from({ length: PARTS }, (_, part) => {
      const own = rates.slice(
        Math.floor((part * rates.length) / PARTS),
        Math.floor(((part + 1) * rates.length) / PARTS),
      );
      return own.reduce((sum, rate) => sum + rate, 0) / own.length;
    });
    const [first, second] = [parts.slice(0, PARTS / 2), parts.slice(PARTS / 2)];
    const [from, to] = [medianOf(first), medianOf(second)];
    const difference = mannWhitney(first, second);
    if (difference === undefined || difference.pValue > CHANCE || Math.abs(to - from) <= SHARE * from)
      return [];
    return [
      `repetition ${index + 1} was not of a steady state: exits ${to > from ? "rose" : "fell"} from ${Math.round(from)}/s in its first half to ${Math.round(to)}/s in its second`,
    ];
  });
}

interface Sample {
  readonly reason: string;
  readonly rate: number;
}

function between(before: Look, after: Look, vcpus: CpuSet | undefined): Sample[] {
  const seconds = (after.atMs - before.atMs) / 1000;
  if (seconds <= 0) return [];
  return [...after.vcpus].flatMap(([vcpu, counters]) => {
    if (vcpus !== undefined && !vcpus.has(vcpu)) return [];
    const earlier = before.vcpus.get(vcpu);
    return [...counters].flatMap(([reason, count]) => {
      const from = earlier?.get(reason);
      if (from === undefined) return [];
      if (count < from) throw restarted(vcpu, reason, from, count);
      return [{ reason, rate: Math.round((count - from) / seconds) }];
    });
  });
}

function restarted(vcpu: number, reason: string, from: number, to: number): HostError {
  return new HostError({
    code: "exit-counters-reset",
    problem: "the guest was started anew while its exits were counted",
    observed: `${reason} exits of vCPU ${vcpu} from ${from} to ${to}`,
    hint: "measure again once it is left alone",
  });
}
