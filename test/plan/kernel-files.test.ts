import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkKnobs,
  observedFields,
  patternsOf,
  planRestore,
  planSettings,
  requireKnobs,
  settingsOf,
  textsOf,
  unmovableOf,
  verifySettings,
} from "../../sdk/plan/kernel-files.ts";
import { refusalsIn, writeLinesStep } from "../../sdk/plan/kernel-writes.ts";
import { type Knob, knobs } from "../../sdk/plan/knobs.ts";
import { packTexts, unpackTexts } from "../../sdk/plan/packed-texts.ts";
import { fieldsIn, planFile, tmpfilesText } from "../../sdk/plan/tmpfiles.ts";
import { fieldFacts } from "../../sdk/schema/definition.ts";
import { canonical } from "../../sdk/schema/fields.ts";
import { afterwards, changed, inputsOf, machineOf, parts } from "./kernel-machine.ts";

const inputsAndMachine = (each: (typeof parts)[number]) => fc.tuple(inputsOf(each), machineOf(each));

describe.each(parts)("the knobs of $part", (each) => {
  const { rows, definition } = each;

  it("are the fields of its schema, all of them", () => {
    const fields = Object.keys(definition.inputs.shape);
    const beside = ["host", "name", "dmaLatency", ...(rows.some(({ per }) => per === "cpu") ? ["cpus"] : [])];
    expect(rows.map(({ field }) => field).sort()).toEqual(
      fields.filter((field) => !beside.includes(field)).sort(),
    );
  });

  it("are set by a plan, after which nothing is left to do, and read back as they were written", () => {
    fc.assert(
      fc.property(inputsAndMachine(each), ([inputs, before]) => {
        const settings = settingsOf(rows, inputs, before);
        expect(() => requireKnobs(settings, before.files, "dut")).not.toThrow();
        const after = afterwards(planSettings(settings, before.files), rows, before);
        expect(() => verifySettings(settings, after.files)).not.toThrow();
        expect(planSettings(settings, after.files)).toEqual([]);
        const fields = Object.entries(inputs).filter(([name]) => rows.some(({ field }) => field === name));
        expect(observedFields(rows, inputs, after)).toEqual(Object.fromEntries(fields));
      }),
      { numRuns: 40 },
    );
  });

  it("go back to what was found, but for files that somebody else has changed", () => {
    fc.assert(
      fc.property(inputsAndMachine(each), fc.nat(), ([inputs, before], pick) => {
        const settings = settingsOf(rows, inputs, before);
        const found = textsOf(settings, before.files);
        const after = afterwards(planSettings(settings, before.files), rows, before);
        const written = textsOf(settings, after.files);
        const moved = [...found.keys()].filter((path) => found.get(path) !== written.get(path));
        const theirs = moved[pick % Math.max(moved.length, 1)];
        const during = theirs === undefined ? after : changed(theirs, rows, after);
        const { steps, changedByOthers } = planRestore(rows, { found, written }, during.files);
        const restored = afterwards(steps, rows, during).files;
        for (const path of found.keys())
          expect([path, restored.get(path)]).toEqual([
            path,
            (path === theirs && changedByOthers.length > 0 ? during : before).files.get(path),
          ]);
        // Their change may be the very text that was found: then it stands as it is.
        const current = textsOf(settings, during.files);
        expect(changedByOthers).toEqual(
          theirs === undefined || current.get(theirs) === found.get(theirs) ? [] : [theirs],
        );
      }),
      { numRuns: 40 },
    );
  });

  it.each(rows)("show exactly what drifted: $field", ({ field }) => {
    fc.assert(
      fc.property(inputsAndMachine(each), fc.nat(), ([inputs, before], pick) => {
        fc.pre(inputs[field] !== undefined);
        const after = afterwards(planSettings(settingsOf(rows, inputs, before), before.files), rows, before);
        const mine = settingsOf(
          rows.filter((row) => row.field === field),
          inputs,
          after,
        );
        const { path, file, value } = mine[pick % mine.length] as (typeof mine)[number];
        const drifted = changed(path, rows, after);
        const now = file.text.read(drifted.files.get(path) ?? "");
        fc.pre(file.text.satisfies?.(now, value) !== true);
        const observed = observedFields(rows, inputs, drifted);
        const different = Object.keys(observed).filter(
          (name) => JSON.stringify(observed[name]) !== JSON.stringify(inputs[name]),
        );
        expect(different).toEqual([field]);
        expect(() => verifySettings(mine, drifted.files)).toThrow(
          new RegExp(
            `^${field}: the kernel reads back otherwise than written: observed ${field}.* = .*, expected ${field}`,
          ),
        );
      }),
      { numRuns: 30 },
    );
  });

  it("hold after a boot by a file that says them, and that is written once", () => {
    fc.assert(
      fc.property(inputsAndMachine(each), ([inputs, machine]) => {
        const text = tmpfilesText(settingsOf(rows, inputs, machine));
        const same = (values: Record<string, unknown>) =>
          Object.fromEntries(
            Object.entries(values).map(([field, value]) => [
              field,
              typeof value === "string"
                ? canonical(value, fieldFacts(definition.inputs, [field]).format)
                : value,
            ]),
          );
        expect(same(fieldsIn(rows, text, machine.files))).toEqual(same(inputs));
        expect(planFile("/etc/tmpfiles.d/x", text, text.trimEnd())).toEqual([]);
        expect(planFile("/etc/tmpfiles.d/x", text, undefined)[0]?.stdin).toBe(text);
      }),
      { numRuns: 40 },
    );
  });

  it("that a machine does not have are refused, all at once, with why", () => {
    fc.assert(
      fc.property(inputsAndMachine(each), ([inputs, { interrupts, files }]) => {
        // Without interrupts there is nothing to move.
        fc.pre(rows.some(({ field, per }) => per !== "interrupt" && inputs[field] !== undefined));
        const bare = { files: new Map([...files].slice(0, 1)), interrupts };
        const missing = rows.filter(({ field, per }) => inputs[field] !== undefined && per !== "interrupt");
        const refused = () => requireKnobs(settingsOf(rows, inputs, bare), bare.files, "dut");
        for (const { field, absent } of missing) {
          expect(refused).toThrow(new RegExp(`dut does not have .*${field}`));
          expect(refused).toThrow(`(${absent})`);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("are asked for by fixed patterns", () => {
    for (const { files } of rows) for (const { path } of files) expect(patternsOf(rows)).toContain(path);
  });
});

describe("inputs", () => {
  it.each([
    [knobs.cpuFrequency, {}, "nothing is to be set: expected at least one of turbo, governor"],
    [knobs.cpuFrequency, { governor: "performance" }, "cpus: governor without the CPUs that are meant"],
    [knobs.cpuFrequency, { cpus: "2", turbo: false }, "cpus: CPUs of which nothing is to be set"],
    [
      knobs.cpuIdle,
      { cpus: "2", resumeLatency: "500ns" },
      "resumeLatency: not a whole number of us: observed 500ns",
    ],
  ] as const)("that mean nothing are refused", (rows, inputs, sentence) => {
    expect(() => checkKnobs(rows as readonly Knob[], inputs)).toThrow(sentence);
  });
});

describe("texts that were found", () => {
  it("take one line for any number of CPUs, and unpack to what they were", () => {
    const path = fc.oneof(
      fc.nat(300).map((cpu) => `/sys/devices/system/cpu/cpu${cpu}/cpufreq/scaling_governor`),
      fc.nat(300).map((cpu) => `/sys/devices/system/cpu/cpu${cpu}/cpuidle/state2/disable`),
      fc.nat(20_000).map((irq) => `/proc/irq/${irq}/smp_affinity_list`),
      fc.constantFrom("/sys/kernel/mm/ksm/run", "/proc/irq/default_smp_affinity", "cpus:rcu_preempt"),
      fc.nat(300).map((cpu) => `scheduling:ksoftirqd/${cpu}`),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(path, fc.constantFrom("0", "performance", "0-1,7", "[a] b"))),
        (texts) => {
          const map = new Map(texts);
          expect(new Map([...unpackTexts(packTexts(map))].sort())).toEqual(new Map([...map].sort()));
        },
      ),
    );
    const many = Array.from(
      { length: 256 },
      (_, cpu) => [`/sys/devices/system/cpu/cpu${cpu}/x`, "a"] as const,
    );
    expect(packTexts(new Map(many))).toEqual({ "/sys/devices/system/cpu/cpu*/x": { a: "0-255" } });
  });
});

describe("a machine without the files", () => {
  const machine = { files: new Map([["/sys/devices/system/cpu/online", "0-3"]]), interrupts: new Map() };

  it("is told which, and why", () => {
    const inputs = { cpus: "2-3", governor: "performance", turbo: false };
    const refused = () => requireKnobs(settingsOf(knobs.cpuFrequency, inputs, machine), machine.files, "dut");
    expect(refused).toThrow(
      "dut does not have turbo, governor: observed no /sys/devices/system/cpu/intel_pstate/no_turbo " +
        "(nothing scales the frequency there, as in most virtual machines); no /sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor " +
        "of CPU 2-3 (nothing scales the frequency there, as in most virtual machines); leave out what this machine does not have",
    );
  });

  it("is told which idle state", () => {
    const inputs = { cpus: "2-3", disabledStates: ["C6"] };
    const refused = () => requireKnobs(settingsOf(knobs.cpuIdle, inputs, machine), machine.files, "dut");
    expect(refused).toThrow(/state\[0-9\]\*\/disable named C6 of CPU 2-3 \(no idle state of that name/);
  });
});

describe("what a kernel does not take", () => {
  const path = "/sys/devices/system/cpu/cpu2/cpufreq/scaling_governor";
  const machine = { files: new Map([[path, "powersave"]]), interrupts: new Map() };
  const settings = settingsOf(knobs.cpuFrequency, { cpus: "2", governor: "ondemand" }, machine);

  it("is told with the kernel's reason", () => {
    expect(() => verifySettings(settings, machine.files, new Map([[path, "Invalid argument"]]))).toThrow(
      "governor: the kernel reads back otherwise than written: observed governor of CPU 2 = powersave, " +
        'expected governor of CPU 2 = ondemand; it refused with "Invalid argument": ask for what it takes',
    );
  });

  it("names an interrupt that can't be moved, by either error of the kernel's", () => {
    const files = new Map(["24", "25", "26"].map((irq) => [`/proc/irq/${irq}/smp_affinity_list`, "0-3"]));
    const interrupts = new Map([
      [24, "nvme0q1"],
      [25, "timer"],
      [26, "eth0"],
    ]);
    const list = settingsOf(knobs.irqAffinity, { cpus: "0-1" }, { files, interrupts });
    const refusals = new Map([
      ["/proc/irq/24/smp_affinity_list", "Input/output error"],
      ["/proc/irq/25/smp_affinity_list", "Operation not permitted"],
      ["/proc/irq/26/smp_affinity_list", "No space left on device"],
    ]);
    expect(unmovableOf(list, files, refusals)).toEqual(["24 nvme0q1", "25 timer"]);
  });
});

it("merged pages that are left count as merging", () => {
  const files = new Map([
    ["/sys/kernel/mm/ksm/run", "0"],
    ["/sys/kernel/mm/ksm/pages_shared", "3"],
  ]);
  const machine = { files, interrupts: new Map() };
  const settings = settingsOf(knobs.memoryManagement, { ksm: false }, machine);
  expect(planSettings(settings, files)[0]?.stdin).toBe(
    "/sys/kernel/mm/ksm/run 2\n/sys/kernel/mm/ksm/run 0\n",
  );
  expect(observedFields(knobs.memoryManagement, { ksm: false }, machine)).toEqual({
    ksm: "0, and 3 are left",
  });
});

it("what differs by CPU is shown by CPU", () => {
  const at = (cpu: number) => `/sys/devices/system/cpu/cpu${cpu}/cpufreq/scaling_governor`;
  const files = new Map([2, 3, 4].map((cpu) => [at(cpu), cpu === 3 ? "powersave" : "performance"]));
  const inputs = { cpus: "2-4", governor: "performance" };
  expect(observedFields(knobs.cpuFrequency, inputs, { files, interrupts: new Map() })).toEqual({
    governor: "CPU 2,4: performance, CPU 3: powersave",
  });
});

it("interrupts are numbered anew by a boot, so its file names none of them", () => {
  const files = new Map(["24", "25"].map((irq) => [`/proc/irq/${irq}/smp_affinity_list`, "0-3"]));
  const settings = settingsOf(knobs.irqAffinity, { cpus: "0-1" }, { files, interrupts: new Map() });
  expect(tmpfilesText(settings)).toBe(
    "# Written by nfvlab; removed when its resource is deleted.\nw- /proc/irq/[0-9]*/smp_affinity_list - - - - 0-1\n",
  );
});

it("many files are written in one go, past those that refuse, each of which is named", () => {
  const folder = mkdtempSync(join(tmpdir(), "nfvlab-knobs-"));
  try {
    const [first, second] = [join(folder, "first"), join(folder, "second")];
    for (const path of [first, second]) writeFileSync(path, "");
    const gone = join(folder, "none/file");
    const { argv, stdin } = writeLinesStep("set", [
      { path: first, text: "defer+madvise" },
      { path: gone, text: "1" },
      { path: second, text: "n/a" },
    ]);
    const [program, ...args] = argv;
    const { status, stderr } = spawnSync(program, args, { input: stdin, encoding: "utf8" });
    expect(status).toBe(1);
    expect([...refusalsIn(stderr)]).toEqual([[gone, "No such file or directory"]]);
    expect([readFileSync(first, "utf8"), readFileSync(second, "utf8")]).toEqual(["defer+madvise\n", "n/a\n"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
