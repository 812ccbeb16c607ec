import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { clone } from "./clone.mjs";
import { installEngine } from "./engine.mjs";
import { environment, prepareBackend } from "./environment.mjs";
import { installNpmPackages } from "./npm-packages.mjs";
import { Progress } from "./progress.mjs";
import { bundleProvider } from "./provider-bundle.mjs";
import { installSystemPackages } from "./system-packages.mjs";
import { runTool, ToolError } from "./tool-error.mjs";

export { environment };

/**
 * Brings the machine to where `npm run up` works: npm packages, a Pulumi engine, the system's packages for the emulated
 * server, a place for state. Does only what is missing, so it costs next to nothing when nothing is.
 */
export async function setup(progress = new Progress()) {
  await progress.step("Node.js", () => checkNode(process.versions.node));
  await progress.step("npm packages", installNpmPackages);
  await progress.step("system packages", (note) => installSystemPackages("up", note));
  await progress.step("Pulumi engine", installEngine);
  await progress.step("provider", () => bundleProvider());
  await progress.step("state", () => prepareBackend());
}

/** Refuses a Node.js older than package.json allows; returns the version. */
export function checkNode(version) {
  const { engines } = JSON.parse(readFileSync(join(clone, "package.json"), "utf8"));
  const wanted = engines.node.replace(">=", "");
  const number = (text) => text.split(".").map(Number);
  const [[major, minor = 0], [wantedMajor, wantedMinor = 0]] = [number(version), number(wanted)];
  if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor)) {
    throw new ToolError(`this is Node.js ${version}; install ${wanted} or newer.`);
  }
  return version;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const usage = `usage: npm run setup

Installs what is missing: npm packages, a Pulumi engine, system packages by apt as root, a place for state. "npm run up" and "npm test" do it
themselves.`;
  await runTool(
    async () => {
      await setup();
      return 0;
    },
    { usage },
  );
}
