import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ObservedThread } from "../../sdk/observe/kernel-threads.ts";
import {
  allThreadTexts,
  isPersisted,
  observedThreads,
  planThreads,
  planThreadsService,
  requireThreads,
  type Threads,
  targetOf,
  threadSettings,
  threadsMeant,
  threadsService,
  threadTexts,
  unmovableThreads,
  verifyThreads,
} from "../../sdk/plan/kernel-threads.ts";
import { packTexts, unpackTexts } from "../../sdk/plan/packed-texts.ts";
import { restorable } from "../../sdk/plan/restorable.ts";
import type { Step } from "../../sdk/plan/step.ts";
import { kernelThreads } from "../../sdk/schema/kernel-threads.ts";

const CPUS = 40;
const scheduling = fc.constantFrom(
  { policy: "other", priority: 0 } as const,
  { policy: "fifo", priority: 2 } as const,
  { policy: "rr", priority: 99 } as const,
);
const lists = fc.constantFrom("0-1", "3", "0-39");

/** Threads bound to each CPU, and two that are not. */
const machine = fc
  .tuple(
    fc.array(scheduling, { minLength: CPUS, maxLength: CPUS }),
    fc.array(fc.tuple(scheduling, lists), { minLength: 2, maxLength: 2 }),
  )
  .map(([each, free]): ObservedThread[] => [
    ...each.map((one, cpu) => ({
      pid: 100 + cpu,
      name: `ksoftirqd/${cpu}`,
      ...one,
      cpus: `${cpu}`,
      bound: true,
    })),
    ...free.map(([one, cpus], index) => ({
      ...{
        pid: 20 + index,
        name: ["rcu_preempt", "kcompactd0"][index] as string,
        ...one,
        cpus,
        bound: false,
      },
    })),
  ]);

const wanted: fc.Arbitrary<Threads> = fc
  .record(
    {
      ksoftirqd: scheduling,
      "ksoftirqd/7": scheduling,
      rcu_preempt: fc.oneof(
        scheduling,
        lists.map((cpus) => ({ cpus })),
        fc.tuple(scheduling, lists).map(([one, cpus]) => ({ ...one, cpus })),
      ),
    },
    { requiredKeys: [] },
  )
  .filter((threads) => Object.keys(threads).length > 0) as fc.Arbitrary<Threads>;

/** A kernel that takes what chrt and taskset are told to set. */
function afterwards(steps: readonly Step[], before: readonly ObservedThread[]): ObservedThread[] {
  const lines = steps.flatMap(({ stdin = "" }) =>
    stdin
      .trimEnd()
      .split("\n")
      .map((line) => line.split(" ")),
  );
  return before.map((thread) => {
    const [, name, policy = "-", priority, cpus = "-"] = lines.find(([pid]) => pid === `${thread.pid}`) ?? [];
    if (name === undefined) return thread;
    expect(name).toBe(thread.name);
    expect(cpus === "-" || !thread.bound).toBe(true);
    return {
      ...thread,
      ...(policy !== "-" && { policy, priority: Number(priority) }),
      ...(cpus !== "-" && { cpus }),
    };
  });
}

/** The machine after a boot: the same threads under other numbers. */
function booted(threads: readonly ObservedThread[]): ObservedThread[] {
  return threads.map((thread) => ({ ...thread, pid: thread.pid + 1000 }));
}

