import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { run } from "../command.mjs";
import { pathOf } from "./requirements.mjs";
import { waitUntil } from "./wait.mjs";

/** An OpenSSH server on loopback with keys of its own, whose log tells what was asked of it. */
export class Sshd {
  port = 22;
  clientKeyFile;
  #folder;
  #environment;

  constructor(folder, environment) {
    this.#folder = folder;
    this.#environment = environment;
    this.clientKeyFile = join(folder, "client_key");
  }

  get hostKey() {
    return readFileSync(join(this.#folder, "host_key.pub"), "utf8").trim();
  }

  async start() {
    mkdirSync("/run/sshd", { mode: 0o755 });
    for (const name of ["host_key", "client_key"]) {
      await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(this.#folder, name)]);
    }
    const config = join(this.#folder, "sshd_config");
    writeFileSync(config, this.#config());
    spawn(pathOf("sshd"), ["-D", "-f", config, "-E", this.#log], { stdio: "ignore" });
    await waitUntil("sshd answers", () => answers(this.port));
  }

  /** Counts from now on, as sshd logs it: connections, and sessions on them, each one command or file transfer. */
  counter() {
    const start = readFileSync(this.#log).length;
    return () => {
      const text = readFileSync(this.#log).subarray(start).toString("utf8");
      return {
        connections: text.match(/Accepted publickey for /g)?.length ?? 0,
        sessions: text.match(/Starting session: /g)?.length ?? 0,
      };
    };
  }

  get #log() {
    return join(this.#folder, "sshd.log");
  }

  #config() {
    const environment = Object.entries(this.#environment).map(([name, value]) => `"${name}=${value}"`);
    return [
      "ListenAddress 127.0.0.1",
      `Port ${this.port}`,
      `HostKey ${join(this.#folder, "host_key")}`,
      "PidFile none",
      `AuthorizedKeysFile ${join(this.#folder, "client_key.pub")}`,
      "StrictModes no",
      "UsePAM no",
      "PasswordAuthentication no",
      "PermitRootLogin yes",
      "Subsystem sftp internal-sftp",
      "LogLevel VERBOSE",
      `SetEnv ${environment.join(" ")}`,
      "",
    ].join("\n");
  }
}

function answers(port) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("data", () => resolve(socket.destroy()));
    socket.once("error", reject);
  });
}
