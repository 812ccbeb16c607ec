import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ObservedSystemdCpus } from "../../sdk/observe/systemd-cpus.ts";
import type { Step } from "../../sdk/plan/step.ts";
import {
  areInForce,
  checkSystemdCpus,
  configuredLists,
  dropIns,
  foundLists,
  insist,
  listsMeant,
  listsOf,
  observedLists,
  pendingServices,
  planManagerBack,
  planSystemdCpus,
  planUndo,
  requireSystemdCpus,
  type SystemdCpuLists,
  type SystemdUndo,
  servicesLeftBehind,
  verifySystemdCpus,
  writtenLists,
} from "../../sdk/plan/systemd-cpus.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";

const ALL = "0-7";
const MANAGER = "/etc/systemd/system.conf.d/90-nfvlab-cpus.conf";
const list = fc.constantFrom("0-1", "0,1", "0-3", "2", "7");
const slices = fc
  .record({ system: list, user: list, machine: list }, { requiredKeys: [] })
  .filter((given) => Object.keys(given).length > 0);
const inputs: fc.Arbitrary<SystemdCpuLists> = fc
  .record({ cpuAffinity: list, allowedCpus: slices }, { requiredKeys: [] })
  .filter((given) => Object.keys(given).length > 0) as fc.Arbitrary<SystemdCpuLists>;

function machine(change: Partial<ObservedSystemdCpus> = {}): ObservedSystemdCpus {
  return {
    ...{ systemd: true, unified: true, files: new Map(), services: [] },
    effective: new Map(["manager", "system", "user", "machine"].map((scope) => [scope, ALL])),
    ...change,
  };
}

/** A systemd that does what it is told: slices follow their drop-ins, process 1 follows its own but for one that is gone. */
function afterwards(steps: readonly Step[], before: ObservedSystemdCpus): ObservedSystemdCpus {
  const [files, effective] = [new Map(before.files), new Map(before.effective)];
  for (const { argv, stdin } of steps) {
    const last = argv.at(-1) as string;
    if (argv[0] === "taskset") effective.set("manager", argv[3] as string);
    else if (last === "daemon-reload") {
      const configured = configuredLists({ files });
      for (const slice of ["system", "user", "machine"]) effective.set(slice, configured[slice] ?? ALL);
      if (configured["manager"] !== undefined) effective.set("manager", configured["manager"]);
    } else if (stdin === undefined) files.delete(last);
    else files.set(last, stdin);
  }
  return { ...before, files, effective };
}

const undone = ({ widen, steps }: SystemdUndo, before: ObservedSystemdCpus) =>
  afterwards(steps, afterwards(widen, before));

const facts = ({ files, effective }: ObservedSystemdCpus) => [[...files].sort(), [...effective].sort()];

