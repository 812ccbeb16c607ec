import type { ObservedThread, ObservedThreads } from "../observe/kernel-threads.ts";
import type { Inputs } from "../schema/definition.ts";
import type { kernelThreads } from "../schema/kernel-threads.ts";
import { CpuSet } from "../units/cpuset.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import { grouped } from "./grouped.ts";
import type { Step } from "./step.ts";
import { readUnitsAgain } from "./systemd.ts";
import { planFile, removeFile } from "./tmpfiles.ts";

export type Threads = Inputs<typeof kernelThreads>["threads"];
type Scheduling = Threads[string];

/** What of a thread is set: its policy and priority, or its CPUs. */
type Aspect = "scheduling" | "cpus";

/** One aspect of one thread that is to read as `text`. */
export interface ThreadSetting {
  readonly thread: ObservedThread;
  /** The name in the inputs that the thread goes by. */
  readonly name: string;
  readonly aspect: Aspect;
  readonly text: string;
}

const SERVICE = "nfvlab-kernel-threads.service";
const UNIT = `/etc/systemd/system/${SERVICE}`;

/** What the threads are to be, each by its most particular name; threads that can't be moved are left where they are. */
export function threadSettings(threads: Threads, observed: readonly ObservedThread[]): ThreadSetting[] {
  return allSettings(threads, observed).filter((setting) => !isUnmovable(setting));
}

/** Threads that are to run elsewhere, and that the kernel binds to their CPU. */
export function unmovableThreads(threads: Threads, observed: readonly ObservedThread[]): string[] {
  return allSettings(threads, observed)
    .filter(isUnmovable)
    .map(({ thread }) => thread.name);
}

function isUnmovable({ thread, aspect }: ThreadSetting): boolean {
  return aspect === "cpus" && thread.bound;
}

function allSettings(threads: Threads, observed: readonly ObservedThread[]): ThreadSetting[] {
  return observed.flatMap((thread) => {
    const name = [thread.name, baseOf(thread.name)].find((each) => Object.hasOwn(threads, each));
    const wanted = name === undefined ? undefined : threads[name];
    if (name === undefined || wanted === undefined) return [];
    const { scheduling, cpus } = textsOf(wanted);
    const isWithin = thread.bound && cpus !== undefined && setOf(thread.cpus).isSubsetOf(setOf(cpus));
    return [
      ...(scheduling === undefined
        ? []
        : [{ thread, name, aspect: "scheduling" as const, text: scheduling }]),
      ...(cpus === undefined || isWithin ? [] : [{ thread, name, aspect: "cpus" as const, text: cpus }]),
    ];
  });
}

function textsOf({ policy, priority = 0, cpus }: Scheduling): { [A in Aspect]: string | undefined } {
  return {
    scheduling: policy === undefined ? undefined : `${policy} ${priority}`,
    cpus: cpus === undefined ? undefined : setOf(cpus).format(),
  };
}

function setOf(list: string): CpuSet {
  try {
    return CpuSet.parse(list);
  } catch {
    // What refresh saw of threads that differ: no list.
    return CpuSet.empty;
  }
}

/** The name without the CPU: `ksoftirqd` of `ksoftirqd/2`. */
function baseOf(name: string): string {
  return name.replace(/\/\d+$/, "");
}

function textNow(thread: ObservedThread, aspect: Aspect): string {
  return aspect === "cpus" ? setOf(thread.cpus).format() : `${thread.policy} ${thread.priority}`;
}

/** What a setting goes by in state: not the number of a process, which is another after a boot. */
function keyOf({ thread, aspect }: Pick<ThreadSetting, "thread" | "aspect">): string {
  return `${aspect}:${thread.name}`;
}

/** How the threads of the settings are now, by key. */
export function threadTexts(settings: readonly ThreadSetting[]): Map<string, string> {
  return new Map(settings.map((setting) => [keyOf(setting), textNow(setting.thread, setting.aspect)]));
}

