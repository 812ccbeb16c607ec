import { spawn } from "node:child_process";
import { ToolError } from "./tool-error.mjs";

const firstLines = 8;
const lastLines = 20;

/**
 * Runs a command without a terminal and without input. Resolves with its standard output; rejects with a ToolError that names the command,
 * how it ended, and its first and last lines: the reason is in one of them.
 *
 * `note` is called with each line it writes; `timeoutMs` ends it; `firstOutputMs` ends it when nothing came on standard output by then;
 * `nice` is added to its priority. What is ended is its whole process group.
 */
export function run(
  argv,
  { env = process.env, cwd, note = () => {}, timeoutMs, firstOutputMs, nice = 0 } = {},
) {
  const [program, ...args] = nice > 0 ? ["nice", "-n", String(nice), ...argv] : argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const lines = [];
    const output = [];
    let ended;

    const end = (reason) => {
      ended = reason;
      signalGroup(child, "SIGKILL");
    };
    const limit = timeoutMs && setTimeout(() => end(`ended after ${timeoutMs / 1000} s`), timeoutMs);
    const silence =
      firstOutputMs &&
      setTimeout(() => end(`ended: nothing came for ${firstOutputMs / 1000} s`), firstOutputMs);
    const onExit = () => signalGroup(child, "SIGTERM");
    process.once("exit", onExit);
    const settle = () => {
      clearTimeout(limit);
      clearTimeout(silence);
      process.off("exit", onExit);
    };

    for (const stream of [child.stdout, child.stderr]) {
      let rest = "";
      stream.setEncoding("utf8").on("data", (text) => {
        if (stream === child.stdout) {
          output.push(text);
          clearTimeout(silence);
        }
        const parts = (rest + text).split(/\r\n|\r|\n/);
        rest = parts.pop();
        for (const line of parts.filter((part) => part.trim() !== "")) {
          lines.push(line);
          if (lines.length > firstLines + lastLines) lines.splice(firstLines, 1);
          note(line);
        }
      });
    }
    child.once("error", (error) => {
      settle();
      reject(new ToolError(`${program} can't be started: ${error.message}`));
    });
    child.once("close", (code, signal) => {
      settle();
      if (code === 0 && !ended) return resolve(output.join(""));
      const how = ended ?? (signal ? `killed by ${signal}` : `exit code ${code}`);
      reject(new ToolError([`${argv.join(" ")}: ${how}`, ...lines.map((line) => `  ${line}`)].join("\n")));
    });
  });
}

function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Gone already.
  }
}
