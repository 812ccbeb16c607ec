import { describe, expect, it } from "vitest";
import type { BenchmarkResults } from "../../components/benchmarks.ts";
import { sideBySide } from "../../components/side-by-side.ts";
import { golden } from "./testbed.ts";

const METRIC = "host.timer.latency";

function results(inForce: string, p99: number, change: Partial<BenchmarkResults> = {}): BenchmarkResults {
  const percentiles = { 50: p99 / 4, 99: p99 };
  return {
    ...{ valid: true, functional: false, invalidReasons: [], inForce },
    metrics: { [METRIC]: { unit: "ns", samples: 1000, percentiles, max: p99 * 3 } },
    ...change,
  };
}

describe("untuned beside tuned", () => {
  it("has a row for each load, with how many times smaller the tuned latencies are", async () => {
    const { rows, caveats, text } = sideBySide(METRIC, [
      { load: "idle", untuned: results("a", 40_000), tuned: results("b", 8000) },
      { load: "memory", untuned: results("a", 300_000), tuned: results("b", 9000) },
    ]);
    expect(rows[1]).toEqual({
      load: "memory",
      untunedNs: { "50": 75_000, "99": 300_000, "99.99": null, max: 900_000 },
      tunedNs: { "50": 2250, "99": 9000, "99.99": null, max: 27_000 },
      ratio: { "50": 33.33, "99": 33.33, "99.99": null, max: 33.33 },
    });
    expect(caveats).toEqual([]);
    await expect(text).toMatchFileSnapshot(golden("side-by-side"));
  });

  it("says what speaks against it", () => {
    const same = [{ load: "idle", untuned: results("a", 40_000), tuned: results("a", 8000) }];
    expect(sideBySide(METRIC, same).caveats).toEqual([
      "both sides were measured with the same in force: what differs is chance, not tuning",
    ]);
    const mixed = [
      { load: "idle", untuned: results("a", 40_000), tuned: results("b", 8000) },
      { load: "cpu", untuned: results("a", 40_000), tuned: results("c", 8000) },
    ];
    expect(sideBySide(METRIC, mixed).caveats).toEqual([
      "not all loads of one side were measured with the same in force",
    ]);
    // The generator that measures is the same; what is tuned forwards.
    const on = (systemUnderTest: string) => results("g", 1, { othersInForce: { systemUnderTest } });
    expect(sideBySide(METRIC, [{ load: "idle", untuned: on("a"), tuned: on("b") }]).caveats).toEqual([]);
    expect(
      sideBySide(METRIC, [
        { load: "idle", untuned: on("a"), tuned: on("b") },
        { load: "cpu", untuned: on("c"), tuned: on("b") },
      ]).caveats,
    ).toEqual(["not all loads of one side were measured with the same in force"]);
    const wrong = results("b", 1, {
      valid: false,
      functional: true,
      invalidReasons: ["no load", "no sample"],
    });
    expect(sideBySide(METRIC, [{ load: "io", untuned: results("a", 1), tuned: wrong }]).caveats).toEqual([
      "functional: taken on an emulated server. It shows that the path works, not what tuning gains.",
      "tuned, io is not valid: no load; no sample",
    ]);
  });

  it("has dashes for what was not measured", () => {
    const empty = results("b", 1, { metrics: {} });
    const [row] = sideBySide(METRIC, [{ load: "idle", untuned: results("a", 40), tuned: empty }]).rows;
    expect(row?.ratio).toEqual({ "50": null, "99": null, "99.99": null, max: null });
  });
});
