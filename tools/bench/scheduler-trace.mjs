import { ToolError } from "../tool-error.mjs";

const tracing = "/sys/kernel/tracing";
/** Of the measured CPUs alone, and of the whole machine. */
const instances = { cpus: "nfvlab-bench-cpus", lives: "nfvlab-bench-lives" };
const bufferKiB = 8192;

/** What interrupts a CPU, by the event that tells of it. */
const interrupts = {
  "irq_vectors/local_timer_entry": "timer",
  "irq_vectors/reschedule_entry": "reschedule",
  "irq_vectors/call_function_entry": "function call",
  "irq_vectors/call_function_single_entry": "function call",
  "irq_vectors/irq_work_entry": "irq work",
  "irq/irq_handler_entry": "device",
};
const events = {
  cpus: ["sched/sched_switch", ...Object.keys(interrupts)],
  lives: ["sched/sched_process_exec", "sched/sched_process_exit"],
};
/** Priorities below it are real-time ones, as the kernel counts them. */
const firstFairPriority = 100;

/** What the kernel of a server tells of who runs on some of its CPUs. It is in the kernel's own buffers until it is asked for: nothing runs on these CPUs for it. */
export class SchedulerTrace {
  #shell;
  #cpus;

  constructor(shell, cpus) {
    this.#shell = shell;
    this.#cpus = cpus;
  }

  async open() {
    const mask = this.#cpus.reduce((sum, cpu) => sum + 2 ** cpu, 0).toString(16);
    const all = Object.values(instances).join(" ");
    await this.#shell.run(
      [
        `set -e; [ -d ${tracing}/events ] || mount -t tracefs tracefs ${tracing}`,
        `cd ${tracing}/instances; mkdir ${all}`,
        `for each in ${all}; do echo 0 > $each/tracing_on; echo mono > $each/trace_clock; echo ${bufferKiB} > $each/buffer_size_kb; done`,
        `echo ${mask} > ${instances.cpus}/tracing_cpumask`,
        ...Object.entries(events).flatMap(([of, names]) =>
          names.map((name) => `echo 1 > ${instances[of]}/events/${name}/enable`),
        ),
      ].join("\n"),
    );
  }

  /** From now on. */
  start() {
    return this.#forEach("echo > $each/trace; echo 1 > $each/tracing_on");
  }

  /** What was told since the start, and which threads are the kernel's own. */
  async stop() {
    await this.#forEach("echo 0 > $each/tracing_on");
    const lost = await this.#shell.run(
      `cd ${tracing}/instances; cat ${instances.cpus}/per_cpu/cpu*/stats | sed -n 's/^\\(overrun\\|dropped events\\): //p'`,
    );
    if (lost.split("\n").some((count) => Number(count) > 0))
      throw new ToolError("the kernel's buffer was too small for all that ran");
    const kernelThreads = await this.#shell.run(
      "grep -lE '^PPid:[[:space:]]2$' /proc/[0-9]*/status 2>/dev/null | cut -d / -f 3",
    );
    return {
      cpus: await this.#shell.run(`cat ${tracing}/instances/${instances.cpus}/trace`),
      lives: await this.#shell.run(`cat ${tracing}/instances/${instances.lives}/trace`),
      kernelThreads: new Set(kernelThreads.split("\n").filter(Boolean).map(Number)),
    };
  }

  #forEach(script) {
    const all = Object.values(instances).join(" ");
    return this.#shell.run(`cd ${tracing}/instances; for each in ${all}; do ${script}; done`);
  }
}

/** `  sh-812  [003] d..2.  61.204881: sched_switch: …`, as `trace` of tracefs has it. */
const line = /^\s*.+-\d+\s+\[(\d+)\]\s+(?:\S+\s+)?(\d+\.\d+): (\w+): (.*)$/gm;
const switching =
  /^prev_comm=(.*) prev_pid=(\d+) prev_prio=(\d+) prev_state=\S+ ==> next_comm=(.*) next_pid=(\d+) next_prio=(\d+)$/;

