#!/usr/bin/env node
import { environment } from "./environment.mjs";
import { runTool, ToolError } from "./tool-error.mjs";

/** The `nfvlab` command: sdk/cli/main.ts, in the environment where it finds the engine and the state. */
await runTool(async () => {
  const tsx = await import("tsx/esm/api").catch(() => {
    throw new ToolError("The npm packages are missing: run `node tools/setup.mjs` first.");
  });
  Object.assign(process.env, environment());
  tsx.register();
  await import("../sdk/cli/main.ts");
  return process.exitCode ?? 0;
});
