import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { bundleProvider } from "../../tools/provider-bundle.mjs";

const file = join(import.meta.dirname, "../../sdk/provider/main.bundle.trial.mjs");
afterAll(() => rmSync(file, { force: true }));

it("the provider starts from the one file that set-up makes of it", async () => {
  rmSync(file, { force: true });
  expect(await bundleProvider(file)).toBe("made");
  expect(await bundleProvider(file)).toBe("unchanged");
  const plugin = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "inherit"] });
  const [first] = (await once(plugin.stdout, "data")) as [Buffer];
  expect(first.toString()).toMatch(/^\d+\n$/);
  plugin.kill("SIGINT");
  const [code] = (await once(plugin, "exit")) as [number];
  expect(code).toBe(0);
});