/** How all threads are now, by key. */
export function allThreadTexts(threads: readonly ObservedThread[]): Map<string, string> {
  const aspects: readonly Aspect[] = ["scheduling", "cpus"];
  return new Map(
    threads.flatMap((thread) =>
      aspects.map((aspect) => [keyOf({ thread, aspect }), textNow(thread, aspect)] as const),
    ),
  );
}

/** @throws HostError `kernel-thread-missing`, all of them at once */
export function requireThreads(threads: Threads, observed: readonly ObservedThread[], host: string): void {
  const there = new Set(observed.flatMap(({ name }) => [name, baseOf(name)]));
  const missing = Object.keys(threads).filter((name) => !there.has(name));
  if (missing.length === 0) return;
  throw new HostError({
    code: "kernel-thread-missing",
    property: "threads",
    problem: `the kernel of ${host} has no thread ${missing.join(", ")}`,
    observed: [...there]
      .filter((name) => !name.includes("/"))
      .sort()
      .join(", "),
    hint: "leave it out for this kernel: rcuc and ktimers are a real-time kernel's, rcuog and rcuop are there with rcu_nocbs",
  });
}

// The number of a process is as old as the look at it: another one of that number has another name.
const SET = `export LC_ALL=C
failed=0
while read -r pid name policy priority cpus; do
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$name" ] || continue
  [ "$policy" = - ] || chrt "--$policy" --pid "$priority" "$pid" || failed=1
  [ "$cpus" = - ] || taskset --cpu-list --pid "$cpus" "$pid" > /dev/null || failed=1
done
exit $failed`;

/** What brings threads to texts, by key, in one go; nothing where they have them. */
export function planThreads(
  target: ReadonlyMap<string, string>,
  observed: readonly ObservedThread[],
): Step[] {
  const changes = observed.flatMap((thread) => {
    const due = (aspect: Aspect) => {
      const text = target.get(keyOf({ thread, aspect }));
      return text === undefined || text === textNow(thread, aspect) ? undefined : text;
    };
    const [scheduling, cpus] = [due("scheduling"), due("cpus")];
    return scheduling === undefined && cpus === undefined ? [] : [{ thread, scheduling, cpus }];
  });
  const [first] = changes;
  if (first === undefined) return [];
  const others = changes.length === 1 ? "" : ` and ${changes.length - 1} more`;
  const lines = changes.map(
    ({ thread: { pid, name }, scheduling = "- -", cpus = "-" }) => `${pid} ${name} ${scheduling} ${cpus}\n`,
  );
  return [
    {
      purpose: `set ${first.thread.name} to ${[first.scheduling, first.cpus && `CPU ${first.cpus}`].filter(Boolean).join(" on ")}${others}`,
      argv: ["sh", "-c", SET],
      stdin: lines.join(""),
    },
  ];
}

export function targetOf(settings: readonly ThreadSetting[]): Map<string, string> {
  return new Map(settings.map((setting) => [keyOf(setting), setting.text]));
}

/** @throws VerificationError `kernel-threads-not-taken`; `said` is what the tools complained about */
export function verifyThreads(settings: readonly ThreadSetting[], said: string): void {
  const wrong = settings.filter(({ thread, aspect, text }) => textNow(thread, aspect) !== text);
  if (wrong.length === 0) return;
  throw new VerificationError({
    code: "kernel-threads-not-taken",
    property: "threads",
    problem: "kernel threads read back otherwise than set",
    observed: wrong.map(({ thread, aspect }) => `${thread.name} ${textNow(thread, aspect)}`).join(", "),
    expected: wrong.map(({ thread, text }) => `${thread.name} ${text}`).join(", "),
    hint:
      said === ""
        ? "something else sets them as well, for instance tuned's scheduler plugin"
        : `it was refused: ${said}; ask for what the kernel takes`,
  });
}

