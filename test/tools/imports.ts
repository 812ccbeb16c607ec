import { posix } from "node:path";
import ts from "typescript";

/** One import of a source file. `isType` where nothing of it is left at run time: `import { type T }` still loads the file. */
export interface Import {
  readonly file: string;
  readonly line: number;
  readonly specifier: string;
  readonly isType: boolean;
}

/** What a room may import: rooms wholly, rooms for their types alone. */
interface Reach {
  readonly rooms: readonly string[];
  readonly types?: readonly string[];
}

/** Who may import whom. A room may always import from itself. */
export const directions: Readonly<Record<string, Reach>> = {
  units: { rooms: [] },
  schema: { rooms: ["units"] },
  observe: { rooms: ["schema", "units"] },
  plan: { rooms: ["schema", "units"], types: ["observe"] },
  measure: { rooms: ["schema", "units"] },
  report: { rooms: ["units", "measure"] },
  remote: { rooms: ["units"] },
  emulate: { rooms: ["units", "schema", "remote"] },
  provider: { rooms: ["schema", "units", "observe", "plan", "remote", "measure", "emulate"] },
  resources: { rooms: ["units", "schema"] },
  cli: { rooms: ["report", "measure", "remote", "schema", "units"] },
  index: { rooms: ["resources", "units"], types: ["schema"] },
  components: { rooms: ["resources", "units"], types: ["schema"] },
  stacks: { rooms: ["components", "units"] },
  policies: { rooms: ["units", "measure"], types: ["resources", "schema"] },
};

/** The rooms that a library may be used in, longest name first where one contains another. */
export const libraries: ReadonlyArray<readonly [name: RegExp, rooms: readonly string[]]> = [
  [/^(node-ssh|ssh2|aws4fetch)$/, ["remote"]],
  [/^(@grpc\/grpc-js|google-protobuf)(\/|$)/, ["provider"]],
  [/^@pulumi\/pulumi\/(proto|provider)(\/|$)/, ["provider"]],
  [/^@pulumi\/pulumi(\/|$)/, ["resources", "components", "stacks", "policies", "index"]],
  [/^@pulumi\/policy$/, ["policies"]],
  [/^@pulumi\/command(\/|$)/, ["components", "stacks"]],
  [/^zod(\/|$)/, ["schema", "provider", "measure"]],
];

/** Rooms without a file, a socket, a process or a clock: of Node.js they may use what computes. */
const pureRooms = ["units", "schema", "observe", "plan", "measure", "report"];
const pureModules = ["node:path/posix", "node:crypto", "node:util", "node:assert", "node:buffer"];

/** Room of a file named from the root of the project, undefined where it has none. */
export function roomOf(path: string): string | undefined {
  if (path === "sdk/index.ts") return "index";
  return /^(?:sdk\/)?([a-z]+)\//.exec(path)?.[1];
}

/** All imports of a file: declarations, re-exports, `import()` as a value and as a type, `require()`. */
export function importsOf(file: string, text: string): Import[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, isType: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const line = source.getLineAndCharacterOfPosition(specifier.getStart(source)).line + 1;
    found.push({ file, line, specifier: specifier.text, isType });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.isTypeOnly === true);
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, true);
    } else if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference)) {
      add(node.moduleReference.expression, node.isTypeOnly);
    } else if (ts.isCallExpression(node)) {
      const isRequire = ts.isIdentifier(node.expression) && node.expression.text === "require";
      if (isRequire || node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0], false);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** What breaks the rules in a set of source files (path from the project's root -> text), one sentence each. */
export function violations(files: ReadonlyMap<string, string>): string[] {
  const imports = [...files].flatMap(([file, text]) => importsOf(file, text));
  return [...imports.flatMap((each) => violation(each) ?? []), ...cycles(imports, files)];
}

function violation(each: Import): string | undefined {
  const room = roomOf(each.file) ?? each.file;
  const where = `${each.file}:${each.line} imports ${each.specifier}`;
  if (!each.specifier.startsWith(".")) {
    const [, rooms] = libraries.find(([name]) => name.test(each.specifier)) ?? [];
    if (rooms !== undefined && !rooms.includes(room))
      return `${where}, which is for ${rooms.join(", ")} only`;
    const isBuiltIn = each.specifier.startsWith("node:");
    if (isBuiltIn && pureRooms.includes(room) && !pureModules.includes(each.specifier) && !each.isType) {
      return `${where}, but ${room} is pure: it names no machine, file, process or clock`;
    }
    return undefined;
  }
  const target = posix.join(posix.dirname(each.file), each.specifier);
  const other = roomOf(target) ?? target;
  if (other === room) return undefined;
  if (other === "tools" || other === "test") return `${where}, but nothing imports ${other}`;
  // The public surface is what it re-exports, for those who may have that.
  if (other === "index" && (room === "components" || room === "stacks")) return undefined;
  const reach = directions[room];
  if (reach?.rooms.includes(other)) return undefined;
  if (reach?.types?.includes(other)) {
    return each.isType
      ? undefined
      : `${where}, but ${room} takes only types from ${other}: use \`import type\``;
  }
  const allowed = [...(reach?.rooms ?? []), ...(reach?.types ?? []).map((name) => `types of ${name}`)];
  return `${where}, but ${room} may import ${allowed.length === 0 ? "no other room" : allowed.join(", ")}`;
}

/** Each cycle of files once, as the way around it. Types count too: a cycle of types is one of meaning. */
function cycles(imports: readonly Import[], files: ReadonlyMap<string, string>): string[] {
  const edges = new Map<string, string[]>();
  for (const { file, specifier } of imports) {
    const target = posix.join(posix.dirname(file), specifier);
    if (specifier.startsWith(".") && files.has(target)) edges.set(file, [...(edges.get(file) ?? []), target]);
  }
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) {
      found.push(`a cycle: ${[...path.slice(start), file].join(" -> ")}`);
      return;
    }
    if (done.has(file)) return;
    for (const target of edges.get(file) ?? []) walk(target, [...path, file]);
    done.add(file);
  };
  for (const file of files.keys()) walk(file, []);
  return found;
}
