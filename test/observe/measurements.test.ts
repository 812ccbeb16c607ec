import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { slotsPassedOver } from "../../sdk/measure/round-trip.ts";
import { parseCyclictest } from "../../sdk/observe/cyclictest.ts";
import { parseOslat } from "../../sdk/observe/oslat.ts";
import { parsePing } from "../../sdk/observe/ping.ts";
import { recorded } from "./recorded.ts";

describe("cyclictest's report", () => {
  const text = recorded("rt-tests/2.60/overflow.txt").stdout;

  it("is read by thread, with what its histogram could not hold", () => {
    const { version, threads } = parseCyclictest(text);
    expect(version).toBe("2.60");
    expect(
      threads.map(({ cpu, cycles, minNs, maxNs, overflow }) => [cpu, cycles, minNs, maxNs, overflow]),
    ).toEqual([
      [2, 59, 377_000, 89_296_000, 9],
      [3, 59, 206_000, 73_202_000, 13],
    ]);
    expect(threads.map(({ meanNs }) => meanNs)).toEqual([11_984_710, 11_312_530]);
    for (const { buckets, cycles, overflow } of threads)
      expect(buckets.reduce((sum, [, count]) => sum + count, overflow)).toBe(cycles);
  });

  it("is read where its command line has quotes in it, and where nothing was measured", () => {
    const quoted = text.replace("--quiet", '--json="a file"');
    expect(parseCyclictest(quoted)).toEqual(parseCyclictest(text));
    const idle = text.replace(/"avg": [\d.]+/g, '"avg": -nan').replace(/"cycles": 59/g, '"cycles": 0');
    expect(parseCyclictest(idle).threads[0]).toMatchObject({ cycles: 0, meanNs: undefined });
  });

  it.each([
    ["nothing", ""],
    ["a cut", text.slice(0, 700)],
    ["no thread", '{ "file_version": 1 }'],
    ["negative", text.replace('"min": 377', '"min": -377')],
  ])("that is %s is refused", (_, broken) =>
    expect(() => parseCyclictest(broken)).toThrow("could not read what cyclictest reported"),
  );

  it.each([
    ["2.00", 2000, [5_000, 185_000], 2],
    ["2.40", 2000, [4_000, 346_000], 14],
    ["2.60", 2000, [4_000, 985_000], 7],
    ["2.10", 1990, [4_000, 4_478_000], 30],
  ] as const)("of rt-tests %s is read", (version, cycles, [minNs, maxNs], overflow) => {
    const run = parseCyclictest(recorded(`rt-tests/${version}/cyclictest.txt`).stdout);
    expect(run.version).toBe(version);
    expect(run.threads).toMatchObject([{ cpu: 1, cycles, minNs, maxNs, overflow }]);
  });

  it("without the colons that stand in two of its keys is read as well", () => {
    const mended = text.replace('"cmdline:"', '"cmdline"').replace('"rt_test_version:"', '"rt_test_version"');
    expect(parseCyclictest(mended)).toEqual(parseCyclictest(text));
  });

  it("in ns is taken as it is", () => {
    const [thread] = parseCyclictest(recorded("rt-tests/2.10/cyclictest-nanoseconds.txt").stdout).threads;
    expect(thread).toMatchObject({ cycles: 50, minNs: 15_801, maxNs: 72_195, overflow: 0 });
    expect(thread?.buckets.at(-1)).toEqual([72_195, 1]);
  });
});

