import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { clone } from "./clone.mjs";
import { environment, setup } from "./setup.mjs";
import { runTool } from "./tool-error.mjs";

/** Sets the machine up and runs every test, or what the arguments say to vitest. */
await runTool(async (args) => {
  await setup();
  const vitest = spawn(process.execPath, [join(clone, "node_modules/vitest/vitest.mjs"), "run", ...args], {
    cwd: clone,
    env: environment(),
    stdio: "inherit",
  });
  // Vitest ends its workers on a signal, and prints what it has; so it is waited for.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => vitest.kill(signal));
  const [code] = await once(vitest, "close");
  return code ?? 1;
});
