import { describe, expect, it } from "vitest";
import type { Step } from "../../sdk/plan/step.ts";
import type { Handler, Operation } from "../../sdk/provider/handler.ts";
import { hugepagesHandler } from "../../sdk/provider/handlers/hugepages.ts";
import { sysctlsHandler } from "../../sdk/provider/handlers/sysctls.ts";
import { oneLine, sysctlPath } from "../../sdk/units/sysctl.ts";

const host = { name: "dut", connection: { kind: "local" as const } };
const KEYS = ["vm.stat_interval", "vm.swappiness"];
const POOL = { numaNode: 0, sizeKib: 2048, surplus: 0 };

/** A machine with two kernel parameters and a pool of huge pages, which takes every write. */
class Machine {
  readonly name = "dut";
  readonly warnings: string[] = [];
  readonly values = new Map(KEYS.map((key) => [key, "1"]));
  readonly files = new Map<string, { text: string; values: Map<string, string> }>();
  readonly journal = new Map<string, unknown>();
  pages = 0;

  observeNow = async () => ({
    ...{ values: new Map(this.values), files: new Map(this.files) },
    pools: [{ ...POOL, total: this.pages, free: this.pages }],
  });
  observe = this.observeNow;
  inTurn = <T>(_: string, work: () => Promise<T>) => work();
  forget = async (key: string) => void this.journal.delete(key);
  remember = async (key: string, found: unknown) => {
    if (!this.journal.has(key)) this.journal.set(key, found);
    return this.journal.get(key);
  };
  execute = async (steps: readonly Step[]) => {
    for (const { argv, stdin = "" } of steps) {
      const path = argv.at(-1) as string;
      const key = KEYS.find((each) => sysctlPath(each) === path);
      if (key !== undefined) this.values.set(key, oneLine(stdin));
      else if (path.endsWith("nr_hugepages")) this.pages = Number(stdin);
      else if (argv[0] === "rm") this.files.clear();
      else this.files.set("quiet", { text: stdin, values: this.values });
    }
  };

  operation(): Operation {
    return { host: () => this, warn: (text: string) => this.warnings.push(text) } as unknown as Operation;
  }
}

/** A life of each resource: how somebody else changes it, and what is there then. */
const lives = [
  {
    type: "Sysctls",
    handler: sysctlsHandler as unknown as Handler,
    inputs: { host, name: "quiet", values: { "vm.stat_interval": 10, "vm.swappiness": 10 } },
    change: (machine: Machine) => void machine.values.set("vm.stat_interval", "7"),
    facts: ({ values }: Machine) => [...values],
    theirs: [
      ["vm.stat_interval", "7"],
      ["vm.swappiness", "1"],
    ],
    warning: "left alone, since somebody else has changed them: vm.stat_interval",
  },
  {
    type: "Hugepages",
    handler: hugepagesHandler as unknown as Handler,
    inputs: { host, numaNode: 0, size: "2MiB", count: 8 },
    change: (machine: Machine) => {
      machine.pages = 12;
    },
    facts: ({ pages }: Machine) => pages,
    theirs: 12,
    warning: "left at 12 pages: somebody else has changed them since 8 were set",
  },
];

describe.each(lives)("$type", ({ handler, inputs, change, facts, theirs, warning }) => {
  const made = async (machine: Machine) => ({
    ...inputs,
    ...(await handler.create(machine.operation(), inputs)),
  });
  const refreshed = async (machine: Machine, state: object) =>
    (await handler.read(machine.operation(), state as never)) as object;

  it("goes back to what was found", async () => {
    const machine = new Machine();
    const before = facts(machine);
    const state = await made(machine);
    expect(facts(machine)).not.toEqual(before);
    await handler.delete(machine.operation(), state as never);
    expect([facts(machine), machine.files.size, machine.journal.size]).toEqual([before, 0, 0]);
    expect(machine.warnings).toEqual([]);
  });

  it.each([
    ["", false],
    [", seen by a refresh", true],
  ])("leaves alone what somebody else has changed%s", async (_, isRefreshed) => {
    const machine = new Machine();
    const state = await made(machine);
    change(machine);
    const last = isRefreshed ? await refreshed(machine, state) : state;
    await handler.delete(machine.operation(), last as never);
    expect(facts(machine)).toEqual(theirs);
    expect(machine.warnings).toEqual([warning]);
  });

  it("takes it back by an update, and then goes back to what was found", async () => {
    const machine = new Machine();
    const before = facts(machine);
    const state = await made(machine);
    const ours = facts(machine);
    change(machine);
    const last = await refreshed(machine, state);
    const mended = { ...inputs, ...(await handler.update(machine.operation(), inputs, last as never)) };
    expect(facts(machine)).toEqual(ours);
    await handler.delete(machine.operation(), mended as never);
    expect(facts(machine)).toEqual(before);
  });

  it("in a state that does not say what was written goes by what it asked for, and says so from a refresh on", async () => {
    for (const [isChanged, isRefreshed] of [
      [false, false],
      [false, true],
      [true, false],
      [true, true],
    ] as const) {
      const machine = new Machine();
      const before = facts(machine);
      const { written, ...old } = (await made(machine)) as { written?: unknown };
      if (isChanged) change(machine);
      const last = isRefreshed ? await refreshed(machine, old) : old;
      if (isRefreshed) expect((last as { written?: unknown }).written).toEqual(written);
      await handler.delete(machine.operation(), last as never);
      expect(facts(machine)).toEqual(isChanged ? theirs : before);
      expect(machine.warnings).toEqual(isChanged ? [warning] : []);
    }
  });

  it("that was imported leaves everything as it is, but for its own file", async () => {
    const machine = new Machine();
    await made(machine);
    machine.journal.clear();
    const ours = facts(machine);
    const id = handler.id(inputs, { project: "", stack: "", resourceName: "" });
    const located = { host, ...handler.locate?.(id.slice("dut/".length)) };
    const state = await refreshed(machine, located);
    await handler.delete(machine.operation(), state as never);
    expect([facts(machine), machine.files.size, machine.warnings]).toEqual([ours, 0, []]);
  });
});