describe("oslat's report", () => {
  it.each([
    ["2.00", 1.003, 1_061_000, 1_000],
    ["2.40", 0.999, 43_172_000, 1_000],
    // This release counts what another calls 1 µs under 2 µs.
    ["2.60", 0.975, 5_302_000, 2_000],
    ["2.10", 0.99, 1_672_000, 1_000],
  ] as const)(
    "of rt-tests %s is read, with what lies beyond its buckets",
    (version, seconds, maxNs, leastNs) => {
      const text = recorded(`rt-tests/${version}/oslat.txt`).stdout;
      const run = parseOslat(text);
      expect(run.version).toBe(version);
      const [thread] = run.threads;
      expect(thread).toMatchObject({ cpu: 1, seconds, maxNs });
      expect(thread?.buckets[0]?.[0]).toBe(leastNs);
      expect(thread?.overflow).toBe(Number(/"64": (\d+)/.exec(text)?.[1]));
      expect(thread?.buckets.every(([ns]) => ns < 64_000)).toBe(true);
    },
  );

  it.each(["2.60", "2.10"])("of rt-tests %s with buckets of 100 ns has its greatest in ns", (version) => {
    const [thread] = parseOslat(recorded(`rt-tests/${version}/oslat-nanoseconds.txt`).stdout).threads;
    expect(thread?.buckets[0]?.[0]).toBe(100);
    expect(thread?.maxNs).toBe(version === "2.60" ? 4_749_757 : 91_485);
    expect(thread?.overflow).toBe(version === "2.60" ? 625 : 742);
  });

  it("without overflow keeps its last bucket", () => {
    const text = recorded("rt-tests/2.40/oslat.txt").stdout.replace(/"max": \d+/, '"max": 64');
    const [thread] = parseOslat(text).threads;
    expect(thread?.overflow).toBe(0);
    expect(thread?.buckets.at(-1)?.[0]).toBe(64_000);
  });

  it.each([
    ["nothing", ""],
    ["without buckets", '{ "thread": { "0": { "cpu": 1, "max": 1, "duration": 1, "histogram": {} } } }'],
    ["not counted", recorded("rt-tests/2.40/oslat.txt").stdout.replace(/"1": \d+/, '"1": "many"')],
  ])("that is %s is refused", (_, broken) =>
    expect(() => parseOslat(broken)).toThrow("could not read what oslat reported"),
  );
});

describe("ping's output", () => {
  it("is read echo by echo", () => {
    const run = parsePing(recorded("iputils/20240905/answered.txt").stdout);
    expect(run).toMatchObject({ sent: 5, received: 5, lost: [], duplicates: 0 });
    expect(run.roundTripsNs).toHaveLength(5);
  });

  it("names what was never answered", () => {
    expect(parsePing(recorded("iputils/20240905/silent.txt").stdout)).toEqual({
      sent: 3,
      received: 0,
      roundTripsNs: [],
      lost: [1, 2, 3],
      duplicates: 0,
      departures: [],
    });
  });

  it("of any run gives each answered echo once, in order", () => {
    const echoes = fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { maxLength: 50 });
    fc.assert(
      fc.property(echoes, fc.boolean(), (answered, twice) => {
        const line = (sequence: number) =>
          `26 bytes from 198.18.0.1: icmp_seq=${sequence} ttl=64 time=${sequence}.25 ms`;
        const doubled = twice && answered[0] !== undefined ? [`${line(answered[0])} (DUP!)`] : [];
        const text = [
          "PING 198.18.0.1 (198.18.0.1) 18(46) bytes of data.",
          ...answered.map(line),
          ...doubled,
          `50 packets transmitted, ${answered.length} received, 0% packet loss, time 1ms`,
        ].join("\n");
        const ordered = [...answered].sort((a, b) => a - b);
        expect(parsePing(text)).toEqual({
          sent: 50,
          received: answered.length,
          roundTripsNs: ordered.map((sequence) => (sequence + 0.25) * 1e6),
          lost: Array.from({ length: 50 }, (_, index) => index + 1).filter((one) => !answered.includes(one)),
          duplicates: doubled.length,
          departures: [],
        });
      }),
    );
  });

  it("tells when each answered echo was sent", () => {
    const { departures, received, sent } = parsePing(recorded("iputils/20221126/stalled.txt").stdout);
    expect([received, sent]).toEqual([12, 12]);
    expect(departures.map(([sequence]) => sequence)).toEqual(
      Array.from({ length: 12 }, (_, index) => index + 1),
    );
    const apart = departures.slice(1).map(([, ms], index) => ms - (departures[index]?.[1] ?? 0));
    expect(apart.filter((ms) => ms > 500)).toHaveLength(1);
    expect(slotsPassedOver(departures, 100)).toBe(4);
    expect(slotsPassedOver(departures, 200)).toBe(1);
    expect(slotsPassedOver(departures, 300)).toBe(0);
  });

  it("that has no summary is refused", () => {
    expect(() => parsePing("ping: connect: Network is unreachable")).toThrow(
      "could not read what ping reported",
    );
  });
});
