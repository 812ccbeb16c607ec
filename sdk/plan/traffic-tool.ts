import { createHash } from "node:crypto";
import type { BuildGround } from "../observe/traffic.ts";
import type { Inputs } from "../schema/definition.ts";
import type { trafficTool } from "../schema/traffic.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import type { Step } from "./step.ts";

/** Name to text of the files that the program is built of. */
export type Source = Readonly<Record<string, string>>;

/** A program that is built on a machine. */
export type BuiltProgram = NonNullable<Inputs<typeof trafficTool>["program"]>;

/** The same, or a runner, which is put there as it is. */
export type Program = BuiltProgram | "trex";

const FOLDER = "/var/lib/nfvlab/traffic";
const FLAGS = ["-O2", "-std=gnu11", "-Wall", "-Wextra"];
/** Of what runs as a guest's kernel and as a program of Linux alike: no library, nothing that an interrupt would have to save, and at 1 MiB, where both may be. */
const BARE_FLAGS = [
  ...["-ffreestanding", "-nostdlib", "-static", "-fno-pic", "-no-pie", "-fno-stack-protector"],
  ...["-fcf-protection=none", "-mgeneral-regs-only", "-mno-red-zone", "-fno-asynchronous-unwind-tables"],
  ...[
    "-Wl,--build-id=none",
    "-Wl,-Ttext-segment=0x100000",
    "-Wl,-z,noexecstack",
    "-Wl,-z,max-page-size=4096",
  ],
];
const LIBRARIES = "$(pkg-config --cflags --libs libdpdk)";
/** A compiler under full emulation needs minutes for DPDK's headers. */
const BUILD_MS = 15 * 60_000;

const MARK = 'umask 022; mkdir -p "$1/source" "$1/owners" && : > "$1/owners/$2"';
const PUT = 'cat > "$1/source/$2"';
// Whoever looks sees no half-made program.
const build = (file: string, libraries: string) => `set -e; cd "$1"; shift
gcc "$@" -o "${file}.$$" source/*.[cS]${libraries}
mv -T "${file}.$$" ${file}
sha256sum ${file} > ${file}.sha256`;
const INSTALL = `set -e; cd "$1"
install -m 0755 "source/$2" "$3.$$"
mv -T "$3.$$" "$3"
sha256sum "$3" > "$3.sha256"`;
const REMOVE = `rm -f "$1/owners/$2"; rmdir "$1/owners" 2>/dev/null && rm -rf "$1"; rmdir "$(dirname "$1")" 2>/dev/null; true`;

/** How a program is built on whatever machine. */
interface Recipe {
  readonly flags: readonly string[];
  readonly libraries: string;
}

const RECIPES: Readonly<Record<BuiltProgram, Recipe>> = {
  traffic: { flags: FLAGS, libraries: ` ${LIBRARIES}` },
  // A guest's boot image has no libraries but those that come along.
  exchange: { flags: [...FLAGS, "-static"], libraries: "" },
  exits: { flags: [...FLAGS, ...BARE_FLAGS], libraries: "" },
};

export interface ToolPlan {
  readonly hash: string;
  /** Of what it is built by, whatever the machine. */
  readonly recipe: string;
  readonly path: string;
  readonly dpdkVersion: string;
  /** Notes who uses it. */
  readonly mark: Step;
  readonly build: readonly Step[];
}

/** Tells a program of this source, these flags and this way of building it from one of an earlier release. */
export function toolRecipe(program: BuiltProgram, source: Source): string {
  const { flags, libraries } = RECIPES[program];
  return hashOf({ files: sorted(source), flags, build: build(fileOf(program), libraries) });
}

/** The same of a runner. */
export function runnerRecipe(source: Source): string {
  return hashOf({ files: sorted(source) });
}

/**
 * The program of this source for this machine: its folder is named by what it is made of.
 *
 * @throws HostError `dpdk-headers-missing`, `compiler-missing`, `architecture`
 */
