import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { listingOf, refusalOf } from "../../sdk/remote/store-answer.ts";
import { recorded } from "../observe/recorded.ts";

const answer = (name: string) => recorded(`store/${name}.txt`).stdout;
const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

describe("a listing of a store", () => {
  it("has keys as they were written, and their sizes", () => {
    expect(listingOf(answer("list"))).toEqual({
      objects: [
        ["nfv/.nfvlab-results", 19],
        ["nfv/lab/rack/a%2Fb+ <&>ü/20261130T081407.120Z-5c1fe0b7/manifest.json", 85],
        ["nfv/lab/rack/timers/20261130T081407.120Z-5c1fe0b7/raw/0001.stdout", 65],
      ],
      next: undefined,
    });
    expect(listingOf(answer("list-empty"))).toEqual({ objects: [], next: undefined });
  });

  it("says how the next page is asked for", () => {
    const page = listingOf(answer("list-page"));
    expect(page?.objects).toHaveLength(2);
    expect(page?.next).toBe("397a30b52b8cea198623bfd502aa6bce");
  });

  it("gives back any key, encoded or not", () => {
    const key = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !/[\p{Cc}\p{Cs}]/u.test(text));
    fc.assert(
      fc.property(key, fc.nat(), (name, bytes) => {
        const listed = (text: string, more = "") =>
          listingOf(
            `<ListBucketResult>${more}<Contents><Key>${text}</Key><Size>${bytes}</Size></Contents></ListBucketResult>`,
          )?.objects;
        const encoded = encodeURIComponent(name).replaceAll("%20", "+");
        expect(listed(encoded, "<EncodingType>url</EncodingType>")).toEqual([[name, bytes]]);
        // Without an encoding a parser takes white space at the ends away.
        if (name.trim() === name) expect(listed(escaped(name))).toEqual([[name, bytes]]);
      }),
    );
  });
});

describe("a refusal of a store", () => {
  it.each([
    ["no-bucket", "NoSuchBucket", "The specified bucket does not exist"],
    ["no-key", "NoSuchKey", "The specified key does not exist."],
    ["there-already", "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"],
    [
      "unknown-key",
      "InvalidAccessKeyId",
      "The AWS Access Key Id you provided does not exist in our records.",
    ],
  ])("%s has a code and a sentence", (name, code, message) => {
    expect(refusalOf(answer(name))).toEqual({ code, message });
    expect(listingOf(answer(name))).toBeUndefined();
  });

  it("is none of what has no code, whatever it is", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.constantFrom("<Error/>", "<Error></Error>", "<html><p>")),
        (text) => {
          expect(refusalOf(text)).toMatchObject({ code: "", message: "" });
          expect(listingOf(text)).toBeUndefined();
        },
      ),
    );
  });
});
