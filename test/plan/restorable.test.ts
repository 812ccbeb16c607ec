import fc from "fast-check";
import { expect, it } from "vitest";
import { restorable } from "../../sdk/plan/restorable.ts";

const texts = fc
  .dictionary(fc.constantFrom("a", "b", "c", "d"), fc.constantFrom("0", "1", "2"))
  .map((values) => new Map(Object.entries(values)));

it("what was found goes back where what was written is in force; anything else is somebody else's", () => {
  fc.assert(
    fc.property(texts, texts, texts, (found, written, now) => {
      const { target, changedByOthers } = restorable(found, written, now);
      const after = new Map([...now, ...target]);
      for (const [key, text] of now) {
        const isOurs = found.has(key) && text === written.get(key);
        expect(after.get(key)).toBe(isOurs ? found.get(key) : text);
      }
      // Nothing is made that is gone, and nothing written that is so already.
      for (const [key, text] of target) expect([now.has(key), now.get(key) === text]).toEqual([true, false]);
      for (const key of changedByOthers)
        expect([found.get(key), written.get(key)]).not.toContain(now.get(key));
    }),
  );
});
