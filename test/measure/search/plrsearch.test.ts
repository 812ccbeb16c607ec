import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  logErfc,
  logIntegralOfErfc,
  logOneMinusExp,
  logPlus,
  logSoftplus,
} from "../../../sdk/measure/search/log-arithmetic.ts";
import { erfFit, type LossFit, stretchFit } from "../../../sdk/measure/search/loss-fits.ts";
import { criticalLoadBy } from "../../../sdk/measure/search/loss-posterior.ts";
import { type CriticalLoad, plrSearch } from "../../../sdk/measure/search/plrsearch.ts";
import { resumed, type Search, type Trial, type TrialResult } from "../../../sdk/measure/search/search.ts";
import { InputError } from "../../../sdk/units/errors.ts";
import { MAX_LOAD, uniform } from "../simulated-device.ts";

const MIN_LOAD = 9001;
const LOSS = 1e-7;
const FITS: Readonly<Record<string, LossFit>> = { stretch: stretchFit, erf: erfFit };

/** On a machine that has other things to do. */
const long = { timeout: 20 * 60_000 };

describe("logarithms", () => {
  const number = fc.double({ min: -1e300, max: 1e300, noNaN: true });

  it("are of the sum and the difference, and never overflow", () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        expect(logPlus(a, b)).toBeGreaterThanOrEqual(Math.max(a, b));
        expect(logPlus(a, b)).toBeLessThanOrEqual(Math.max(a, b) + Math.LN2 + 1e-12 * Math.abs(a));
        expect(logPlus(a, b)).toBe(logPlus(b, a));
        expect(logPlus(a, -Infinity)).toBe(a);
        expect(logOneMinusExp(Math.abs(a))).toBeLessThanOrEqual(0);
        expect(Number.isNaN(logSoftplus(a))).toBe(false);
      }),
    );
    const small = fc.double({ min: -30, max: 30, noNaN: true });
    fc.assert(
      fc.property(small, small, (a, b) => {
        expect(logPlus(a, b)).toBeCloseTo(Math.log(Math.exp(a) + Math.exp(b)), 10);
        expect(logSoftplus(a)).toBeCloseTo(Math.log(Math.log1p(Math.exp(a))), 10);
      }),
    );
  });

  // erfc by SciPy 1.17.1.
  it.each([
    [-5, 1.9999999999984626],
    [-1, 1.8427007929497148],
    [0, 1],
    [0.5, 0.4795001221869535],
    [2, 0.004677734981047266],
    [3, 2.209049699858544e-5],
    [5, 1.5374597944280349e-12],
    [10, 2.088487583762545e-45],
  ])("are of the error function's complement at %f", (x, erfc) => {
    expect(logErfc(x) / Math.log(erfc) || 1).toBeCloseTo(1, 11);
  });

  it("are of its integral: what that falls by is erfc, on both sides of where it is computed otherwise", () => {
    fc.assert(
      fc.property(fc.double({ min: -6, max: 20, noNaN: true }), (x) => {
        const step = 1e-4;
        const slope = (logIntegralOfErfc(x + step) - logIntegralOfErfc(x - step)) / (2 * step);
        const expected = -Math.exp(logErfc(x) - logIntegralOfErfc(x));
        expect(slope / expected).toBeCloseTo(1, 4);
      }),
    );
    for (const x of [1e3, 1e8]) expect(logIntegralOfErfc(x)).toBeLessThan(-x * x);
  });
});

describe.each(Object.entries(FITS))("the curve %s", (_, shape) => {
  const parameters = fc.record({
    mrr: fc.double({ min: Math.log(2), max: Math.log(1e13), noNaN: true }).map(Math.exp),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    load: fc.double({ min: 1, max: 2e8, noNaN: true }),
  });

  it("is a number for whatever parameters, grows with the load, and never loses more than all", () => {
    fc.assert(
      fc.property(parameters, ({ mrr, share, load }) => {
        const curve = shape(mrr, mrr ** share);
        const at = curve(load);
        expect(Number.isFinite(at) || at === -Infinity).toBe(true);
        expect(curve(load * 1.01)).toBeGreaterThanOrEqual(at - 1e-9 * Math.abs(at));
        expect(at).toBeLessThanOrEqual(Math.log(load) + 1e-9);
      }),
    );
  });

  it("loses all that is too much, far above", () => {
    expect(Math.exp(shape(1e6, 1e3)(3e6))).toBeCloseTo(2e6, -1);
    // And below nothing that could be seen, but not nothing.
    const below = shape(1e6, 1e3)(9e5);
    expect(below).toBeLessThan(-50);
    expect(below).toBeGreaterThan(-20_000);
  });
});

const trialOf = (loadPps: number, seconds: number, lost: number): TrialResult => {
  const intended = Math.round(loadPps * seconds);
  return { loadPps, durationMs: seconds * 1000, intended, received: intended - lost, faults: [] };
};

