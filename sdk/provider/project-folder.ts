import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The folder of the project that the engine works on: the nearest one with a Pulumi.yaml, from where it started us upwards. */
export function projectFolder(from = process.cwd()): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "Pulumi.yaml"))) return folder;
    if (dirname(folder) === folder) return from;
  }
}
