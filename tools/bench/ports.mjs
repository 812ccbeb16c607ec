/** A program that has one port of bridge br0 for each resource. */
export function portsProgram(ports, port) {
  return `import { readFileSync } from "node:fs";
import { Config, secret } from "@pulumi/pulumi";
import { ovs } from "nfvlab";

const config = new Config();
const host = {
  name: "dut",
  connection: {
    kind: "ssh" as const,
    host: "127.0.0.1",
    port: ${port},
    hostKey: config.require("hostKey"),
    privateKey: secret(readFileSync(config.require("keyFile"), "utf8")),
  },
};
for (const { name, number } of ${JSON.stringify(ports)}) {
  new ovs.Port(name, { host, bridge: "br0", name, interface: { kind: "internal" }, openflowPort: number });
}
`;
}

const columns = ["type", "options", "error", "ofport", "ofport_request", "mtu_request"];

/** Tasks that check each port as a refresh does: its bridge, and the columns of its row. They fail where one differs. */
export function portTasks(ports) {
  return ports.map(taskOf);
}

/** The same as questions of their own, one a port. */
export function portQuestions(ports) {
  return ports.map((port) => ({
    name: `port ${port.name}`,
    argv: argvOf(port),
    isExpected: (text) => {
      const [bridge, row] = text.split("\n");
      return bridge === "br0" && JSON.stringify(JSON.parse(row).data) === JSON.stringify([rowOf(port)]);
    },
  }));
}

function argvOf({ name }) {
  const list = [`--columns=${columns.join(",")}`, "list", "Interface", name];
  return ["ovs-vsctl", "--timeout=5", "--format=json", "--", "port-to-br", name, "--", ...list];
}

function rowOf({ number }) {
  return ["internal", ["map", []], ["set", []], number, number, ["set", []]];
}

function taskOf(port) {
  return {
    name: `port ${port.name}`,
    "ansible.builtin.command": { argv: argvOf(port) },
    register: "answer",
    changed_when: false,
    failed_when: `answer.rc != 0 or answer.stdout_lines[0] != 'br0' or (answer.stdout_lines[1] | from_json).data != ${JSON.stringify([rowOf(port)])}`,
  };
}
