import { describe, expect, it } from "vitest";
import { parseBootArguments } from "../../sdk/observe/boot-arguments.ts";
import type { Step } from "../../sdk/plan/step.ts";
import type { Operation } from "../../sdk/provider/handler.ts";
import { bootPending } from "../../sdk/provider/rebooting.ts";

const reference = {
  name: "dut",
  connection: { kind: "ssh" as const, host: "127.0.0.1", hostKey: "ssh-ed25519 A" },
};

/** A machine that runs by an entry that is staged no more, so a reboot is due; CPUs whose timer is dead, by boot. */
class Machine {
  readonly name = "dut";
  readonly warnings: string[] = [];
  readonly #vendor: string;
  readonly #deadByBoot: readonly string[];
  boots = 0;

  constructor(vendor: string, deadByBoot: readonly string[]) {
    this.#vendor = vendor;
    this.#deadByBoot = deadByBoot;
  }

  transport = {
    run: async () => {
      const stdout = this.#deadByBoot[this.boots] ?? "";
      if (stdout === "late") throw Object.assign(new Error("no answer"), { code: "command-timeout" });
      return { stdout };
    },
  };
  observeNow = async () => ({
    evidence: {
      ...{
        bootId: `boot ${this.boots}`,
        kernelRelease: "6.12",
        commandLine: parseBootArguments(""),
        hugepages: [],
        files: new Map(),
      },
      ...(this.boots === 0 && { entry: "nfvlab-1" }),
    },
    log: { bootedAt: "2030-01-01T00:00:00Z", complete: true, lines: [] },
    ...{ iommus: [], guests: [], loader: { kind: "grub-menu", sets: new Map() } },
    ...{ identity: { vendor: this.#vendor }, kind: "none" },
    leases: { systemd: true, now: 0, leases: [], holders: new Map() },
  });
  execute = async (steps: readonly Step[]) => {
    this.boots += steps.filter(({ purpose }) => purpose === "reboot the machine").length;
  };

  operation(): Operation {
    const { signal } = new AbortController();
    const warn = (text: string) => this.warnings.push(text);
    return { host: () => this, status: () => undefined, warn, signal } as unknown as Operation;
  }
}

describe("a reboot", () => {
  const options = { reason: "a trial", timeoutMs: 1000 };
  const lost = (cpu: number) =>
    `dut came up with a CPU whose timer had stopped (nobody wakes up on CPU ${cpu}), as emulation does now and then: it boots again`;

  it.each([
    ["once where every CPU wakes up", ["", ""], 1, []],
    ["again where one does not", ["", "3\n", ""], 2, [lost(3)]],
    ["a third time, and says so each time", ["", "3\n", "1\n", ""], 3, [lost(3), lost(1)]],
  ] as const)("of an emulated server is done %s", async (_, dead, boots, warnings) => {
    const machine = new Machine("nfvlab", dead);
    const booted = await bootPending(machine.operation(), reference, options);
    expect(booted).toMatchObject({ bootId: `boot ${boots}`, rebootedAt: "2030-01-01T00:00:00Z" });
    expect(machine.boots).toBe(boots);
    expect(machine.warnings).toEqual(warnings);
  });

  it("of an emulated server is done again where not even the question is answered", async () => {
    const machine = new Machine("nfvlab", ["", "late", ""]);
    await bootPending(machine.operation(), reference, options);
    expect(machine.boots).toBe(2);
    expect(machine.warnings[0]).toContain("(who asks for it does not wake up either)");
  });

  it("is not tried a fourth time", async () => {
    const machine = new Machine("nfvlab", ["", "3\n", "3\n", "1\n2\n"]);
    await expect(bootPending(machine.operation(), reference, options)).rejects.toThrow(
      "the emulated server dut came up with a CPU whose timer had stopped, 3 times in a row: observed nobody wakes up on CPU 1, 2; QEMU's emulation",
    );
    expect(machine.boots).toBe(3);
  });

  it("of a real machine is done once, and nothing is asked of its timers", async () => {
    const machine = new Machine("Dell Inc.", ["", "3\n"]);
    await bootPending(machine.operation(), reference, options);
    expect([machine.boots, machine.warnings]).toEqual([1, []]);
  });
});
