import { describe, expect, it } from "vitest";
import { type ObservedResctrl, resctrl } from "../../sdk/observe/resctrl.ts";
import {
  foundGroups,
  observedShare,
  planMount,
  planShare,
  planShareRemoval,
  planUnmount,
  requireResctrl,
  requireShare,
  type Share,
  sharedWithDevices,
  shareOf,
  verifyShare,
  writtenGroup,
} from "../../sdk/plan/cache-allocation.ts";
import type { Step } from "../../sdk/plan/step.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { recorded, said } from "../observe/recorded.ts";

const machine = resctrl.parse(recorded("resctrl/two-sockets.txt"));
const share: Share = { cpus: "2-5", schemata: { L3: { 0: "0xFF0" }, MB: { 0: 50 } } };
const bare: ObservedResctrl = {
  ...{ flags: [], known: false, mounted: false, resources: new Map(), groups: new Map() },
};

/** A kernel that does what it is told: CPUs are in one group at a time, a new group may use all. */
function afterwards(steps: readonly Step[], before: ObservedResctrl): ObservedResctrl {
  const groups = new Map(before.groups);
  for (const { argv, stdin = "" } of steps) {
    const [, group = "", file] = /^\/sys\/fs\/resctrl\/([^/]+)(?:\/(.+))?$/.exec(argv.at(-1) as string) ?? [];
    const own = groups.get(group);
    const all = groups.get("") as NonNullable<typeof own>;
    if (argv[0] === "mkdir") groups.set(group, { schemata: all.schemata, cpus: "" });
    else if (argv[0] === "rmdir") {
      groups.delete(group);
      groups.set("", {
        ...all,
        cpus: CpuSet.parse(all.cpus)
          .union(CpuSet.parse(own?.cpus ?? ""))
          .format(),
      });
    } else if (file === "cpus_list") {
      const cpus = CpuSet.parse(stdin);
      for (const [name, each] of groups)
        groups.set(name, {
          ...each,
          cpus: name === group ? cpus.format() : CpuSet.parse(each.cpus).minus(cpus).format(),
        });
    } else if (own !== undefined) {
      const schemata = new Map([...own.schemata].map(([resource, byId]) => [resource, new Map(byId)]));
      for (const [, resource = "", list = ""] of stdin.matchAll(/^(\w+):(.*)$/gm))
        for (const entry of list.split(";")) {
          const [id = "", value = ""] = entry.split("=");
          schemata.get(resource)?.set(id, value.toLowerCase());
        }
      groups.set(group, { ...own, schemata });
    }
  }
  return { ...before, groups };
}

describe("what resctrl shows", () => {
  it("is each resource with its limits, and each group", () => {
    expect([machine.flags, machine.known, machine.mounted]).toEqual([["rdt_a", "cat_l3", "mba"], true, true]);
    expect(Object.fromEntries(machine.resources)).toEqual({
      L3: { mask: "fffff", minBits: 1, shareable: "c0000", sparse: false, groups: 16 },
      MB: { sparse: false, groups: 8 },
    });
    expect([...machine.groups.keys()]).toEqual(["", "other"]);
    expect(machine.groups.get("other")?.cpus).toBe("4-5");
    expect(machine.groups.get("other")?.schemata.get("MB")?.get("0")).toBe("50");
  });

  it("is nothing on a machine without it", () => {
    expect(resctrl.parse(said(""))).toEqual(bare);
  });
});

