import { randomBytes } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { clone } from "../clone.mjs";
import { run } from "../command.mjs";

const stack = "bench";

/** A Pulumi project of its own, with a program and its configuration. */
export class PulumiProject {
  #folder;
  #env;
  #program;
  #config;

  constructor(folder, { engine, program, config, environment = {} }) {
    mkdirSync(folder);
    this.#folder = folder;
    this.#program = program;
    this.#config = config;
    this.#env = { ...environmentOf(folder, engine), ...environment };
  }

  async prepare() {
    mkdirSync(join(this.#folder, "state"));
    mkdirSync(join(this.#folder, "node_modules"));
    for (const name of ["@pulumi", "tsx"]) this.#link(name, join(clone, "node_modules", name));
    this.#link("nfvlab", clone);
    for (const [name, text] of Object.entries(this.#files())) writeFileSync(join(this.#folder, name), text);
    await this.#pulumi("stack", "init");
    for (const [key, value] of Object.entries(this.#config)) await this.#pulumi("config", "set", key, value);
  }

  /** @param atOnce resources that are made at a time; by default as many as the engine likes */
  create(atOnce) {
    const parallel = atOnce === undefined ? [] : ["--parallel", String(atOnce)];
    return this.#pulumi("up", "--yes", "--skip-preview", ...parallel);
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

  destroy() {
    return this.#pulumi("destroy", "--yes", "--skip-preview");
  }

  /** Types of the resources that are somewhere: not the stack, providers and components. */
  async resourceTypes() {
    const { deployment } = JSON.parse(await this.#pulumi("stack", "export"));
    return deployment.resources
      .filter(({ custom, id }) => custom && id !== undefined)
      .map(({ type }) => type)
      .filter((type) => !type.startsWith("pulumi:"));
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
      "index.ts": this.#program,
    };
  }
}

function environmentOf(folder, engine) {
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
