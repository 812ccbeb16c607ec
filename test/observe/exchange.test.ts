import { describe, expect, it } from "vitest";
import { parseExchangeReport } from "../../sdk/observe/exchange.ts";
import { recorded } from "./recorded.ts";

describe("what an end of an exchange reports", () => {
  it("is read, of the sending one with its round trips", () => {
    const { roundTrip, ...counts } = parseExchangeReport(recorded("exchange/send.txt").stdout);
    expect(counts).toMatchObject({
      ended: "complete",
      planned: 3000,
      sent: 3000,
      received: 3000,
      duplicated: 0,
    });
    expect(roundTrip.samples).toBe(3000);
    expect(roundTrip.buckets.reduce((sum, [, count]) => sum + count, 0)).toBe(3000);
    expect(roundTrip.buckets.at(-1)?.[0]).toBe(roundTrip.maxNs);
    expect(counts).not.toHaveProperty("role");
  });

  it("is read, of the answering one, behind whatever else was said", () => {
    const { stdout } = recorded("exchange/answer.txt");
    expect(parseExchangeReport(`a word\n${stdout}`)).toMatchObject({
      ...{ ended: "complete", sent: 3000, received: 3000 },
      roundTrip: { samples: 0, buckets: [] },
    });
    expect(parseExchangeReport(recorded("exchange/cut-off-answer.txt").stdout).ended).toBe("limit");
  });

  it.each(["", "nfvlab-exchange: nobody answered\n", '{"nfvlabExchange":1,"role":"se'])(
    "is missed: %j",
    (text) => {
      expect(() => parseExchangeReport(text)).toThrow(
        /^could not read what the exchange program reported: observed .*, expected a JSON document at its end$/,
      );
    },
  );
});