describe("the CPUs of what systemd starts", () => {
  it("are set, read back as they were asked for, changed, and taken away without a trace", () => {
    fc.assert(
      fc.property(inputs, inputs, list, (first, second, manager) => {
        const before = machine({
          effective: new Map([...machine().effective, ["manager", CpuSet.parse(manager).format()]]),
        });
        const found = foundLists(listsOf(first), before);
        const one = afterwards(planSystemdCpus(listsOf(first), before), before);
        expect(() => verifySystemdCpus(listsOf(first), one)).not.toThrow();
        expect(observedLists(first, one)).toEqual(first);
        expect(listsOf(listsMeant(one))).toEqual(listsOf(first));
        expect(planSystemdCpus(listsOf(first), one)).toEqual([]);
        const undo = planUndo({ found, written: writtenLists(listsOf(first)) }, listsOf(second), one);
        const between = undone(undo, one);
        const two = afterwards(planSystemdCpus(listsOf(second), between), between);
        expect(() => verifySystemdCpus(listsOf(second), two)).not.toThrow();
        const written = writtenLists(listsOf(second));
        const all = { ...foundLists(listsOf(second), between), ...found };
        const last = planUndo({ found: all, written }, new Map(), two);
        expect(facts(undone(last, two))).toEqual(facts(before));
        expect([...undo.changedByOthers, ...last.changedByOthers]).toEqual([]);
      }),
    );
  });

  it("are left alone by delete where somebody else has changed them", () => {
    const lists = listsOf({ cpuAffinity: "0-1", allowedCpus: { system: "0-1" } });
    const before = machine();
    const during = afterwards(planSystemdCpus(lists, before), before);
    const theirs = {
      ...during,
      files: new Map([...during.files, [MANAGER, "[Manager]\nCPUAffinity=5\n"]]),
      effective: new Map([...during.effective, ["manager", "5"]]),
    };
    const plan = planUndo(
      { found: foundLists(lists, before), written: writtenLists(lists) },
      new Map(),
      theirs,
    );
    const after = undone(plan, theirs);
    expect([...after.files.keys()]).toEqual([MANAGER]);
    expect([after.effective.get("manager"), after.effective.get("system")]).toEqual(["5", ALL]);
    expect(plan.changedByOthers).toEqual([MANAGER, "the CPUs of process 1"]);
  });

  it("of the manager are left alone by delete where process 1 was given others, under our drop-in", () => {
    const lists = listsOf({ cpuAffinity: "0-1", allowedCpus: { system: "0-1" } });
    const before = machine();
    const during = afterwards(planSystemdCpus(lists, before), before);
    const theirs = { ...during, effective: new Map([...during.effective, ["manager", "5"]]) };
    const plan = planUndo(
      { found: foundLists(lists, before), written: writtenLists(lists) },
      new Map(),
      theirs,
    );
    const after = undone(plan, theirs);
    expect([after.files.size, after.effective.get("manager"), after.effective.get("system")]).toEqual([
      0,
      "5",
      ALL,
    ]);
    expect(plan.changedByOthers).toEqual(["the CPUs of process 1"]);
  });

  it("of the manager are given back too where systemd read our drop-in once more in between", () => {
    const state = { found: { manager: ALL }, written: { manager: "0-1" } };
    const now = (list: string) => new Map([["manager", list]]);
    expect(planManagerBack(state, new Map(), now("0-1")).map(({ argv }) => argv.at(3))).toEqual([ALL]);
    expect(planManagerBack(state, new Map(), now("5"))).toEqual([]);
    expect(planManagerBack(state, new Map(), now(ALL))).toEqual([]);
    expect(planManagerBack(state, listsOf({ cpuAffinity: "0-1" }), now("0-1"))).toEqual([]);
    expect(planManagerBack({ found: {}, written: {} }, new Map(), now("0-1"))).toEqual([]);
  });

  it("of a slice are wide again before its drop-in goes: what runs there keeps to the old ones else", () => {
    const lists = listsOf({ allowedCpus: { user: "0-1" } });
    const during = afterwards(planSystemdCpus(lists, machine()), machine());
    const plan = planUndo({ found: { user: ALL }, written: writtenLists(lists) }, new Map(), during);
    const widened = afterwards(plan.widen, during);
    expect([widened.files.size, areInForce(plan.until, widened.effective)]).toEqual([1, true]);
    expect([...plan.until]).toEqual([["user", ALL]]);
  });

  it("show what drifted, and that alone", () => {
    const wanted: SystemdCpuLists = { cpuAffinity: "0,1", allowedCpus: { system: "0-1", user: "0-1" } };
    const effective = new Map([
      ["manager", "0-1"],
      ["system", "0-3"],
    ]);
    expect(observedLists(wanted, machine({ effective }))).toEqual({
      cpuAffinity: "0,1",
      allowedCpus: { system: "0-3", user: "0-1" },
    });
    expect(() => verifySystemdCpus(listsOf(wanted), machine({ effective }))).toThrow(
      "allowedCpus.system: systemd has read its configuration, and runs by other CPUs: observed system 0-3, expected system 0-1",
    );
  });

  it("are given to a slice directly where systemd did not, and to no slice that has nothing in it", () => {
    const lists = listsOf({ cpuAffinity: "0", allowedCpus: { system: "0,1", user: "0-1", machine: ALL } });
    const effective = new Map([
      ["manager", "5"],
      ["system", "0-3"],
      ["machine", ALL],
    ]);
    expect(insist(lists, effective)).toEqual([
      {
        purpose: "give system.slice CPU 0-1",
        argv: ["tee", "/sys/fs/cgroup/system.slice/cpuset.cpus"],
        stdin: "0-1",
      },
    ]);
  });

  it("take the place of what other drop-ins before ours ask for", () => {
    expect(dropIns(listsOf({ cpuAffinity: "1,0" })).get(MANAGER)).toBe(
      "# Written by nfvlab; removed when its resource is deleted.\n[Manager]\nCPUAffinity=\nCPUAffinity=0-1\n",
    );
  });
});

describe("services that started before", () => {
  const services = [
    { name: "ssh.service", own: "", cpus: "0-7" },
    { name: "new.service", own: "", cpus: "0-1" },
    { name: "pinned.service", own: "5", cpus: "5" },
    { name: "nfvlab-dma-latency-x.service", own: "", cpus: "0-1" },
  ];

  it("are pending, but not those that ask for CPUs of their own", () => {
    expect(pendingServices({ cpuAffinity: "0-1" }, machine({ services }))).toEqual(["ssh.service"]);
    expect(pendingServices({ allowedCpus: { system: "0-1" } }, machine({ services }))).toEqual([]);
  });

  it("keep their CPUs after delete where they started meanwhile", () => {
    const state = { found: { manager: ALL }, written: { manager: "0-1" } };
    expect(servicesLeftBehind(state, machine({ services }))).toEqual(["new.service"]);
    expect(
      servicesLeftBehind({ found: { manager: "0-1" }, written: { manager: "0-1" } }, machine({ services })),
    ).toEqual([]);
  });
});

describe("what can't be", () => {
  const isolated = CpuSet.parse("2-3");
  it.each([
    [
      { allowedCpus: { machine: "0-2" } },
      {},
      "allowedCpus.machine: guests on dut could not be pinned to CPU 3, which is isolated for them: observed 0-2, expected a list with 2-3 in it",
    ],
    [
      { allowedCpus: { system: "0" } },
      { unified: false },
      "allowedCpus: slices on dut can't be kept to CPUs: observed control groups of version 1",
    ],
    [{ cpuAffinity: "0" }, { systemd: false }, "dut is not run by systemd: observed no /run/systemd/system"],
  ] as const)("is refused: %o", (wanted, change, sentence) => {
    expect(() => requireSystemdCpus(wanted, machine(change), isolated, "dut")).toThrow(sentence);
  });

  it("is not what leaves the isolated CPUs to guests", () => {
    expect(() =>
      requireSystemdCpus({ allowedCpus: { system: "0", machine: "0-7" } }, machine(), isolated, "dut"),
    ).not.toThrow();
    expect(() =>
      requireSystemdCpus({ cpuAffinity: "0" }, machine({ unified: false }), isolated, "dut"),
    ).not.toThrow();
  });

  it("is nothing at all", () => {
    expect(() => checkSystemdCpus({})).toThrow(
      "nothing is to be set: expected cpuAffinity, allowedCpus or both",
    );
  });
});
