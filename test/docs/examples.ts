import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";

/** An example as it stands in a document or a docstring. */
export interface Example {
  /** File it stands in, from the root of the project. */
  readonly file: string;
  /** Line of its first line of code. */
  readonly line: number;
  readonly code: string;
}

export const root = join(import.meta.dirname, "../..");

/** TypeScript blocks of a Markdown text. */
export function blocksOf(file: string, text: string): Example[] {
  const found: Example[] = [];
  let block: { line: number; indent: string; code: string[] } | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    if (block === undefined) {
      const indent = /^(\s*)```(?:ts|typescript)\s*$/.exec(line)?.[1];
      if (indent !== undefined) block = { line: index + 2, indent, code: [] };
    } else if (line.trim() === "```") {
      found.push({ file, line: block.line, code: block.code.join("\n") });
      block = undefined;
    } else {
      block.code.push(line.startsWith(block.indent) ? line.slice(block.indent.length) : line);
    }
  }
  if (block !== undefined) throw new Error(`${file}:${block.line}: a block of TypeScript has no end`);
  return found;
}

/**
 * Examples of the docstrings of a source. The text is read line by line: TypeScript's own reading takes the `@` of a package's name for the next tag.
 */
export function docstringExamplesOf(file: string, text: string): Example[] {
  return [...text.matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap((comment) => {
    const first = text.slice(0, comment.index).split("\n").length;
    const found: { line: number; code: string[] }[] = [];
    let open = false;
    for (const [index, raw] of comment[0].split("\n").entries()) {
      const line = raw.replace(/^\s*(\/\*\*|\*\/|\* ?)/, "").replace(/\s*\*\/$/, "");
      const tag = /^\s*@(\w+)(?![\w/])\s?(.*)$/.exec(line);
      if (tag !== null) {
        open = tag[1] === "example";
        const rest = tag[2] ?? "";
        if (open)
          found.push({ line: first + index + (rest === "" ? 1 : 0), code: rest === "" ? [] : [rest] });
      } else if (open) {
        found.at(-1)?.code.push(line);
      }
    }
    return found.map(({ line, code }) => ({ file, line, code: code.join("\n").trimEnd() }));
  });
}

/** The documents and sources that hold examples for users. */
export function examplesOfProject(): Example[] {
  const read = (file: string) => readFileSync(join(root, file), "utf8");
  return [
    ...["README.md", ...filesIn("docs", ".md")].flatMap((file) => blocksOf(file, read(file))),
    ...[...documentedSources(), ...POLICY_KIT].flatMap((file) => docstringExamplesOf(file, read(file))),
  ];
}

/** Sources whose exports users write with. */
export function documentedSources(): string[] {
  return [...filesIn("sdk/resources", ".ts"), ...filesIn("components", ".ts")];
}

/** What a lab writes policies of its own with. */
const POLICY_KIT = [
  ...["policies/ask.ts", "policies/kit.ts", "policies/lab-policy.ts", "policies/select.ts"],
  ...["policies/serve-pack.ts", "policies/testing.ts", "policies/judging.ts", "policies/four-cases.ts"],
  "policies/blind-spots.ts",
];

function filesIn(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`)
    .sort();
}

const type = (path: string, name: string) => `import("../${path}").${name}`;
const module = (path: string) => `typeof import("../${path}")`;
const ON_A_HOST = { host: type("sdk/schema/connection.ts", "HostReference") };
const IN_A_TESTBED = {
  dut: type("components/tuned-host.ts", "TunedHost"),
  bridge: type("components/ovs-dpdk-bridge.ts", "OvsDpdkBridge"),
  vnf: type("components/vhost-user-vnf.ts", "VhostUserVnf"),
};

const IN_A_POLICY_TEST = {
  cases: type("policies/testing.ts", "PolicyCases"),
  enoughPages: type("policies/kit.ts", "CataloguedPolicy"),
  expect: "(value: unknown) => { toEqual(other: unknown): void }",
  noCounters: type("policies/kit.ts", "CataloguedPolicy"),
};

/** What an example takes for granted, by the file it stands in: things of the surrounding program that it would not repeat. */
const GRANTED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "docs/latency.md": IN_A_TESTBED,
  "sdk/resources/bench.ts": { ...ON_A_HOST, tool: type("sdk/resources/traffic.ts", "Tool") },
  "sdk/resources/emulate.ts": { image: type("sdk/resources/emulate.ts", "Image") },
  "sdk/resources/host.ts": ON_A_HOST,
  "sdk/resources/libvirt.ts": {
    ...ON_A_HOST,
    image: type("sdk/resources/libvirt.ts", "BootImage"),
    port: type("sdk/resources/ovs.ts", "Port"),
  },
  "sdk/resources/lxc.ts": {
    ...ON_A_HOST,
    bridge: type("sdk/resources/net.ts", "LinuxBridge"),
  },
  "sdk/resources/net.ts": {
    ...ON_A_HOST,
    bridge: type("sdk/resources/net.ts", "LinuxBridge"),
    namespace: type("sdk/resources/net.ts", "NetworkNamespace"),
  },
  "sdk/resources/ovs.ts": {
    ...ON_A_HOST,
    pool: type("sdk/resources/host.ts", "Hugepages"),
    daemon: type("sdk/resources/ovs.ts", "Daemon"),
    bridge: type("sdk/resources/ovs.ts", "Bridge"),
  },
  "sdk/resources/pci.ts": { ...ON_A_HOST, vfs: type("sdk/resources/pci.ts", "VirtualFunctions") },
  "sdk/resources/traffic.ts": {
    dut: type("sdk/schema/connection.ts", "HostReference"),
    tool: type("sdk/resources/traffic.ts", "Tool"),
  },
  "components/benchmarks.ts": IN_A_TESTBED,
  "components/chain-ends.ts": {
    ...{ ...IN_A_TESTBED, ...ON_A_HOST },
    lan: type("sdk/resources/net.ts", "LinuxBridge"),
  },
  "components/container-vnf.ts": { ...IN_A_TESTBED, tool: type("sdk/resources/traffic.ts", "Tool") },
  "components/densities.ts": IN_A_TESTBED,
  "components/density-benchmark.ts": IN_A_TESTBED,
  "components/exchange-benchmark.ts": IN_A_TESTBED,
  "components/exit-costs.ts": IN_A_TESTBED,
  "components/latency-benchmarks.ts": IN_A_TESTBED,
  "components/libvirt-domain.ts": IN_A_TESTBED,
  "components/live-migration-benchmark.ts": IN_A_TESTBED,
  "components/migration-comparison.ts": IN_A_TESTBED,
  "components/ovs-dpdk-bridge.ts": IN_A_TESTBED,
  "components/forwarder-vnf.ts": { ...IN_A_TESTBED, tool: type("sdk/resources/traffic.ts", "Tool") },
  "components/path-comparison.ts": { ...IN_A_TESTBED, tool: type("sdk/resources/traffic.ts", "Tool") },
  "components/service-chain.ts": IN_A_TESTBED,
  "components/site-command.ts": IN_A_TESTBED,
  "components/sriov-vnf.ts": IN_A_TESTBED,
  "components/start-ups.ts": IN_A_TESTBED,
  "components/tap-vnf.ts": IN_A_TESTBED,
  "components/throughput-benchmark.ts": { ...IN_A_TESTBED, tool: type("sdk/resources/traffic.ts", "Tool") },
  "components/outage-benchmark.ts": { ...IN_A_TESTBED, tool: type("sdk/resources/traffic.ts", "Tool") },
  "components/traffic-benchmark.ts": { ...IN_A_TESTBED, tool: type("sdk/resources/traffic.ts", "Tool") },
  "components/vhost-user-vnf.ts": IN_A_TESTBED,
  "policies/ask.ts": { findings: type("policies/kit.ts", "Findings") },
  "policies/lab-policy.ts": { libvirt: module("sdk/resources/libvirt.ts") },
  "policies/select.ts": { host: module("sdk/resources/host.ts"), lab: type("policies/kit.ts", "Lab") },
  "policies/serve-pack.ts": { guestWithinQuota: type("policies/kit.ts", "CataloguedPolicy") },
  "policies/blind-spots.ts": IN_A_POLICY_TEST,
  "policies/four-cases.ts": IN_A_POLICY_TEST,
  "policies/judging.ts": IN_A_POLICY_TEST,
  "components/input-check.ts": {
    name: "string",
    args: type("components/vhost-user-vnf.ts", "VhostUserVnfArgs"),
  },
};

/** Stands in for a package that users generate, and that nothing here may need. */
const PACKAGE = join(root, "test/golden/libvirt-domain/pulumi-libvirt.d.ts");

/** A sentence for each thing that the compiler has against an example, at its place in the document. */
export function complaintsAbout(examples: readonly Example[]): string[] {
  const virtual = new Map(
    examples.map((example, index) => [join(root, "stacks", `example-${index}.ts`), example] as const),
  );
  const options = compilerOptions();
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  const textOf = (name: string) => {
    const example = virtual.get(name);
    return example === undefined ? undefined : moduleOf(example);
  };
  host.readFile = (name) => textOf(name) ?? readFile(name);
  host.fileExists = (name) => virtual.has(name) || fileExists(name);
  host.getSourceFile = (name, version, ...rest) => {
    const text = textOf(name);
    return text === undefined
      ? sourceOnce(name, () => getSourceFile(name, version, ...rest))
      : ts.createSourceFile(name, text, version, true);
  };
  const program = ts.createProgram({ rootNames: [...virtual.keys(), PACKAGE], options, host });
  return [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()]
    .map((diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"))
    .concat(
      [...virtual].flatMap(([name, example]) => {
        const source = program.getSourceFile(name);
        const syntactic = program.getSyntacticDiagnostics(source);
        // What can't be read has no types to speak of.
        const found = syntactic.length > 0 ? syntactic : program.getSemanticDiagnostics(source);
        return found.map((diagnostic) => complaint(diagnostic, example));
      }),
    );
}

function complaint({ file, start = 0, messageText }: ts.Diagnostic, example: Example): string {
  const line = file?.getLineAndCharacterOfPosition(start).line ?? 0;
  return `${example.file}:${example.line + line - 1}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
}

const parsed = new Map<string, ts.SourceFile | undefined>();

/** Libraries and the project's own sources are read once for all programs of a test. */
function sourceOnce(name: string, read: () => ts.SourceFile | undefined): ts.SourceFile | undefined {
  if (!parsed.has(name)) parsed.set(name, read());
  return parsed.get(name);
}

export function compilerOptions(): ts.CompilerOptions {
  const path = join(root, "tsconfig.json");
  const { config, error } = ts.readConfigFile(path, ts.sys.readFile);
  if (error !== undefined) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, "\n"));
  return { ...ts.parseJsonConfigFileContent(config, ts.sys, dirname(path)).options, noEmit: true };
}

