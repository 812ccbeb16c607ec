import { describe, expect, it } from "vitest";
import type { ObservedSwap, SwapUnit } from "../../sdk/observe/swap.ts";
import type { Step } from "../../sdk/plan/step.ts";
import { Incomplete, type Operation } from "../../sdk/provider/handler.ts";
import { swapHandler } from "../../sdk/provider/handlers/swap.ts";
import type { State } from "../../sdk/schema/definition.ts";
import type { SwapArea, swap } from "../../sdk/schema/swap.ts";

const host = { name: "dut", connection: { kind: "local" as const } };
const disk = { path: "/dev/sda2", unit: "dev-sda2.swap", priority: -2 };
const file = { path: "/var/swap file", unit: null, priority: 7 };
const DROP_IN = "/etc/systemd/system/swap.d/90-nfvlab.conf";

/** A machine with a disk that a unit turns on, of priority -2 by itself, and a file that somebody has turned on. */
class Machine {
  readonly name = "dut";
  readonly warnings: string[] = [];
  readonly journal = new Map<string, unknown>();
  readonly dropIns = new Map<string, string>();
  areas: SwapArea[] = [disk, file];
  /** Drop-ins that systemd has read. */
  read: string[] = [];
  /** What is not there any more. */
  readonly gone = new Set<string>();
  /** What a step's purpose has to contain for it to fail. */
  fails = "nothing";

  observeNow = async (): Promise<{ swap: ObservedSwap }> => {
    const unit: SwapUnit = {
      ...{ name: disk.unit, isActive: this.isOn(disk.path), isEnabled: true, dropIns: this.read },
    };
    return {
      swap: {
        ...{ systemd: 257, areas: [...this.areas], units: [unit], dropIns: new Map(this.dropIns) },
        memory: { total: 2 ** 30, available: 2 ** 30, swapped: 0 },
      },
    };
  };
  observe = this.observeNow;
  forget = async (key: string) => void this.journal.delete(key);
  remember = async (key: string, found: unknown) => {
    if (!this.journal.has(key)) this.journal.set(key, structuredClone(found));
    return this.journal.get(key);
  };
  execute = async (steps: readonly Step[]) => {
    for (const { purpose, argv, stdin } of steps) {
      if (purpose.includes(this.fails)) throw new Error(`${purpose}: failed`);
      const [path = "", unit = "", priority = ""] = argv.slice(4);
      if (stdin !== undefined) this.dropIns.set(path, stdin);
      else if (argv[1] === "daemon-reload") this.read = [...this.dropIns.keys()];
      else if (argv[0] === "swapoff") this.areas = this.areas.filter((area) => area.path !== argv[2]);
      else if (purpose.startsWith("remove")) this.dropIns.delete(path);
      // A condition that does not hold is no failure of the unit.
      else if (!this.gone.has(path) && (unit === "" || this.read.length === 0))
        this.areas.push({ path, unit: unit || null, priority: Number(priority) });
    }
  };
  isOn = (path: string) => this.areas.some((area) => area.path === path);

  operation(): Operation {
    return { host: () => this, warn: (text: string) => this.warnings.push(text) } as unknown as Operation;
  }
}

type SwapState = State<typeof swap>;
const made = async (machine: Machine): Promise<SwapState> => ({
  host,
  ...(await swapHandler.create(machine.operation(), { host })),
});

describe("swap", () => {
  it("goes off, and comes back with what it was", async () => {
    const machine = new Machine();
    const state = await made(machine);
    expect(state).toMatchObject({ found: [disk, file], configured: [], effective: [], written: [DROP_IN] });
    expect(machine.areas).toEqual([]);
    await swapHandler.delete(machine.operation(), state);
    expect(machine.areas).toEqual([file, disk]);
    expect([machine.dropIns.size, machine.read, machine.journal.size, machine.warnings]).toEqual([
      ...[0, [], 0, []],
    ]);
  });

  it("comes back whole where it went off half-way, by a state or by the machine's own journal", async () => {
    for (const isRetried of [false, true]) {
      const machine = new Machine();
      machine.fails = "turn swap on /var/swap file off";
      const failed = await made(machine).catch((error: unknown) => error);
      expect(failed).toBeInstanceOf(Incomplete);
      let state: SwapState = { host, ...(failed as Incomplete<typeof swap>).outputs };
      expect(state).toMatchObject({ found: [disk, file], written: [DROP_IN] });
      expect(machine.areas).toEqual([file]);
      machine.fails = "nothing";
      // A state that was lost: what is found now is not what was there.
      if (isRetried) state = await made(machine);
      await swapHandler.delete(machine.operation(), state);
      expect(machine.areas.map(({ path }) => path).sort()).toEqual([disk.path, file.path]);
      expect(machine.journal.size).toBe(0);
    }
  });

  it("comes back by a second delete where the first one failed", async () => {
    const machine = new Machine();
    const state = await made(machine);
    machine.fails = "turn swap on /dev/sda2 on";
    await expect(swapHandler.delete(machine.operation(), state)).rejects.toThrow("/dev/sda2");
    expect(machine.areas).toEqual([file]);
    machine.fails = "nothing";
    await swapHandler.delete(machine.operation(), state);
    expect(machine.areas).toEqual([file, disk]);
    expect(machine.warnings).toEqual([]);
  });

  it("that is gone since is named, and nothing fails", async () => {
    const machine = new Machine();
    const state = await made(machine);
    machine.gone.add(disk.path);
    await swapHandler.delete(machine.operation(), state);
    expect(machine.areas).toEqual([file]);
    expect(machine.warnings).toEqual([
      "swap that was on dut is not turned on again, since its device or its unit is gone, or the unit masked: /dev/sda2 (dev-sda2.swap)",
    ]);
  });

  it("that came since goes off, and does not come back", async () => {
    const machine = new Machine();
    const state = await made(machine);
    const late = { path: "/swap-late", unit: null, priority: 1 };
    machine.areas = [late];
    const drifted = (await swapHandler.read(machine.operation(), state)) as SwapState;
    expect(drifted.effective).toEqual([late.path]);
    const outputs = await swapHandler.update(machine.operation(), { host }, drifted);
    expect(machine.areas).toEqual([]);
    await swapHandler.delete(machine.operation(), { host, ...outputs });
    expect(machine.areas).toEqual([file, disk]);
  });

  it("is imported where our drop-in is there, and nowhere else", async () => {
    const machine = new Machine();
    const read = () => swapHandler.read(machine.operation(), { host } as SwapState);
    expect(await read()).toBeUndefined();
    await made(machine);
    expect(await read()).toEqual({
      ...{ host, found: [], services: [], written: [DROP_IN], configured: [], effective: [] },
    });
  });
});
