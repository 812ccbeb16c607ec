/** What a timer counts at most. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * A signal that another one ends, or the time. A timer of its own holds the time's part: that of `AbortSignal.timeout` is forgotten where only `AbortSignal.any` knows it, as soon as Node.js collects what
 * nobody holds, and then nothing ends any more.
 */
export function endingWithin(signal: AbortSignal, ms: number): AbortSignal {
  const limit = new AbortController();
  setTimeout(
    () => limit.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError")),
    Math.min(ms, LONGEST_MS),
  ).unref();
  return AbortSignal.any([signal, limit.signal]);
}
