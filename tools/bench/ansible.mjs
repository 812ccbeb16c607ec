import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../command.mjs";

/** What the output says of the playbook. */
export const ansibleDescription =
  "one command task a resource that compares its row in the switch's database; no facts, pipelining, one connection kept by ControlPersist";

/** A playbook of these tasks on one host; `host` has the port, key and client key of its sshd on loopback. */
export class Playbook {
  #folder;
  #python;
  #host;

  constructor(folder, { ansible, host, tasks }) {
    mkdirSync(folder);
    this.#folder = folder;
    this.#python = ansible.python;
    this.#host = host;
    for (const [name, content] of Object.entries({
      known_hosts: `[127.0.0.1]:${host.port},127.0.0.1 ${host.hostKey}\n`,
      "inventory.json": JSON.stringify(this.#inventory()),
      "playbook.json": JSON.stringify([{ hosts: "dut", gather_facts: false, tasks }]),
      "ansible.cfg": this.#configuration(),
    })) {
      writeFileSync(join(folder, name), content);
    }
  }

  /** Its output; rejects where a task fails. */
  play() {
    const args = ["--inventory", "inventory.json", "playbook.json"];
    return run([this.#python, "-m", "ansible", "playbook", ...args], {
      cwd: this.#folder,
      env: {
        ...process.env,
        LC_ALL: "C.UTF-8",
        ANSIBLE_CONFIG: join(this.#folder, "ansible.cfg"),
        ANSIBLE_HOME: join(this.#folder, "home"),
      },
    });
  }

  #configuration() {
    return [
      "[ssh_connection]",
      "pipelining = true",
      `control_path_dir = ${this.#folder}/cp`,
      `ssh_args = -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=${this.#folder}/known_hosts`,
      "",
    ].join("\n");
  }

  #inventory() {
    return {
      all: {
        hosts: {
          dut: {
            ansible_host: "127.0.0.1",
            ansible_port: this.#host.port,
            ansible_user: "root",
            ansible_ssh_private_key_file: this.#host.clientKeyFile,
            ansible_python_interpreter: "/usr/bin/python3",
          },
        },
      },
    };
  }
}
