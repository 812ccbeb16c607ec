import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Machine } from "../../sdk/plan/kernel-files.ts";
import type { Step } from "../../sdk/plan/step.ts";
import { checkInputs } from "../../sdk/provider/check.ts";
import { Incomplete, type Operation } from "../../sdk/provider/handler.ts";
import { cpuFrequencyHandler } from "../../sdk/provider/handlers/cpu-frequency.ts";
import { cpuIdleHandler } from "../../sdk/provider/handlers/cpu-idle.ts";
import { irqAffinityHandler } from "../../sdk/provider/handlers/irq-affinity.ts";
import { kernelFilesHandler } from "../../sdk/provider/handlers/kernel-files.ts";
import { moduleParametersHandler } from "../../sdk/provider/handlers/module-parameters.ts";
import { CommandError } from "../../sdk/remote/command-error.ts";
import { afterwards, inputsOf, machineOf, parts } from "../plan/kernel-machine.ts";

/** A machine as its handler sees it, with a kernel that takes every write but those to files that are named as refusing. */
class ModelHost {
  readonly name = "dut";
  readonly journal = new Map<string, unknown>();
  readonly warnings: string[] = [];
  machine: Machine;
  running: readonly string[] = [];
  refusing: ReadonlyMap<string, string> = new Map();
  /** What a write to one file sets in another. */
  moves: ReadonlyMap<string, readonly [path: string, text: string]> = new Map();
  writes = 0;

  constructor(machine: Machine) {
    const rows = [...machine.interrupts].map(
      ([number, served]) => `${number}:  0  IO-APIC  1-edge  ${served}`,
    );
    this.machine = { ...machine, files: new Map([...machine.files, ["/proc/interrupts", rows.join("\n")]]) };
  }

  observeNow = async () => ({ files: this.machine.files, running: this.running });
  observe = this.observeNow;
  forget = async (key: string) => void this.journal.delete(key);
  inTurn = <T>(_: string, work: () => Promise<T>) => work();
  remember = async (key: string, found: unknown) => {
    if (!this.journal.has(key)) this.journal.set(key, JSON.parse(JSON.stringify(found)));
    return this.journal.get(key);
  };

  execute = async (steps: readonly Step[]) => {
    for (const { argv, stdin = "" } of steps) {
      this.writes += 1;
      const path = argv.at(-1) as string;
      const files = new Map(this.machine.files);
      if (argv[0] === "rm") files.delete(path);
      else if (path.startsWith("/etc/")) files.set(path, stdin.trimEnd());
      else {
        const lines = stdin.trimEnd().split("\n");
        const refused = lines
          .map((line) => line.split(" ")[0] as string)
          .filter((at) => this.refusing.has(at));
        const taken = lines.filter((line) => !refused.includes(line.split(" ")[0] as string)).join("\n");
        if (taken !== "")
          this.machine = afterwards([{ purpose: "", argv, stdin: taken }], allRows, this.machine);
        for (const line of taken.split("\n")) {
          const moved = this.moves.get(line.split(" ")[0] as string);
          if (moved !== undefined)
            this.machine = { ...this.machine, files: new Map([...this.machine.files, moved]) };
        }
        if (refused.length > 0) {
          const stderr = refused.map((at) => `tee: ${at}: ${this.refusing.get(at)}\n`).join("");
          const said = { command: "sh", host: "dut", code: 1, stdout: "", stderr, durationMs: 1 };
          throw new CommandError(said);
        }
        continue;
      }
      this.machine = { ...this.machine, files };
    }
  };

  operation(): Operation {
    return { host: () => this, warn: (text: string) => this.warnings.push(text) } as unknown as Operation;
  }

  /** All that a resource may have changed. */
  state(): unknown[] {
    const merged = "/sys/kernel/mm/ksm/pages_shared";
    return [[...this.machine.files].filter(([path]) => path !== merged).sort(), [...this.journal.keys()]];
  }
}

const allRows = parts.flatMap(({ rows }) => rows);
const host = { name: "dut", connection: { kind: "local" as const } };

