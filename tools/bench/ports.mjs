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
