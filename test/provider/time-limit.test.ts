import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { endingWithin } from "../../sdk/provider/time-limit.ts";

/** Collects what nobody holds. */
function collect(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

describe("a time limit", () => {
  it("ends what goes on, also once memory was collected meanwhile", async () => {
    const cancelled = new AbortController();
    const signal = endingWithin(cancelled.signal, 200);
    const ended = new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason)));
    await sleep(20);
    collect();
    const limit = sleep(10_000, "nothing", { ref: false });
    expect(await Promise.race([ended, limit])).toMatchObject({ name: "TimeoutError" });
  });

  it("is not waited for where somebody cancels", () => {
    const cancelled = new AbortController();
    const signal = endingWithin(cancelled.signal, 60_000);
    cancelled.abort("enough");
    expect([signal.aborted, signal.reason]).toEqual([true, "enough"]);
  });
});
