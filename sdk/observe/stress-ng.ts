import type { Probe } from "./probe.ts";

/** stress-ng as it is installed; undefined where it is not. */
export const stressNgVersion: Probe<string | undefined> = {
  name: "stress-ng-version",
  ask: { kind: "command", argv: ["stress-ng", "--version"] },
  parse: ({ code, stdout }) => (code === 0 ? /version (\S+)/.exec(stdout)?.[1] : undefined),
};

/** Bytes of a file system that are there and that are free. */
export interface FileSystemSpace {
  readonly total: number;
  readonly free: number;
}

/** Where loads of input and output put their files; undefined where there is no such folder. */
export const LOAD_FOLDER = "/var/tmp";
export const loadFolderSpace: Probe<FileSystemSpace | undefined> = {
  name: "load-folder-space",
  ask: { kind: "command", argv: ["df", "--block-size=1", "--output=size,avail", LOAD_FOLDER] },
  parse: ({ stdout }) => {
    const [, total, free] = /^\s*(\d+)\s+(\d+)\s*$/m.exec(stdout) ?? [];
    return total === undefined || free === undefined
      ? undefined
      : { total: Number(total), free: Number(free) };
  },
};

/**
 * Operations of all stressors whose metrics are in the text, between lines of logs; null where none told a number. Read line by line, since not all versions write
 * YAML that is one. What its clocks could not give it writes as `.nan` or `+Inf`, which counts as no number.
 */
export function parseOperations(text: string): number | null {
  const numbers = [...text.matchAll(/^\s*(?:- )?bogo-ops:\s*(\S+)\s*$/gm)]
    .map(([, number = ""]) => (/^[0-9.]+(e[+-]?[0-9]+)?$/i.test(number) ? Number(number) : Number.NaN))
    .filter(Number.isFinite);
  return numbers.length === 0 ? null : numbers.reduce((sum, each) => sum + each, 0);
}
