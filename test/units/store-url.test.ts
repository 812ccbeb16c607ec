import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InputError } from "../../sdk/units/errors.ts";
import { formatStoreUrl, isStoreUrl, storeEndpoint, storeUrl } from "../../sdk/units/store-url.ts";

const word = fc.stringMatching(/^[a-z0-9]{3,20}$/);
const segment = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
  .filter((text) => !/[/?\p{Cc}]/u.test(text) && text !== "." && text !== "..");
const url = fc.record(
  {
    bucket: word,
    prefix: fc.array(segment, { maxLength: 3 }).map((parts) => parts.join("/")),
    endpoint: fc.oneof(
      word.map((name) => `https://${name}.lab:9000`),
      fc.constant("http://127.0.0.1:9000"),
    ),
    region: word,
  },
  { requiredKeys: ["bucket", "prefix"] },
);

describe("the URL of a store", () => {
  it("is what it is made from, whatever characters the prefix has", () => {
    fc.assert(
      fc.property(url, (store) => {
        expect(storeUrl(formatStoreUrl(store))).toEqual(store);
      }),
    );
  });

  it("names a bucket, a prefix, and where another store than Amazon's is", () => {
    expect(storeUrl("s3://lab-results")).toEqual({ bucket: "lab-results", prefix: "" });
    expect(storeUrl("s3://lab-results/")).toEqual({ bucket: "lab-results", prefix: "" });
    expect(storeUrl("s3://lab.results/nfv/2026/?endpoint=HTTPS://Minio.lab:9000/&region=lab-1")).toEqual({
      ...{ bucket: "lab.results", prefix: "nfv/2026", endpoint: "https://minio.lab:9000", region: "lab-1" },
    });
  });

  it.each([
    ["s3:lab", "the bucket's name"],
    ["s3://", "the bucket's name"],
    ["s3://Lab/x", "the bucket's name"],
    ["s3://lab/a//b", "single slashes"],
    ["s3://lab/a/../b", "none of them . or .."],
    ["s3://lab/a\nb", "single slashes"],
    ["s3://lab?region=eu west", "letters, digits and hyphens"],
    ["s3://lab?endpoint=minio:9000", "http or https"],
    ["s3://lab?endpoint=https://minio/path", "http or https"],
    ["s3://lab?endpoint=ftp://minio", "http or https"],
  ])("is refused where it is %j", (text, expected) => {
    expect(isStoreUrl(text)).toBe(true);
    expect(() => storeUrl(text)).toThrow(InputError);
    expect(() => storeUrl(text)).toThrow(expected);
  });

  it.each([
    "s3://AKIAX:hunter22@lab/x",
    "s3://lab/x?secretAccessKey=hunter22",
    "s3://lab?endpoint=https://ada:hunter22@minio.lab",
  ])("holds no credentials, and an error shows none: %s", (text) => {
    expect(() => storeUrl(text)).toThrow(/AWS_SECRET_ACCESS_KEY/);
    expect(() => storeUrl(text)).not.toThrow(/hunter22/);
  });

  it("is told from a folder's name", () => {
    for (const folder of ["results", "/srv/results", "./s3", "s3/results"])
      expect(isStoreUrl(folder)).toBe(false);
    expect(storeEndpoint("http://[::1]:9000")).toBe("http://[::1]:9000");
  });
});
