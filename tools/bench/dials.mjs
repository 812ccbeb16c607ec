import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../command.mjs";
import { ToolError } from "../tool-error.mjs";

/** As many at a time as the engine works on by default. */
const atOnce = 16;
// Each command that runs listens for the end of this process.
process.setMaxListeners(atOnce + 10);

/** What the output says of it. */
export const dialsDescription = `one ssh a resource with the same command, ${atOnce} at a time: what a command that dials for itself costs`;

/** Questions to one host, each by a connection of its own, as resources that run one command each ask them. */
export class Dials {
  #ssh;
  #questions;

  constructor(folder, { host, questions }) {
    mkdirSync(folder);
    this.#ssh = sshArguments(folder, host);
    this.#questions = questions;
  }

  /** Rejects where an answer is another than was expected. */
  async ask() {
    const left = [...this.#questions];
    const wrong = [];
    const worker = async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const command = next.argv.map(quote).join(" ");
        const text = await run(["ssh", ...this.#ssh, command]);
        if (!next.isExpected(text)) wrong.push(next.name);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    if (wrong.length > 0) throw new ToolError(`differs: ${wrong.sort().join(", ")}`);
  }
}

/**
 * Arguments of an ssh that dials for itself and knows no other machine, as far as the command.
 *
 * @param folder where it is to find the host's key
 */
export function sshArguments(folder, { port, hostKey, clientKeyFile }) {
  const known = join(folder, "known_hosts");
  writeFileSync(known, `[127.0.0.1]:${port},127.0.0.1 ${hostKey}\n`);
  const options = ["BatchMode=yes", "ControlMaster=no", `UserKnownHostsFile=${known}`];
  return [
    ...options.flatMap((option) => ["-o", option]),
    ...["-F", "/dev/null", "-i", clientKeyFile, "-p", String(port), "root@127.0.0.1"],
  ];
}

function quote(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