describe.each(parts)("a resource of $part", (each) => {
  const { rows, definition } = each;
  const handler = kernelFilesHandler({ definition, kind: "trial", knobs: rows, rivals: ["tuned"] });
  const named = "name" in definition.inputs.shape ? { name: "set" } : {};
  const both = fc.tuple(inputsOf(each), inputsOf(each), machineOf(each));

  it("is made, changed, read, and taken away without a trace", async () => {
    await fc.assert(
      fc.asyncProperty(both, async ([first, second, machine]) => {
        const model = new ModelHost(machine);
        const before = model.state();
        const operation = model.operation();
        const one = { host, ...named, ...first };
        const two = { host, ...named, ...second };
        const made = { ...one, ...(await handler.create(operation, one)) };
        expect(await handler.read(operation, made as never)).toEqual(made);
        const changed = { ...two, ...(await handler.update(operation, two, made as never)) };
        expect(await handler.read(operation, changed as never)).toEqual(changed);
        const writes = model.writes;
        await handler.update(operation, two, changed as never);
        expect(model.writes).toBe(writes);
        await handler.delete(operation, changed as never);
        expect(model.state()).toEqual(before);
        expect(model.warnings).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it("is found again by its id, as it was made", async () => {
    await fc.assert(
      fc.asyncProperty(inputsOf(each), machineOf(each), async (fields, machine) => {
        const model = new ModelHost(machine);
        const inputs = { host, ...named, ...fields };
        const id = handler.id(inputs, { project: "", stack: "", resourceName: "" });
        const located = { host, ...handler.locate?.(id.slice("dut/".length)) };
        expect(await handler.read(model.operation(), located as never)).toBeUndefined();
        await handler.create(model.operation(), inputs);
        const imported = await handler.read(model.operation(), located as never);
        expect(Object.keys(imported ?? {}).sort()).toEqual(
          [...Object.keys(inputs), ...Object.keys(definition.outputs.shape)].sort(),
        );
        const writes = model.writes;
        await handler.update(model.operation(), inputs, imported as never);
        expect(model.writes).toBe(writes);
      }),
      { numRuns: 25 },
    );
  });

  it("that a state was lost of goes back to what was there first", async () => {
    await fc.assert(
      fc.asyncProperty(inputsOf(each), machineOf(each), async (fields, machine) => {
        const model = new ModelHost(machine);
        const before = model.state();
        const inputs = { host, ...named, ...fields };
        await handler.create(model.operation(), inputs);
        const again = { ...inputs, ...(await handler.create(model.operation(), inputs)) };
        await handler.delete(model.operation(), again as never);
        expect(model.state()).toEqual(before);
      }),
      { numRuns: 25 },
    );
  });
});

describe("what a kernel refuses", () => {
  const governor = (cpu: number) => `/sys/devices/system/cpu/cpu${cpu}/cpufreq/scaling_governor`;
  const files = new Map([
    ["/sys/devices/system/cpu/online", "0-3"],
    ...[2, 3].map((cpu) => [governor(cpu), "powersave"] as const),
  ]);
  const inputs = { host, name: "set", cpus: "2-3", governor: "performance" as const };

  it("is told, recorded as it is, and undone for what it took", async () => {
    const model = new ModelHost({ files, interrupts: new Map() });
    const before = model.state();
    model.refusing = new Map([[governor(3), "Invalid argument"]]);
    const error = await cpuFrequencyHandler
      .create(model.operation(), inputs)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Incomplete);
    const { message, outputs, observedInputs } = error as Incomplete;
    expect(message).toMatch(
      /observed governor of CPU 3 = powersave, expected governor of CPU 3 = performance; it refused with "Invalid argument"/,
    );
    expect(observedInputs).toEqual({ governor: "CPU 2: performance, CPU 3: powersave" });
    await cpuFrequencyHandler.delete(model.operation(), { ...inputs, ...outputs } as never);
    expect(model.state()).toEqual(before);
  });

  it("is told before anything is written where a file is not there", async () => {
    const model = new ModelHost({ files: new Map([...files].slice(0, 2)), interrupts: new Map() });
    await expect(cpuFrequencyHandler.create(model.operation(), inputs)).rejects.toThrow(
      "dut does not have governor",
    );
    await expect(cpuFrequencyHandler.create(model.operation(), { ...inputs, cpus: "2-9" })).rejects.toThrow(
      "cpus: CPU 4-9 is not online on dut",
    );
    expect([model.writes, model.journal.size]).toEqual([0, 0]);
  });

  it("does not keep a resource from being taken away", async () => {
    const model = new ModelHost({ files, interrupts: new Map() });
    const state = { ...inputs, ...(await cpuFrequencyHandler.create(model.operation(), inputs)) };
    model.refusing = new Map([[governor(3), "Device or resource busy"]]);
    await cpuFrequencyHandler.delete(model.operation(), state);
    expect(model.warnings).toEqual([
      `left as it is, since the kernel takes nothing back: ${governor(3)} (Device or resource busy)`,
    ]);
    expect(model.machine.files.get(governor(2))).toBe("powersave");
  });

  it("is brought about where one setting moves another", async () => {
    const preference = "/sys/devices/system/cpu/cpu2/cpufreq/energy_performance_preference";
    const model = new ModelHost({ files: new Map([...files, [preference, "power"]]), interrupts: new Map() });
    model.moves = new Map([[governor(2), [preference, "balance_power"]]]);
    const wanted = { ...inputs, cpus: "2", governor: "ondemand" as const };
    await cpuFrequencyHandler.create(model.operation(), { ...wanted, energyPerformancePreference: "power" });
    expect(model.machine.files.get(preference)).toBe("power");
  });

  it("is warned of where another service sets the same", async () => {
    const model = new ModelHost({ files, interrupts: new Map() });
    model.running = ["thermald", "irqbalance"];
    await cpuFrequencyHandler.create(model.operation(), inputs);
    expect(model.warnings).toEqual([
      "thermald runs on dut and may set the same: stop it, or let it alone decide",
    ]);
  });
});

describe("interrupts", () => {
  const at = (number: number) => `/proc/irq/${number}/smp_affinity_list`;
  const inputs = { host, cpus: "0-1" };
  const files = new Map([
    ["/sys/devices/system/cpu/online", "0-3"],
    [at(1), "0"],
    [at(24), "0-3"],
  ]);
  /** As systemd-tmpfiles has it after a boot. */
  const booted = (model: ModelHost, list: string) => {
    const changes = [1, 24].map((number) => [at(number), list] as const);
    model.machine = { ...model.machine, files: new Map([...model.machine.files, ...changes]) };
  };

  it("that were within their CPUs, and have all of them since a boot, go back too", async () => {
    const model = new ModelHost({ files, interrupts: new Map() });
    const before = model.state();
    const state = { ...inputs, ...(await irqAffinityHandler.create(model.operation(), inputs)) };
    expect(model.machine.files.get(at(1))).toBe("0");
    booted(model, "0-1");
    await irqAffinityHandler.delete(model.operation(), state);
    expect(model.warnings).toEqual([]);
    expect(model.state()).toEqual(before);
  });

  it("that somebody else has moved since are left alone", async () => {
    const model = new ModelHost({ files, interrupts: new Map() });
    const state = { ...inputs, ...(await irqAffinityHandler.create(model.operation(), inputs)) };
    booted(model, "2");
    await irqAffinityHandler.delete(model.operation(), state);
    expect(model.warnings).toEqual([`left alone, since somebody else has changed them: ${at(1)}, ${at(24)}`]);
  });
});

describe("what another resource sets", () => {
  const governor = (cpu: number) => `/sys/devices/system/cpu/cpu${cpu}/cpufreq/scaling_governor`;
  const files = new Map([
    ["/sys/devices/system/cpu/online", "0-3"],
    ...[1, 2, 3].map((cpu) => [governor(cpu), "powersave"] as const),
  ]);
  const set = (name: string, cpus: string) => ({ host, name, cpus, governor: "performance" as const });

  it("is refused, with what it is and both files, and nothing is written", async () => {
    const model = new ModelHost({ files, interrupts: new Map() });
    await cpuFrequencyHandler.create(model.operation(), set("slow", "1-2"));
    const before = model.state();
    await expect(cpuFrequencyHandler.create(model.operation(), set("fast", "2-3"))).rejects.toThrow(
      "governor: another resource sets the same on dut: observed governor of CPU 2 in /etc/tmpfiles.d/90-nfvlab-cpu-frequency-slow.conf, " +
        "expected it in /etc/tmpfiles.d/90-nfvlab-cpu-frequency-fast.conf alone; take it out of one of them",
    );
    expect(model.state()).toEqual(before);
  });

  it("can be taken over once it is free", async () => {
    const model = new ModelHost({ files, interrupts: new Map() });
    const before = model.state();
    const slow = set("slow", "1-2");
    const made = { ...slow, ...(await cpuFrequencyHandler.create(model.operation(), slow)) };
    const less = {
      ...set("slow", "1"),
      ...(await cpuFrequencyHandler.update(model.operation(), set("slow", "1"), made)),
    };
    const fast = set("fast", "2-3");
    const taken = { ...fast, ...(await cpuFrequencyHandler.create(model.operation(), fast)) };
    for (const state of [less, taken]) await cpuFrequencyHandler.delete(model.operation(), state);
    expect(model.state()).toEqual(before);
  });
});

describe("inputs are refused before a machine is asked", () => {
  const set = { host, name: "set", cpus: "2" };
  it.each([
    [
      cpuIdleHandler,
      { ...set, resumeLatency: "fast" },
      "resumeLatency",
      'observed "fast", expected "unlimited", or',
    ],
    [cpuIdleHandler, { ...set, resumeLatency: "500ns" }, "resumeLatency", "not a whole number of us"],
    [cpuIdleHandler, { ...set, dmaLatency: "20us" }, "cpus", "CPUs of which nothing is to be set"],
    [cpuIdleHandler, { host, name: "set" }, "", "resumeLatency, disabledStates, dmaLatency"],
    [
      cpuIdleHandler,
      { ...set, disabledStates: ["../x"] },
      "disabledStates[0]",
      'observed "../x", expected the name',
    ],
    [cpuFrequencyHandler, { ...set, energyPerfBias: 16 }, "energyPerfBias", "a whole number from 0 to 15"],
    [
      moduleParametersHandler,
      { host, module: "..", parameters: { a: 1 } },
      "module",
      'observed "..", expected',
    ],
    [
      moduleParametersHandler,
      { host, module: "kvm", parameters: { "a b": 1 } },
      "parameters",
      'observed "a b"',
    ],
    [
      moduleParametersHandler,
      { host, module: "kvm", parameters: { a: "x y" } },
      "parameters.a",
      'observed "x y"',
    ],
  ])("%#: $2", (handler, value, property, reason) => {
    expect(checkInputs(handler, { value, unknown: [], secret: [] })).toEqual([
      { property, reason: expect.stringContaining(reason) },
    ]);
  });

  it("but not a latency of the whole host alone", () => {
    const value = { host, name: "set", dmaLatency: "20us" };
    expect(checkInputs(cpuIdleHandler, { value, unknown: [], secret: [] })).toEqual([]);
  });
});
