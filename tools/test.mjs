import { join } from "node:path";
import { installBrowser } from "./browser.mjs";
import { clone } from "./clone.mjs";
import { runInForeground } from "./foreground.mjs";
import { Progress } from "./progress.mjs";
import { environment, setup } from "./setup.mjs";
import { installSystemPackages } from "./system-packages.mjs";
import { runTool } from "./tool-error.mjs";

const usage = `usage: npm test -- [OPTION OF vitest run]... [FILE]...

Sets the machine up and runs every test, or those of the files that are named. --project fast leaves out what needs servers or the engine;
NFVLAB_LONG_TRIALS=1 adds what takes many minutes. test/README.md says more.`;

/** Sets the machine up and runs every test, or what the arguments say to vitest. */
await runTool(
  async (args) => {
    const progress = new Progress();
    await setup(progress);
    await progress.step("packages of tests", (note) => installSystemPackages("tests", note));
    await progress.step("browser", () => installBrowser());
    const vitest = join(clone, "node_modules/vitest/vitest.mjs");
    return runInForeground(process.execPath, [vitest, "run", ...args], { cwd: clone, env: environment() });
  },
  { usage },
);
