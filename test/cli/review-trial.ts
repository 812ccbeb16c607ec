import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recipeHash } from "../../sdk/plan/boot-image.ts";
import { environment } from "../../tools/environment.mjs";

const root = join(import.meta.dirname, "../..");
const documents = join(root, "docs/review");

/** The example's program, as its pull request has it. */
export const proposed = readFileSync(join(documents, "lab.ts"), "utf8");

/** The example's program before: the change that the document shows, taken back. */
export function beforeTheChange(): string {
  const [, diff = ""] = /```diff\n(.*?)```/s.exec(readFileSync(join(documents, "README.md"), "utf8")) ?? [];
  const side = (sign: string) =>
    diff
      .split("\n")
      .filter((line) => line.startsWith(sign) || line.startsWith(" "))
      .map((line) => line.slice(1))
      .join("\n");
  if (diff === "" || !proposed.includes(side("+")))
    throw new Error("docs/review/README.md shows no change that leads to lab.ts");
  return proposed.replace(side("+"), side("-"));
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A project of the example's program, with a stack named rack, on the real engine and this provider. Its machine is this one, which a preview does not touch. */
export class ReviewTrial {
  readonly folder = mkdtempSync(join(tmpdir(), "nfvlab review-"));

  constructor() {
    writeFileSync(join(this.folder, "Pulumi.yaml"), definition);
    writeFileSync(join(this.folder, "package.json"), '{ "name": "lab", "type": "module" }\n');
    const modules = join(this.folder, "node_modules");
    mkdirSync(modules);
    symlinkSync(root, join(modules, "nfvlab"));
    for (const name of ["@pulumi", "tsx"]) symlinkSync(join(root, "node_modules", name), join(modules, name));
    mkdirSync(join(this.folder, "state"));
    const { code, stderr } = this.pulumi("stack", "init", "rack");
    if (code !== 0) throw new Error(stderr);
  }

  write(program: string): void {
    writeFileSync(join(this.folder, "lab.ts"), program);
  }

  pulumi(...args: readonly string[]): Ran {
    return this.#run("pulumi", [...args, "--non-interactive"]);
  }

  /** `nfvlab review`, as npm and npx run it. */
  review(...args: readonly string[]): Ran {
    return this.#run(process.execPath, [join(root, "tools/nfvlab.mjs"), "review", ...args]);
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), "utf8");
  }

  /** Makes the stack one in which everything of a program stands, with outputs as given by name: what its preview would create is imported. */
  stand(program: string, outputs: Readonly<Record<string, object>>): void {
    this.write(program);
    const preview = this.pulumi("preview", "--json");
    if (preview.code !== 0) throw new Error(`${preview.stdout}${preview.stderr}`);
    const { steps } = JSON.parse(preview.stdout) as { steps: readonly { newState: PlannedState }[] };
    const resources = [
      {
        urn: PROVIDER,
        custom: true,
        id: PROVIDER_ID,
        type: "pulumi:providers:nfvlab",
        inputs: {},
        outputs: {},
      },
      ...steps.map(({ newState }) => standing(newState, outputs)),
    ];
    const { deployment, ...rest } = JSON.parse(this.pulumi("stack", "export").stdout) as {
      deployment: object;
    };
    const file = join(this.folder, "import.json");
    writeFileSync(file, JSON.stringify({ ...rest, deployment: { ...deployment, resources } }));
    const imported = this.pulumi("stack", "import", "--file", file);
    if (imported.code !== 0) throw new Error(imported.stderr);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #run(command: string, args: readonly string[]): Ran {
    const env = {
      ...process.env,
      PULUMI_BACKEND_URL: `file://${join(this.folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "trial",
      PULUMI_STACK: "rack",
      NO_COLOR: "1",
    };
    const { status, stdout, stderr } = spawnSync(command, args, {
      cwd: this.folder,
      encoding: "utf8",
      env: environment(env),
    });
    return { code: status, stdout, stderr };
  }
}

const PROVIDER = "urn:pulumi:rack::lab::pulumi:providers:nfvlab::default";
const PROVIDER_ID = "11111111-1111-4111-8111-111111111111";
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

interface PlannedState {
  readonly urn: string;
  readonly type: string;
  readonly custom: boolean;
  readonly inputs?: object;
}

function standing(planned: PlannedState, outputs: Readonly<Record<string, object>>): object {
  const name = planned.urn.split("::").at(-1) ?? "";
  const { inputs = {}, ...rest } = JSON.parse(
    JSON.stringify(planned).replaceAll(UNKNOWN, "/known"),
  ) as PlannedState;
  return {
    ...rest,
    ...(planned.custom && { id: `dut/${name}`, inputs, provider: `${PROVIDER}::${PROVIDER_ID}` }),
    outputs: { ...inputs, ...outputs[name] },
  };
}

/** A machine of two nodes, as its facts were taken. */
const facts = {
  hostname: "dut",
  identity: { machineId: "m", bootId: "b", virtualization: "none", emulated: false },
  cpuModel: "Xeon",
  kernel: { release: "6.12.48" },
  onlineCpus: "0-7",
  cpus: [0, 1, 2, 3, 4, 5, 6, 7].map((cpu) => ({
    ...{ cpu, online: true, core: cpu, numaNode: cpu < 4 ? 0 : 1, siblings: String(cpu) },
  })),
  numaNodes: [
    { node: 0, cpus: "0-3", memoryTotalKib: 33554432, memoryFreeKib: 30000000, hugepages: [] },
    {
      node: 1,
      cpus: "4-7",
      memoryTotalKib: 33554432,
      memoryFreeKib: 30000000,
      hugepages: [{ size: "2MiB", total: 1024, free: 1024, surplus: 0 }],
    },
  ],
  nics: [],
  versions: {},
};

/** What the example's resources have as outputs while they stand, by name. */
export const standingOutputs = {
  dut: {
    reference: { name: "dut", connection: { kind: "local" } },
    cpus: { housekeeping: "0,4", isolated: "1-3,5-7" },
  },
  "dut-facts": facts,
  "br0-daemon": { version: "3.5.0", dpdkVersion: "24.11", initialized: true, found: {} },
  "br0-vhu0": { up: true, openflowPort: 1 },
  "vnf-image": { kernel: "/known", initramfs: "/known", recipe: recipeHash() },
  "vnf-domain": { uuid: "u", running: true, serialLog: "" },
};

const definition = `name: lab
runtime:
  name: nodejs
  options:
    typescript: false
    nodeargs: "--import tsx"
main: lab.ts
plugins:
  providers:
    - name: nfvlab
      path: ${join(root, "sdk/provider")}
`;
