import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ExchangeRun,
  exchangeFaults,
  exchangeFrames,
  exchangeMetrics,
} from "../../sdk/measure/exchange.ts";
import { parseExchangeReport } from "../../sdk/observe/exchange.ts";
import { recorded } from "../observe/recorded.ts";

const report = (name: string) => parseExchangeReport(recorded(`exchange/${name}.txt`).stdout);
const whole: ExchangeRun = { send: report("send"), answer: report("answer") };
const cutOff: ExchangeRun = { send: report("cut-off-send"), answer: report("cut-off-answer") };
const but = (
  send: Partial<ExchangeRun["send"]>,
  answer: Partial<ExchangeRun["answer"]> = {},
): ExchangeRun => ({
  send: { ...whole.send, ...send },
  answer: { ...whole.answer, ...answer },
});

describe("an exchange", () => {
  it("counts each way at both its ends", () => {
    expect(exchangeFrames([whole, whole])).toEqual({
      forward: { planned: 6000, sent: 6000, received: 6000, lost: 0, duplicated: 0, reordered: 0 },
      reverse: { planned: 6000, sent: 6000, received: 6000, lost: 0, duplicated: 0, reordered: 0 },
    });
    expect(exchangeFrames([cutOff])).toMatchObject({
      forward: { planned: 60000, sent: 28951, received: 28439, lost: 512 },
      reverse: { planned: 28439, sent: 28439, received: 28439, lost: 0 },
    });
  });

  it("is told by round trips and what did not come back", () => {
    const [roundTrip, lost] = exchangeMetrics([whole, cutOff]);
    expect(roundTrip).toMatchObject({ name: "exchange.round-trip", unit: "ns", samples: 3000 + 28439 });
    expect(roundTrip?.min).toBe(Math.min(...[whole, cutOff].map(({ send }) => send.roundTrip.minNs)));
    expect(roundTrip?.max).toBe(Math.max(...[whole, cutOff].map(({ send }) => send.roundTrip.maxNs)));
    expect(lost).toMatchObject({ name: "exchange.lost", unit: "count", max: 512 });
  });

  it("is worth something where the pace was kept and nobody counts more than the other", () => {
    expect(exchangeFaults(whole, 1000)).toEqual([]);
    expect(exchangeFaults(cutOff, 20_000)).toEqual([
      "the sending end was ended early, by its limit",
      "the answering end was ended early, by its limit",
      "saturated generator: it could send 28951 of 60000 frames in their time",
    ]);
  });

  it.each<readonly [string, ExchangeRun, string]>([
    ["too slow", but({ sendingNs: 2.999e9 * 1.011 }), "saturated generator: it sent 989 frames/s of 1000"],
    [
      "frames from nowhere",
      but({}, { received: 3001 }),
      "3001 frames came to the answering end, but 3000 were sent",
    ],
    ["answers from nowhere", but({}, { sent: 2999 }), "3000 answers came, but 2999 were sent"],
    [
      "ends that were too slow",
      but({ dropped: 1 }, { dropped: 2 }),
      "saturated sink: the ends had no room for 3 frames that reached them",
    ],
    [
      "answers that did not go",
      but({}, { refused: 4 }),
      "saturated sink: the answering end had no room for 4 answers",
    ],
  ])("is worth nothing with %s", (_, run, fault) => {
    expect(exchangeFaults(run, 1000)).toEqual([fault]);
  });

  it("loses what was sent and did not come, on each way, over any repetitions", () => {
    const counts = fc
      .tuple(fc.nat(1000), fc.nat(1000), fc.nat(1000))
      .map((list) => list.sort((a, b) => b - a) as [number, number, number]);
    fc.assert(
      fc.property(fc.array(counts, { minLength: 1, maxLength: 5 }), (runs) => {
        const { forward, reverse } = exchangeFrames(
          runs.map(([sent, there, back]) => but({ sent, received: back }, { received: there, sent: there })),
        );
        expect(forward.lost + reverse.lost).toBe(runs.reduce((sum, [sent, , back]) => sum + sent - back, 0));
        expect(reverse.planned).toBe(forward.received);
      }),
    );
  });
});
