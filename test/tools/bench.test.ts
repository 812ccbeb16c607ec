import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createsIn, partsOf } from "../../tools/bench/engine-log.mjs";
import { type Overhead, overheadLines } from "../../tools/bench/overhead.mjs";
import { lifeOf, occupancyOf } from "../../tools/bench/scheduler-trace.mjs";

/** Who may get a CPU: the tool's measuring thread, its other one, the idle loop, a kernel's thread and somebody of user space. */
const TASKS = [
  { name: "cyclictest", pid: 812, prio: 4 },
  { name: "cyclictest", pid: 810, prio: 120 },
  { name: "swapper/3", pid: 0, prio: 120 },
  { name: "ksoftirqd/3", pid: 31, prio: 120 },
  { name: "kworker/3:1", pid: 99, prio: 120 },
  { name: "tmux: server", pid: 700, prio: 120 },
] as const;
const [MEASURING] = TASKS;
type Task = (typeof TASKS)[number];

const turns = fc.array(
  fc.record({ task: fc.constantFrom<Task>(...TASKS), micros: fc.integer({ min: 1, max: 5_000 }) }),
  { maxLength: 60 },
);

/** As `trace` of tracefs tells that each had the CPU for so long. */
function traceOf(all: readonly { readonly task: Task; readonly micros: number }[], cpu = 3): string {
  let micros = 61_000_000;
  const lines = all.slice(1).map(({ task }, index) => {
    const before = all[index] as (typeof all)[number];
    micros += before.micros;
    const time = (micros / 1e6).toFixed(6);
    const switched = [
      `prev_comm=${before.task.name} prev_pid=${before.task.pid} prev_prio=${before.task.prio} prev_state=S`,
      `next_comm=${task.name} next_pid=${task.pid} next_prio=${task.prio}`,
    ].join(" ==> ");
    const idle = before.task.pid === 0 ? "<idle>" : before.task.name;
    return `${idle.padStart(16)}-${before.task.pid}       [00${cpu}] d..2.    ${time}: sched_switch: ${switched}`;
  });
  return ["# tracer: nop", "#", ...lines, ""].join("\n");
}

const occupancy = (text: string) => occupancyOf(text, "cyclictest", new Set([31, 63]));
const recorded = (name: string) =>
  readFileSync(join(import.meta.dirname, "../fixtures/ftrace", `${name}.txt`), "utf8");

