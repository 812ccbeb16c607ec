import type { Answer, Probe } from "../../sdk/observe/probe.ts";
import type { Host, Operation } from "../../sdk/provider/handler.ts";
import { LocalTransport } from "../../sdk/remote/local-transport.ts";
import type { Command } from "../../sdk/remote/transport.ts";
import { recordedMachine, said } from "../observe/recorded.ts";

const machine = recordedMachine("machine/debian-13/emulated-server.txt");
const local = new LocalTransport();

/**
 * This machine as a host whose facts are recorded ones: commands run here, in no unit, since a test's machine may have no systemd.
 *
 * @param answers what the probe of a name is answered, each time, in place of what was recorded
 */
export function operationOn(
  environment: Readonly<Record<string, string>>,
  name = "ndr",
  answers: Readonly<Record<string, () => Answer>> = {},
) {
  const statuses: string[] = [];
  const units: string[] = [];
  const controller = new AbortController();
  const execute = async (command: Command) => {
    const words = command.argv.join(" ");
    const unit = command.argv.indexOf("sh");
    if (command.argv[0] === "systemd-run") {
      // systemd takes two dollars for one.
      const argv = command.argv.slice(unit).map((word) => word.replaceAll("$$", "$$"));
      return local.execute({ ...command, argv: ["env", ...argv], environment });
    }
    if (/systemctl|systemd-run/.test(words)) {
      units.push(words);
      return said("");
    }
    return local.execute(command);
  };
  const host = {
    name: "dut",
    transport: { execute },
    execute: async (steps: readonly Command[]) => {
      for (const step of steps) await execute(step);
    },
    observeNow: async (probes: Readonly<Record<string, Probe<unknown>>>) =>
      Object.fromEntries(
        Object.entries(probes).map(([key, probe]) => [
          key,
          probe.parse(answers[probe.name]?.() ?? machine.get(probe.name) ?? said("")),
        ]),
      ),
  } as unknown as Host;
  const operation = {
    ...{ tag: "0a1b2c3d", resourceName: name, project: "lab", stack: "dev", signal: controller.signal },
    ...{ results: environment["RESULTS"], secrets: [] },
    warn: (text: string) => statuses.push(text),
    status: (text: string) => statuses.push(text),
    host: () => host,
  } as unknown as Operation;
  return { operation, statuses, units, controller };
}
