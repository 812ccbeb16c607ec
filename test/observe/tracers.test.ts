import { describe, expect, it } from "vitest";
import { parseHwlatdetect } from "../../sdk/observe/hwlatdetect.ts";
import { parseRtla } from "../../sdk/observe/rtla.ts";
import { parseTracing } from "../../sdk/observe/tracing.ts";
import { recorded } from "./recorded.ts";

describe("hwlatdetect's output", () => {
  it.each(["2.40", "2.60", "2.10"])("of rt-tests %s is read window by window", (version) => {
    const text = recorded(`rt-tests/${version}/hwlatdetect.txt`).stdout;
    const run = parseHwlatdetect(text);
    expect(run).toMatchObject({ thresholdNs: 1000, windowNs: 500_000_000, widthNs: 250_000_000 });
    expect(run.managementInterrupts).toBeUndefined();
    expect(run.gapsNs).toHaveLength(text.split("\n").filter((line) => line.startsWith("ts:")).length);
    expect(run.maxNs).toBe(Math.max(...run.gapsNs));
  });

  it("below the threshold has no gap at all", () => {
    expect(parseHwlatdetect(recorded("rt-tests/2.60/hwlatdetect-below.txt").stdout)).toMatchObject({
      ...{ seconds: 3, thresholdNs: 900_000_000, maxNs: undefined, gapsNs: [] },
    });
  });

  it("tells of management interrupts where rdmsr is there", () => {
    const text = recorded("rt-tests/2.60/hwlatdetect.txt").stdout;
    const counted = `${text}3 SMIs occured on cpu 0\nSMIs during run: 12\n`;
    expect(parseHwlatdetect(counted).managementInterrupts).toBe(12);
  });

  it.each([
    ["nothing", ""],
    ["of another tracer", "hwlatdetect:  test duration 3 seconds\n"],
    ["cut", recorded("rt-tests/2.60/hwlatdetect.txt").stdout.slice(0, 300)],
  ])("that is %s is refused", (_, text) =>
    expect(() => parseHwlatdetect(text)).toThrow("in what hwlatdetect reported"),
  );
});

describe("rtla's histogram", () => {
  const countsIn = (text: string) => (/^count:(.*)$/m.exec(text)?.[1] ?? "").trim().split(/\s+/).map(Number);

  it.each([
    ["6.1/timerlat", ["irq", "thread"]],
    ["6.12/timerlat", ["irq", "thread"]],
    ["7.2/timerlat", ["irq", "thread"]],
    ["6.12/timerlat-user", ["irq", "thread", "user"]],
    ["7.2/timerlat-user", ["irq", "thread", "user"]],
    ["6.1/osnoise", ["noise"]],
    ["6.12/osnoise", ["noise"]],
    ["7.2/osnoise", ["noise"]],
  ])("of %s is read by CPU, and nothing of it is lost", (fixture, kinds) => {
    const text = recorded(`rtla/${fixture}.txt`).stdout;
    const columns = parseRtla(text);
    expect(columns.map(({ kind, cpu }) => [kind, cpu])).toEqual(kinds.map((kind) => [kind, 1]));
    const counted = columns.map(({ buckets, overflow }) =>
      buckets.reduce((sum, [, count]) => sum + count, overflow),
    );
    expect(counted).toEqual(countsIn(text));
    for (const { buckets, maxNs, overflow } of columns)
      if (overflow === 0) expect(buckets.at(-1)?.[0]).toBe(maxNs);
  });

  it.each(["6.12/timerlat-overflow", "6.12/osnoise-overflow"])(
    "of %s says what lies beyond, and what was the longest all the same",
    (fixture) => {
      const columns = parseRtla(recorded(`rtla/${fixture}.txt`).stdout);
      expect(new Set(columns.map(({ cpu }) => cpu))).toEqual(new Set([0, 1]));
      expect(columns.some(({ overflow, maxNs }) => overflow > 0 && maxNs >= 1_000_000)).toBe(true);
    },
  );

  const empty = (cells: string) =>
    `# RTLA osnoise histogram\n# Time unit is microseconds (us)\n# Duration:   0 00:00:05\nIndex\n${["over", "count", "min", "avg", "max"].map((row) => `${row}:${cells}\n`).join("")}`;

  it.each([
    ["of old ones", empty("")],
    ["of newer ones", empty(" 0")],
  ])("without a column has no noise: %s", (_, text) => expect(parseRtla(text)).toEqual([]));

  const text = recorded("rtla/6.12/timerlat.txt").stdout;
  it.each([
    ["nothing", ""],
    ["without its unit", text.replace(/^# Time unit.*\n/m, "")],
    ["of another kind", text.replace("IRQ-001", "Foo-001")],
    ["without its counts", text.replaceAll(/^count:.*\n/gm, "")],
    ["one row short", text.replace(/^\d+ .*[1-9]\d* *\n/m, "")],
    ["of columns that hold only one 0", text.replace(/^over:.*$/m, "over: 0")],
  ])("that is %s is refused", (_, broken) =>
    expect(() => parseRtla(broken)).toThrow("in what rtla reported"),
  );
});

describe("what a machine can trace with", () => {
  it("is told by kernel and programs", () => {
    const { kernel, available, current, switches, hwlatdetect, rtla } = parseTracing(
      recorded("rtla/6.12/tracing.txt").stdout,
    );
    expect({ kernel, current, hwlatdetect, rtla }).toEqual({
      ...{ kernel: "6.12.117+deb13-rt-amd64", current: "nop", hwlatdetect: true, rtla: "6.12" },
    });
    expect(switches).toContain("OSNOISE_WORKLOAD");
    expect(available).toEqual(expect.arrayContaining(["hwlat", "osnoise", "timerlat", "nop"]));
  });

  it.each([
    ["6.1", false, false],
    ["6.12", true, true],
    ["7.2", true, true],
  ])("knows rtla %s by its options", (release, houseKeeping, userThreads) => {
    const { options } = parseTracing(recorded(`rtla/${release}/tracing.txt`).stdout);
    for (const option of ["cpus", "duration", "period", "priority", "bucket-size", "entries"])
      expect([...options.timerlat, ...options.osnoise]).toContain(option);
    expect(options.osnoise.has("house-keeping")).toBe(houseKeeping);
    expect(options.timerlat.has("user-threads")).toBe(userThreads);
  });

  it("of a machine without any of it is nothing", () => {
    expect(parseTracing("@kernel 6.1.0\n@hwlatdetect \n@rtla \n")).toEqual({
      ...{ kernel: "6.1.0", available: undefined, current: undefined, switches: [] },
      ...{ hwlatdetect: false, rtla: undefined },
      options: { timerlat: new Set(), osnoise: new Set() },
    });
  });
});
