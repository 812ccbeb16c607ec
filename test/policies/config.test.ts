import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { evidence, intent } from "../../policies/packs.ts";
import { judge } from "../../policies/testing.ts";
import { real, timed } from "./case.ts";

const folder = join(import.meta.dirname, "../../policies/config");
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
const read = (file: string): Record<string, Record<string, unknown>> =>
  JSON.parse(readFileSync(join(folder, file), "utf8"));
const policies = [...intent, ...evidence];

/** What is wrong with a configuration, by the schemas that the engine holds it against. */
function faults(config: Readonly<Record<string, Readonly<Record<string, unknown>>>>): string[] {
  return Object.entries(config).flatMap(([name, { enforcementLevel = "mandatory", ...rest }]) => {
    const policy = policies.find((each) => each.name === name);
    if (policy === undefined) return [`${name} is no policy`];
    if (!["mandatory", "advisory", "disabled"].includes(String(enforcementLevel)))
      return [`${name}: no such level`];
    const known = Object.keys(policy.configSchema?.properties ?? {});
    const foreign = Object.keys(rest).filter((key) => !known.includes(key));
    const schema = z.fromJSONSchema({ type: "object", ...policy.configSchema } as never);
    const { error } = schema.safeParse(rest);
    return [
      ...foreign.map((key) => `${name}.${key} is no property`),
      ...(error?.issues ?? []).map(({ message, path }) => `${name}.${path.join(".")}: ${message}`),
    ];
  });
}

describe("the configurations", () => {
  it("are those that the documentation names", () => {
    expect(files).toEqual(
      expect.arrayContaining([
        "embedded.json",
        "kvm4nfv.json",
        "multi-tenant.json",
        "nfv.json",
        "realtime.json",
      ]),
    );
  });

  it.each(files)("%s keeps the schemas of the policies", (file) => {
    expect(faults(read(file))).toEqual([]);
  });

  it("would be found out", () => {
    expect(faults({ "no-such-policy": {} })).toHaveLength(1);
    expect(
      faults({ "latency-budget": { budgets: [{ metric: "m", percentile: "98", maxNs: 1 }] } }),
    ).toHaveLength(1);
    expect(faults({ "mitigations-on": { singleTenant: "yes" } })).toHaveLength(1);
    expect(faults({ "exclusive-cpus": { exceptions: [] } })).toHaveLength(1);
    expect(
      faults({
        "switch-steady": { exceptions: [{ resource: "a", owner: "b", reason: "c", until: "soon" }] },
      }),
    ).toHaveLength(1);
  });

  it.each(["nfv", "realtime", "multi-tenant", "kvm4nfv"])(
    "%s refuses records of emulated servers",
    async (name) => {
      const config = read(`${name}.json`);
      const budget = policies.find((each) => each.name === "latency-budget");
      if (budget === undefined) throw new Error("no latency-budget");
      const loaded = { coLoad: { kind: "cpu", busy: {} } };
      const stack = real({}, timed({ functional: true, ...loaded }, { samples: 2e6, min: 1000, mean: 2000 }));
      const { violations } = await judge(budget, stack, config["latency-budget"]);
      expect(violations).toEqual([expect.stringContaining("measured on an emulated server")]);
    },
  );

  it("kvm4nfv holds a migration to two seconds and ten milliseconds", () => {
    const { budgets } = read("kvm4nfv.json")["latency-budget"] as {
      budgets: { metric: string; maxNs: number }[];
    };
    const of = (metric: string) => budgets.filter((each) => each.metric === metric).map(({ maxNs }) => maxNs);
    expect(of("guest.migration.total")).toEqual([2e9]);
    expect(of("guest.migration.downtime")).toEqual([10e6]);
    expect(of("guest.timer.latency")).toEqual([1e6, 100e3, 50e3]);
  });
});
