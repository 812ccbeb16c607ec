#!/usr/bin/env node
import { environment } from "./environment.mjs";
import { reviewArguments } from "./review.mjs";
import { runTool, ToolError } from "./tool-error.mjs";

const [, , command, ...rest] = process.argv;
const asksHow = rest.some((each) => each === "--help" || each === "-h");

/** The `nfvlab` command: sdk/cli/main.ts, in the environment where it finds the engine and the state. Of a review exit code 1 says that a policy blocks. */
await runTool(
  async () => {
    const tsx = await import("tsx/esm/api").catch(() => {
      throw new ToolError("The npm packages are missing: run `node tools/setup.mjs` first.");
    });
    tsx.register();
    if (command === "review" && !asksHow) {
      Object.assign(process.env, environment());
      process.argv.push(...(await reviewArguments(rest)));
    } else if (command === "summary" || command === "results") {
      Object.assign(process.env, environmentIfThere());
    }
    await import(command === "policies" ? "../policies/catalogue-main.ts" : "../sdk/cli/main.ts");
    return process.exitCode ?? 0;
  },
  { failed: command === "review" ? 2 : 1 },
);

/** Files and folders are read without an engine; who asks for a stack is told that there is none. */
function environmentIfThere() {
  try {
    return environment();
  } catch (error) {
    if (error instanceof ToolError) return {};
    throw error;
  }
}