function* eventsIn(text) {
  for (const [, cpu, seconds, name, details] of text.matchAll(line))
    yield { cpu: Number(cpu), seconds: Number(seconds), name, details };
}

/**
 * How long a program ran, s: from its `execve` until its process ended.
 *
 * @param during a time, s, in which it ran: it may run for a moment at others, to tell its version
 */
export function lifeOf(lives, program, { from, to }) {
  const begun = new Map();
  const lasted = [];
  for (const { seconds, name, details } of eventsIn(lives)) {
    const pid = /\bpid=(\d+)/.exec(details)?.[1];
    if (name === "sched_process_exec" && /^filename=(\S+)/.exec(details)?.[1].endsWith(`/${program}`))
      begun.set(pid, seconds);
    const start = begun.get(pid);
    if (name === "sched_process_exit" && start <= from && seconds >= to) lasted.push(seconds - start);
  }
  if (lasted.length === 1) return lasted[0];
  throw new ToolError(`${program} ran ${lasted.length} times where it was to run once`);
}

/**
 * Who ran on each CPU while a tool measured there: from the first time that its real-time thread ran on it until the last.
 *
 * @param trace of the measured CPUs
 * @param tool name of its threads
 * @param kernelThreads process ids
 */
export function occupancyOf(trace, tool, kernelThreads) {
  return [...grouped(eventsIn(trace), ({ cpu }) => cpu)]
    .sort(([one], [other]) => one - other)
    .flatMap(([cpu, all]) => {
      const turns = turnsIn(all);
      const measuring = turns.filter(({ name, priority }) => name === tool && priority < firstFairPriority);
      if (measuring.length === 0) return [];
      const [from, to] = [measuring[0].from, measuring.at(-1).to];
      const within = turns.filter((turn) => turn.from >= from && turn.to <= to);
      return [
        {
          ...{ cpu, from, to, seconds: to - from },
          tool: summed(within.filter(({ name }) => name === tool)),
          others: othersIn(within, tool, kernelThreads),
          interrupts: interruptsIn(all, from, to),
        },
      ];
    });
}

/** All but the tool and the idle loop, who had most of the CPU first. */
function othersIn(turns, tool, kernelThreads) {
  // A kworker that was there for a moment has no entry left that says what it was.
  const isKernel = ({ name, pid }) => kernelThreads.has(pid) || name.startsWith("kworker/");
  const known = turns
    .filter(({ name, pid }) => pid !== 0 && name !== tool)
    .map((turn) => {
      const ofKernel = isKernel(turn);
      return { ...turn, isKernel: ofKernel, name: ofKernel ? familyOf(turn.name) : turn.name };
    });
  return [...grouped(known, ({ name }) => name)]
    .map(([name, own]) => ({ name, isKernel: own.every((turn) => turn.isKernel), ...summed(own) }))
    .sort((one, other) => other.seconds - one.seconds);
}

/** Who had a CPU, from one switch to the next. */
function turnsIn(all) {
  const switches = all
    .filter(({ name }) => name === "sched_switch")
    .map(({ seconds, details }) => ({ seconds, details: switching.exec(details) }));
  return switches.slice(0, -1).map(({ seconds, details }, index) => {
    if (details === null) throw new ToolError("the kernel tells a switch otherwise than this bench reads it");
    const [, , , , name, pid, priority] = details;
    return {
      ...{ name, pid: Number(pid), priority: Number(priority) },
      ...{ from: seconds, to: switches[index + 1].seconds },
    };
  });
}

function interruptsIn(all, from, to) {
  const names = new Map(Object.entries(interrupts).map(([event, name]) => [event.split("/")[1], name]));
  const counts = {};
  for (const { name, seconds } of all) {
    const kind = names.get(name);
    if (kind !== undefined && seconds >= from && seconds <= to) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

function summed(turns) {
  return { turns: turns.length, seconds: turns.reduce((sum, { from, to }) => sum + to - from, 0) };
}

/** `kworker/3:1` is a kworker, whichever it is. */
function familyOf(name) {
  return name.replace(/\/.*$/, "");
}

function grouped(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(item);
  }
  return groups;
}