describe("a share", () => {
  it("is made, read back, changed, and taken away without a trace", () => {
    const found = foundGroups("vnf", share, machine);
    expect(found).toEqual({ "": "2-3", other: "4-5" });
    const steps = planShare("vnf", share, machine);
    expect(steps.map(({ purpose }) => purpose)).toEqual([
      "make group nfvlab-vnf",
      "set L3:0=FF0, MB:0=50",
      "give nfvlab-vnf CPU 2-5",
    ]);
    const made = afterwards(steps, machine);
    expect(() => verifyShare("vnf", share, made)).not.toThrow();
    expect(planShare("vnf", share, made)).toEqual([]);
    expect(observedShare("vnf", share, made)).toEqual(share);
    expect(shareOf("vnf", made)).toEqual({
      cpus: "2-5",
      schemata: { MB: { 0: 50, 1: 100 }, L3: { 0: "ff0", 1: "fffff" } },
    });
    const { steps: undo, changedByOthers } = planShareRemoval(
      "vnf",
      { found, written: writtenGroup("vnf", made) },
      made,
    );
    expect(changedByOthers).toBe(false);
    expect(afterwards(undo, made)).toEqual(machine);
  });

  it("that somebody else has changed is left alone", () => {
    const made = afterwards(planShare("vnf", share, machine), machine);
    const written = writtenGroup("vnf", made);
    const theirs = afterwards(
      [{ purpose: "", argv: ["tee", "/sys/fs/resctrl/nfvlab-vnf/schemata"], stdin: "L3:0=f00" }],
      made,
    );
    expect(planShareRemoval("vnf", { found: {}, written }, theirs)).toEqual({
      steps: [],
      changedByOthers: true,
    });
    expect(observedShare("vnf", share, theirs)).toEqual({
      ...share,
      schemata: { ...share.schemata, L3: { 0: "f00" } },
    });
    expect(() => verifyShare("vnf", share, theirs)).toThrow(
      "schemata: group nfvlab-vnf reads back otherwise than written: observed L3 0 = f00, expected L3 0 = 0xFF0; read /sys/fs/resctrl/info/last_cmd_status",
    );
    expect(observedShare("vnf", share, machine)).toBeUndefined();
    expect(planShareRemoval("vnf", { found: {}, written }, machine)).toEqual({
      steps: [],
      changedByOthers: false,
    });
  });

  it("leaves resctrl unmounted where it was, unless another group is in it", () => {
    const found = { unmounted: "yes" };
    expect(planMount({ ...machine, mounted: false })).toHaveLength(1);
    expect(planMount(machine)).toEqual([]);
    expect(planUnmount("vnf", found, machine)).toEqual([]);
    const alone = { ...machine, groups: new Map([...machine.groups].filter(([name]) => name === "")) };
    expect(planUnmount("vnf", found, alone)).toHaveLength(1);
    expect(planUnmount("vnf", {}, alone)).toEqual([]);
  });

  it("of ways that network cards write into is told", () => {
    expect(sharedWithDevices({ cpus: "2", schemata: { L3: { 0: "f0000", 1: "ff" } } }, machine)).toEqual([
      "L3 0: c0000",
    ]);
  });
});

describe("what can't be", () => {
  it.each([
    [{ L3: { 0: "f0f" } }, "L3 0: f0f has gaps, and the ways of a group are one run"],
    [{ L3: { 0: "1fffff" } }, "L3 0: 1fffff has ways beyond fffff, all that there are"],
    [{ L3: { 2: "f" } }, "L3 2: no such cache, but 0, 1"],
    [{ L2: { 0: "f" } }, "L2: dut shares no such resource, but MB, L3"],
  ])("is refused with what there is: %o", (schemata, sentence) => {
    expect(() => requireShare("vnf", { cpus: "2", schemata }, machine, "dut")).toThrow(sentence);
  });

  it("is too few ways", () => {
    const resources = new Map([
      ...machine.resources,
      ["L3", { mask: "fffff", minBits: 2, sparse: true, groups: 16 }],
    ]);
    const strict = { ...machine, resources };
    expect(() => requireShare("vnf", { cpus: "2", schemata: { L3: { 0: "1" } } }, strict, "dut")).toThrow(
      "L3 0: 1 has 1 ways, at least 2 are needed",
    );
    expect(() =>
      requireShare("vnf", { cpus: "2", schemata: { L3: { 0: "5" } } }, strict, "dut"),
    ).not.toThrow();
  });

  it("is one group more than the processor can tell apart", () => {
    const group = machine.groups.get("other");
    const more = Array.from({ length: 6 }, (_, index) => [`g${index}`, group] as const);
    const full = { ...machine, groups: new Map([...machine.groups, ...more]) as ObservedResctrl["groups"] };
    expect(() => requireShare("vnf", share, full, "dut")).toThrow(
      "dut can't tell one more group apart: observed 8 groups: the default, other, g0, g1, g2, g3, g4, g5, expected fewer than 8 (num_closids)",
    );
  });

  it("is a machine that lacks it, which is told what", () => {
    expect(() => requireResctrl(bare, "dut")).toThrow(
      "dut can't give CPUs a share of a cache: observed a processor without the flags cat_l3, cat_l2 and mba, expected both: such a processor, and a kernel with resctrl; leave it out",
    );
    expect(() => requireResctrl({ ...bare, flags: ["rdt_a", "cat_l3"] }, "dut")).toThrow(
      "observed a processor that can (rdt_a, cat_l3), and a kernel without resctrl, expected both",
    );
  });
});
