import { CpuSet } from "../units/cpuset.ts";
import { grouped } from "./grouped.ts";

/** Texts of kernel files and threads by pattern, and in that by text the CPUs or interrupts that have it: 256 CPUs are one line. */
export type PackedTexts = Readonly<Record<string, Readonly<Record<string, string>>>>;

const NUMBERED = /^(\/.*\/(?:cpu|irq\/)(?=\d+\/)|\w+:[^/]+\/(?=\d+$))(\d+)(.*)$/;

export function packTexts(texts: ReadonlyMap<string, string>): PackedTexts {
  const numbered = [...texts].map(([path, text]) => {
    const [, before, number, after] = NUMBERED.exec(path) ?? [];
    return { pattern: number === undefined ? path : `${before}*${after}`, number, text };
  });
  return Object.fromEntries(
    [...grouped(numbered, ({ pattern }) => pattern)].map(([pattern, group]) => [
      pattern,
      Object.fromEntries(
        [...grouped(group, ({ text }) => text)].map(([text, list]) => [
          text,
          CpuSet.of(list.flatMap(({ number }) => (number === undefined ? [] : [Number(number)]))).format(),
        ]),
      ),
    ]),
  );
}

export function unpackTexts(packed: PackedTexts): Map<string, string> {
  return new Map(
    Object.entries(packed).flatMap(([pattern, group]) =>
      Object.entries(group).flatMap(([text, numbers]) =>
        numbers === ""
          ? [[pattern, text] as const]
          : numbersIn(numbers).map((number) => [pattern.replace("*", `${number}`), text] as const),
      ),
    ),
  );
}

// Not a CPU list: interrupts go beyond the highest CPU.
function numbersIn(list: string): number[] {
  return list.split(",").flatMap((item) => {
    const [from = 0, to = from] = item.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, offset) => from + offset);
  });
}
