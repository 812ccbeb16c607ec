/** An argument of the generated package. */
interface Argument {
  readonly type: "string" | "number" | "boolean" | "object" | "object[]" | "string[]";
  readonly isNeeded: boolean;
}

/** Arguments by path; `[]` stands behind a list. */
export type Arguments = ReadonlyMap<string, Argument>;

/** The recorded schema: `cpuTune.vcpuPins[].cpuSet string required` a line. */
export function argumentsOf(text: string): Arguments {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.flatMap((line) => {
      const [path = "", type, need] = line.split(" ");
      // What only the provider says is no argument.
      return need === "computed"
        ? []
        : [[path, { type: type as Argument["type"], isNeeded: need === "required" }]];
    }),
  );
}

/** A sentence for each value that the package would not take, and each that it would miss. */
export function objectionsTo(value: unknown, sdk: Arguments, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => objectionsTo(each, sdk, `${path}[]`));
  if (typeof value !== "object" || value === null) return [];
  const given = Object.entries(value).flatMap(([name, inner]) => {
    const here = path === "" ? name : `${path}.${name}`;
    const argument = sdk.get(here);
    if (argument === undefined) return [`${here} is no argument`];
    const type = typeOf(inner);
    return type === argument.type
      ? objectionsTo(inner, sdk, here)
      : [`${here} is ${type}, not ${argument.type}`];
  });
  const missing = [...sdk].flatMap(([each, { isNeeded }]) =>
    isNeeded && parentOf(each) === path && !(nameOf(each) in value) ? [`${each} is missing`] : [],
  );
  return [...given, ...missing];
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return typeof value[0] === "string" ? "string[]" : "object[]";
  return typeof value;
}

/** The arguments as the generated package declares them: every value may be an output, unknown fields are refused. */
export function declarationOf(sdk: Arguments): string {
  const fields = (path: string, indent: string): string =>
    [...sdk]
      .filter(([each]) => parentOf(each) === path)
      .map(([each, { type, isNeeded }]) => {
        const optional = isNeeded ? "" : "?";
        return `${indent}${nameOf(each)}${optional}: pulumi.Input<${typeText(each, type, indent)}>;\n`;
      })
      .join("");
  const typeText = (path: string, type: Argument["type"], indent: string): string => {
    if (!type.startsWith("object")) return type.replace("string[]", "pulumi.Input<string>[]");
    const list = type.endsWith("[]");
    const inner = fields(list ? `${path}[]` : path, `${indent}  `);
    // What no guest of ours fills is not recorded further.
    const object = inner === "" ? "object" : `{\n${inner}${indent}}`;
    return list ? `pulumi.Input<${object}>[]` : object;
  };
  return [
    "// Stands in for the package that `pulumi package add terraform-provider dmacvicar/libvirt` generates; written by test/components/libvirt-domain.test.ts from its schema.",
    'declare module "@pulumi/libvirt" {',
    '  import type * as pulumi from "@pulumi/pulumi";\n',
    "  export interface DomainArgs {",
    `${fields("", "    ")}  }\n`,
    ...classes(),
    "}\n",
  ].join("\n");
}

/** What the recipe makes with it, as far as it is used there. */
function classes(): string[] {
  const one = (name: string, args: string, outputs: readonly string[]) => [
    `  export class ${name} extends pulumi.CustomResource {`,
    ...outputs.map((output) => `    readonly ${output}: pulumi.Output<string>;`),
    `    constructor(name: string, args: ${args}, options?: pulumi.CustomResourceOptions);`,
    "  }\n",
  ];
  const object = (...fields: string[]) => `{ ${fields.join("; ")} }`;
  const text = "pulumi.Input<string>";
  return [
    ...one("Domain", "DomainArgs", ["name"]),
    ...one(
      "Network",
      object(`name: ${text}`, "autostart?: pulumi.Input<boolean>", "ips?: pulumi.Input<object[]>"),
      ["name"],
    ),
    ...one("Pool", object(`name: ${text}`, `type: ${text}`, `target?: ${object(`path: ${text}`)}`), ["name"]),
    ...one(
      "Volume",
      object(
        `name: ${text}`,
        `pool: ${text}`,
        "capacity?: pulumi.Input<number>",
        `target?: ${object(`format: ${object(`type: ${text}`)}`)}`,
      ),
      ["name", "pool", "path"],
    ),
    "  export class Provider extends pulumi.ProviderResource {",
    `    constructor(name: string, args: ${object(`uri?: ${text}`)}, options?: pulumi.ResourceOptions);`,
    "  }",
  ];
}

function parentOf(path: string): string {
  return path.includes(".") ? path.slice(0, path.lastIndexOf(".")) : "";
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}
