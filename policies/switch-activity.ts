import type { PolicyResource } from "@pulumi/policy";
import type { Lab } from "./lab.ts";
import type { Findings } from "./lab-policy.ts";
import { keys, knownPositions, number, positions, text, UNKNOWN } from "./property.ts";
import { isTimed, measurementsOf } from "./records.ts";

export type SwitchPath = readonly (string | number)[];

/** Where a record tells what the switch did. */
export interface SwitchedPart {
  readonly path: SwitchPath;
  /** When it was, behind a verb: ` at 4000000 frames/s of 64`; empty where the record has one part. */
  readonly during: string;
  /** Whether it is the highest load of a search that lost nothing. */
  readonly isHighest: boolean;
}

/** Why no record is judged by what the switch did; undefined where some tell. */
export function noSwitchWatched(lab: Lab): string | undefined {
  const tells = measurementsOf(lab).some(
    ({ benchmark }) => isTimed(benchmark) && switchPaths(benchmark).length > 0,
  );
  return tells ? undefined : "this stack has no record with counters of a switch";
}

/**
 * The parts of a record that tell what the switch did under loads that it carried: a fixed rate, latency, a soak, and trials of a search at loads of which no trial lost a frame. Says what
 * isn't known of them.
 */
export function switchPaths(benchmark: PolicyResource, findings?: Findings): SwitchedPart[] {
  const whole = ["record", "switch"] as const;
  const trials = ["record", "trials"] as const;
  for (const path of [whole, trials]) {
    if (keys(benchmark, ...path) === UNKNOWN || positions(benchmark, ...path) === UNKNOWN)
      findings?.pending(`${path.join(".")} of ${benchmark.name}`, "what its switch did", benchmark.urn);
  }
  // What is sent as fast as it is taken is more than is carried.
  const isFlood = text(benchmark, "rate") === "unpaced";
  return [
    ...(!isFlood && (isThere(benchmark, whole) || keys(benchmark, ...whole) === UNKNOWN)
      ? [{ path: whole, during: "", isHighest: false }]
      : []),
    ...trialPaths(benchmark),
  ];
}

/** Numbers by name of what the switch did. */
export function told(
  benchmark: PolicyResource,
  path: SwitchPath,
  what: "drops" | "busy",
): (readonly [string, number])[] {
  const names = keys(benchmark, ...path, what);
  return (typeof names === "object" ? names : []).flatMap((name) => {
    const value = number(benchmark, ...path, what, name);
    return typeof value === "number" ? [[name, value] as const] : [];
  });
}

function isThere(benchmark: PolicyResource, path: SwitchPath): boolean {
  return Array.isArray(keys(benchmark, ...path));
}

function trialPaths(benchmark: PolicyResource): SwitchedPart[] {
  const trials = knownPositions(benchmark, "record", "trials").map((index) => {
    const path = ["record", "trials", index] as const;
    const intended = number(benchmark, ...path, "intended");
    const received = number(benchmark, ...path, "received");
    return {
      frame: String(text(benchmark, ...path, "frame")),
      purpose: text(benchmark, ...path, "purpose"),
      load: Number(number(benchmark, ...path, "loadPps")),
      isValid: knownPositions(benchmark, ...path, "faults").length === 0,
      isLossless: typeof intended === "number" && typeof received === "number" && received >= intended,
      path: [...path, "switch"] as SwitchPath,
    };
  });
  const searched = trials.filter(({ purpose, isValid }) => purpose === "search" && isValid);
  const lossy = new Set(
    searched.filter(({ isLossless }) => !isLossless).map(({ frame, load }) => `${frame} ${load}`),
  );
  const carried = searched.filter(({ frame, load }) => !lossy.has(`${frame} ${load}`));
  const highest = (frame: string) =>
    Math.max(...carried.filter((trial) => trial.frame === frame).map(({ load }) => load));
  const steady = trials.filter(
    ({ purpose, isValid }) => isValid && (purpose === "latency" || purpose === "soak"),
  );
  return [...carried, ...steady]
    .filter(({ path }) => isThere(benchmark, path))
    .map(({ frame, load, path, purpose }) => ({
      path,
      during: ` at ${Math.round(load)} frames/s of ${frame}`,
      isHighest: purpose === "search" && load === highest(frame),
    }));
}
