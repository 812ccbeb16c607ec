import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** The template of a lab's own pack. */
export const template = join(root, "policies/template");

/** A copy of the template, as somebody begins a pack with. */
export function copyTemplate(folder: string): void {
  cpSync(template, folder, { recursive: true, filter: (path) => !path.includes("node_modules") });
}

/** What `npm install` leaves in a pack whose `nfvlab` is this clone: a link to it, and the other packages. */
export function installIn(folder: string): void {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, ".bin"), { recursive: true });
  symlinkSync(root, join(modules, "nfvlab"));
  for (const name of ["@pulumi", "tsx", "typescript", "vitest"])
    symlinkSync(join(root, "node_modules", name), join(modules, name));
}
