import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { evidence, intent } from "../../policies/packs.ts";
import { type Declared, judge, unknown } from "../../policies/testing.ts";
import { type Registered, register } from "../components/program.ts";

const root = join(import.meta.dirname, "../..");
const programs = [
  ...readFileSync(join(root, "stacks/index.ts"), "utf8").matchAll(/import\("\.\/([\w-]+)\.ts"\)/g),
]
  .map(([, name]) => name as string)
  .sort();

const functions = [0, 1, 2, 3].map((index) => ({
  ...{ index, address: `0000:21:10.${index}`, iommuGroup: 20 + index, interface: null },
}));
const boot = (time: string) => `${time}-0000-4000-8000-000000000000`;
/** What machines say once everything is up. */
const answers = {
  "nfvlab:emulate:Server": {
    connection: { kind: "ssh", host: "127.0.0.1", port: 22022, hostKey: "ssh-ed25519 AAAA" },
  },
  "nfvlab:host:Facts": {
    identity: { bootId: boot("11111111"), machineId: "m", emulated: true },
    kernel: { arguments: "quiet" },
    nics: [
      { address: "0000:21:00.0", numaNode: 0, interfaces: [], virtualFunctions: { total: 7, active: 0 } },
    ],
  },
  "nfvlab:host:Reboot": { bootId: boot("11111111"), rolledBack: false, verified: true },
  "nfvlab:host:BootArguments": { pending: [] },
  "nfvlab:pci:VirtualFunctions": { functions },
  "nfvlab:pci:VirtualFunction": ({ vf }: Readonly<Record<string, unknown>>) => ({
    address: functions[Number(vf)]?.address,
  }),
  "nfvlab:bench:Cyclictest": { record: recordOf("host.timer.latency") },
  "nfvlab:bench:RoundTrip": { record: recordOf("guest.round-trip") },
  "nfvlab:bench:Traffic": { record: recordOf("traffic.forward.latency") },
  "nfvlab:bench:LiveMigration": { record: recordOf("guest.migration.downtime") },
};
const tuning = {
  ...{
    profile: "nfv",
    cpus: { housekeeping: "0-1", isolated: "2-3" },
    conflicts: [],
    bootLine: "nohz_full=1",
  },
  resources: { moduleParameters: [] },
};
const found = { knobs: [], firmware: [], machine: "", rivals: [], summary: "", counts: {}, explanation: "" };
const asked = {
  "nfvlab:host:planTuning": () => tuning,
  "nfvlab:host:getHostFacts": () => ({ onlineCpus: "0-3" }),
  "nfvlab:host:inspect": () => found,
};

function recordOf(name: string) {
  const metric = {
    name,
    unit: "ns",
    direction: "lower",
    samples: 400,
    overflow: 0,
    max: 9e5,
    percentiles: { 50: 1e5, 90: 2e5 },
  };
  return {
    ...{ functional: true, valid: true, invalidReasons: [], subject: "emulated", metrics: [metric] },
    fingerprint: { bootId: boot("11111111"), machineId: "m", hash: "a" },
  };
}

/** A program's resources as the engine would hand them to a policy. */
async function declaredBy(program: string, preview: boolean): Promise<Declared[]> {
  const registered = await register(() => import(`../../stacks/${program}.ts`), {
    answers,
    functions: asked,
    preview,
  });
  const servers = registered
    .filter(({ types }) => types.at(-1) === "nfvlab:emulate:Server")
    .map(({ name }) => name);
  return registered.map((each) => declared(each, servers, preview));
}

function declared(each: Registered, servers: readonly string[], preview: boolean): Declared {
  const { types, name, parent, inputs, outputs, waitsFor } = each;
  const type = types.at(-1) as string;
  const answer = (answers as Readonly<Record<string, unknown>>)[type];
  const said = typeof answer === "function" ? answer(inputs) : answer;
  const origin = waitsFor.filter((other) => servers.includes(other));
  return {
    ...{ type, name, props: sent({ ...inputs, ...(preview ? {} : said), ...outputs }) as Declared["props"] },
    ...(parent !== undefined && parent !== "stack" && { parent }),
    ...(origin.length > 0 && { dependsOn: { host: origin } }),
  };
}

/** Secrets are plain for a policy, and what isn't known yet throws. */
function sent(value: unknown): unknown {
  if (value === "(unknown)") return unknown;
  if (Array.isArray(value)) return value.map(sent);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value);
  const [only] = fields;
  if (fields.length === 1 && only?.[0] === "secret") return sent(only[1]);
  return Object.fromEntries(fields.map(([key, item]) => [key, sent(item)]));
}

function configOf(program: string): Readonly<Record<string, object>> {
  const file = [`${program}.json`, "embedded.json"]
    .map((name) => join(root, "policies/config", name))
    .find(existsSync);
  return JSON.parse(readFileSync(file as string, "utf8"));
}

beforeEach(() => {
  vi.resetModules();
  pulumi.runtime.setAllConfig({});
});

describe("the stacks of this project", () => {
  it("are all judged", () => {
    const files = readdirSync(join(root, "stacks")).filter((name) => name.endsWith(".ts"));
    expect(programs.length).toBeGreaterThan(4);
    for (const program of programs) expect(files).toContain(`${program}.ts`);
  });

  it.each(
    programs.flatMap((program) => [
      [program, "before anything is made", true] as const,
      [program, "once it is up", false] as const,
    ]),
  )("%s keeps every policy %s", async (program, _, preview) => {
    if (program === "inspect")
      pulumi.runtime.setAllConfig({ "lab:housekeepingCpus": "0", "lab:isolatedCpus": "1" });
    const stack = await declaredBy(program, preview);
    const config = configOf(program);
    let applied = 0;
    const refused: Record<string, readonly string[]> = {};
    for (const policy of [...intent, ...evidence]) {
      const { violations, notApplicable } = await judge(policy, stack, config[policy.name]);
      if (notApplicable === undefined) applied += 1;
      if (violations.length > 0) refused[policy.name] = violations;
    }
    expect(refused).toEqual({});
    // A stack that no policy makes out would keep them all.
    if (program !== "inspect") expect(applied).toBeGreaterThan(9);
  });
});
