import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { NDR, PDR } from "../../../sdk/measure/search/goal.ts";
import { mlrSearch } from "../../../sdk/measure/search/mlrsearch.ts";
import { BEHAVIOURS, MAX_LOAD, simulatedDevice } from "../simulated-device.ts";

/** What the reference implementation found on the same devices: reference/mlrsearch.py. `NFVLAB_LONG_TRIALS=1` compares all of them. */
const SEEDS = process.env["NFVLAB_LONG_TRIALS"] === "1" ? 1000 : 30;

const rows = readFileSync(new URL("../../fixtures/mlrsearch/1.2.1.csv", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .filter((line) => !line.startsWith("#"))
  .slice(1)
  .map((line) => {
    const [behaviour = "", ...numbers] = line.split(",");
    const [seed = 0, , seconds = 0, ndrLower = 0, , , pdrLower = 0] = numbers.map(Number);
    return { behaviour, seed, seconds, lowers: [ndrLower, pdrLower] };
  });

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean distance of the lower bounds from the thresholds of both goals, as a share of them; and the mean time of trials. */
function compared(behaviour: keyof typeof BEHAVIOURS) {
  const of = rows.filter((row) => row.behaviour === behaviour && row.seed <= SEEDS);
  expect(of).toHaveLength(SEEDS);
  const each = of.map(({ seed, seconds, lowers }) => {
    const device = simulatedDevice(BEHAVIOURS[behaviour], seed);
    let search = mlrSearch({ goals: [NDR, PDR], minLoadPps: 9001, maxLoadPps: MAX_LOAD });
    while (search.step.kind === "trial") search = search.tell(device.measure(search.step.trial));
    if (search.step.kind !== "verdict") throw new Error(search.step.reason);
    const ours = search.step.verdict.map(({ kind, lowerPps }) => {
      expect(kind).toBe("regular");
      return lowerPps ?? 0;
    });
    const thresholds = [device.capacityPps, device.capacityPps / (1 - PDR.lossRatio)];
    const error = (bounds: readonly number[]) =>
      mean(thresholds.map((threshold, index) => Math.abs((bounds[index] ?? 0) - threshold) / threshold));
    return { ours: error(ours), theirs: error(lowers), elapsed: device.elapsedS(), seconds };
  });
  return {
    error: { ours: mean(each.map(({ ours }) => ours)), reference: mean(each.map(({ theirs }) => theirs)) },
    seconds: {
      ours: mean(each.map(({ elapsed }) => elapsed)),
      reference: mean(each.map(({ seconds }) => seconds)),
    },
  };
}

const long = { timeout: 20 * 60_000 };

it.each(["steady", "noisy", "rough", "varying", "lossy"] as const)(
  "on %s devices MLRsearch is as near as the reference, in no more time",
  long,
  (behaviour) => {
    const { error, seconds } = compared(behaviour);
    expect(seconds.ours).toBeLessThanOrEqual(seconds.reference);
    expect(error.ours).toBeLessThanOrEqual(error.reference);
  },
);

it("on hysteretic devices, which have no one threshold, it takes no more time", long, () => {
  const { error, seconds } = compared("hysteretic");
  expect(seconds.ours).toBeLessThanOrEqual(seconds.reference);
  // Between the capacity after an overload and that without, and a width below.
  expect(error.ours).toBeLessThanOrEqual(BEHAVIOURS.hysteretic.hysteresis + NDR.width);
});
