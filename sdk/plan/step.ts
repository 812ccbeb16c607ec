/** One thing to do on a machine, decided before anything is done. */
export interface Step {
  /** What it does, for status lines and errors: `set 256 pages of 2MiB on node 0`. */
  readonly purpose: string;
  readonly argv: readonly [string, ...string[]];
  readonly stdin?: string;
  readonly timeoutMs?: number;
}

/** Writes a text into a file of /sys or /proc, which takes it as one write. */
export function writeStep(purpose: string, path: string, text: string): Step {
  return { purpose, argv: ["tee", path], stdin: text };
}

/** Removes a folder that has nothing in it any more; one that has, or that is not there, stays as it is. */
export function removeEmptied(purpose: string, folder: string): Step {
  return {
    purpose,
    argv: ["sh", "-c", '[ ! -d "$1" ] || rmdir --ignore-fail-on-non-empty "$1"', "sh", folder],
  };
}
