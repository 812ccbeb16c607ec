import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { functionHandlers, handlers } from "../../sdk/provider/registry.ts";
import { renderSchema } from "../../sdk/provider/schema.ts";
import { functionDefinitions, resourceDefinitions } from "../../sdk/schema/registry.ts";

const tokens = (list: readonly { readonly token: string }[]) => list.map(({ token }) => token).sort();

describe("the registry", () => {
  it("has a handler for each definition, and none without one", () => {
    expect(tokens(handlers.map(({ definition }) => definition))).toEqual(tokens(resourceDefinitions));
    expect(tokens(functionHandlers.map(({ definition }) => definition))).toEqual(tokens(functionDefinitions));
  });

  it("keeps what was written wherever delete puts back what was found, but for what has a rule of its own", () => {
    const without = resourceDefinitions
      .filter(({ outputs }) => "found" in outputs.shape && !("written" in outputs.shape))
      .map(({ token }) => token);
    // GRUB's files go by their hashes, a profile of tuned's by its name, OVSDB's keys by the options asked for.
    const others = ["nfvlab:host:BootArguments", "nfvlab:host:TunedProfile", "nfvlab:ovs:Daemon"];
    expect(without.filter((token) => !others.includes(token))).toEqual([]);
  });

  it("finds by its id whatever keeps what was written", () => {
    const imported = handlers.filter(({ definition }) => "written" in definition.outputs.shape);
    expect(imported.length).toBeGreaterThan(10);
    const operation = { project: "", stack: "", resourceName: "" };
    for (const handler of imported) {
      const kernel = { name: "set", module: "kvm", numaNode: 1, size: "2MiB" };
      const card = { pf: "0000:5e:00.0", vf: 0, address: "0000:5e:10.0" };
      const all = { host: { name: "dut" }, ...kernel, ...card };
      const fields = Object.entries(all).filter(([field]) => field in handler.definition.inputs.shape);
      const inputs = Object.fromEntries(fields);
      const id = handler.id(inputs as never, operation);
      const located = handler.locate?.(id.slice("dut/".length));
      expect([id, handler.id({ ...located, host: all.host } as never, operation)]).toEqual([id, id]);
      expect(handler.locate?.("no/such/thing")).toBeUndefined();
    }
  });

  it("asks each question under one name", () => {
    const asks = new Map<string, string>();
    for (const probe of handlers.flatMap((handler) => Object.values(handler.probes))) {
      const ask = JSON.stringify(probe.ask);
      expect(asks.get(probe.name) ?? ask).toBe(ask);
      asks.set(probe.name, ask);
    }
  });
});

describe("the published schema", () => {
  const file = new URL("../../sdk/provider/schema.json", import.meta.url);
  const { version } = JSON.parse(
    readFileSync(new URL("../../sdk/provider/package.json", import.meta.url), "utf8"),
  ) as { version: string };
  const schema = JSON.parse(JSON.stringify(renderSchema(version, resourceDefinitions, functionDefinitions)));

  it("is that of the definitions (npm run schema writes it)", () => {
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(schema);
  });

  it("names no type that it does not hold", () => {
    const references = [...JSON.stringify(schema).matchAll(/"\$ref":"#\/types\/([^"]+)"/g)].map(
      ([, name]) => name as string,
    );
    expect(references.length).toBeGreaterThan(20);
    expect(references.filter((name) => !(name in schema.types))).toEqual([]);
  });

  it("marks what is secret", () => {
    const ssh = Object.entries(
      schema.types as Record<string, { properties: Record<string, { secret?: boolean }> }>,
    ).filter(([, type]) => "privateKey" in type.properties);
    expect(ssh.length).toBeGreaterThan(0);
    for (const [, type] of ssh) expect(type.properties["privateKey"]?.secret).toBe(true);
  });
});
