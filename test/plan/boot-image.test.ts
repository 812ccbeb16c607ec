import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildBootImage, type ImageContents, recipeHash } from "../../sdk/plan/boot-image.ts";

const names = fc.array(fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/), { maxLength: 3 });
const contents: fc.Arbitrary<ImageContents> = fc.record(
  { programs: names, modules: names },
  { requiredKeys: [] },
);

/** What the step that builds an image tells the machine, but for the name and the recipe. */
function toldBy(image: ImageContents) {
  const [{ argv, stdin } = { argv: [] }, ...more] = buildBootImage({ ...image, name: "guest" });
  expect(more).toEqual([]);
  const [shell, from, name, recipe, programs = "", modules = "", ...rest] = argv;
  expect([shell, from, name, rest]).toEqual(["sh", "-s", "guest", []]);
  return { recipe, made: [stdin, programs.split(" "), modules.split(" ")] };
}

describe("the recipe of a boot image", () => {
  it("is of everything that the machine is told: script, programs and modules", () => {
    fc.assert(
      fc.property(contents, (image) => {
        const { recipe, made } = toldBy(image);
        expect(recipe).toBe(recipeHash(image));
        expect(recipe).toBe(createHash("sha256").update(JSON.stringify(made)).digest("hex").slice(0, 16));
      }),
    );
  });

  it("has in its script what the guest does first, and is another with other contents", () => {
    const [script] = toldBy({}).made;
    expect(script).toContain("NFVLAB-GUEST-READY");
    const images = [{}, { programs: ["perf"] }, { modules: ["perf"] }, { programs: ["perf", "stress-ng"] }];
    expect(new Set(images.map(recipeHash)).size).toBe(images.length);
  });
});