describe("who had a CPU while a tool measured", () => {
  it("is told for the time from the tool's first turn to its last, none of it twice or not at all", () => {
    fc.assert(
      fc.property(turns, (some) => {
        // What comes before the first switch and after the last is not known.
        const all = [{ task: TASKS[2], micros: 1 }, ...some, { task: TASKS[2], micros: 1 }];
        const measuring = all.flatMap(({ task }, index) => (task === MEASURING ? [index] : []));
        const found = occupancy(traceOf(all));
        expect(found).toHaveLength(measuring.length === 0 ? 0 : 1);
        if (measuring.length === 0) return;
        const within = all.slice(measuring[0], (measuring.at(-1) ?? 0) + 1);
        const micros = (is: (task: Task) => boolean) =>
          within.filter(({ task }) => is(task)).reduce((sum, turn) => sum + turn.micros, 0);
        const [only] = found;
        const inMicros = (seconds = Number.NaN) => Math.round(seconds * 1e6);
        expect(inMicros(only?.seconds)).toBe(micros(() => true));
        expect(inMicros(only?.tool.seconds)).toBe(micros(({ name }) => name === "cyclictest"));
        for (const [shown, task] of [
          ["ksoftirqd", TASKS[3]],
          ["kworker", TASKS[4]],
          ["tmux: server", TASKS[5]],
        ] as const) {
          const share = only?.others.find(({ name }) => name === shown);
          expect(inMicros(share?.seconds ?? 0)).toBe(micros((each) => each === task));
          if (share !== undefined) expect(share.isKernel).toBe(task !== TASKS[5]);
        }
        expect(only?.others.some(({ name }) => name.startsWith("swapper"))).toBe(false);
      }),
    );
  });

  it("is told as a kernel had it", () => {
    const [plain, isolated] = occupancy(recorded("switches"));
    const inMicros = ({ turns, seconds }: { readonly turns: number; readonly seconds: number }) => [
      turns,
      Math.round(seconds * 1e6),
    ];
    // Summed from the recording by hand.
    expect(plain?.seconds).toBeCloseTo(0.342267, 6);
    expect(inMicros(plain?.tool ?? { turns: 0, seconds: 0 })).toEqual([35, 3002]);
    expect(plain?.others.map((each) => [each.name, each.isKernel, ...inMicros(each)])).toEqual([
      ["kcompactd1", true, 1, 92],
      ["kworker", true, 1, 77],
    ]);
    expect(isolated?.seconds).toBeCloseTo(0.338237, 6);
    expect(inMicros(isolated?.tool ?? { turns: 0, seconds: 0 })).toEqual([35, 5266]);
    expect(isolated?.others).toEqual([]);
    expect([plain?.interrupts, isolated?.interrupts]).toEqual([{ timer: 88 }, { "function call": 34 }]);
  });

  it("is told of each CPU by itself, with what interrupted it meanwhile", () => {
    const [tool, idle] = [MEASURING, TASKS[2]];
    const all = [idle, tool, idle, tool, idle].map((task) => ({ task, micros: 1000 }));
    const interrupt = (at: string, what: string) => `  <idle>-0       [003] d.h2.    ${at}: ${what}`;
    const text = [
      traceOf(all),
      traceOf(all, 2),
      interrupt("61.000500", "local_timer_entry: vector=236"),
      interrupt("61.002500", "local_timer_entry: vector=236"),
      interrupt("61.002600", "call_function_single_entry: vector=251"),
      interrupt("61.002700", "irq_handler_entry: irq=24 name=virtio0-input.0"),
    ].join("\n");
    expect(occupancy(text).map(({ cpu, interrupts }) => [cpu, interrupts])).toEqual([
      [2, {}],
      [3, { timer: 1, "function call": 1, device: 1 }],
    ]);
  });
});

describe("how long a program ran", () => {
  const exec = (at: number, pid: number, file: string) =>
    `  sh-${pid}  [000] .....  ${at.toFixed(6)}: sched_process_exec: filename=${file} pid=${pid} old_pid=${pid}`;
  const exit = (at: number, pid: number) =>
    `  cyclictest-${pid}  [001] .....  ${at.toFixed(6)}: sched_process_exit: comm=cyclictest pid=${pid} prio=120`;

  it("is from its start to the end of its process, whatever its threads and others do", () => {
    const lines = [
      exec(1, 5, "/bin/cat"),
      exec(2, 7, "/usr/bin/cyclictest"),
      exit(6.9, 8),
      exit(7.25, 7),
      exit(9, 5),
    ];
    expect(lifeOf(lines.join("\n"), "cyclictest", { from: 3, to: 6 })).toBeCloseTo(5.25, 6);
  });

  it("is that of the run that measured, not of those that tell a version", () => {
    // 158.994255 to 173.598665, as the recording has it.
    const during = { from: 159.7, to: 164.6 };
    expect(lifeOf(recorded("lives"), "cyclictest", during)).toBeCloseTo(14.60441, 6);
  });

  it("is not guessed where it ran twice or not at all", () => {
    const once = (pid: number) => [exec(2, pid, "/usr/bin/cyclictest"), exit(8, pid)].join("\n");
    const during = { from: 3, to: 7 };
    expect(() => lifeOf([once(3), once(9)].join("\n"), "cyclictest", during)).toThrow("ran 2 times");
    expect(() => lifeOf(exec(1, 5, "/bin/cat"), "cyclictest", during)).toThrow("ran 0 times");
  });
});

