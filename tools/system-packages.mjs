import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { run } from "./command.mjs";
import { ToolError } from "./tool-error.mjs";

const systemFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
const servicePolicy = "/usr/sbin/policy-rc.d";
const ourPolicy =
  "#!/bin/sh\n# nfvlab: no service is started while its packages are installed. Removed right after.\nexit 101\n";

/**
 * Installs what tools/packages.json lists for a purpose ("up" or "tests") and the machine lacks, with apt, as root on Debian or one of its kin.
 * Elsewhere it says what is missing and stops. A service that comes along is neither started nor enabled.
 */
export async function installSystemPackages(purpose, note) {
  const missing = listed().filter((entry) => entry.for === purpose && !isThere(entry));
  if (missing.length === 0) return "unchanged";
  const release = osRelease(existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "");
  const refusal = whyNotInstall(missing, release, process.getuid?.());
  if (refusal !== undefined) throw new ToolError(refusal);

  const names = missing.map((entry) => entry.package);
  await withoutServices(async () => {
    try {
      await install(names, note);
    } catch {
      await apt(["update"], note);
      await install(names, note);
    }
  });
  for (const entry of missing) if (entry.service !== undefined) await disable(entry, note);
  const still = missing.filter((entry) => !isThere(entry)).map((entry) => entry.package);
  if (still.length > 0) throw new ToolError(`installed, yet not there: ${still.join(", ")}`);
  return `installed ${names.join(", ")}`;
}

/** Why the missing packages can't be installed from here, with what to do; undefined where they can. */
export function whyNotInstall(missing, release, uid) {
  const names = missing.map((entry) => entry.package).join(" ");
  const reasons = missing.map((entry) => `  ${entry.package}: ${entry.why}`).join("\n");
  if (!release.isDebian) {
    return `${release.name} is not a Debian or one of its kin. Install by its own means what these Debian packages hold, then run this again:\n${reasons}`;
  }
  if (uid !== 0) {
    return `packages are missing and this user may not install them. Run this, then this tool again:\n  sudo apt-get install --no-install-recommends ${names}\n${reasons}`;
  }
  return undefined;
}

/** Name and kinship of a distribution, from the text of /etc/os-release. */
export function osRelease(text) {
  const value = (key) => new RegExp(`^${key}=(["']?)(.*)\\1$`, "m").exec(text)?.[2];
  const kin = [value("ID"), ...(value("ID_LIKE") ?? "").split(" ")];
  return { name: value("PRETTY_NAME") ?? "this system", isDebian: kin.includes("debian") };
}

function listed() {
  return JSON.parse(readFileSync(new URL("packages.json", import.meta.url), "utf8"));
}

function isThere({ program, file }) {
  if (file !== undefined) return existsSync(file);
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...systemFolders];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function install(names, note) {
  return apt(["install", "--yes", "--no-install-recommends", ...names], note);
}

function apt(args, note) {
  return run(["apt-get", "-o", "DPkg::Lock::Timeout=300", ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
    note,
  });
}

/** Debian starts a service when its package is installed, unless this file says no. One that is there already is left alone. */
async function withoutServices(work) {
  const isOurs = () => existsSync(servicePolicy) && readFileSync(servicePolicy, "utf8") === ourPolicy;
  const remove = () => {
    if (isOurs()) rmSync(servicePolicy);
  };
  if (!existsSync(servicePolicy)) writeFileSync(servicePolicy, ourPolicy, { mode: 0o755, flag: "wx" });
  process.once("exit", remove);
  try {
    await work();
  } finally {
    process.off("exit", remove);
    remove();
  }
}

/** Takes a freshly installed service out of the boot, as its package's own scripts would, so that upgrades keep to it. */
async function disable({ package: name, service }, note) {
  const env = { ...process.env, DPKG_MAINTSCRIPT_PACKAGE: name };
  await run(["deb-systemd-helper", "disable", `${service}.service`], { env, note });
  if (existsSync(`/etc/init.d/${service}`)) await run(["update-rc.d", service, "disable"], { note });
}
