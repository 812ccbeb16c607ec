import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { catalogue, cataloguePage, catalogueText } from "../../policies/catalogue.ts";
import { checks } from "../../policies/checks.ts";
import { docstringOf } from "../../policies/docstring.ts";

const root = join(import.meta.dirname, "../..");
const entries = catalogue();

describe("the catalogue", () => {
  it("has every file of a policy, and each policy once", () => {
    const files = ["intent", "evidence"].flatMap((folder) =>
      readdirSync(join(root, "policies", folder)).map((name) => `${folder}/${name}`),
    );
    expect(entries.map(({ file }) => file).sort()).toEqual(files.sort());
    for (const { file } of entries) expect(existsSync(join(root, "policies", file))).toBe(true);
  });

  it("says the same in a policy's docstring as in its data", () => {
    for (const { policy, said } of entries) {
      expect(said.severity, policy.name).toBe(policy.severity);
      expect(policy.enforcementLevel, policy.name).toMatch(/^(mandatory|advisory)$/);
      expect(policy.description, policy.name).toMatch(/^([A-Z]|vCPU|vhost).*\.$/);
      expect(policy.url, policy.name).toMatch(/^https:\/\//);
    }
  });

  it("knows every check: P01 to P45 and M01 to M25, each with a policy or what is missing for it", () => {
    const numbered = (letter: string, last: number) =>
      Array.from({ length: last }, (_, index) => `${letter}${String(index + 1).padStart(2, "0")}`);
    expect(checks.map(({ id }) => id)).toEqual([...numbered("P", 45), ...numbered("M", 25)]);
    const judged = new Set<string>(entries.flatMap(({ policy }) => [...policy.checks]));
    const homeless = checks.filter(({ id, open }) => !judged.has(id) && open === undefined);
    expect(homeless).toEqual([]);
    const known = new Set<string>(checks.map(({ id }) => id));
    expect([...judged].filter((id) => !known.has(id))).toEqual([]);
  });

  it("is what docs/policies.md says", async () => {
    await expect(cataloguePage()).toMatchFileSnapshot(join(root, "docs/policies.md"));
  });

  it("has a line for each policy on the terminal, and all of one by its name", () => {
    const lines = catalogueText().split("\n");
    for (const { policy } of entries)
      expect(
        lines.filter((line) => line.startsWith(`${policy.name} `)),
        policy.name,
      ).toHaveLength(1);
    const one = catalogueText("exclusive-cpus");
    expect(one).toMatch(/^exclusive-cpus\n\nNo CPU has two exclusive roles/);
    expect(one).toContain("takes no exceptions. Source: https://docs.openvswitch.org/");
    expect(() => catalogueText("exclusive-cpu")).toThrow(
      /^there is no such policy: observed exclusive-cpu, expected exclusive-cpus, /,
    );
  });
});

describe("nfvlab policies", () => {
  const nfvlab = (...args: string[]) =>
    spawnSync(process.execPath, [join(root, "tools/nfvlab.mjs"), "policies", ...args], { encoding: "utf8" });

  it("prints it", () => {
    expect(nfvlab()).toMatchObject({ status: 0, stdout: catalogueText(), stderr: "" });
    expect(nfvlab("switch-steady")).toMatchObject({ status: 0, stdout: catalogueText("switch-steady") });
  });

  it("says what is wrong, with a code of its own", () => {
    expect(nfvlab("no-such-policy").stderr).toMatch(/^there is no such policy: observed no-such-policy, /);
    expect(nfvlab("a", "b")).toMatchObject({
      status: 2,
      stdout: "",
      stderr: "usage: nfvlab policies [NAME]\n",
    });
  });
});

describe("a docstring", () => {
  const whole = [
    "What holds.",
    "",
    "Why,",
    "in two lines.",
    "",
    "Change `it`.",
    "",
    "@severity low",
    "@see https://a.b",
  ];
  const written = (lines: readonly string[]) =>
    `/**\n${lines.map((line) => ` * ${line}`.trimEnd()).join("\n")}\n */\nexport const it = labPolicy({`;

  it("is taken apart by its paragraphs and tags", () => {
    expect(docstringOf("a.ts", written(whole))).toEqual({
      ...{ holds: "What holds.", why: ["Why, in two lines."], change: "Change `it`." },
      ...{ severity: "low", source: "https://a.b" },
    });
  });

  it.each([
    ["none at all", "export const it = labPolicy({"],
    ["no severity", written(whole.filter((line) => !line.startsWith("@severity")))],
    ["no source", written(whole.filter((line) => !line.startsWith("@see")))],
    ["no reason", written(whole.filter((line) => !/^(Why|in two)/.test(line)))],
  ])("is refused with %s", (_, text) => {
    expect(() => docstringOf("a.ts", text)).toThrow(/^a\.ts: observed .*, expected/);
  });
});
