import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { buildSync } from "esbuild";
import { findEngine } from "../../tools/engine.mjs";

const root = join(import.meta.dirname, "../..");

export interface Trial {
  readonly code: number | null;
  /** Standard output and error. */
  readonly said: string;
}

/** A project of its own in a temporary folder, with a stack named trial, on the real engine and this provider. */
export class TrialProject {
  readonly folder: string;
  readonly #engine: string;

  /** `program` is TypeScript; modules of this project are imported by `modulePath`. */
  constructor(name: string, program: string) {
    const engine = findEngine();
    if (engine === undefined) throw new Error("no Pulumi engine; npm run up installs one");
    this.#engine = engine.folder;
    // A space in the path, since users have them.
    this.folder = mkdtempSync(join(tmpdir(), `nfvlab ${name}-`));
    writeFileSync(join(this.folder, "Pulumi.yaml"), definitionOf(name));
    writeFileSync(join(this.folder, "package.json"), `{ "name": "${name}", "type": "module" }\n`);
    // In one file, since every operation loads it, and the SDK's sources one by one take seconds.
    buildSync({
      stdin: { contents: program, loader: "ts", resolveDir: root },
      outfile: join(this.folder, "index.js"),
      ...{ bundle: true, packages: "external", platform: "node", format: "esm", logLevel: "error" },
    });
    symlinkSync(join(root, "node_modules"), join(this.folder, "node_modules"));
    mkdirSync(join(this.folder, "state"));
    const { code, said } = this.pulumi(["stack", "init", "trial"]);
    if (code !== 0) throw new Error(said);
  }

  pulumi(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Trial {
    const { status, stdout, stderr } = spawnSync(
      join(this.#engine, "pulumi"),
      [...args, "--non-interactive"],
      this.#options(environment),
    );
    return { code: status, said: `${stdout}${stderr}` };
  }

  /**
   * As `pulumi`, while this process goes on, for instance to serve what the engine asks for.
   *
   * @param interrupted as Ctrl-C at a terminal
   */
  start(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    interrupted?: AbortSignal,
  ): Promise<Trial> {
    const child = spawn(
      join(this.#engine, "pulumi"),
      [...args, "--non-interactive"],
      this.#options(environment),
    );
    interrupted?.addEventListener("abort", () => child.kill("SIGINT"), { once: true });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        said += chunk.toString("utf8");
      });
    return new Promise((resolve) => child.on("close", (code) => resolve({ code, said })));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #options(environment: Readonly<Record<string, string>>) {
    return {
      cwd: this.folder,
      encoding: "utf8" as const,
      env: {
        ...process.env,
        PATH: [this.#engine, process.env["PATH"]].join(delimiter),
        PULUMI_BACKEND_URL: `file://${join(this.folder, "state")}`,
        PULUMI_CONFIG_PASSPHRASE: "trial",
        PULUMI_STACK: "trial",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        NO_COLOR: "1",
        ...environment,
      },
    };
  }
}

/** A module of this project as an import names it. */
export function modulePath(path: string): string {
  return JSON.stringify(join(root, path));
}

function definitionOf(name: string): string {
  return `name: ${name}
runtime:
  name: nodejs
  options:
    typescript: false
main: index.js
plugins:
  providers:
    - name: nfvlab
      path: ${join(root, "sdk/provider")}
`;
}
