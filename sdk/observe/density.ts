import { type CyclictestThread, parseCyclictest } from "./cyclictest.ts";
import { unreadable } from "./parse-error.ts";
import { wholeNumberOf } from "./understood.ts";

/** What one instance was seen to do and to take. */
export interface DensityInstance {
  /** From 1 on, in the order of their starts. */
  readonly instance: number;
  /** From the order to start to its first answer, ms. */
  readonly answerMs: number;
  /** Its processes' memory, bytes: all of it, its proportional share, and huge pages, which are in neither. */
  readonly rssBytes: number;
  readonly pssBytes: number;
  readonly hugeBytes: number;
  /** Share of one CPU that it took while all ran. */
  readonly cpuShare: number;
  /** Of cyclictest in it; absent where nothing was asked of wake-ups, and where it did not come to its end. */
  readonly wakeUps?: CyclictestThread;
}

/** So many instances beside each other: one rung of the ladder. */
export interface DensityRung {
  readonly instances: readonly DensityInstance[];
  /** The one that did not start, or did not answer in time; nothing was looked at then. */
  readonly failed?: { readonly instance: number; readonly how: "start" | "answer"; readonly said: string };
  /** Those that were gone before the end, or whose cyclictest did not come to its end. */
  readonly lost: readonly { readonly instance: number; readonly said: string }[];
  /** Memory that could be taken from each node before the first started, and once the last had answered, KiB. */
  readonly beforeKib: ReadonlyMap<number, number>;
  readonly afterKib: ReadonlyMap<number, number>;
  /** Version of cyclictest; absent without. */
  readonly cyclictest?: string;
  /** Version of what runs containers; absent of guests. */
  readonly lxc?: string;
}

/**
 * Reads what a rung printed, a line each: `@before` and `@after` of a node, `@answered`, `@failed`, `@memory`, `@cpu`, `@gone`, `@latency` and `@lost` of an instance, and `@end`, without which it did not
 * come to its end.
 *
 * @throws HostError `parse`
 */
export function parseDensity(text: string, count: number): DensityRung {
  const answer = { code: 0, stdout: text, stderr: "" };
  const lines = text.split("\n").map((line) => line.trim().split(" "));
  const of = (word: string) => lines.flatMap(([first, ...rest]) => (first === word ? [rest] : []));
  const numbers = (word: string, many: number) =>
    of(word).map((words) => {
      const found = words.map(Number);
      if (found.length !== many || !found.every((value) => Number.isSafeInteger(value) && value >= 0))
        throw unreadable(`${word} of instances beside each other`, answer);
      return found;
    });
  const numbered = (word: string | undefined) => {
    const instance = wholeNumberOf("which instance it was", word);
    if (instance < 1 || instance > count) throw unreadable("which instance it was", answer);
    return instance;
  };
  const [lxc] = of("@lxc")[0] ?? [];
  const common = {
    beforeKib: byKey(numbers("@before", 2)),
    ...(lxc !== undefined && { lxc }),
  };
  const [broken] = of("@failed");
  if (broken !== undefined) {
    const [which, how, said = ""] = broken;
    const instance = numbered(which);
    if (how !== "start" && how !== "answer") throw unreadable("which instance failed", answer);
    const failed = { instance, how, said: decoded(said) } as const;
    return { ...common, instances: [], lost: [], afterKib: new Map(), failed };
  }
  if (of("@end").length !== 1) throw unreadable("instances beside each other, which have no end", answer);
  const [answered, memory, cpu] = [numbers("@answered", 3), numbers("@memory", 4), numbers("@cpu", 3)];
  const gone = numbers("@gone", 1).map(([instance = 0]) => ({ instance, said: "" }));
  const lost = of("@lost").map(([which, said = ""]) => ({ instance: numbered(which), said: decoded(said) }));
  const runs = new Map(
    of("@latency").map(([which, report = ""]) => [numbered(which), parseCyclictest(decoded(report))]),
  );
  const isGone = (instance: number) => gone.some((each) => each.instance === instance);
  const instances = answered.map(([instance = 0, from = 0, until = 0]): DensityInstance => {
    const [, rss = 0, pss = 0, huge = 0] = memory.find(([of]) => of === instance) ?? [];
    const [, microseconds = 0, took = 0] = cpu.find(([of]) => of === instance) ?? [];
    const [thread] = runs.get(instance)?.threads ?? [];
    if (until < from || (rss + huge === 0 && !isGone(instance)))
      throw unreadable(`what instance ${instance} took`, answer);
    return {
      ...{ instance, answerMs: until - from },
      ...{ rssBytes: rss * 1024, pssBytes: pss * 1024, hugeBytes: huge * 1024 },
      cpuShare: took === 0 ? 0 : microseconds / 1000 / took,
      ...(thread !== undefined && { wakeUps: thread }),
    };
  });
  if (instances.length !== count) throw unreadable(`${count} instances beside each other`, answer);
  const [run] = runs.values();
  return {
    ...common,
    ...{ instances, lost: [...gone, ...lost], afterKib: byKey(numbers("@after", 2)) },
    ...(run !== undefined && { cyclictest: run.version }),
  };
}

function byKey(rows: readonly (readonly number[])[]): ReadonlyMap<number, number> {
  return new Map(rows.map(([key = 0, value = 0]) => [key, value]));
}

function decoded(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8").trim();
}
