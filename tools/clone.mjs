import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Folder of the clone that these tools lie in. */
export const clone = dirname(dirname(fileURLToPath(import.meta.url)));

/** Everything that running the project makes in the clone, ignored by git: state, passphrase, emulated servers, the last run's events. */
export const labFolder = join(clone, ".nfvlab");
