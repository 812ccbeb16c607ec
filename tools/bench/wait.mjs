import { setTimeout as sleep } from "node:timers/promises";
import { ToolError } from "../tool-error.mjs";

const limitMs = 15_000;

/** Tries something until it no longer fails. */
export async function waitUntil(what, attempt) {
  const deadline = performance.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline)
        throw new ToolError(`not within ${limitMs / 1000} s: ${what}\n${error.message}`);
      await sleep(50);
    }
  }
}
