import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OneAtATime } from "../../sdk/provider/one-at-a-time.ts";

describe("work that is done one at a time", () => {
  it("never overlaps by key, goes in its order, and tells each its own end", async () => {
    const piece = fc.record({ key: fc.constantFrom("a", "b"), ms: fc.nat({ max: 3 }), fails: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const turns = new OneAtATime();
        const [running, ended] = [new Map<string, number>(), [] as number[]];
        const ends = await Promise.allSettled(
          pieces.map(({ key, ms, fails }, index) =>
            turns.run(key, async () => {
              expect(running.get(key)).toBeUndefined();
              running.set(key, index);
              await sleep(ms);
              running.delete(key);
              ended.push(index);
              if (fails) throw new Error(`${index}`);
              return index;
            }),
          ),
        );
        for (const key of ["a", "b"]) {
          const own = ended.filter((index) => pieces[index]?.key === key);
          expect(own).toEqual(own.toSorted((a, b) => a - b));
        }
        expect(ends.map(({ status }) => status === "rejected")).toEqual(pieces.map(({ fails }) => fails));
        expect(ends.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []))).toEqual(
          pieces.flatMap(({ fails }, index) => (fails ? [] : [index])),
        );
      }),
      { numRuns: 60 },
    );
  });

  it("does not hold different keys up", async () => {
    const turns = new OneAtATime();
    let free = () => {};
    const held = turns.run("a", () => new Promise<void>((resolve) => (free = resolve)));
    expect(await turns.run("b", async () => "through")).toBe("through");
    free();
    await held;
  });
});
