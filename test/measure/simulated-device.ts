import type { Trial, TrialResult } from "../../sdk/measure/search/search.ts";

export const MAX_LOAD = 14_880_952;

/** How a device departs from a bucket with a hole of constant size. Ratios of its capacity; `periodS` in seconds. */
export interface Behaviour {
  /** Of the capacity from trial to trial. */
  readonly spread: number;
  /** What it is short of after a trial that overloaded it. */
  readonly hysteresis: number;
  /** What it is short of in the last three tenths of each period. */
  readonly drop: number;
  readonly periodS: number;
  /** Share of the seconds in which a few frames get lost at any load. */
  readonly lossy: number;
}

const steady: Behaviour = { spread: 0, hysteresis: 0, drop: 0, periodS: 1, lossy: 0 };
export const BEHAVIOURS = {
  steady,
  noisy: { ...steady, spread: 0.002 },
  rough: { ...steady, spread: 0.01 },
  hysteretic: { ...steady, spread: 0.001, hysteresis: 0.01 },
  varying: { ...steady, spread: 0.001, drop: 0.03, periodS: 40 },
  lossy: { ...steady, spread: 0.001, lossy: 0.1 },
} as const satisfies Record<string, Behaviour>;

/** Uniform values in (0, 1): PCG-RXS-M-XS 32/32, and in reference/device.py the same again. */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 747796405) + 2891336453) >>> 0;
    const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
    return ((((word >>> 22) ^ word) >>> 0) + 0.5) / 4294967296;
  };
  next();
  next();
  return next;
}

export interface SimulatedDevice {
  /** Highest rate without loss when nothing disturbs it. */
  readonly capacityPps: number;
  readonly elapsedS: () => number;
  readonly measure: (trial: Trial) => TrialResult;
}

/** A device under test with its generator. The same seed and trials give the same results in reference/device.py. */
export function simulatedDevice(behaviour: Behaviour, seed: number): SimulatedDevice {
  const random = uniform(seed);
  const capacityPps = MAX_LOAD * (0.05 + 0.85 * random());
  let elapsed = 0;
  let isOverloaded = false;
  return {
    capacityPps,
    elapsedS: () => elapsed,
    measure: (trial) => {
      const seconds = trial.durationMs / 1000;
      const noise = Array.from({ length: 6 }, random).reduce((sum, value) => sum + value, 0) - 3;
      const [unlucky, burst] = [random(), random()];
      let capacity = capacityPps * (1 + behaviour.spread * noise);
      if (isOverloaded) capacity = capacity * (1 - behaviour.hysteresis);
      const phase = elapsed / behaviour.periodS;
      if (phase - Math.floor(phase) >= 0.7) capacity = capacity * (1 - behaviour.drop);
      const intended = Math.floor(trial.loadPps * seconds + 0.5);
      let received = Math.min(intended, Math.floor(capacity * seconds));
      isOverloaded = received < intended;
      if (unlucky < behaviour.lossy * seconds)
        received = Math.max(0, received - (1 + Math.floor(burst * 20)));
      elapsed += seconds;
      return { ...trial, intended, received, faults: [] };
    },
  };
}
