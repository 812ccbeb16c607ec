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
  #options;
  #port;
  #questions;

  constructor(folder, { host, questions }) {
    mkdirSync(folder);
    const known = join(folder, "known_hosts");
    writeFileSync(known, `[127.0.0.1]:${host.port},127.0.0.1 ${host.hostKey}\n`);
    this.#port = String(host.port);
    this.#options = ["BatchMode=yes", "ControlMaster=no", `UserKnownHostsFile=${known}`]
      .flatMap((option) => ["-o", option])
      .concat("-F", "/dev/null", "-i", host.clientKeyFile);
    this.#questions = questions;
  }

  /** Rejects where an answer is another than was expected. */
  async ask() {
    const left = [...this.#questions];
    const wrong = [];
    const worker = async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const command = next.argv.map(quote).join(" ");
        const text = await run(["ssh", ...this.#options, "-p", this.#port, "root@127.0.0.1", command]);
        if (!next.isExpected(text)) wrong.push(next.name);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    if (wrong.length > 0) throw new ToolError(`differs: ${wrong.sort().join(", ")}`);
  }
}

function quote(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