export function planTool(
  program: BuiltProgram,
  source: Source,
  ground: BuildGround,
  tag: string,
  host: string,
): ToolPlan {
  const { compiler, architecture, dpdk } = ground;
  if (program === "exits" && architecture !== "x86_64") throw otherArchitecture(host, architecture);
  if (program !== "traffic") {
    if (compiler === undefined) throw noCompiler(host);
    return toolOf(program, source, { dpdk: "", architecture }, tag);
  }
  if (dpdk === undefined || compiler === undefined)
    throw new HostError({
      code: "dpdk-headers-missing",
      problem: `${host} can't build a program of DPDK's`,
      observed: `${dpdk === undefined ? "no libdpdk by pkg-config" : `DPDK ${dpdk}`}, ${compiler === undefined ? "no gcc" : `gcc ${compiler}`}`,
      expected: "gcc, pkg-config and DPDK's headers",
      hint: 'install them, for instance by host.Packages { gcc: "any", pkgconf: "any", "libdpdk-dev": "any" }',
    });
  return toolOf(program, source, { dpdk, architecture }, tag);
}

function noCompiler(host: string): HostError {
  return new HostError({
    code: "compiler-missing",
    problem: `${host} can't build a program`,
    observed: "no gcc",
    expected: "gcc and the headers and static libraries of C",
    hint: 'install them, for instance by host.Packages { gcc: "any", "libc6-dev": "any" }',
  });
}

function otherArchitecture(host: string, architecture: string): HostError {
  return new HostError({
    code: "architecture",
    problem: `${host} can't build a guest that times its exits`,
    observed: architecture,
    expected: "x86_64",
    hint: "what its hypercalls and interrupts are is known of x86-64 alone",
  });
}

function toolOf(
  program: BuiltProgram,
  source: Source,
  { dpdk, architecture }: { readonly dpdk: string; readonly architecture: string },
  tag: string,
): ToolPlan {
  const { flags, libraries } = RECIPES[program];
  const recipe = toolRecipe(program, source);
  const hash = hashOf({ recipe, dpdk, architecture });
  const folder = `${FOLDER}/${hash}`;
  const file = fileOf(program);
  return {
    hash,
    recipe,
    path: `${folder}/${file}`,
    dpdkVersion: dpdk,
    mark: markStep(program, folder, tag),
    build: [
      ...sorted(source).map((entry) => putStep(folder, entry)),
      {
        purpose: `build the ${program} program`,
        argv: ["sh", "-c", build(file, libraries), "sh", folder, ...flags],
        timeoutMs: BUILD_MS,
      },
    ],
  };
}

function fileOf(program: Program): string {
  return `nfvlab-${program}`;
}

function sorted(source: Source): (readonly [string, string])[] {
  return Object.entries(source).sort(([a], [b]) => (a < b ? -1 : 1));
}

function hashOf(made: unknown): string {
  return createHash("sha256").update(JSON.stringify(made)).digest("hex").slice(0, 16);
}

function markStep(program: Program, folder: string, tag: string): Step {
  return { purpose: `make the ${program} program's folder`, argv: ["sh", "-c", MARK, "sh", folder, tag] };
}

function putStep(folder: string, [name, text]: readonly [string, string]): Step {
  return { purpose: `write ${name}`, argv: ["sh", "-c", PUT, "sh", folder, name], stdin: text };
}

/** The runner of another generator, in a folder named by what it is. */
export function planRunner(program: "trex", source: Source, tag: string): ToolPlan {
  const files = sorted(source);
  const hash = runnerRecipe(source);
  const folder = `${FOLDER}/${hash}`;
  const file = fileOf(program);
  return {
    ...{ hash, recipe: hash, path: `${folder}/${file}`, dpdkVersion: "" },
    mark: markStep(program, folder, tag),
    build: [
      ...files.map((entry) => putStep(folder, entry)),
      ...files.map(([name]) => ({
        purpose: `put the ${program} runner in its place`,
        argv: ["sh", "-c", INSTALL, "sh", folder, name, file] as const,
      })),
    ],
  };
}

/** Removes the folder where nobody else uses it. */
export function removeTool(hash: string, tag: string): Step {
  return {
    purpose: "remove the traffic program",
    argv: ["sh", "-c", REMOVE, "sh", `${FOLDER}/${hash}`, tag],
  };
}

/** @throws VerificationError `not-built` */
export function verifyTool(plan: ToolPlan, built: ReadonlySet<string>): void {
  if (built.has(plan.hash)) return;
  throw new VerificationError({
    code: "not-built",
    problem: "the traffic program is not there, though its build succeeded",
    observed: `no program with the checksum noted in ${FOLDER}/${plan.hash}`,
    expected: plan.path,
    hint: "something else writes there",
  });
}