describe("kernel threads", () => {
  it("are set by a plan, after which nothing is left to do, and read back as they were asked for", () => {
    fc.assert(
      fc.property(wanted, machine, (threads, before) => {
        const after = afterwards(planThreads(targetOf(threadSettings(threads, before)), before), before);
        const settings = threadSettings(threads, after);
        expect(() => verifyThreads(settings, "")).not.toThrow();
        expect(planThreads(targetOf(settings), after)).toEqual([]);
        expect(observedThreads(threads, after)).toEqual(threads);
      }),
    );
  });

  it("go back to what was found, by name, but for those that somebody else has changed", () => {
    fc.assert(
      fc.property(wanted, machine, fc.boolean(), (threads, before, isTheirs) => {
        const settings = threadSettings(threads, before);
        const after = afterwards(planThreads(targetOf(settings), before), before);
        const found = unpackTexts(packTexts(threadTexts(settings)));
        const written = unpackTexts(packTexts(threadTexts(threadSettings(threads, after))));
        const during = booted(after).map((thread) =>
          isTheirs && thread.name === "ksoftirqd/3" ? { ...thread, policy: "idle", priority: 0 } : thread,
        );
        const { target, changedByOthers } = restorable(found, written, allThreadTexts(during));
        const restored = afterwards(planThreads(target, during), during);
        const touched = isTheirs && found.has("scheduling:ksoftirqd/3");
        expect(changedByOthers).toEqual(touched ? ["scheduling:ksoftirqd/3"] : []);
        const skip = ({ name }: ObservedThread) => !(isTheirs && name === "ksoftirqd/3");
        expect(restored.filter(skip)).toEqual(booted(before).filter(skip));
      }),
    );
  });

  it("take one line of state for any number of CPUs", () => {
    fc.assert(
      fc.property(machine, (threads) => {
        const same = threads.map((thread) => ({ ...thread, policy: "other", priority: 0 }));
        const texts = threadTexts(threadSettings({ ksoftirqd: { policy: "fifo", priority: 2 } }, same));
        expect(packTexts(texts)).toEqual({ "scheduling:ksoftirqd/*": { "other 0": "0-39" } });
      }),
    );
  });

  it("of one CPU go by their own line before that of all", () => {
    const [thread] = fc.sample(machine, 1)[0] as ObservedThread[];
    const threads: Threads = {
      ksoftirqd: { policy: "fifo", priority: 2 },
      "ksoftirqd/0": { policy: "other" },
    };
    expect(threadSettings(threads, [thread as ObservedThread]).map(({ text }) => text)).toEqual(["other 0"]);
  });

  it("that drifted are shown by their names", () => {
    const thread = (cpu: number, priority: number) => ({
      ...{ pid: cpu, name: `ksoftirqd/${cpu}`, policy: "fifo", priority, cpus: `${cpu}`, bound: true },
    });
    const threads: Threads = { ksoftirqd: { policy: "fifo", priority: 2 } };
    const observed = [thread(0, 2), thread(1, 3), thread(2, 2)];
    expect(observedThreads(threads, observed)).toEqual({
      ksoftirqd: { policy: "fifo", priority: "ksoftirqd/0 ksoftirqd/2: 2, ksoftirqd/1: 3" },
    });
    expect(() => verifyThreads(threadSettings(threads, observed), "chrt: failed")).toThrow(
      "threads: kernel threads read back otherwise than set: observed ksoftirqd/1 fifo 3, expected ksoftirqd/1 fifo 2; it was refused: chrt: failed",
    );
  });

  it("that the kernel binds elsewhere are named, and left where they are", () => {
    const bound = { pid: 1, name: "migration/3", policy: "fifo", priority: 99, cpus: "3", bound: true };
    const threads: Threads = { migration: { cpus: "0-1" } };
    expect(unmovableThreads(threads, [bound])).toEqual(["migration/3"]);
    expect(threadSettings(threads, [bound])).toEqual([]);
    expect(unmovableThreads({ migration: { cpus: "2-3" } }, [bound])).toEqual([]);
  });

  it("that the kernel does not have are named, with those that it has", () => {
    const bound = { pid: 1, name: "migration/3", policy: "fifo", priority: 99, cpus: "3", bound: true };
    expect(() => requireThreads({ rcuc: { policy: "fifo", priority: 4 } }, [bound], "dut")).toThrow(
      "threads: the kernel of dut has no thread rcuc: observed migration; leave it out for this kernel",
    );
    expect(() => requireThreads({ migration: {}, "migration/3": {} }, [bound], "dut")).not.toThrow();
  });
});

describe("the service that sets them at boot", () => {
  it("says what is meant, and is written once", () => {
    fc.assert(
      fc.property(wanted, (threads) => {
        const text = threadsService(threads);
        expect(threadsService(threadsMeant(text))).toBe(text);
        expect(isPersisted(threads, { text, enabled: true })).toBe(true);
        expect(planThreadsService(threads, { text, enabled: true })).toEqual([]);
        expect(planThreadsService(threads, { text, enabled: false })).toHaveLength(2);
      }),
    );
  });
});

describe("inputs", () => {
  const host = { name: "dut", connection: { kind: "local" as const } };
  it.each([
    [{ ksoftirqd: { policy: "fifo" } }, "expected a priority of 1 to 99 with fifo and rr"],
    [{ ksoftirqd: { policy: "other", priority: 3 } }, "expected a priority of 1 to 99 with fifo and rr"],
    [{ ksoftirqd: {} }, "observed neither, expected policy, cpus or both"],
    [{ "a b": { policy: "other" } }, 'observed "a b", expected the name of a kernel thread'],
    [{}, "observed no thread, expected at least one"],
  ])("that mean nothing are refused: %o", (threads, sentence) => {
    const result = kernelThreads.inputs.safeParse({ host, threads });
    expect(JSON.stringify(result.error?.issues)).toContain(JSON.stringify(sentence).slice(1, -1));
  });

  it("are those of a tuning profile", () => {
    const threads = {
      ksoftirqd: { policy: "fifo", priority: 2 },
      kthreadd: { policy: "other", priority: 0 },
    };
    expect(kernelThreads.inputs.safeParse({ host, threads }).success).toBe(true);
  });
});
