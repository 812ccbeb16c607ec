import { expect, it } from "vitest";
import {
  choice,
  cpuMask,
  cpusWithin,
  flag,
  invertedFlag,
  type KernelText,
  moduleParameter,
  number,
  resumeLatency,
  word,
} from "../../sdk/plan/kernel-text.ts";

it.each<[string, KernelText, string, unknown, string]>([
  ["a word", word, "performance\n", "performance", "performance"],
  ["the chosen one", choice, "always [madvise] never", "madvise", "madvise"],
  [
    "a choice that holds a plus",
    choice,
    "always defer [defer+madvise] never",
    "defer+madvise",
    "defer+madvise",
  ],
  ["a number", number, "800000", 800000, "800000"],
  ["what is no number", number, "<unsupported>", "<unsupported>", "<unsupported>"],
  ["a flag", flag, "1", true, "1"],
  ["a flag with a third state", flag, "2", "2", "2"],
  ["a flag that says no", invertedFlag, "1", false, "1"],
  ["a letter", moduleParameter, "N\n", false, "N"],
  ["a parameter's number", moduleParameter, "200000", 200000, "200000"],
  ["a list of a parameter", moduleParameter, "1,2", "1,2", "1,2"],
  ["a mask", cpuMask, "00000000,000000ff", "0-7", "ff"],
  ["a mask beyond 64 CPUs", cpuMask, "00000080,00000000,00000001", "0,71", "80,00000000,00000001"],
  ["no restriction", resumeLatency, "0", "unlimited", "0"],
  ["no latency at all", resumeLatency, "n/a", "0us", "n/a"],
  ["a latency", resumeLatency, "20", "20us", "20"],
])("%s is read, and written back", (_, form, text, value, again) => {
  expect(form.read(text)).toEqual(value);
  expect(form.write(form.read(text))).toBe(again);
});

it("a latency in any unit is written in µs", () => {
  expect(resumeLatency.write("1ms")).toBe("1000");
  expect(resumeLatency.write("0ms")).toBe("n/a");
});

it("a CPU list in any spelling is one mask", () => {
  expect(cpuMask.write("1,0")).toBe(cpuMask.write("0-1"));
});

it("part of the CPUs will do for an interrupt", () => {
  expect(cpusWithin.satisfies?.("1", "0-1")).toBe(true);
  expect(cpusWithin.satisfies?.("1-2", "0-1")).toBe(false);
});

it.each([
  [true, 1, true],
  [true, "y", true],
  [false, "0", true],
  [false, 1, false],
  [true, "2", false],
] as const)("a parameter that shows %s has %s: %s", (observed, wanted, expected) => {
  expect(moduleParameter.satisfies?.(observed, wanted)).toBe(expected);
});