describe("what trials tell of the critical load", () => {
  const question = { minLoadPps: MIN_LOAD, maxLoadPps: MAX_LOAD, lossRatio: LOSS };
  const trials = [
    trialOf(7_444_976, 5, 0),
    trialOf(MAX_LOAD, 5.1, 33_992_311),
    trialOf(9_600_000, 5.2, 7_000_000),
    trialOf(8_300_000, 5.3, 560_000),
    trialOf(8_100_000, 5.4, 300),
  ];

  /** The same integral in equal steps over all that the parameters may be, as nobody would wait for with more trials. */
  function bySteps(shape: LossFit) {
    const [low, high] = [Math.log(7e6), Math.log(1e7)];
    const steps = 700;
    const all: { weight: number; value: number }[] = [];
    for (let row = 0; row < 120; row += 1) {
      const share = (row + 0.5) / 120;
      for (let column = 0; column < steps; column += 1) {
        const logMrr = low + ((column + 0.5) * (high - low)) / steps;
        const mrr = Math.exp(logMrr);
        const curve = shape(mrr, Math.exp(share * logMrr));
        let weight = logMrr - 2 * Math.log(mrr - 1 + MAX_LOAD / 2);
        for (const { loadPps, intended, received } of trials) {
          const logMean = curve(loadPps) + Math.log(intended / loadPps);
          weight -= (intended - received) * logPlus(0, -logMean) + logPlus(0, logMean);
        }
        let [from, to] = [MIN_LOAD, MAX_LOAD];
        for (let halving = 0; halving < 30; halving += 1) {
          const middle = (from + to) / 2;
          if (curve(middle) - Math.log(middle) > Math.log(LOSS)) to = middle;
          else from = middle;
        }
        all.push({ weight, value: Math.log((from + to) / 2) });
      }
    }
    const best = Math.max(...all.map(({ weight }) => weight));
    const total = all.reduce((sum, { weight }) => sum + Math.exp(weight - best), 0);
    const mean = all.reduce((sum, { weight, value }) => sum + Math.exp(weight - best) * value, 0) / total;
    const variance =
      all.reduce((sum, { weight, value }) => sum + Math.exp(weight - best) * (value - mean) ** 2, 0) / total;
    return { mean, deviation: Math.sqrt(variance) };
  }

  it.each(Object.entries(FITS))(
    "by the curve %s is what equal steps over all parameters give",
    long,
    (_, shape) => {
      const expected = bySteps(shape);
      const { mean, variance } = criticalLoadBy(shape, trials, question);
      expect(Math.abs(mean - expected.mean)).toBeLessThan(0.1 * expected.deviation);
      expect(Math.sqrt(variance) / expected.deviation).toBeGreaterThan(0.9);
      expect(Math.sqrt(variance) / expected.deviation).toBeLessThan(1.1);
    },
  );

  const recorded = readFileSync(
    new URL("../../fixtures/plrsearch/csit-78e52b9c.csv", import.meta.url),
    "utf8",
  )
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .slice(1)
    .map((line) => {
      const [device = "", ...numbers] = line.split(",");
      const [loadPps = 0, durationMs = 0, intended = 0, received = 0, average = 0, stdev = 0] =
        numbers.map(Number);
      return { device, average, stdev, result: { loadPps, durationMs, intended, received, faults: [] } };
    });

  it.each([...new Set(recorded.map(({ device }) => device))])(
    "is what the reference implementation makes of its trials of the device %s, as far as its samples tell",
    long,
    (device) => {
      const rows = recorded.filter((row) => row.device === device);
      const told = rows.map(({ result }) => result);
      // Before its fourth trial the reference has found no more than where to look.
      const ours = rows.slice(4).map(({ average, stdev }, index) => {
        const before = told.slice(0, index + 4);
        const { mean } = criticalLoadBy(stretchFit, before, question);
        const { mean: other } = criticalLoadBy(erfFit, before, question);
        return Math.abs(Math.exp((mean + other) / 2) - average) / stdev;
      });
      const middle = [...ours].sort((one, two) => one - two)[Math.floor(ours.length / 2)];
      expect(rows.length).toBeGreaterThan(8);
      expect(middle).toBeLessThan(0.75);
      expect(Math.max(...ours)).toBeLessThan(3);
    },
  );
});

/** A device whose loss follows the exponential curve on average; how much a trial loses is an accident, geometrically distributed. */
function losing(capacityPps: number, spreadPps: number, seed: number) {
  const random = uniform(seed);
  const curve = stretchFit(capacityPps, spreadPps);
  let [low, high] = [MIN_LOAD, MAX_LOAD];
  for (let halving = 0; halving < 60; halving += 1) {
    const middle = (low + high) / 2;
    if (curve(middle) - Math.log(middle) > Math.log(LOSS)) high = middle;
    else low = middle;
  }
  return {
    criticalPps: low,
    measure: (trial: Trial): TrialResult => {
      const seconds = trial.durationMs / 1000;
      const intended = Math.round(trial.loadPps * seconds);
      const mean = Math.exp(curve(trial.loadPps)) * seconds;
      const lost = mean > 0 ? Math.floor(Math.log(random()) / -Math.log1p(1 / mean)) : 0;
      return { ...trial, intended, received: Math.max(0, intended - lost), faults: [] };
    },
  };
}

