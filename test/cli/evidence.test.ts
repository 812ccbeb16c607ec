import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Verdict } from "../../sdk/report/experiment.ts";
import { findingLines, type Judgement, judgement, verdicts } from "../../tools/evidence.mjs";

const recorded = (name: string) =>
  readFileSync(join(import.meta.dirname, "fixtures", `${name}.jsonl`), "utf8");

function judged(name: string): Judgement {
  const result = judgement(recorded(name));
  if (result === undefined) throw new Error(`${name} has no judgement`);
  return result;
}

const tooMuch: Verdict = {
  policy: "low-reading",
  level: "mandatory",
  message: "It read 61, allowed are 60.",
  passed: false,
};
const holds = (policy: string): Verdict => ({ policy, level: "mandatory", message: "", passed: true });

describe("the engine's events", () => {
  it("of an update that a policy failed have what was found, and what holds", () => {
    expect(verdicts(judged("up-violated"), undefined)).toEqual([tooMuch, holds("short-sleep")]);
  });

  it("of an update under policies that hold have their names", () => {
    const expected: Verdict[] = [holds("low-reading"), holds("short-sleep")];
    expect(verdicts(judged("up-held"), undefined)).toEqual(expected);
    expect(findingLines(judged("up-held"))).toEqual(["  every policy holds"]);
  });

  it("of a preview are no judgement of the stack", () => {
    expect(judgement(recorded("preview-violated"))).toBeUndefined();
    expect(verdicts(judgement(recorded("preview-violated")), undefined)).toBeUndefined();
  });

  it("of a preview don't add to those of the update after it", () => {
    const both = judgement(`${recorded("preview-violated")}\n${recorded("up-held")}`);
    expect(verdicts(both, undefined)).toEqual([holds("low-reading"), holds("short-sleep")]);
  });

  it("of an update that ended before the whole stack was judged are no verdict", () => {
    const cut = recorded("up-held")
      .split("\n")
      .filter((line) => !line.includes("StackSummaryEvent"));
    expect(verdicts(judgement(cut.join("\n")), undefined)).toBeUndefined();
  });

  it("of an engine that was killed, or that had nothing to do, are none", () => {
    expect(judgement("")).toBeUndefined();
    expect(judgement("Stack dev has no resources; nothing to analyze.\n")).toBeUndefined();
    const killed = recorded("up-held")
      .split("\n")
      .filter((line) => !line.includes("summaryEvent"));
    expect(judgement(killed.join("\n"))).toBeUndefined();
  });
});

describe("the analysis of a state", () => {
  const analysis = judged("analysis");

  it("has each finding at its level, without the policy's description", () => {
    expect(analysis.findings.map(({ policy, level, passed }) => [policy, level, passed])).toEqual([
      ["latency-budget", "mandatory", false],
      ["latency-budget", "advisory", false],
    ]);
    const [violated, open] = findingLines(analysis);
    expect(violated).toMatch(
      /^ {2}mandatory latency-budget: guest\.timer\.latency of guest-timers-run: the record/,
    );
    expect(open).toMatch(/^ {2}advisory latency-budget: guest\.round-trip \(no benchmark of this stack/);
  });

  it("decides where the update had judged otherwise, and takes from it who was judged at all", () => {
    const update: Judgement = {
      findings: [],
      judged: new Set(["one-owner-per-core", "latency-budget", "exclusive-cpus"]),
      isWhole: true,
    };
    const result = verdicts(update, analysis) ?? [];
    expect(result.map(({ policy, level, passed }) => [policy, level, passed])).toEqual([
      ["latency-budget", "mandatory", false],
      ["latency-budget", "advisory", false],
      ["exclusive-cpus", "mandatory", true],
      ["one-owner-per-core", "mandatory", true],
    ]);
  });
});
