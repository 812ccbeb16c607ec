import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCyclictest } from "../../sdk/observe/cyclictest.ts";
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
    for (const { buckets, cycles, overflow } of threads)
      expect(buckets.reduce((sum, [, count]) => sum + count, overflow)).toBe(cycles);
  });

  it("is read where its command line has quotes in it, and where nothing was measured", () => {
    const quoted = text.replace("--quiet", '--json="a file"');
    expect(parseCyclictest(quoted)).toEqual(parseCyclictest(text));
    const idle = text.replace(/"avg": [\d.]+/g, '"avg": -nan').replace(/"cycles": 59/g, '"cycles": 0');
    expect(parseCyclictest(idle).threads[0]?.cycles).toBe(0);
  });

  it.each([
    ["nothing", ""],
    ["a cut", text.slice(0, 700)],
    ["no thread", '{ "file_version": 1 }'],
  ])("that is %s is refused", (_, broken) =>
    expect(() => parseCyclictest(broken)).toThrow("could not read what cyclictest reported"),
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
        });
      }),
    );
  });

  it("that has no summary is refused", () => {
    expect(() => parsePing("ping: connect: Network is unreachable")).toThrow(
      "could not read what ping reported",
    );
  });
});