/**
 * An example as a module in `stacks`. Its first line, which is not in the document, imports what the example uses without importing it, and declares
 * what it takes for granted.
 */
function moduleOf(example: Example): string {
  const source = ts.createSourceFile("example.ts", example.code, ts.ScriptTarget.Latest, true);
  const declared = declaredIn(source);
  const missing = [...identifiersOf(source)].filter((name) => !declared.has(name)).sort();
  const header = missing.flatMap((name) => {
    const granted = GRANTED[example.file]?.[name];
    if (granted !== undefined) return `declare const ${name}: ${granted};`;
    const from = exported().get(name);
    if (from !== undefined) return `import ${from.isType ? "type " : ""}{ ${name} } from "../${from.path}";`;
    return name === "pulumi" ? 'import * as pulumi from "@pulumi/pulumi";' : [];
  });
  return `${header.join(" ")} export {};\n${example.code}\n`;
}

function declaredIn(source: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    const name = (node as { readonly name?: ts.Node }).name;
    const declares =
      ts.isVariableDeclaration(node) ||
      ts.isBindingElement(node) ||
      ts.isParameter(node) ||
      ts.isClassDeclaration(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isImportClause(node) ||
      ts.isImportSpecifier(node) ||
      ts.isNamespaceImport(node);
    if (declares && name !== undefined && ts.isIdentifier(name)) names.add(name.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

/** Identifiers that stand for something of the scope: neither the name of a property nor that of a member. */
function identifiersOf(source: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const { parent } = node;
      const isMember =
        (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
        (ts.isQualifiedName(parent) && parent.right === node) ||
        ((ts.isPropertyAssignment(parent) ||
          ts.isPropertyDeclaration(parent) ||
          ts.isPropertySignature(parent)) &&
          parent.name === node);
      if (!isMember) names.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

interface Export {
  readonly path: string;
  readonly isType: boolean;
}

let exports: Map<string, Export> | undefined;

/** What users can import, by name: the resources, the components, and the types of the public surface. */
function exported(): Map<string, Export> {
  if (exports !== undefined) return exports;
  exports = new Map();
  for (const path of ["sdk/index.ts", ...documentedSources(), ...POLICY_KIT]) {
    const source = ts.createSourceFile(
      path,
      readFileSync(join(root, path), "utf8"),
      ts.ScriptTarget.Latest,
      true,
    );
    for (const statement of source.statements) {
      if (
        ts.isExportDeclaration(statement) &&
        statement.exportClause &&
        ts.isNamedExports(statement.exportClause)
      ) {
        for (const { name, isTypeOnly } of statement.exportClause.elements) {
          exports.set(name.text, { path, isType: statement.isTypeOnly || isTypeOnly });
        }
      } else if (isExported(statement) && "name" in statement && ts.isIdentifier(statement.name as ts.Node)) {
        const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
        exports.set((statement.name as ts.Identifier).text, { path, isType });
      }
    }
  }
  return exports;
}

export function isExported(node: ts.Node): boolean {
  return (
    ts.canHaveModifiers(node) &&
    (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
  );
}
