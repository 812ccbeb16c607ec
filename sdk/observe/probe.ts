import type { Answer, Ask } from "../units/question.ts";

export type { Answer, Ask } from "../units/question.ts";

/**
 * A question and how to understand the answer. Questions are about the whole machine (all pools, all ports, all guests), so that one
 * answer serves every resource on it.
 */
export interface Probe<T> {
  /** Unique among all probes: equal names are asked once. */
  readonly name: string;
  readonly ask: Ask;
  readonly parse: (answer: Answer) => T;
}

/** The facts that a set of named probes gives. */
export type Observed<P extends Readonly<Record<string, Probe<unknown>>>> = {
  readonly [K in keyof P]: P[K] extends Probe<infer T> ? T : never;
};

/** The facts in the answers to probes, by the names that the probes are given. */
export function factsOf<P extends Readonly<Record<string, Probe<unknown>>>>(
  probes: P,
  answers: ReadonlyMap<string, Answer>,
): Observed<P> {
  return Object.fromEntries(
    Object.entries(probes).map(([key, probe]) => {
      const answer = answers.get(probe.name);
      if (answer === undefined) throw new Error(`no answer to ${probe.name}`);
      return [key, understood(probe, answer)];
    }),
  ) as Observed<P>;
}

/** A hundred resources of one machine read the same answers: each is parsed once. */
const known = new WeakMap<Answer, unknown>();

function understood(probe: Probe<unknown>, answer: Answer): unknown {
  if (!known.has(answer)) known.set(answer, probe.parse(answer));
  return known.get(answer);
}

/** Splits the answer of a `files` question into its files: path to lines. */
export function filesOf(answer: Answer): Map<string, string[]> {
  const files = new Map<string, string[]>();
  for (const line of answer.stdout.split("\n")) {
    const colon = line.indexOf(":", line.startsWith("/sys/bus/pci/") ? pciPathEnd(line) : 0);
    if (colon < 0) continue;
    const path = line.slice(0, colon);
    const lines = files.get(path);
    if (lines === undefined) files.set(path, [line.slice(colon + 1)]);
    else lines.push(line.slice(colon + 1));
  }
  return files;
}

// PCI addresses hold colons themselves: the path ends at the first colon behind the last slash of the function's folder.
function pciPathEnd(line: string): number {
  return (/^\/sys\/bus\/pci\/devices\/[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\/[^:]*/.exec(line) ?? [
    "",
  ])[0].length;
}
