import { parse } from "yaml";
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
 * Operations of all stressors of all runs whose metrics are in the text, between other lines; null where none told a number. What its clocks could not give it
 * writes as `.nan` or `+Inf`, which counts as no number.
 */
export function parseOperations(text: string): number | null {
  const documents = [...text.matchAll(/^---\n[\s\S]*?^\.\.\.$/gm)].map(([document]) => document);
  const numbers = documents.flatMap((document) => {
    const { metrics } = (parse(document) ?? {}) as { metrics?: unknown };
    return (Array.isArray(metrics) ? metrics : []).flatMap((stressor: Record<string, unknown> | null) => {
      const operations = stressor?.["bogo-ops"];
      return typeof operations === "number" && Number.isFinite(operations) ? [operations] : [];
    });
  });
  return numbers.length === 0 ? null : numbers.reduce((sum, each) => sum + each, 0);
}
