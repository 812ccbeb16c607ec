import { spawn } from "node:child_process";
import { once } from "node:events";
import { isatty } from "node:tty";

const sameSignalMs = 500;

/**
 * Runs a program with this process's output, and its input at a terminal; resolves with its exit code. With `readsFiles` it has an input as well that is a file or a
 * pipe, but no terminal whose foreground it is not in.
 *
 * Ctrl-C is the program's to answer, and it is waited for. At a terminal it gets it from there; elsewhere it is passed on, and a signal that
 * arrives twice within half a second (npm passes on what the whole process group was sent already) counts once.
 */
export async function runInForeground(program, args, { readsFiles = false, ...options }) {
  const atTerminal = isatty(0) && isatty(1);
  const hasInput = atTerminal || (readsFiles && !isatty(0));
  const child = spawn(program, args, {
    ...options,
    stdio: [hasInput ? "inherit" : "ignore", "inherit", "inherit"],
    detached: !atTerminal,
  });
  const last = new Map();
  const passOn = (signal) => {
    const isRepeated = performance.now() - (last.get(signal) ?? Number.NEGATIVE_INFINITY) < sameSignalMs;
    last.set(signal, performance.now());
    if (isRepeated || (atTerminal && signal === "SIGINT")) return;
    child.kill(signal === "SIGHUP" ? "SIGTERM" : signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, passOn);
  try {
    const [code] = await once(child, "close");
    return code ?? 1;
  } finally {
    for (const signal of signals) process.off(signal, passOn);
  }
}
