import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { trialResultOf } from "../../sdk/measure/search/traffic-trial.ts";
import {
  type TrafficRun,
  trafficFaults,
  trafficFrames,
  trafficMetrics,
  trafficRemarks,
  variationRemarks,
} from "../../sdk/measure/traffic.ts";
import { parseTrafficReport } from "../../sdk/observe/traffic.ts";
import { recorded } from "../observe/recorded.ts";

const ring = parseTrafficReport(recorded("traffic/ring.txt").stdout);
const saturated = parseTrafficReport(recorded("traffic/sat.txt").stdout);
const lost = parseTrafficReport(recorded("traffic/lost.txt").stdout);
const varied = parseTrafficReport(recorded("traffic/varied.txt").stdout);
const stream = ring.streams[0]!;
const port = ring.ports[0]!;
const but = (change: Partial<typeof stream>): TrafficRun => ({
  ...ring,
  streams: [{ ...stream, ...change }],
});

describe("what makes a run worth nothing", () => {
  test("is nothing where the pace was kept and the ports counted the same", () => {
    expect(trafficFaults(ring, 1000)).toEqual([]);
  });

  test("is a generator that fell behind, by a recorded one", () => {
    expect(trafficFaults(saturated, 200_000_000)).toEqual([
      expect.stringMatching(/^saturated generator: forward, it sent \d+ frames\/s of 200000000$/),
    ]);
  });

  test.each<readonly [what: string, run: TrafficRun, expected: string]>([
    [
      "frames that were never sent",
      but({ sent: 2999, received: 2999 }),
      "saturated generator: forward, it could send 2999 of 3000 frames in their time",
    ],
    [
      "a pace 1.1 % too slow",
      but({ sendingNs: (2999 / 1000) * 1e9 * 1.011 }),
      "saturated generator: forward, it sent 989 frames/s of 1000",
    ],
    ["an early end", { ...ring, ended: "signal" }, "it was ended early, by its signal"],
    [
      "frames that came to the wrong port",
      but({ misdelivered: 3 }),
      "forward: 3 frames came to the wrong port",
    ],
    [
      "frames without a time",
      but({ latency: { ...stream.latency, unstamped: 2 } }),
      "forward: 2 of 3000 frames bear no time before that of their receipt",
    ],
    [
      "a port that sent another number",
      { ...ring, ports: [{ ...port, counters: { ...port.counters, opackets: 2990 } }] },
      "net_ring0: 3000 frames counted as sent, but 2990 by the port",
    ],
    [
      "a port that received another number",
      { ...ring, ports: [{ ...port, counters: { ...port.counters, ipackets: 3001 } }] },
      "net_ring0: 3000 frames counted as received, but 3001 by the port",
    ],
    [
      "a sink without room",
      { ...ring, ports: [{ ...port, counters: { ...port.counters, imissed: 4, rxNombuf: 1 } }] },
      "saturated sink: net_ring0 had no room for 5 frames that reached it",
    ],
  ])("is %s", (_, run, expected) => {
    expect(trafficFaults(run, 1000)).toEqual([expected]);
  });

  test("is not loss", () => {
    expect(trafficFaults(but({ received: 2000, lost: 1000 }), 1000)).toEqual([]);
    expect(trafficFaults(lost, 1000).some((fault) => fault.includes("lost"))).toBe(false);
  });
});

describe("metrics", () => {
  test("are latency, throughput and loss of a direction", () => {
    const metrics = trafficMetrics([ring, ring]);
    expect(metrics.map(({ name, unit, direction }) => [name, unit, direction])).toEqual([
      ["traffic.forward.latency", "ns", "lower"],
      ["traffic.forward.latency.pdv", "ns", "lower"],
      ["traffic.forward.throughput", "pps", "higher"],
      ["traffic.forward.lost", "count", "lower"],
    ]);
    const [latency, , throughput, loss] = metrics;
    expect(latency).toMatchObject({
      samples: 6000,
      missing: 0,
      overflow: 0,
      min: stream.latency.minNs,
      max: stream.latency.maxNs,
    });
    expect(throughput?.median).toBeGreaterThan(950);
    expect(throughput?.median).toBeLessThan(1050);
    expect(loss).toMatchObject({ samples: 2, max: 0, median: 0 });
  });

  test("of a path that lets nothing through have no latency", () => {
    const [latency, throughput, loss] = trafficMetrics([lost]);
    expect([latency?.samples, throughput?.max, loss?.max]).toEqual([0, 0, 500]);
  });

  test("are of both directions where there are two", () => {
    const both = trafficMetrics([{ ...ring, streams: [stream, stream] }]);
    expect(both.filter(({ name }) => name.startsWith("traffic.reverse."))).toHaveLength(4);
  });
});

