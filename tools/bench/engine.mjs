import { findEngine, installEngine } from "../engine.mjs";
import { installNpmPackages } from "../npm-packages.mjs";

export async function setupEngine(note) {
  await installNpmPackages(note);
  await installEngine(note);
  return findEngine();
}
