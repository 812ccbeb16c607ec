import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { importsOf, violations } from "./imports.ts";

const root = join(import.meta.dirname, "../..");

function sources(): Map<string, string> {
  const paths = ["sdk", "components", "stacks", "policies"]
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${name}`),
    )
    .filter((path) => /\.[mc]?[tj]s$/.test(path) && !path.includes("node_modules"));
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), "utf8")]));
}

describe("imports of the project", () => {
  it("keep to the directions, the libraries' rooms, and no cycle", () => {
    const files = sources();
    expect(files.size).toBeGreaterThan(20);
    expect(violations(files)).toEqual([]);
  });
});

describe("imports of a made-up tree", () => {
  const cases: ReadonlyArray<readonly [what: string, file: string, text: string, expected: string]> = [
    [
      "against the direction",
      "sdk/units/a.ts",
      'import { b } from "../schema/b.ts";',
      "units may import no other room",
    ],
    [
      "plan to remote",
      "sdk/plan/a.ts",
      'import { b } from "../remote/b.ts";',
      "plan may import schema, units, types of observe",
    ],
    ["by re-export", "sdk/units/a.ts", 'export * from "../plan/b.ts";', "units may import no other room"],
    [
      "by import()",
      "sdk/report/a.ts",
      'const b = await import("../remote/b.ts");',
      "report may import units, measure",
    ],
    [
      "by import type",
      "sdk/units/a.ts",
      'import type { B } from "../schema/b.ts";',
      "units may import no other room",
    ],
    [
      "by import() of a type",
      "sdk/units/a.ts",
      'let b: import("../schema/b.ts").B;',
      "units may import no other room",
    ],
    [
      "by require",
      "policies/a.cjs",
      'const b = require("../sdk/remote/b.ts");',
      "policies may import units, measure",
    ],
    [
      "a value where types are due",
      "components/a.ts",
      'import { b } from "../sdk/schema/b.ts";',
      "components takes only types from schema",
    ],
    [
      "a side effect where types are due",
      "components/a.ts",
      'import "../sdk/schema/b.ts";',
      "components takes only types from schema",
    ],
    [
      "a type that still loads the file",
      "components/a.ts",
      'import { type C } from "../sdk/schema/b.ts";',
      "components takes only types from schema",
    ],
    [
      "a default beside types",
      "components/a.ts",
      'import b, { type C } from "../sdk/schema/b.ts";',
      "components takes only types from schema",
    ],
    ["tools", "sdk/provider/a.ts", 'import { b } from "../../tools/b.mjs";', "nothing imports tools"],
    ["test", "components/a.ts", 'import { b } from "../test/b.ts";', "nothing imports test"],
    [
      "SSH outside remote",
      "sdk/provider/a.ts",
      'import { NodeSSH } from "node-ssh";',
      "which is for remote only",
    ],
    [
      "gRPC outside provider",
      "sdk/resources/a.ts",
      'import * as grpc from "@grpc/grpc-js";',
      "which is for provider only",
    ],
    [
      "the protocol outside provider",
      "components/a.ts",
      'import p from "@pulumi/pulumi/proto/provider_pb.js";',
      "which is for provider only",
    ],
    [
      "protobuf outside provider",
      "sdk/plan/a.ts",
      'import s from "google-protobuf/google/protobuf/struct_pb.js";',
      "which is for provider only",
    ],
    [
      "policy outside policies",
      "sdk/provider/a.ts",
      'import { PolicyPack } from "@pulumi/policy";',
      "which is for policies only",
    ],
    [
      "command outside components",
      "sdk/resources/a.ts",
      'import { local } from "@pulumi/command";',
      "which is for components, stacks only",
    ],
    [
      "zod outside schema",
      "sdk/plan/a.ts",
      'import { z } from "zod";',
      "which is for schema, provider, measure only",
    ],
    ["a file in a pure room", "sdk/plan/a.ts", 'import { readFileSync } from "node:fs";', "plan is pure"],
  ];

  it.each(cases)("%s is found", (_, file, text, expected) => {
    const found = violations(new Map([[file, text]]));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`${file}:1 imports`);
    expect(found[0]).toContain(expected);
  });

  it("a cycle is found once, with its way", () => {
    const files = new Map([
      ["sdk/plan/a.ts", 'import { b } from "./b.ts";'],
      ["sdk/plan/b.ts", 'import type { C } from "./c.ts";'],
      ["sdk/plan/c.ts", 'export { a } from "./a.ts";'],
      ["sdk/plan/d.ts", 'import { a } from "./a.ts";'],
    ]);
    expect(violations(files)).toEqual([
      "a cycle: sdk/plan/a.ts -> sdk/plan/b.ts -> sdk/plan/c.ts -> sdk/plan/a.ts",
    ]);
  });

  it("what is allowed is not", () => {
    const files = new Map([
      ["sdk/schema/a.ts", 'import { z } from "zod";\nimport { b } from "../units/b.ts";'],
      [
        "sdk/plan/a.ts",
        'import type { O } from "../observe/o.ts";\nimport { createHash } from "node:crypto";',
      ],
      [
        "sdk/resources/a.ts",
        'import * as pulumi from "@pulumi/pulumi";\nimport type { B } from "../schema/b.ts";',
      ],
      ["sdk/provider/a.ts", 'import { b } from "../remote/b.ts";\nimport { c } from "../plan/c.ts";'],
      ["sdk/remote/a.ts", 'import { NodeSSH } from "node-ssh";\nimport { open } from "node:fs/promises";'],
      ["components/a.ts", 'import { b } from "../sdk/index.ts";\nimport { c } from "./c.ts";'],
      ["sdk/index.ts", 'export { a } from "./units/a.ts";\nexport type { B } from "./schema/b.ts";'],
    ]);
    expect(violations(files)).toEqual([]);
  });

  it("text that only looks like an import is none", () => {
    expect(
      importsOf("sdk/units/a.ts", '// import "x";\nconst s = `import "y"`;\nconst t = "require(\'z\')";'),
    ).toEqual([]);
  });
});
