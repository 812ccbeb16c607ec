import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { latencyBudget } from "../../policies/evidence/latency-budget.ts";
import { type Declared, judge, textOf, unknown } from "../../policies/testing.ts";
import { benchmark, placement, testbed } from "./testbed.ts";

const golden = (name: string) => join(import.meta.dirname, "../golden/policies", `${name}.txt`);
const nothing = { violations: [], advice: [], about: [] };
const budget = (percentile: string, maxNs: number, more: object = {}) => ({
  budgets: [{ metric: "guest.timer.latency", percentile, maxNs, ...more }],
});
const measured = (record: object = {}, metric: object = {}): Declared[] =>
  testbed({ more: [benchmark({ ...record }, { ...metric })] });

describe("latency-budget", () => {
  it("passes what keeps its budget, at the limit too", async () => {
    expect(await judge(latencyBudget, measured(), budget("99", 20_000))).toEqual(nothing);
    expect(await judge(latencyBudget, measured(), budget("max", 95_000))).toEqual(nothing);
  });

  it("refuses what does not, with both values and where they come from", async () => {
    const judged = await judge(latencyBudget, measured(), budget("99", 19_999));
    expect(judged.about).toEqual(["guest-timers-run"]);
    await expect(textOf(judged)).toMatchFileSnapshot(golden("latency-budget"));
  });

  it("holds the upper end of a median's interval against its budget", async () => {
    expect(await judge(latencyBudget, measured(), budget("50", 4200))).toEqual(nothing);
    const { violations } = await judge(latencyBudget, measured(), budget("50", 4100));
    expect(violations[0]).toContain(
      "p50 is 4 µs, 4.2 µs at the upper end of its 95 % interval, allowed 4.1 µs",
    );
  });

  it.each<[string, object]>([
    [
      "an invalid record",
      { valid: false, invalidReasons: ["cyclictest ended with 1", "12 wake-ups missing"] },
    ],
    ["a record without a verdict on itself", { valid: undefined }],
    ["a record of another boot", { fingerprint: { bootId: "22222222-2222-4222-8222-222222222222" } }],
    ["a record that says no boot", { fingerprint: {} }],
    ["a record of an emulated server", { functional: true }],
  ])("never passes %s, good as its numbers are", async (_, record) => {
    expect((await judge(latencyBudget, measured(record), budget("99", 1e9))).violations).toHaveLength(1);
    expect((await judge(latencyBudget, measured(record), budget("99", 1))).violations).toHaveLength(1);
  });

  it("says why a record is no evidence", async () => {
    const record = {
      valid: false,
      invalidReasons: ["12 wake-ups missing"],
      functional: true,
      fingerprint: { bootId: "22222222-2222-4222-8222-222222222222" },
    };
    const judged = await judge(latencyBudget, measured(record), budget("99", 1e9));
    await expect(textOf(judged)).toMatchFileSnapshot(golden("latency-budget-refused"));
  });

  it("takes records of emulated servers where the configuration says so, but no invalid ones", async () => {
    const allow = { ...budget("99", 20_000), functional: "allow" };
    expect(await judge(latencyBudget, measured({ functional: true }), allow)).toEqual(nothing);
    expect(
      (await judge(latencyBudget, measured({ functional: true, valid: false }), allow)).violations,
    ).toHaveLength(1);
    expect(
      (await judge(latencyBudget, measured({ functional: true }, { percentiles: { 99: 20_001 } }), allow))
        .violations,
    ).toHaveLength(1);
  });

  it("wants samples enough for the percentile, and what else the budget asks for", async () => {
    const few = await judge(latencyBudget, measured({}, { samples: 999 }), budget("99", 1e9));
    const enough = await judge(latencyBudget, measured({}, { samples: 1000 }), budget("99", 1e9));
    const asked = await judge(latencyBudget, measured(), budget("max", 1e9, { minSamples: 1_000_000 }));
    const beyond = await judge(
      latencyBudget,
      measured({}, { overflow: 900, percentiles: { 99: null } }),
      budget("99", 1e9),
    );
    const unit = await judge(latencyBudget, measured({}, { unit: "pps" }), budget("99", 1e9));
    expect(enough).toEqual(nothing);
    await expect([few, asked, beyond, unit].map(textOf).join("")).toMatchFileSnapshot(
      golden("latency-budget-unsupported"),
    );
    for (const { violations } of [few, asked, beyond, unit]) expect(violations).toHaveLength(1);
  });

  it.each([
    ["50", 20],
    ["90", 100],
    ["99", 1000],
    ["99.9", 10_000],
    ["99.99", 100_000],
    ["99.999", 1_000_000],
  ])("knows that p%s needs %d samples", async (percentile, samples) => {
    const judgeWith = (count: number) =>
      judge(
        latencyBudget,
        measured({}, { samples: count, percentiles: { [percentile]: 1 }, interval95: undefined }),
        budget(percentile, 1),
      );
    expect((await judgeWith(samples)).violations).toEqual([]);
    expect((await judgeWith(samples - 1)).violations).toHaveLength(1);
  });

  it("is about stacks that measure, and configurations that allow for something", async () => {
    expect(await judge(latencyBudget, measured(), {})).toEqual({
      ...nothing,
      notApplicable: "no budget is configured",
    });
    expect(await judge(latencyBudget, testbed(), budget("99", 1))).toEqual({
      ...nothing,
      notApplicable: "this stack measures nothing",
    });
  });

  it("says what is still to be measured, what nothing measures, and what the boot can't be told of", async () => {
    const planned = { ...benchmark(), ...placement("first-preview")({ subject: { kind: "guest" } }) };
    const preview = await judge(
      latencyBudget,
      testbed({ stage: "first-preview", more: [planned] }),
      budget("99", 1),
    );
    const sentinel = { ...benchmark(), ...placement("up")({ record: unknown }) };
    const later = await judge(latencyBudget, testbed({ more: [sentinel] }), budget("99", 1));
    const other = await judge(latencyBudget, measured(), {
      budgets: [{ metric: "host.timer.latency", percentile: "99", maxNs: 1 }],
    });
    const boot = await judge(
      latencyBudget,
      testbed({ facts: { identity: unknown }, more: [benchmark()] }),
      budget("99", 20_000),
    );
    await expect([preview, later, other, boot].map(textOf).join("")).toMatchFileSnapshot(
      golden("latency-budget-unknown"),
    );
    for (const { violations, advice } of [preview, later, other, boot]) {
      expect(violations).toEqual([]);
      expect(advice).toHaveLength(1);
    }
  });

  it.each(["embedded", "nfv"])("takes config/%s.json for what it is", async (name) => {
    const file = join(import.meta.dirname, "../../policies/config", `${name}.json`);
    const config = JSON.parse(readFileSync(file, "utf8"))["latency-budget"];
    const { functional, samples } = {
      embedded: { functional: true, samples: 6000 },
      nfv: { functional: false, samples: 1e6 },
    }[name as "embedded" | "nfv"];
    const good = await judge(latencyBudget, measured({ functional }, { samples }), config);
    expect(good.violations).toEqual([]);
    const { maxNs } = config.budgets.find(
      ({ metric }: { metric: string }) => metric === "guest.timer.latency",
    );
    const slow = { percentiles: { 90: maxNs + 1 }, max: maxNs + 1, samples };
    expect((await judge(latencyBudget, measured({ functional }, slow), config)).violations).toHaveLength(1);
    const emulated = await judge(latencyBudget, measured({ functional: true }, { samples }), config);
    expect(emulated.violations).toHaveLength(name === "nfv" ? 1 : 0);
  });
});
