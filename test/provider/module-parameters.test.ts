import { describe, expect, it } from "vitest";
import type { ObservedModule } from "../../sdk/observe/module-parameters.ts";
import { modprobeText } from "../../sdk/plan/module-parameters.ts";
import type { Step } from "../../sdk/plan/step.ts";
import { Incomplete, type Operation } from "../../sdk/provider/handler.ts";
import { moduleParametersHandler } from "../../sdk/provider/handlers/module-parameters.ts";
import { CommandError } from "../../sdk/remote/command-error.ts";

const PARAMETERS = "/sys/module/kvm/parameters/";
const defaults = { halt_poll_ns: "200000", nx_huge_pages: "N" };

/** A machine with KVM's module, whose parameters take writes, counted by how often it is looked at. */
class Machine {
  readonly name = "dut";
  readonly values = new Map<string, string>();
  readonly journal = new Map<string, unknown>();
  text = "";
  looks = 0;
  /** What happens before a step is carried out. */
  meanwhile: (step: Step) => void = () => undefined;
  /** A parameter that refuses. */
  refusing = "";

  observeNow = async (): Promise<{ module: ObservedModule }> => {
    this.looks += 1;
    return {
      module: {
        presence: this.values.size === 0 ? "installed" : "loaded",
        values: new Map([...this.values].map(([name, text]) => [name, { text, writable: true }])),
        known: new Set(Object.keys(defaults)),
        text: this.text,
      },
    };
  };
  forget = async (key: string) => void this.journal.delete(key);
  remember = async (key: string, found: unknown) => {
    if (!this.journal.has(key)) this.journal.set(key, structuredClone(found));
    return this.journal.get(key);
  };
  execute = async (steps: readonly Step[]) => {
    for (const step of steps) {
      this.meanwhile(step);
      const { stdin = "" } = step;
      if (!stdin.includes(PARAMETERS)) {
        this.text = stdin;
        continue;
      }
      for (const line of stdin.trimEnd().split("\n")) {
        const [path = "", text = ""] = line.split(" ");
        if (path.endsWith(`/${this.refusing}`)) {
          const stderr = `tee: ${path}: Invalid argument\n`;
          throw new CommandError({ command: "sh", host: "dut", code: 1, stdout: "", stderr, durationMs: 1 });
        }
        this.values.set(path.slice(PARAMETERS.length), text);
      }
    }
  };

  load(options: Readonly<Record<string, string>> = {}): void {
    for (const [name, text] of Object.entries({ ...defaults, ...options })) this.values.set(name, text);
  }

  operation(): Operation {
    return { urn: "urn", host: () => this } as unknown as Operation;
  }
}

const inputs = {
  host: { name: "dut", connection: { kind: "local" as const } },
  ...{ module: "kvm", parameters: { halt_poll_ns: 0 } },
};
const create = (machine: Machine) => moduleParametersHandler.create(machine.operation(), inputs);

describe("parameters of a module", () => {
  it("are set by a look before and one after", async () => {
    const machine = new Machine();
    machine.load();
    expect(await create(machine)).toMatchObject({
      ...{
        found: { halt_poll_ns: "200000" },
        written: { halt_poll_ns: "0" },
        effective: { halt_poll_ns: "0" },
      },
      ...{ pending: [], persisted: true },
    });
    expect(machine.text).toBe(modprobeText("kvm", inputs.parameters));
    expect(machine.looks).toBe(2);
  });

  it("wait where the module is not loaded, and are looked at no more often", async () => {
    const machine = new Machine();
    expect(await create(machine)).toMatchObject({ found: {}, pending: ["halt_poll_ns"], persisted: true });
    expect(machine.looks).toBe(2);
  });

  it.each([
    ["without its file", {}, "200000"],
    ["with its file", { halt_poll_ns: "0" }, "0"],
  ])("are in force where the module is loaded meanwhile %s", async (_, options, found) => {
    const machine = new Machine();
    machine.meanwhile = () => {
      if (machine.values.size === 0) machine.load(options);
    };
    expect(await create(machine)).toMatchObject({
      ...{ found: { halt_poll_ns: found }, written: { halt_poll_ns: "0" }, pending: [] },
    });
    expect(machine.values.get("halt_poll_ns")).toBe("0");
    expect(machine.looks).toBe(found === "0" ? 2 : 3);
  });

  it("are in force where the module is loaded anew with what it had, between the look and the file", async () => {
    const machine = new Machine();
    machine.load({ halt_poll_ns: "0" });
    machine.meanwhile = () => machine.load();
    const outputs = await create(machine);
    expect(machine.values.get("halt_poll_ns")).toBe("0");
    // What was found is what the first look saw.
    expect(outputs.found).toEqual({ halt_poll_ns: "0" });
  });

  it("that the kernel refuses are told once, with what is in force", async () => {
    const machine = new Machine();
    machine.load();
    machine.refusing = "halt_poll_ns";
    const failure = await create(machine).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Incomplete);
    expect((failure as Incomplete).message).toContain("it refused with Invalid argument");
    expect((failure as Incomplete).outputs).toMatchObject({ effective: { halt_poll_ns: "200000" } });
    expect(machine.looks).toBe(2);
  });
});
