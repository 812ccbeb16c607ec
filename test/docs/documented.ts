import { basename, join, relative } from "node:path";
import ts from "typescript";
import { z } from "zod";
import { fieldFacts, type ResourceDefinition } from "../../sdk/schema/definition.ts";
import { resourceDefinitions } from "../../sdk/schema/registry.ts";
import { compilerOptions, documentedSources, isExported, root } from "./examples.ts";

/** The sources that users write with, as the compiler sees them; `text` stands in for files that are not there. */
export function documentedProgram(text: ReadonlyMap<string, string> = new Map()): ts.Program {
  const options = compilerOptions();
  const host = ts.createCompilerHost(options, true);
  const { readFile, fileExists } = host;
  const made = new Map([...text].map(([file, content]) => [join(root, file), content] as const));
  host.readFile = (name) => made.get(name) ?? readFile(name);
  host.fileExists = (name) => made.has(name) || fileExists(name);
  const files = text.size > 0 ? [...text.keys()] : documentedSources();
  return ts.createProgram({ rootNames: files.map((file) => join(root, file)), options, host });
}

/** Exported classes without an example, `file Class`. */
export function classesWithoutExample(program: ts.Program): string[] {
  return ownSources(program).flatMap((source) =>
    source.statements
      .filter((statement) => ts.isClassDeclaration(statement))
      .filter((declaration) => isExported(declaration) && !hasExample(declaration))
      .map((declaration) => `${nameOf(source)} ${declaration.name?.text}`),
  );
}

function hasExample(node: ts.Node): boolean {
  return ts.getJSDocTags(node).some(({ tagName }) => tagName.text === "example");
}

/** Properties of what constructors take that nothing describes: neither a docstring nor, for a schema's field, its description. */
export async function argumentsWithoutText(program: ts.Program): Promise<string[]> {
  const checker = program.getTypeChecker();
  const missing: string[] = [];
  for (const source of ownSources(program)) {
    const module = checker.getSymbolAtLocation(source);
    for (const symbol of module === undefined ? [] : checker.getExportsOfModule(module)) {
      if ((symbol.flags & ts.SymbolFlags.Class) === 0) continue;
      const args = checker
        .getTypeOfSymbol(symbol)
        .getConstructSignatures()
        .flatMap(({ parameters }) => parameters.filter(({ name }) => name === "args"))[0];
      for (const property of args === undefined ? [] : checker.getTypeOfSymbol(args).getProperties()) {
        const written = ts.displayPartsToString(property.getDocumentationComment(checker));
        if (
          written === "" &&
          (await schemaText(property)) === "" &&
          sharedText(source, symbol, property) === ""
        ) {
          missing.push(`${nameOf(source)} ${symbol.name}.${property.name}`);
        }
      }
    }
  }
  return missing;
}

/** The description of a schema's field, which is the text of the published schema too. */
async function schemaText(property: ts.Symbol): Promise<string> {
  const declaration = property.declarations?.[0];
  const file = declaration?.getSourceFile().fileName ?? "";
  if (declaration === undefined || !relative(root, file).startsWith("sdk/schema/")) return "";
  const definition = ts.findAncestor(declaration, ts.isVariableDeclaration)?.name.getText() ?? "";
  const module = (await import(file)) as Record<string, ResourceDefinition | z.ZodRawShape | undefined>;
  const holder = module[definition];
  if (holder === undefined) return "";
  // Fields that several resources share stand in a shape of their own.
  const inputs =
    "token" in holder ? (holder as ResourceDefinition).inputs : z.object(holder as z.ZodRawShape);
  return fieldFacts(inputs, [property.name]).description ?? "";
}

/** The same of a field that several resources share, which is declared outside of all of them. */
function sharedText(source: ts.SourceFile, { name }: ts.Symbol, property: ts.Symbol): string {
  const token = `nfvlab:${basename(source.fileName, ".ts")}:${name}`;
  const definition = resourceDefinitions.find((candidate) => candidate.token === token);
  if (definition === undefined || !(property.name in definition.inputs.shape)) return "";
  return fieldFacts(definition.inputs, [property.name]).description ?? "";
}

/** Properties of exported interfaces, and of the types written out in them, without a docstring. */
export function propertiesWithoutText(program: ts.Program): string[] {
  return ownSources(program).flatMap((source) =>
    source.statements
      .filter(ts.isInterfaceDeclaration)
      .filter(isExported)
      .flatMap((declaration) => {
        const missing: string[] = [];
        const visit = (node: ts.Node, path: string): void => {
          const here = ts.isPropertySignature(node) ? `${path}.${node.name.getText()}` : path;
          const isSilent = here !== path && !ts.getJSDocCommentsAndTags(node).some(ts.isJSDoc);
          if (isSilent) missing.push(`${nameOf(source)} ${here}`);
          ts.forEachChild(node, (child) => visit(child, here));
        };
        visit(declaration, declaration.name.text);
        return missing;
      }),
  );
}

function ownSources(program: ts.Program): ts.SourceFile[] {
  return program.getRootFileNames().flatMap((name) => program.getSourceFile(name) ?? []);
}

function nameOf(source: ts.SourceFile): string {
  return relative(root, source.fileName);
}
