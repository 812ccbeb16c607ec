import { randomBytes } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { clone } from "../clone.mjs";
import { run } from "../command.mjs";

const stack = "bench";

/** A Pulumi project of its own whose program has one port of the bridge for each resource. */
export class PulumiProject {
  #folder;
  #env;
  #sshd;
  #ports;

  constructor(folder, { engine, sshd, ports }) {
    this.#folder = folder;
    this.#sshd = sshd;
    this.#ports = ports;
    this.#env = environment(folder, engine);
  }

  async prepare() {
    mkdirSync(join(this.#folder, "state"));
    mkdirSync(join(this.#folder, "node_modules"));
    for (const name of ["@pulumi", "tsx"]) this.#link(name, join(clone, "node_modules", name));
    this.#link("nfvlab", clone);
    for (const [name, text] of Object.entries(this.#files())) writeFileSync(join(this.#folder, name), text);
    await this.#pulumi("stack", "init");
    await this.#pulumi("config", "set", "hostKey", this.#sshd.hostKey);
    await this.#pulumi("config", "set", "keyFile", this.#sshd.clientKeyFile);
  }

  create() {
    return this.#pulumi("up", "--yes", "--skip-preview");
  }

  preview() {
    return this.#pulumi("preview", "--expect-no-changes");
  }

  refresh() {
    return this.#pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes");
  }

  /** A refresh that leaves the state as it is. */
  comparison() {
    return this.#pulumi("refresh", "--preview-only", "--expect-no-changes");
  }

  up() {
    return this.#pulumi("up", "--yes", "--skip-preview", "--expect-no-changes");
  }

  #pulumi(...args) {
    return run(["pulumi", ...args, "--stack", stack, "--non-interactive"], {
      cwd: this.#folder,
      env: this.#env,
    });
  }

  #link(name, target) {
    symlinkSync(target, join(this.#folder, "node_modules", name));
  }

  #files() {
    return {
      "package.json": '{ "name": "bench", "type": "module" }\n',
      "Pulumi.yaml": [
        "name: bench",
        "runtime:",
        "  name: nodejs",
        "  options:",
        "    typescript: false",
        '    nodeargs: "--import tsx"',
        "main: index.ts",
        "plugins:",
        "  providers:",
        "    - name: nfvlab",
        `      path: ${join(clone, "sdk/provider")}`,
        "",
      ].join("\n"),
      "index.ts": `import { readFileSync } from "node:fs";
import { Config, secret } from "@pulumi/pulumi";
import { ovs } from "nfvlab";

const config = new Config();
const host = {
  name: "dut",
  connection: {
    kind: "ssh" as const,
    host: "127.0.0.1",
    port: ${this.#sshd.port},
    hostKey: config.require("hostKey"),
    privateKey: secret(readFileSync(config.require("keyFile"), "utf8")),
  },
};
for (const { name, number } of ${JSON.stringify(this.#ports)}) {
  new ovs.Port(name, { host, bridge: "br0", name, interface: { kind: "internal" }, openflowPort: number });
}
`,
    };
  }
}

function environment(folder, engine) {
  const {
    PULUMI_ACCESS_TOKEN: _,
    PULUMI_STACK: __,
    PULUMI_CONFIG_PASSPHRASE_FILE: ___,
    ...rest
  } = process.env;
  return {
    ...rest,
    PATH: [engine.folder, dirname(process.execPath), rest.PATH].join(delimiter),
    PULUMI_HOME: join(folder, "home"),
    PULUMI_BACKEND_URL: pathToFileURL(join(folder, "state")).href,
    PULUMI_CONFIG_PASSPHRASE: randomBytes(32).toString("base64url"),
    PULUMI_SKIP_UPDATE_CHECK: "true",
  };
}
