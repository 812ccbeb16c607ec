import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../command.mjs";

const columns = ["type", "options", "error", "ofport", "ofport_request", "mtu_request"];

/** What the output says of the playbook. */
export const ansibleDescription =
  "one command task a resource that compares its row in the switch's database; no facts, pipelining, one connection kept by ControlPersist";

/** A playbook that checks each port as a refresh does: its bridge, and the columns of its row. It fails where one differs. */
export class AnsibleCheck {
  #folder;
  #python;
  #sshd;

  constructor(folder, { ansible, sshd, ports }) {
    this.#folder = folder;
    this.#python = ansible.python;
    this.#sshd = sshd;
    for (const [name, content] of Object.entries({
      known_hosts: `[127.0.0.1]:${sshd.port},127.0.0.1 ${sshd.hostKey}\n`,
      "inventory.json": JSON.stringify(this.#inventory()),
      "playbook.json": JSON.stringify([playOf(ports)]),
      "ansible.cfg": this.#configuration(),
    })) {
      writeFileSync(join(folder, name), content);
    }
  }

  check() {
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
            ansible_port: this.#sshd.port,
            ansible_user: "root",
            ansible_ssh_private_key_file: this.#sshd.clientKeyFile,
            ansible_python_interpreter: "/usr/bin/python3",
          },
        },
      },
    };
  }
}

function playOf(ports) {
  return { hosts: "dut", gather_facts: false, tasks: ports.map(taskOf) };
}

function taskOf({ name, number }) {
  const row = ["internal", ["map", []], ["set", []], number, number, ["set", []]];
  const list = [`--columns=${columns.join(",")}`, "list", "Interface", name];
  return {
    name: `port ${name}`,
    "ansible.builtin.command": {
      argv: ["ovs-vsctl", "--timeout=5", "--format=json", "--", "port-to-br", name, "--", ...list],
    },
    register: "answer",
    changed_when: false,
    failed_when: `answer.rc != 0 or answer.stdout_lines[0] != 'br0' or (answer.stdout_lines[1] | from_json).data != ${JSON.stringify([row])}`,
  };
}
