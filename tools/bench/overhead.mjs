import { join } from "node:path";
import { clone } from "../clone.mjs";
import { run } from "../command.mjs";
import { median } from "./measure.mjs";

/** Times a benchmark's job around its tool, and who else is on the measured CPUs, in a process of its own; its result as `overhead-main.mjs` prints it. */
export async function timeOverhead(options, note) {
  const program = join(clone, "tools/bench/overhead-main.mjs");
  const argv = [process.execPath, "--import", "tsx", program, JSON.stringify(options)];
  const lines = (await run(argv, { cwd: clone, note })).trim().split("\n");
  return JSON.parse(lines.at(-1));
}

const partNames = {
  before: "connecting and looking before",
  around: "starting and ending it",
  after: "looking after and the record",
};

/** What a job takes around its tool, and what else ran where the tool measured, each beside the same by hand. */
export function overheadLines({ durations, short, long, byHand, ...setting }) {
  const { tool, interval, measured, isolated, kernel } = setting;
  const jobs = [...short, ...long];
  return [
    `A measurement by a job beside its tool alone: ${tool} on CPUs ${measured.join(",")} of an emulated server (Linux ${kernel}), a wake-up each ${interval}. Medians of ${long.length}.`,
    timeLine(`job of ${durations.short} s`, short),
    timeLine(`job of ${durations.long} s`, long),
    timeLine(`${durations.long} s by hand, one ssh`, byHand),
    ...new Set(
      jobs.flatMap(({ invalidReasons }) =>
        invalidReasons.map((reason) => `  ! a job's record is not valid: ${reason}`),
      ),
    ),
    `While ${tool} measured for ${durations.long} s, by the kernel's trace of its scheduler: how often others than the tool had each CPU, and for how long, both a second. Turns are what they were; an emulated processor's time has in it what its host took of it.`,
    ...measured.flatMap((cpu) => cpuLines(cpu, { isolated, long, byHand })),
    `Goal: no task of user space but ${tool} on an isolated CPU while a job measures: ${verdict(strangersOn(long, isolated))}.`,
    `Goal: none on the other one that is not there by hand too: ${verdict(onlyByJob(long, byHand, measured))}.`,
  ];
}

/** `job of 5 s: 12.1 s, 2.3 x the tool's 5.2 s (…)`. */
function timeLine(what, runs) {
  const of = (part) => median(runs.map(({ parts }) => parts[part]));
  const ownSeconds = of("tool");
  const times = (part) => `${of(part).toFixed(1)} s (${(of(part) / ownSeconds).toFixed(2)} x)`;
  const split = Object.entries(partNames)
    .filter(([part]) => runs.every(({ parts }) => parts[part] !== undefined))
    .map(([part, name]) => `${name} ${times(part)}`);
  return `  ${[`${what}: ${of("whole").toFixed(1)} s, ${(of("whole") / ownSeconds).toFixed(2)} x the tool's ${ownSeconds.toFixed(1)} s`, ...split].join("; ")}`;
}

function cpuLines(cpu, { isolated, long, byHand }) {
  const [job, hand] = [long, byHand].map((runs) => loadOf(cpu, runs));
  const state = cpu === isolated ? "isolated" : "left to the scheduler";
  const ratio =
    hand.turns === 0
      ? ""
      : ` (${(job.turns / hand.turns).toFixed(2)} x in turns, ${(job.micros / hand.micros).toFixed(2)} x in time)`;
  return [
    `  CPU ${cpu}, ${state}: by hand ${turnsText(hand)}; by the job ${turnsText(job)}${ratio}; the tool itself ${hand.tool.toFixed(0)} µs and ${job.tool.toFixed(0)} µs`,
    `    by hand: ${hand.who}; ${hand.interrupts}`,
    `    by the job: ${job.who}; ${job.interrupts}`,
  ];
}

/** Of all runs together, a second: turns and µs that others had of a CPU, µs of the tool, who the others were, and what interrupted it. */
function loadOf(cpu, runs) {
  const all = occupanciesOf(cpu, runs);
  const perSecond = (pick) => median(all.map((each) => pick(each) / each.seconds));
  const names = [...new Set(all.flatMap(({ others }) => others.map(({ name }) => name)))];
  const shareOf = (name) => ({
    name,
    micros: perSecond(({ others }) => 1e6 * (others.find((each) => each.name === name)?.seconds ?? 0)),
    turns: perSecond(({ others }) => others.find((each) => each.name === name)?.turns ?? 0),
    isKernel: all.every(({ others }) => others.find((each) => each.name === name)?.isKernel ?? true),
  });
  const shares = names.map(shareOf).sort((one, other) => other.micros - one.micros);
  const kinds = [...new Set(all.flatMap(({ interrupts }) => Object.keys(interrupts)))].sort();
  const counted = kinds.map(
    (kind) => `${kind} ${perSecond(({ interrupts }) => interrupts[kind] ?? 0).toFixed(1)}`,
  );
  const allInterrupts = perSecond(({ interrupts }) =>
    Object.values(interrupts).reduce((sum, count) => sum + count, 0),
  );
  return {
    turns: perSecond(({ others }) => others.reduce((sum, { turns }) => sum + turns, 0)),
    micros: perSecond(({ others }) => 1e6 * others.reduce((sum, { seconds }) => sum + seconds, 0)),
    tool: perSecond(({ tool }) => 1e6 * tool.seconds),
    who: shares.map(shareText).join(", ") || "nobody",
    // A wake-up comes by the CPU's own timer or, where that sleeps, by a call of another CPU: only the sum compares.
    interrupts: `${allInterrupts.toFixed(1)} interrupts a second: ${counted.join(", ") || "none"}`,
  };
}

function turnsText({ turns, micros }) {
  return turns === 0 ? "nobody" : `${turns.toFixed(2)} turns, ${micros.toFixed(0)} µs`;
}

function shareText({ name, isKernel, ...share }) {
  return `${name}${isKernel ? "" : " (user space)"} ${turnsText(share)}`;
}

function occupanciesOf(cpu, runs) {
  return runs.flatMap(({ occupancy }) => occupancy.filter((each) => each.cpu === cpu));
}

/** Tasks of user space beside the tool on a CPU, in any run. */
function strangersOn(runs, cpu) {
  const names = occupanciesOf(cpu, runs).flatMap(({ others }) =>
    others.filter(({ isKernel }) => !isKernel).map(({ name }) => name),
  );
  return [...new Set(names)].sort();
}

function onlyByJob(long, byHand, cpus) {
  return cpus.flatMap((cpu) => {
    const known = strangersOn(byHand, cpu);
    return strangersOn(long, cpu).filter((name) => !known.includes(name));
  });
}

function verdict(strangers) {
  return strangers.length === 0 ? "reached" : `not reached (${strangers.join(", ")})`;
}
