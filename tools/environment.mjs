import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { labFolder } from "./clone.mjs";
import { findEngine } from "./engine.mjs";
import { ToolError } from "./tool-error.mjs";

/**
 * Where Pulumi keeps state: where the user says (PULUMI_BACKEND_URL, PULUMI_ACCESS_TOKEN, or a login that is current), else in the clone's
 * own ignored folder. Never a login: it is all in the environment of what the tools start.
 */
export function chooseBackend(env, credentials, folder = labFolder) {
  if (env.PULUMI_BACKEND_URL)
    return { isOurs: false, url: env.PULUMI_BACKEND_URL, why: "PULUMI_BACKEND_URL" };
  if (env.PULUMI_ACCESS_TOKEN) return { isOurs: false, why: "PULUMI_ACCESS_TOKEN" };
  if (credentials?.current)
    return { isOurs: false, url: credentials.current, why: "the current Pulumi login" };
  const passphraseFile =
    env.PULUMI_CONFIG_PASSPHRASE === undefined && !env.PULUMI_CONFIG_PASSPHRASE_FILE
      ? join(folder, "passphrase")
      : undefined;
  return { isOurs: true, url: pathToFileURL(join(folder, "state")).href, passphraseFile, why: "this clone" };
}

/** The choice for this process's user and environment. */
export function backend(env = process.env) {
  const file = env.PULUMI_CREDENTIALS_PATH || env.PULUMI_HOME || join(homedir(), ".pulumi");
  const credentials = join(file, "credentials.json");
  return chooseBackend(
    env,
    existsSync(credentials) ? JSON.parse(readFileSync(credentials, "utf8")) : undefined,
  );
}

/** Makes the state folder and the passphrase of the clone's own backend, where that is in use and they are missing. */
export function prepareBackend(env = process.env) {
  const { isOurs, url, passphraseFile, why } = backend(env);
  if (!isOurs) return `${url ?? "Pulumi Cloud"}, by ${why}`;
  mkdirSync(join(labFolder, "state"), { recursive: true, mode: 0o700 });
  if (passphraseFile === undefined || existsSync(passphraseFile)) return "unchanged";
  try {
    writeFileSync(passphraseFile, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  return "made";
}

/** The environment in which Pulumi, and whatever starts it, finds the engine, this Node.js, the backend, and the stack where none is named. */
export function environment(env = process.env) {
  const engine = findEngine(env);
  if (engine === undefined) throw new ToolError("There is no Pulumi engine yet: run `node tools/setup.mjs`.");
  const { isOurs, url, passphraseFile } = backend(env);
  return {
    ...env,
    PATH: [engine.folder, dirname(process.execPath), env.PATH].join(delimiter),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    ...(isOurs && !env.PULUMI_STACK ? { PULUMI_STACK: env.NFVLAB_STACK || "dev" } : {}),
    ...(isOurs ? { PULUMI_BACKEND_URL: url } : {}),
    ...(passphraseFile !== undefined ? { PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile } : {}),
  };
}
