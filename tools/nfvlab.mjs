#!/usr/bin/env node
import { environment } from "./environment.mjs";
import { reviewArguments } from "./review.mjs";
import { runTool, ToolError } from "./tool-error.mjs";

const [, , command, ...rest] = process.argv;

/** The `nfvlab` command: sdk/cli/main.ts, in the environment where it finds the engine and the state. Of a review exit code 1 says that a policy blocks. */
await runTool(
  async () => {
    const tsx = await import("tsx/esm/api").catch(() => {
      throw new ToolError("The npm packages are missing: run `node tools/setup.mjs` first.");
    });
    Object.assign(process.env, environment());
    tsx.register();
    if (command === "review") process.argv.push(...(await reviewArguments(rest)));
    await import(command === "policies" ? "../policies/catalogue-main.ts" : "../sdk/cli/main.ts");
    return process.exitCode ?? 0;
  },
  command === "review" ? 2 : 1,
);