describe("how latency varies (RFC 5481)", () => {
  const [stream = expect.fail("no stream")] = varied.streams;
  const metricsOf = (...runs: readonly TrafficRun[]) =>
    Object.fromEntries(
      trafficMetrics(runs).map((metric) => [metric.name.split(".").slice(3).join("."), metric]),
    );

  test("is latency above the least, and the difference of a frame from the one sent before, by a recorded run", () => {
    const { pdv, ipdv } = metricsOf(varied);
    const { latency, variation, received, gaps } = stream as typeof stream & { gaps: number };
    expect(pdv).toMatchObject({ samples: received, min: 0, max: latency.maxNs - latency.minNs, missing: 0 });
    expect(ipdv).toMatchObject({
      samples: received - 1 - gaps,
      max: variation?.maxNs,
      min: variation?.minNs,
    });
    expect(ipdv?.percentiles["99"]).toBeLessThanOrEqual(pdv?.percentiles["99"] ?? 0);
    expect(trafficRemarks([{ report: varied, received: [] }])).toEqual([
      `traffic.forward.latency.ipdv: ${gaps} of ${received - 1} frames came behind another than the one sent right before, which was lost or changed places, and are left out`,
    ]);
  });

  test("is above the least of each repetition by itself", () => {
    const later = {
      ...stream.latency,
      ...{ minNs: stream.latency.minNs + 1e9, maxNs: stream.latency.maxNs + 1e9 },
      buckets: stream.latency.buckets.map(([ns, count]) => [ns + 1e9, count] as const),
    };
    const both = metricsOf(varied, { ...varied, streams: [{ ...stream, latency: later }] });
    const alone = metricsOf(varied);
    expect(both["pdv"]).toMatchObject({ samples: 2 * stream.received, max: alone["pdv"]?.max });
    expect(both["pdv"]?.percentiles).toEqual(alone["pdv"]?.percentiles);
  });

  test("is never below nothing, nor above what the latencies span, whatever they are", () => {
    const buckets = fc.uniqueArray(fc.tuple(fc.nat(1e9), fc.integer({ min: 1, max: 50 })), {
      ...{ minLength: 1, maxLength: 20 },
      selector: ([ns]) => ns,
    });
    fc.assert(
      fc.property(buckets, fc.nat(300), (unsorted, below) => {
        const sorted = unsorted.toSorted(([a], [b]) => a - b);
        const [least, most] = [sorted[0]![0], sorted.at(-1)![0]];
        const received = sorted.reduce((sum, [, count]) => sum + count, 0);
        const latency = { unstamped: 0, minNs: Math.max(0, least - below), maxNs: most, buckets: sorted };
        const { pdv, ...rest } = metricsOf({
          ...varied,
          streams: [{ ...ring.streams[0]!, received, latency }],
        });
        expect(pdv).toMatchObject({ samples: received, min: 0, max: most - latency.minNs });
        expect(pdv?.percentiles["50"]).toBeGreaterThanOrEqual(0);
        expect(rest).not.toHaveProperty("ipdv");
      }),
    );
  });

  test("says nothing where nothing came, and nothing against frames that all have it", () => {
    expect(metricsOf(lost)).not.toHaveProperty("pdv");
    const whole = { ...stream, variation: { ...stream.variation!, unpaired: 0 } };
    expect(variationRemarks("latency", [whole, ring.streams[0]!])).toEqual([]);
  });
});