/** Threads as they are, in the user's spelling where it means the same. Of a name that has no thread any more it stays as it was. */
export function observedThreads(threads: Threads, observed: readonly ObservedThread[]): Threads {
  const byName = grouped(threadSettings(threads, observed), ({ name }) => name);
  return Object.fromEntries(
    Object.entries(threads).map(([name, wanted]) => [
      name,
      observedScheduling(wanted, byName.get(name) ?? []),
    ]),
  );
}

function observedScheduling(wanted: Scheduling, settings: readonly ThreadSetting[]): Scheduling {
  const off = (aspect: Aspect) => {
    const mine = settings.filter((setting) => setting.aspect === aspect);
    return mine.every(({ thread, text }) => textNow(thread, aspect) === text)
      ? []
      : mine.map(({ thread }) => thread);
  };
  const [scheduling, cpus] = [off("scheduling"), off("cpus")];
  return {
    ...wanted,
    ...(scheduling.length > 0 && {
      policy: byCpu(scheduling, ({ policy }) => policy),
      priority: byCpu(scheduling, ({ priority }) => priority),
    }),
    ...(cpus.length > 0 && { cpus: byCpu(cpus, (thread) => textNow(thread, "cpus")) }),
  } as Scheduling;
}

/** The value that all threads have, or that of each. */
function byCpu<T extends string | number>(
  threads: readonly ObservedThread[],
  of: (thread: ObservedThread) => T,
) {
  const groups = grouped(threads, of);
  if (groups.size === 1) return [...groups.keys()][0];
  return [...groups].map(([value, list]) => `${list.map(({ name }) => name).join(" ")}: ${value}`).join(", ");
}

const AT_BOOT =
  'while read -r name policy priority cpus; do for pid in $$(pgrep -P 2 -x "$$name(/[0-9]+)?"); do ' +
  '[ "$$policy" = - ] || chrt "--$$policy" --pid "$$priority" "$$pid"; ' +
  '[ "$$cpus" = - ] || taskset --cpu-list --pid "$$cpus" "$$pid"; done; done; true';

/** The service that sets the threads at boot, by their names. A line for one CPU's thread comes after that for all. */
export function threadsService(threads: Threads): string {
  const lines = Object.entries(threads)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, wanted]) => {
      const { scheduling = "- -", cpus = "-" } = textsOf(wanted);
      return `StandardInputText=${name} ${scheduling} ${cpus}\n`;
    });
  return `# Written by nfvlab; removed when its resource is deleted.
[Unit]
Description=Scheduling of the kernel's threads for nfvlab

[Service]
Type=oneshot
StandardInput=data
${lines.join("")}ExecStart=/bin/sh -c '${AT_BOOT}'

[Install]
WantedBy=multi-user.target
`;
}

/** On import: the threads that our service means. */
export function threadsMeant(text: string): Threads {
  return Object.fromEntries(
    [...text.matchAll(/^StandardInputText=(\S+) (\S+) (\S+) (\S+)$/gm)].map(
      ([, name = "", policy, priority, cpus]) => [
        name,
        {
          ...(policy !== "-" && { policy }),
          ...(Number(priority) > 0 && { priority: Number(priority) }),
          ...(cpus !== "-" && { cpus }),
        },
      ],
    ),
  ) as Threads;
}

export function isPersisted(threads: Threads, service: ObservedThreads["service"]): boolean {
  return service?.enabled === true && service.text === threadsService(threads);
}

/** What makes the threads be set at boot as well; nothing where they are. */
export function planThreadsService(threads: Threads, found: ObservedThreads["service"]): Step[] {
  if (isPersisted(threads, found)) return [];
  return [
    ...planFile(UNIT, threadsService(threads), found?.text.trimEnd()),
    readUnitsAgain,
    { purpose: `enable ${SERVICE}`, argv: ["systemctl", "enable", SERVICE] },
  ];
}

export function removeThreadsService(found: ObservedThreads["service"]): Step[] {
  if (found === undefined) return [];
  return [
    { purpose: `disable ${SERVICE}`, argv: ["systemctl", "disable", SERVICE] },
    removeFile(UNIT),
    readUnitsAgain,
  ];
}
