import { describe, expect, it } from "vitest";
import { evidence, intent } from "../../policies/packs.ts";
import { liveChecks, notByHand, roundsOf } from "./live-checks.ts";

describe("live checks that are made false by hand", () => {
  it("are of every policy of evidence, but for those that say why not", () => {
    const tried = new Set([...liveChecks.map(({ policy }) => policy), ...Object.keys(notByHand)]);
    expect(evidence.map(({ name }) => name).filter((name) => !tried.has(name))).toEqual([]);
  });

  it("name policies that are there, and reasons only of those that are not tried", () => {
    const names = new Set([...intent, ...evidence].map(({ name }) => name));
    const named = [...liveChecks.map(({ policy }) => policy), ...Object.keys(notByHand)];
    expect(named.filter((name) => !names.has(name))).toEqual([]);
    expect(liveChecks.filter(({ policy }) => policy in notByHand)).toEqual([]);
  });

  it("come in rounds, each of them once, and no policy twice in one", () => {
    const rounds = roundsOf(liveChecks);
    expect(rounds.flat()).toHaveLength(liveChecks.length);
    expect(new Set(rounds.flat())).toEqual(new Set(liveChecks));
    for (const round of rounds) expect(new Set(round.map(({ policy }) => policy)).size).toBe(round.length);
  });

  it("are different", () => {
    for (const field of ["what", "byHand"] as const)
      expect(new Set(liveChecks.map((each) => each[field])).size).toBe(liveChecks.length);
  });
});
