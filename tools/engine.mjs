import { spawnSync } from "node:child_process";
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
} from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, sep } from "node:path";
import { clone } from "./clone.mjs";
import { run } from "./command.mjs";
import { ToolError } from "./tool-error.mjs";

/** The Pulumi engine the project is tested with: the version of the `pulumi` package in package.json. */
export const engineVersion = "3.259.0";

const oldest = [3, 229]; // first with `pulumi policy analyze`
const languageHost = "pulumi-language-nodejs";
const wrapper = join(clone, "tools/engine/language-nodejs", languageHost);

/** Whether a version as `pulumi version` prints it can run the project. */
export function fits(version) {
  const parts = /^v?(\d+)\.(\d+)\.\d+/.exec(version.trim());
  if (parts === null) return false;
  const [major, minor] = [Number(parts[1]), Number(parts[2])];
  return major === oldest[0] && minor >= oldest[1];
}

/**
 * The engine in use: one on PATH that fits, else the one kept in `${PULUMI_HOME:-~/.pulumi}/versions`, where the `pulumi` npm package and the
 * Automation API look too. `runsPolicyFolders` is false for an engine built from modules: its language host can't start a policy pack, so
 * the pack's own executable is handed to it. Undefined where there is none.
 */
export function findEngine(env = process.env) {
  return findOnPath(env) ?? findInCache(env);
}

/** Makes sure that there is an engine: downloads the official one, or builds the same version where that can't be had. */
export async function installEngine(note, env = process.env) {
  const found = findEngine(env);
  if (found !== undefined) {
    const updated = found.runsPolicyFolders ? false : updateWrapper(found.folder);
    return `${found.version} in ${found.folder}, ${updated ? "updated" : "unchanged"}`;
  }
  const target = cacheFolder(env);
  mkdirSync(dirname(target), { recursive: true });
  removeLeftStagings(dirname(target));
  const refusal = await download(target, note, env);
  if (refusal === undefined) return `${engineVersion} downloaded`;
  console.log(
    `       The official Pulumi ${engineVersion} can't be downloaded here; building it (3 to 6 minutes, once).`,
  );
  await build(target, note, env, refusal);
  return `${engineVersion} built`;
}

function findOnPath(env) {
  const cached = join(cacheFolder(env), "bin");
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "" && folder !== cached);
  for (const folder of folders) {
    if (folder.includes(`${sep}node_modules${sep}.bin`) || !isExecutable(join(folder, "pulumi"))) continue;
    const real = dirname(realpathSync(join(folder, "pulumi")));
    const host = [folder, real].find((candidate) => isExecutable(join(candidate, languageHost)));
    const version = spawnSync(join(folder, "pulumi"), ["version"], {
      encoding: "utf8",
      env: { ...env, PULUMI_SKIP_UPDATE_CHECK: "true" },
      timeout: 20_000,
    }).stdout?.trim();
    if (host !== undefined && version && fits(version)) {
      return { folder, version, runsPolicyFolders: !existsSync(join(host, "..", "libexec", languageHost)) };
    }
  }
  return undefined;
}

function findInCache(env) {
  const root = cacheFolder(env);
  const folder = join(root, "bin");
  if (!isExecutable(join(folder, "pulumi")) || !isExecutable(join(folder, languageHost))) return undefined;
  return {
    folder,
    version: `v${engineVersion}`,
    runsPolicyFolders: !existsSync(join(root, "libexec", languageHost)),
  };
}

function cacheFolder(env) {
  return join(env.PULUMI_HOME || join(homedir(), ".pulumi"), "versions", engineVersion);
}

/** Lets the `pulumi` npm package fetch the official release, into a folder aside. Returns why it couldn't, undefined when it could. */
async function download(target, note, env) {
  const staging = stagingFolder(target);
  const { PULUMI_VERSION: _, ...rest } = env;
  try {
    note("looking for the official release");
    await run([process.execPath, join(clone, "node_modules/pulumi/run.js"), "version"], {
      env: { ...rest, PULUMI_HOME: staging, PULUMI_SKIP_UPDATE_CHECK: "true" },
      note,
      firstOutputMs: 20_000,
      timeoutMs: 300_000,
    });
    moveIntoPlace(join(staging, "versions", engineVersion), target);
    return undefined;
  } catch (error) {
    if (error instanceof ToolError) return error.message;
    throw error;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/**
 * Builds the engine and a Node.js language host from the modules pinned in tools/engine. The host is the last that upstream published in a
 * module; a script in its place gives it the options of Pulumi.yaml in the way it knows.
 */
async function build(target, note, env, refusal) {
  if (!(env.PATH ?? "").split(delimiter).some((folder) => isExecutable(join(folder, "go")))) {
    throw new ToolError(
      `there is no Pulumi engine, and no Go to build one with.\nInstall Pulumi 3.229 or newer, or Go 1.21 or newer, and put it on PATH.\n${refusal}`,
    );
  }
  const staging = stagingFolder(target);
  const packages = { engine: 0, "language host": 0 };
  const flags = `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${engineVersion}`;
  const goBuild = (part, module, main, output, nice) =>
    run(
      [
        "go",
        "build",
        "-v",
        "-trimpath",
        "-buildvcs=false",
        "-ldflags",
        flags,
        "-o",
        join(staging, output),
        main,
      ],
      {
        cwd: join(clone, "tools/engine", module),
        // The compiler collects its garbage less often: a tenth less work, for a few hundred megabytes.
        env: { GOGC: "400", ...env, CGO_ENABLED: "0", GOWORK: "off" },
        nice,
        note: (line) => {
          if (line.startsWith("go: downloading")) return note(`${part}: ${line.slice(4)}`);
          packages[part] += 1;
          note(
            `compiled ${packages.engine} packages of the engine, ${packages["language host"]} of the language host`,
          );
        },
      },
    );
  try {
    // The host's build is the short one: it takes what the engine's leaves idle, while that downloads and links.
    await Promise.all([
      goBuild("engine", "pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", "bin/pulumi", 0),
      goBuild(
        "language host",
        "language-nodejs",
        `github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/${languageHost}`,
        `libexec/${languageHost}`,
        10,
      ),
    ]);
    updateWrapper(join(staging, "bin"));
    moveIntoPlace(staging, target);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Puts the language host's wrapper of this clone beside the engine. False when that is there already. */
function updateWrapper(folder) {
  const place = join(folder, languageHost);
  if (existsSync(place) && readFileSync(place).equals(readFileSync(wrapper))) return false;
  const aside = `${place}.${process.pid}`;
  copyFileSync(wrapper, aside);
  chmodSync(aside, 0o755);
  renameSync(aside, place);
  return true;
}

/** Renames a finished folder to where it belongs. Where another set-up was faster, its result stays. */
function moveIntoPlace(finished, target) {
  if (!isExecutable(join(target, "bin", "pulumi"))) rmSync(target, { recursive: true, force: true });
  try {
    renameSync(finished, target);
  } catch (error) {
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  }
}

function stagingFolder(target) {
  return `${target}.new-${process.pid}`;
}

function removeLeftStagings(folder) {
  for (const name of readdirSync(folder)) {
    const pid = /\.new-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid)))
      rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
