import { readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { clone } from "./clone.mjs";
import { run } from "./command.mjs";

const bundle = join(clone, "sdk/provider/main.bundle.mjs");

// Libraries in CommonJS ask for these, which modules do not have. The bundler does not see this text, so its own names are like no others.
const commonJs = [
  'import { createRequire as nfvlabBundleRequire } from "node:module";',
  'import { fileURLToPath as nfvlabBundlePath } from "node:url";',
  "const require = nfvlabBundleRequire(import.meta.url);",
  "const __filename = nfvlabBundlePath(import.meta.url);",
  'const __dirname = __filename.slice(0, __filename.lastIndexOf("/"));',
].join("\n");

/**
 * Makes one file of the provider and its libraries, which starts four times as fast as its sources do. The provider's launcher takes it only
 * as long as no source is newer.
 */
export async function bundleProvider(file = bundle) {
  if (isFresh(file)) return "unchanged";
  const { build } = await import("esbuild");
  const half = file.replace(/mjs$/, `${process.pid}.mjs`);
  await build({
    entryPoints: [join(clone, "sdk/provider/main.ts")],
    outfile: half,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    banner: { js: commonJs },
    // Optional parts of ssh2 that are compiled where they are installed; it goes on without them.
    external: ["cpu-features", "*.node"],
    logLevel: "error",
  });
  await run([process.execPath, "--check", half]);
  // A launcher may look at any time.
  renameSync(half, file);
  return "made";
}

function isFresh(file) {
  const made = timeOf(file);
  const sources = readdirSync(join(clone, "sdk"), { recursive: true })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(clone, "sdk", name));
  const others = ["package-lock.json", "tools/provider-bundle.mjs"].map((name) => join(clone, name));
  return [...sources, ...others].every((source) => timeOf(source) < made);
}

function timeOf(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
