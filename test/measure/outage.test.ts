import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type OutageRun, outageEvidence } from "../../sdk/measure/outage.ts";
import { parseTrafficReport } from "../../sdk/observe/traffic.ts";
import type { TrafficStream } from "../../sdk/schema/traffic-report.ts";
import { recorded } from "../observe/recorded.ts";

/** A thousand frames a second, of a way that was cut for 300 ms once the program was told. */
const report = parseTrafficReport(recorded("traffic/cut.txt").stdout);
const run: OutageRun = { report, eventMs: 310 };
const [stream = expect.fail("no stream")] = report.streams;
const mark = stream.mark ?? expect.fail("no mark");
const asked = { event: "switch-restart", rate: 1000, watchMs: 2000 };
const of = (...streams: readonly TrafficStream[]): OutageRun => ({ ...run, report: { ...report, streams } });
const but = (change: Partial<TrafficStream>) => of({ ...stream, ...change });
const named = (...runs: readonly OutageRun[]) =>
  Object.fromEntries(outageEvidence(asked, runs).metrics.map((metric) => [metric.name, metric]));

describe("an outage", () => {
  test("is the longest time without a frame since the event, and what was lost by the rate, by a recorded run", () => {
    const { metrics, faults, remarks } = outageEvidence(asked, [run]);
    expect(metrics.map(({ name, unit, direction, max }) => [name, unit, direction, max])).toEqual([
      ["outage.switch-restart", "ns", "lower", mark.silenceNs - 1e6],
      ["outage.switch-restart.by-loss", "ns", "lower", 308e6],
      ["outage.switch-restart.lost", "count", "lower", 308],
      ["outage.switch-restart.before", "ns", "lower", mark.silenceBeforeNs - 1e6],
    ]);
    // Both ways tell of one outage.
    expect(Math.abs(mark.silenceNs - 308e6)).toBeLessThan(10e6);
    expect([faults, remarks]).toEqual([[], []]);
  });

  test("is that of the direction that it took longer in", () => {
    const other = { ...stream, mark: { ...mark, silenceNs: 701e6 }, lost: 2 };
    const metrics = named(of(stream, other));
    expect(metrics["outage.switch-restart"]?.max).toBe(700e6);
    expect(metrics["outage.switch-restart.by-loss"]?.max).toBe(308e6);
    expect(metrics["outage.switch-restart.lost"]?.max).toBe(310);
  });

  test("is never below nothing, and has a value for each repetition", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3e9), { minLength: 1, maxLength: 5 }), (silences) => {
        const runs = silences.map((silenceNs) => but({ mark: { ...mark, silenceNs } }));
        const { samples, max } = named(...runs)["outage.switch-restart"] ?? expect.fail("no outage");
        expect([samples, max]).toEqual([silences.length, Math.max(0, Math.max(...silences) - 1e6)]);
      }),
    );
  });

  const without = ({ mark: _, ...rest }: TrafficStream) => rest;
  test.each<readonly [what: string, run: OutageRun, expected: string]>([
    [
      "an event that the program did not hear of",
      of(without(stream)),
      "outage.switch-restart: forward: the traffic program was not told of the event",
    ],
    [
      "a way that stays cut",
      but({ lostAtEnd: 1500 }),
      "outage.switch-restart: forward: no frame came for the last 1.5 s: the outage did not end",
    ],
    [
      "a generator that was late for as long",
      but({ lagMaxNs: 400e6 }),
      "outage.switch-restart: forward: the generator itself was 400 ms late, no less than the outage",
    ],
    [
      "a program that was ended",
      { ...run, report: { ...report, ended: "signal" } },
      "outage.switch-restart: it was ended early, by its signal",
    ],
  ])("is not valid of %s", (_, wrong, expected) => {
    expect(outageEvidence(asked, [wrong]).faults).toEqual([expected]);
  });

  test("says where it began when the event was long over", () => {
    const late = but({ mark: { ...mark, silentFromNs: 4.48e9 } });
    expect(outageEvidence(asked, [late]).remarks).toEqual([
      "outage.switch-restart: forward: the longest time without a frame began 4.48 s after the event did, which took 310 ms: it may have nothing to do with it",
    ]);
    expect(outageEvidence(asked, [{ ...late, eventMs: 4000 }]).remarks).toEqual([]);
    const taken = (watchMs: number) =>
      outageEvidence({ ...asked, event: "add-flows", watchMs }, [late]).remarks;
    expect(taken(4500)).toEqual([
      expect.stringMatching(/which took 310 ms: it was as what was added was taken away$/),
    ]);
    expect(taken(30_000)).toEqual([expect.stringContaining("it may have nothing to do with it")]);
  });

  test("says what the port refused, and where it is no longer than what was before", () => {
    const both = [run, but({ refused: 200, mark: { ...mark, silenceNs: mark.silenceBeforeNs } })];
    expect(outageEvidence(asked, both).remarks).toEqual([
      expect.stringMatching(
        /^outage\.switch-restart, repetition 2: forward: no longer without a frame than before the event, [\d.]+ ms: it can't be told from what the way does anyway$/,
      ),
      "outage.switch-restart, repetition 2: forward: 200 of the 308 lost frames were refused by the port that sends",
    ]);
  });
});
