import { readFileSync } from "node:fs";
import { join } from "node:path";
import { clone } from "./clone.mjs";
import { run } from "./command.mjs";

/** Installs the npm packages by the lock file, where node_modules is missing or holds others. Runs no package's install script. */
export async function installNpmPackages(note) {
  if (fitsLock(readLock("package-lock.json"), readLock("node_modules/.package-lock.json")))
    return "unchanged";
  await run(["npm", "ci", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"], {
    cwd: clone,
    note,
  });
  return "installed";
}

/**
 * Whether what npm wrote down of node_modules is what the lock file asks for. Packages for another platform may be missing: they are
 * optional.
 */
export function fitsLock(lock, installed) {
  if (lock === undefined || installed === undefined) return false;
  const wanted = Object.entries(lock.packages).filter(([path]) => path !== "");
  return (
    wanted.every(([path, { version, optional }]) => {
      const there = installed.packages[path];
      return there === undefined ? optional === true : there.version === version;
    }) && Object.keys(installed.packages).every((path) => path in lock.packages)
  );
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(join(clone, path), "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}
