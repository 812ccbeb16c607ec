import { ToolError } from "./tool-error.mjs";

const heartbeatMs = 15_000;

/**
 * Prints one line a step with the time it took, and every 15 seconds what a long one does. Keeps the times, for the table at the end.
 *
 *   ok   npm packages            0.2 s (unchanged)
 */
export class Progress {
  times = [];

  /**
   * `work(note)` does the step: `note(text)` says what it is at, and what it returns is printed behind the time. An error is printed as FAIL
   * and thrown on.
   */
  async step(name, work) {
    const start = performance.now();
    let at = "";
    const beat = setInterval(() => print("...", name, start, at === "" ? "" : at.slice(0, 120)), heartbeatMs);
    try {
      const result = await work((text) => {
        at = text;
      });
      print("ok", name, start, result === undefined ? "" : `(${result})`);
    } catch (error) {
      print("FAIL", name, start, "");
      throw error instanceof ToolError ? new ToolError(`${name}: ${error.message}`) : error;
    } finally {
      clearInterval(beat);
      this.record(name, start);
    }
  }

  /** Keeps the time since `start` under a name, for a step that prints for itself. */
  record(name, start) {
    this.times.push({ name, seconds: (performance.now() - start) / 1000 });
  }
}

function print(mark, name, start, text) {
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`  ${mark.padEnd(4)} ${name.padEnd(20)} ${seconds.padStart(7)} s ${text}`.trimEnd());
}
