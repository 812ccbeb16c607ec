import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { clone, labFolder } from "./clone.mjs";
import { run } from "./command.mjs";
import { findEngine } from "./engine.mjs";
import { backend, environment } from "./environment.mjs";
import { runInForeground } from "./foreground.mjs";
import { runTool, ToolError } from "./tool-error.mjs";

/**
 * Runs the engine on this project; resolves with its exit code. A Ctrl-C asks it to stop: it lets running operations finish and keeps the
 * state. A second one makes it leave at once.
 */
export function pulumi(args, extraEnvironment = {}, options = {}) {
  const env = { ...environment(), ...extraEnvironment };
  return runInForeground("pulumi", args, { ...options, cwd: clone, env });
}

/** The stack to work on: `--stack` or `-s` among the arguments, else $NFVLAB_STACK, else dev. Returns the other arguments too. */
export function stackOf(args, env = process.env) {
  refuseWhatNpmKept(args, env);
  const rest = [];
  let stack = env.NFVLAB_STACK || "dev";
  for (let index = 0; index < args.length; index += 1) {
    const [flag, value] = args[index].split(/=(.*)/s, 2);
    if (flag !== "--stack" && flag !== "-s") rest.push(args[index]);
    else {
      stack = value ?? args[++index];
      if (!stack) throw new ToolError(`${flag} wants the name of a stack.`);
    }
  }
  return { stack, rest };
}

/** `npm run down --stack rack` gives the option to npm, which keeps it: the tool would work on another stack than the one that was named. */
function refuseWhatNpmKept(args, { npm_config_stack: kept, npm_lifecycle_event: script = "up" }) {
  if (kept === undefined) return;
  const named = kept === "true" ? (args.at(-1) ?? "STACK") : kept;
  const words = script === "pulumi" ? `${args[0] ?? ""} ` : "";
  throw new ToolError(
    `npm took --stack for an option of its own. Put -- before what is not npm's: npm run ${script} -- ${words}--stack ${named}`,
  );
}

/** Makes the stack where there is none; ends the lock of an engine that was killed. */
export async function prepareStack(stack) {
  const env = environment();
  if (!(await stackExists(stack))) {
    if (backend().isOurs) dropSalt(stack);
    await run(["pulumi", "stack", "init", stack, "--no-select", "--non-interactive"], { cwd: clone, env });
    return "made";
  }
  if (backend().isOurs && isLockedByTheDead(lockFolder(stack))) {
    await run(["pulumi", "cancel", "--yes", "--stack", stack, "--non-interactive"], { cwd: clone, env });
    return "freed: the engine that had it was killed";
  }
  return "unchanged";
}

export async function stackExists(stack) {
  try {
    await run(["pulumi", "stack", "--stack", stack, "--show-name", "--non-interactive"], {
      cwd: clone,
      env: environment(),
    });
    return true;
  } catch (error) {
    if (error instanceof ToolError && error.message.includes("no stack named")) return false;
    throw error;
  }
}

/**
 * The policy pack as the engine in use can start it, with the configuration of the stack: policies/config/<stack>.json, else embedded.json.
 * Of a plan the policies on evidence advise: it may be what mends the evidence. Paths are absolute, because the engine looks for them from the
 * program's folder.
 */
export function policyArguments(stack, judged) {
  const pack = findEngine()?.runsPolicyFolders ? "policies" : "policies/pulumi-analyzer-nfvlab";
  const config = [`policies/config/${stack}.json`, "policies/config/embedded.json"]
    .map((path) => join(clone, path))
    .find((path) => existsSync(path));
  return [
    "--policy-pack",
    join(clone, pack),
    ...(config === undefined
      ? []
      : ["--policy-pack-config", judged === "plan" ? adviceOnEvidence(stack, config) : config]),
  ];
}

/** Where the levels of the policies lie while a plan of the stack is judged. */
export function planLevels(stack) {
  return join(labFolder, `policies.${stack}.json`);
}

/** A copy of a configuration in which the policies on evidence, each named as its file, advise. */
function adviceOnEvidence(stack, config) {
  const levels = JSON.parse(readFileSync(config, "utf8"));
  for (const file of readdirSync(join(clone, "policies/evidence")).filter((name) => name.endsWith(".ts"))) {
    const policy = basename(file, ".ts");
    levels[policy] = { ...levels[policy], enforcementLevel: "advisory" };
  }
  const copy = planLevels(stack);
  mkdirSync(labFolder, { recursive: true });
  writeFileSync(copy, JSON.stringify(levels, undefined, 2));
  return copy;
}

/**
 * The salt of the clone's own passphrase does not belong into a file that is shared by git, and an older clone's would not fit. What is
 * encrypted with it stays readable: then it is left alone.
 */
export function dropSalt(stack, folder = join(clone, "stacks/config")) {
  const file = join(folder, `Pulumi.${stack}.yaml`);
  if (!existsSync(file)) return;
  const text = readFileSync(file, "utf8");
  if (/^\s+secure:/m.test(text)) return;
  const rest = text.replace(/^encryptionsalt:.*\n?/m, "");
  if (rest === text) return;
  if (rest.trim() === "") rmSync(file);
  else writeFileSync(file, rest);
}

/** Whether there are locks, and all of them were taken on this machine by processes that are no Pulumi engine any more. */
export function isLockedByTheDead(folder) {
  const locks = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
  return (
    locks.length > 0 &&
    locks.every((name) => {
      const lock = JSON.parse(readFileSync(join(folder, name), "utf8"));
      return lock.hostname === hostname() && !isEngine(lock.pid);
    })
  );
}

/** The project's name, by Pulumi.yaml. */
export function projectName() {
  return /^name:\s*(\S+)/m.exec(readFileSync(join(clone, "Pulumi.yaml"), "utf8"))[1];
}

function lockFolder(stack) {
  return join(labFolder, "state/.pulumi/locks/organization", projectName(), stack);
}

/** Whether the state in this clone tells of creates that an engine began and never ended: it was killed. */
export function hasPendingCreates(stack) {
  if (!backend().isOurs) return false;
  const file = join(labFolder, "state/.pulumi/stacks", projectName(), `${stack}.json`);
  if (!existsSync(file)) return false;
  const { checkpoint } = JSON.parse(readFileSync(file, "utf8"));
  return (checkpoint?.latest?.pending_operations ?? []).some(({ type }) => type === "creating");
}

function isEngine(pid) {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "pulumi";
  } catch {
    return false;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await runTool((args) => {
    refuseWhatNpmKept(args, process.env);
    // As in `config set --secret … < file`.
    return pulumi(args, {}, { readsFiles: true });
  });
