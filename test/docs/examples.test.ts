import { describe, expect, it } from "vitest";
import {
  blocksOf,
  complaintsAbout,
  docstringExamplesOf,
  type Example,
  examplesOfProject,
} from "./examples.ts";

describe("examples of the documents and docstrings", () => {
  it("compile, all of them", () => {
    const examples = examplesOfProject();
    const files = new Set(examples.map(({ file }) => file));
    for (const file of [
      "README.md",
      "docs/first-stack.md",
      "sdk/resources/ovs.ts",
      "components/tuned-host.ts",
    ]) {
      expect(files).toContain(file);
    }
    expect(examples.length).toBeGreaterThan(20);
    expect(complaintsAbout(examples)).toEqual([]);
  });
});

describe("a wrong example", () => {
  const cases: ReadonlyArray<readonly [what: string, example: Example, complaint: RegExp]> = [
    [
      "a property that is not there, in a document",
      only(
        blocksOf(
          "docs/a.md",
          '# A\n\n```ts\nimport { TunedHost } from "nfvlab/components";\n\nnew TunedHost("dut", {\n  connection: { kind: "local" }, cpu: {},\n});\n```\n',
        ),
      ),
      /^docs\/a\.md:7: .*'cpu' does not exist in type/,
    ],
    [
      "a size in a unit that is none, in a list of a document",
      only(
        blocksOf(
          "README.md",
          '1. Write:\n\n   ```ts\n   import type { Size } from "nfvlab";\n   const size: Size = "32GB";\n   ```\n',
        ),
      ),
      /^README\.md:5: Type '"32GB"' is not assignable/,
    ],
    [
      "an export that is not there",
      only(blocksOf("docs/a.md", '```ts\nimport { Hosts } from "nfvlab";\n```\n')),
      /^docs\/a\.md:2: .*no exported member( named)? 'Hosts'/,
    ],
    [
      "text that is no TypeScript",
      only(blocksOf("docs/a.md", "```ts\nconst a = ;\n```\n")),
      /^docs\/a\.md:2: Expression expected/,
    ],
    [
      "a name that nothing declares, in a docstring",
      only(
        docstringExamplesOf(
          "sdk/resources/ovs.ts",
          '\n/**\n * A.\n *\n * @example\n * new Bridge("b", { host, name: nobody });\n */',
        ),
      ),
      /^sdk\/resources\/ovs\.ts:6: Cannot find name 'nobody'/,
    ],
    [
      "an implicit any",
      only(docstringExamplesOf("components/a.ts", "/** @example const f = (a) => a; */")),
      /^components\/a\.ts:1: Parameter 'a' implicitly has an 'any' type/,
    ],
    [
      "an index that may miss",
      only(
        docstringExamplesOf("components/a.ts", "/** @example const f = (a: string[]): string => a[0]; */"),
      ),
      /^components\/a\.ts:1: Type 'string \| undefined'/,
    ],
  ];

  it("is found where it stands, each", () => {
    const complaints = complaintsAbout(cases.map(([, example]) => example));
    expect(complaints, complaints.join("\n")).toHaveLength(cases.length);
    for (const [index, [what, , complaint]] of cases.entries())
      expect(complaints[index], what).toMatch(complaint);
  });
});

describe("what is taken for an example", () => {
  it("is a block of TypeScript, whatever stands before it", () => {
    const text =
      "```sh\nls\n```\n```ts\na\n```\n  ```typescript\n  b\n    c\n  ```\n    ```\n    d\n    ```\n";
    expect(blocksOf("a.md", text)).toEqual([
      { file: "a.md", line: 5, code: "a" },
      { file: "a.md", line: 8, code: "b\n  c" },
    ]);
    expect(() => blocksOf("a.md", "```ts\na\n")).toThrow("a.md:2: a block of TypeScript has no end");
  });

  it("ends where the next tag begins, not at a package's name", () => {
    const text =
      '/**\n * A.\n * @example\n * import * as p from "@pulumi/pulumi";\n *   @pulumi/x\n * b;\n * @see c\n * @example d;\n */\nclass A {\n  /** @example e; */\n  f = 1;\n}\n';
    expect(docstringExamplesOf("a.ts", text).map(({ line, code }) => [line, code])).toEqual([
      [4, 'import * as p from "@pulumi/pulumi";\n  @pulumi/x\nb;'],
      [8, "d;"],
      [11, "e;"],
    ]);
  });
});

function only(examples: readonly Example[]): Example {
  const [example] = examples;
  if (example === undefined || examples.length > 1) throw new Error(`${examples.length} examples`);
  return example;
}