describe("what the engine's log of calls tells of a job", () => {
  const call = (entry: object) => JSON.stringify({ method: "/pulumirpc.ResourceProvider/Create", ...entry });
  const record = { startedAt: "2026-03-02T08:14:07.120Z", durationMs: 6_000 };
  const done = {
    request: { urn: "urn:pulumi:bench::bench::nfvlab:bench:Cyclictest::job" },
    response: { id: "dut/bench/job", properties: { record } },
    ...{ progress: "response_completed", timestamp: "2026-03-02T08:14:15.6205Z", duration: 12_500_500_000 },
  };

  it("is when it was asked for, and how long it took", () => {
    const log = [
      JSON.stringify({ method: "/pulumirpc.ResourceProvider/Check", progress: "response_completed" }),
      call({ request: done.request, progress: "request_started" }),
      call(done),
      "",
    ].join("\n");
    const [create, ...others] = createsIn(log);
    expect(others).toEqual([]);
    if (create === undefined) throw new Error("there is one");
    expect(new Date(create.startMs).toISOString()).toBe("2026-03-02T08:14:03.120Z");
    const parts = partsOf(create, 5.25);
    expect(parts).toMatchObject({ before: 4, tool: 5.25, around: 0.75 });
    expect(parts.after).toBeCloseTo(2.5005, 6);
    expect(parts.before + parts.tool + parts.around + parts.after).toBeCloseTo(parts.whole, 9);
  });

  it("is an error where it failed, or where this engine tells no times", () => {
    const { response: _, ...failed } = done;
    expect(() => createsIn(call({ ...failed, errors: ["no such CPU"] }))).toThrow("no such CPU");
    expect(() => createsIn(call({ ...done, duration: undefined }))).toThrow("no times");
  });
});

describe("the lines about a job", () => {
  const parts = { whole: 12, before: 4, tool: 5, around: 1, after: 2 };
  const seen = (cpu: number, ...names: readonly string[]) => ({
    ...{
      cpu,
      from: 60,
      to: 70,
      seconds: 10,
      tool: { turns: 1000, seconds: 0.02 },
      interrupts: { timer: 1000 },
    },
    others: names.map((name, index) => ({
      ...{ name, isKernel: name.startsWith("k"), turns: 5 },
      seconds: 0.001 * (index + 1),
    })),
  });
  const result = (onOther: readonly string[], onIsolated: readonly string[]): Overhead => ({
    ...{ tool: "cyclictest", interval: "10ms", durations: { short: 5, long: 30 }, kernel: "6.12.48" },
    ...{ measured: [2, 3], isolated: 3 },
    short: [{ parts, occupancy: [], invalidReasons: ["wake-ups are missing"] }],
    long: [
      {
        parts: { ...parts, whole: 37, tool: 30 },
        occupancy: [seen(2, ...onOther), seen(3, ...onIsolated)],
        invalidReasons: [],
      },
    ],
    byHand: [{ parts: { whole: 31, tool: 30 }, occupancy: [seen(2, "kworker", "systemd"), seen(3)] }],
  });

  it("tell times and shares as ratios", () => {
    const lines = overheadLines(result(["kworker", "systemd"], ["kworker"]));
    expect(lines[1]).toBe(
      "  job of 5 s: 12.0 s, 2.40 x the tool's 5.0 s; connecting and looking before 4.0 s (0.80 x); starting and ending it 1.0 s (0.20 x); looking after and the record 2.0 s (0.40 x)",
    );
    expect(lines[2]).toContain("37.0 s, 1.23 x the tool's 30.0 s");
    expect(lines[3]).toBe("  30 s by hand, one ssh: 31.0 s, 1.03 x the tool's 30.0 s");
    expect(lines[4]).toBe("  ! a job's record is not valid: wake-ups are missing");
    expect(lines[6]).toContain(
      "CPU 2, left to the scheduler: by hand 1.00 turns, 300 µs; by the job 1.00 turns, 300 µs (1.00 x in turns, 1.00 x in time)",
    );
    expect(lines[9]).toBe(
      "  CPU 3, isolated: by hand nobody; by the job 0.50 turns, 100 µs; the tool itself 2000 µs and 2000 µs",
    );
    expect(lines[11]).toBe(
      "    by the job: kworker 0.50 turns, 100 µs; 100.0 interrupts a second: timer 100.0",
    );
  });

  it("reach the goals without anybody of user space, and name who missed them", () => {
    const verdicts = (...args: Parameters<typeof result>) =>
      overheadLines(result(...args)).flatMap((line) => /^Goal: .*: (.*)\.$/.exec(line)?.[1] ?? []);
    expect(verdicts(["kworker", "systemd"], ["kworker"])).toEqual(["reached", "reached"]);
    expect(verdicts(["sshd", "systemd"], ["sh", "kworker"])).toEqual([
      "not reached (sh)",
      "not reached (sshd, sh)",
    ]);
  });
});
