import { constants } from "node:os";

/** What stops a tool, said so that the reader can act on it: printed without a stack. */
export class ToolError extends Error {}

/**
 * Runs a tool's main function: its result is the exit code, a ToolError one message on standard error and the exit code of failures. A signal ends the
 * tool in the ordinary way, so that what it started is ended too, unless somebody else listens to it. Who asks for help gets `usage`, where there is one, and nothing is done.
 */
export async function runTool(main, { failed = 1, usage } = {}) {
  const args = process.argv.slice(2);
  if (usage !== undefined && args.some((each) => each === "--help" || each === "-h")) {
    console.log(usage);
    return;
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(128 + constants.signals[signal]);
    });
  }
  try {
    process.exitCode = await main(args);
  } catch (error) {
    console.error(error instanceof ToolError ? `\n${error.message}` : error);
    process.exitCode = failed;
  }
}