describe("what a reader has to know beside the numbers", () => {
  const steady = Array.from({ length: 40 }, (_, second) => 1000 + (second % 3));

  test("is nothing of runs that stayed as they were, nor of those too short to tell", () => {
    const runs = [steady, steady, [1000, 10]].map((received) => ({ report: ring, received }));
    expect(trafficRemarks(runs)).toEqual([]);
  });

  test("is a run that changed on the way, and a throughput that is another in each run", () => {
    const falling = steady.map((frames, second) => (second < 25 ? frames : frames / 2));
    expect(
      trafficRemarks([
        { report: ring, received: steady },
        { report: ring, received: falling },
      ]),
    ).toEqual([
      expect.stringMatching(
        /^repetition 2: what came in each second was not steady, it (fell|was still changing) after /,
      ),
    ]);
    const half = but({ receivingNs: stream.receivingNs * 2 });
    expect(trafficRemarks([ring, half].map((report) => ({ report, received: [] })))).toEqual([
      expect.stringMatching(/^traffic\.forward\.throughput: unstable: it varies by \d+ % /),
    ]);
  });
});

test("frames are summed over repetitions, direction by direction", () => {
  const count = fc.nat(1_000_000);
  const one = fc.record({
    planned: count,
    sent: count,
    received: count,
    lost: count,
    duplicated: count,
    reordered: count,
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(one, one), { minLength: 1, maxLength: 5 }), (repetitions) => {
      const runs = repetitions.map((pair) => ({
        ...ring,
        streams: pair.map((counts) => ({ ...stream, ...counts })),
      }));
      const { forward, reverse } = trafficFrames(runs);
      for (const field of ["planned", "sent", "received", "lost", "duplicated", "reordered"] as const) {
        expect(forward[field]).toBe(repetitions.reduce((sum, [there]) => sum + there[field], 0));
        expect(reverse?.[field]).toBe(repetitions.reduce((sum, [, back]) => sum + back[field], 0));
      }
    }),
  );
  expect(trafficFrames([ring]).reverse).toBeNull();
});

describe("a trial of a search", () => {
  const trial = { loadPps: 1000, durationMs: 3000 };

  test("has the frames of a recorded run, of both directions where there are two", () => {
    const one = { ...trial, intended: stream.planned, received: stream.received, faults: [] };
    expect(trialResultOf(trial, ring)).toEqual(one);
    const both = { ...ring, streams: [stream, { ...stream, received: 2900, lost: 100 }] };
    expect(trialResultOf(trial, both)).toMatchObject({ intended: 2 * stream.planned, received: 5900 });
  });

  test("has loss that is the device's, and is worth nothing where the generator fell behind", () => {
    const { streams } = lost;
    const asked = { loadPps: 1000, durationMs: 500 };
    expect(trialResultOf(asked, lost)).toMatchObject({ intended: streams[0]?.planned, received: 0 });
    const behind = trialResultOf({ loadPps: 200_000_000, durationMs: 1000 }, saturated);
    expect(behind.faults).toEqual([expect.stringMatching(/^saturated generator: forward/)]);
  });

  test("has lost what a port refused until its time was over, and is none of the generator's", () => {
    const refusing = but({ sent: 2900, sentInTime: 2890, refused: 5000, received: 2900, lost: 0 });
    // Ten came behind the time, by a path that was offered them within it.
    expect(trialResultOf(trial, refusing)).toEqual({ ...trial, intended: 3000, received: 2890, faults: [] });
    expect(trafficFaults(refusing, 1000)).toEqual([
      "saturated generator: forward, it could send 2900 of 3000 frames in their time",
    ]);
  });

  test("is worth nothing where a few refusals do not explain what was not sent", () => {
    const slow = but({ sent: 2900, sentInTime: 2900, refused: 3, received: 2900, lost: 0 });
    expect(trialResultOf(trial, slow).faults).toEqual([
      "saturated generator: forward, it could send 2900 of 3000 frames in their time",
    ]);
  });

  test("has frames that were late by the generator's own doing, as long as it kept its pace", () => {
    const late = but({ sentInTime: 2995, refused: 0 });
    expect(trialResultOf(trial, late)).toMatchObject({ received: 3000, faults: [] });
  });
});
