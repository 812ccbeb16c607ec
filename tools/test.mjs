import { join } from "node:path";
import { clone } from "./clone.mjs";
import { runInForeground } from "./foreground.mjs";
import { environment, setup } from "./setup.mjs";
import { runTool } from "./tool-error.mjs";

/** Sets the machine up and runs every test, or what the arguments say to vitest. */
await runTool(async (args) => {
  await setup();
  const vitest = join(clone, "node_modules/vitest/vitest.mjs");
  return runInForeground(process.execPath, [vitest, "run", ...args], { cwd: clone, env: environment() });
});
