import type { Experiment, Verdict } from "./experiment.ts";

/** What it all comes to, in one line: how policies and results stand. */
export interface Standing {
  /** Good: all was judged and measured and nothing is wrong. Bad: something is. Open: nothing is, but nobody has judged or measured. */
  readonly mood: "good" | "bad" | "open";
  readonly text: string;
}

/** Policies by name: how many were judged, how many hold. A policy that only advises holds nothing up, but doesn't hold either. */
export function policiesOf(verdicts: readonly Verdict[]): { judged: number; held: number; broken: number } {
  const names = (chosen: readonly Verdict[]) => new Set(chosen.map(({ policy }) => policy));
  const open = names(verdicts.filter(({ passed }) => !passed));
  const judged = names(verdicts);
  const broken = names(verdicts.filter(({ passed, level }) => !passed && level === "mandatory"));
  return { judged: judged.size, held: judged.size - open.size, broken: broken.size };
}

export function standingOf({ records, verdicts }: Experiment): Standing {
  const { judged, held, broken } = policiesOf(verdicts);
  const invalid = records.filter(({ valid }) => !valid).length;
  const policies =
    judged === 0
      ? "no policy was judged"
      : broken > 0
        ? `${broken} mandatory ${broken === 1 ? "policy is" : "policies are"} violated`
        : held < judged
          ? `${held} of ${judged} policies hold, the others advise`
          : judged === 1
            ? "the one policy holds"
            : `all ${judged} policies hold`;
  const results =
    records.length === 0
      ? "nothing was measured"
      : invalid > 0
        ? `${invalid} of ${records.length} results ${invalid === 1 ? "is" : "are"} invalid`
        : records.length === 1
          ? "the one result is valid"
          : `all ${records.length} results are valid`;
  const isComplete = judged > 0 && records.length > 0;
  return {
    mood: broken + invalid > 0 ? "bad" : isComplete ? "good" : "open",
    text: `${policies}, ${results}`,
  };
}
