import type { Command, CommandResult } from "../remote/transport.ts";
import type { Host } from "./handler.ts";

/** Where a measurement leaves the commands that it runs, and what they print, as they print it. */
export interface RawOutputs {
  /**
   * A command begins.
   *
   * @param on where: the lab's name of the machine, `guest vnf of dut`
   */
  begin(on: string, argv: readonly string[]): RawOutput;
}

export interface RawOutput {
  stdin(text: string): void;
  stdout(chunk: Uint8Array): void;
  stderr(chunk: Uint8Array): void;
  end(exitCode: number): void;
}

const forgotten: RawOutput = {
  stdin: () => undefined,
  stdout: () => undefined,
  stderr: () => undefined,
  end: () => undefined,
};

/** Of a measurement whose stack names no results folder. */
export const NOTHING_KEPT: RawOutputs = { begin: () => forgotten };

/** Runs a command of a measurement on a machine, and keeps what it prints: of one that is given up, what it printed until then. */
export async function runKept(raw: RawOutputs, host: Host, command: Command): Promise<CommandResult> {
  const output = raw.begin(host.name, command.argv);
  const result = await host.transport.execute({
    ...command,
    onStdout: (chunk) => {
      output.stdout(chunk);
      command.onStdout?.(chunk);
    },
    onStderr: (chunk) => output.stderr(chunk),
  });
  output.end(result.code);
  return result;
}