function ended(search: Search<CriticalLoad>, measure: (trial: Trial) => TrialResult) {
  let now = search;
  while (now.step.kind === "trial") now = now.tell(measure(now.step.trial));
  if (now.step.kind !== "verdict") throw new Error(now.step.reason);
  return { trace: now.trace, verdict: now.step.verdict };
}

const asked = { minLoadPps: MIN_LOAD, maxLoadPps: MAX_LOAD, atMostMs: 150_000 };

describe("PLRsearch", () => {
  const devices = [
    [8_200_000, 2_000],
    [4_100_000, 50_000],
    [11_000_000, 250_000],
  ] as const;

  it.each(devices)(
    "finds the critical load of a device that carries %d, with a spread of %d, and is the surer the longer it goes on",
    long,
    (capacity, spread) => {
      const off = [1, 2, 3].map((seed) => {
        const device = losing(capacity, spread, seed);
        const { trace, verdict } = ended(plrSearch(asked), device.measure);
        expect(verdict.kind).toBe("regular");
        const at = (share: number) => verdict.trend[Math.floor(share * (verdict.trend.length - 1))]!.stdevPps;
        expect(at(1)).toBeLessThan(at(0.5));
        expect(at(0.5)).toBeLessThan(at(0.1));
        // Trials are where they tell most: about the critical load.
        const last = trace.slice(-8).map(({ loadPps }) => Math.abs(loadPps - device.criticalPps));
        expect(Math.min(...last)).toBeLessThan(5 * spread);
        return Math.abs(verdict.averagePps - device.criticalPps) / verdict.stdevPps;
      });
      expect([...off].sort((one, two) => one - two)[1]).toBeLessThan(3);
    },
  );

  it("asks for loads between its limits, each trial as much longer than the last, and for one that was worth nothing again", () => {
    const device = losing(8_200_000, 20_000, 7);
    let count = 0;
    const faulty = (trial: Trial): TrialResult => {
      count += 1;
      return { ...device.measure(trial), faults: count % 3 === 0 ? ["saturated generator"] : [] };
    };
    const { trace } = ended(
      plrSearch({ ...asked, atMostMs: 60_000, firstTrialMs: 2000, longerMs: 250 }),
      faulty,
    );
    const valid = trace.filter(({ faults }) => faults.length === 0);
    expect(valid.map(({ durationMs }) => durationMs)).toEqual(valid.map((_, index) => 2000 + 250 * index));
    for (const [index, { faults, loadPps, durationMs }] of trace.entries()) {
      expect(loadPps).toBeGreaterThanOrEqual(MIN_LOAD);
      expect(loadPps).toBeLessThanOrEqual(MAX_LOAD);
      if (faults.length > 0) expect(trace[index + 1]).toMatchObject({ loadPps, durationMs });
    }
    // What it was told is all its state.
    const again = resumed(
      plrSearch({ ...asked, atMostMs: 60_000, firstTrialMs: 2000, longerMs: 250 }),
      trace,
    );
    expect(again.step.kind).toBe("verdict");
  });

  it("goes up to its highest load where nothing is lost, and says that there may be more", () => {
    const { trace, verdict } = ended(plrSearch({ ...asked, atMostMs: 60_000 }), (trial) =>
      trialOf(trial.loadPps, trial.durationMs / 1000, 0),
    );
    expect(verdict.kind).toBe("at-maximum");
    expect(trace.at(-1)!.loadPps).toBeGreaterThan(0.9 * MAX_LOAD);
    expect(verdict.averagePps).toBeLessThanOrEqual(MAX_LOAD * 1.05);
  });

  it("goes down to its lowest load where all loads lose too much, and says that there may be less", () => {
    const { verdict } = ended(plrSearch({ ...asked, atMostMs: 100_000 }), (trial) => {
      const seconds = trial.durationMs / 1000;
      return trialOf(trial.loadPps, seconds, Math.round(trial.loadPps * seconds * 0.01));
    });
    expect(verdict.kind).toBe("below-minimum");
  });

  it.each([
    [{ lossRatio: 0 }, "goal"],
    [{ maxLoadPps: MIN_LOAD }, "loads"],
    [{ atMostMs: 4000 }, "trial-ms"],
    [{ firstTrialMs: 0 }, "trial-ms"],
  ])("refuses %j", (wrong, code) => {
    const refusal = () => plrSearch({ ...asked, ...wrong });
    expect(refusal).toThrow(InputError);
    expect(refusal).toThrow(expect.objectContaining({ code }));
  });
});
