import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Declared } from "../../policies/testing.ts";
import { urnOf } from "../../policies/testing.ts";
import { modulePath, TrialProject } from "../lab/trial-project.ts";
import { installIn, template } from "./template.ts";
import { benchmark, testbed } from "./testbed.ts";

const configurations = join(import.meta.dirname, "../../policies/config");
const pack = join(import.meta.dirname, "../../policies/pulumi-analyzer-nfvlab");

/** One switch and one guest, placed by the environment; on a machine that the preview knows (here), or one that it has yet to make. */
const program = `
import { EmulatedServer, OvsDpdkBridge, TunedHost, VhostUserVnf } from ${modulePath("components/index.ts")};

const { MACHINE, PMD = "2", VCPU = "3", EMULATOR = "0-1", REALTIME } = process.env;
const connection = MACHINE === "emulated"
  ? new EmulatedServer("dut-machine", { numaNodes: [{ cpus: "0-1", memory: "2GiB" }, { cpus: "2-3", memory: "3GiB" }] })
  : { kind: "local" as const };
const dut = new TunedHost("dut", {
  connection,
  cpus: { housekeeping: "0-1", isolated: "2-3" },
  hugepages: [{ size: "2MiB", count: 256, numaNode: 1 }],
});
const bridge = new OvsDpdkBridge("br0", { host: dut, pmdCpus: PMD, socketMemory: { 1: "256MiB" }, vhostUserPorts: ["vhu0"] });
new VhostUserVnf("vnf", {
  ...(REALTIME !== undefined && { domain: { realtimeVcpus: { vcpus: REALTIME, priority: 1 } } }),
  host: dut, vcpus: VCPU, emulatorCpus: EMULATOR, memory: "256MiB", pageSize: "2MiB", numaNode: 1,
  nics: { east: { kind: "vhost-user", bridge, port: "vhu0" } },
});
`;

/** How the engine prints a finding that blocks, from its policy's name on. */
const mandatory = (finding: string) => new RegExp(`\\[mandatory\\].* ${finding.replaceAll(/[()]/g, "\\$&")}`);

describe("the pack on the engine", () => {
  let project: TrialProject;
  beforeAll(() => {
    project = new TrialProject("policies", program);
  });
  afterAll(() => project.remove());

  const preview = (environment: Readonly<Record<string, string>>) =>
    project.pulumi(["preview", "--policy-pack", pack], environment);

  it("lets a plan pass that is right, and says what it can't judge yet", () => {
    const { code, said } = preview({ MACHINE: "local" });
    expect(code, said).toBe(0);
    expect(said).not.toContain("[mandatory]");
    expect(said).toMatch(/\[advisory\].* {2}one-numa-node-per-chain/);
    expect(said).toContain("the NUMA topology of dut isn't known yet");
  });

  it("stops the preview of a plan that shares a CPU out twice", () => {
    const { code, said } = preview({ MACHINE: "local", VCPU: "2", EMULATOR: "1-3" });
    expect(code).not.toBe(0);
    expect(said).toMatch(mandatory("exclusive-cpus  (nfvlab:libvirt:Domain: vnf-domain)"));
    expect(said).toContain(
      'CPU 2 of dut belongs to the poll-mode threads (pmdCpus "2" of br0-daemon) and to vCPU 0 of vnf (vcpuPins[0] "2" of vnf-domain)',
    );
    expect(said).toMatch(mandatory("emulator-outside-isolated  (nfvlab:libvirt:Domain: vnf-domain)"));
  });

  it("judges the first preview of an emulated server, of which no connection is known", () => {
    const right = preview({ MACHINE: "emulated" });
    expect(right.code, right.said).toBe(0);
    expect(right.said).not.toMatch(/\[(mandatory|advisory)\]/);
    const wrong = preview({ MACHINE: "emulated", PMD: "0" });
    expect(wrong.code).not.toBe(0);
    expect(wrong.said).toMatch(mandatory("exclusive-cpus"));
    expect(wrong.said).toMatch(mandatory("one-numa-node-per-chain  (nfvlab:ovs:Daemon: br0-daemon)"));
    expect(wrong.said).toContain("nodes by numaNodes of dut-machine-server");
  });

  it("runs a lab's own pack, begun with the template", () => {
    const folder = join(project.folder, "own pack");
    const begun = project.pulumi(["policy", "new", template, "--dir", folder, "--generate-only"]);
    expect(begun.code, begun.said).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(readdirSync(template).sort());
    installIn(folder);
    const config = join(project.folder, "quota.json");
    const judged = (memory: string) => {
      writeFileSync(config, JSON.stringify({ "guest-within-quota": { hosts: "dut", memory } }));
      const packs = ["--policy-pack", join(folder, "pulumi-analyzer-lab"), "--policy-pack-config", config];
      return project.pulumi(["preview", ...packs], { MACHINE: "local" });
    };
    const kept = judged("256MiB");
    expect(kept.code, kept.said).toBe(0);
    const exceeded = judged("128MiB");
    expect(exceeded.code).not.toBe(0);
    expect(exceeded.said).toMatch(mandatory("guest-within-quota  (nfvlab:libvirt:Domain: vnf-domain)"));
    expect(exceeded.said).toContain('memory "256MiB" of vnf-domain is more than 128MiB');
  });

  it("mends where it is asked to, shows it, and goes on with what it mended", () => {
    const realtime = { MACHINE: "local", VCPU: "2,3", PMD: "1", EMULATOR: "0", REALTIME: "0-1" };
    const config = join(project.folder, "remediate.json");
    const levels = ["exclusive-cpus", "one-numa-node-per-chain", "housekeeping-on-every-node"].map((name) => [
      name,
      { enforcementLevel: "disabled" },
    ]);
    const judged = (enforcementLevel: string) => {
      const policy = { "mend-realtime-guest-keeps-house": { enforcementLevel } };
      writeFileSync(config, JSON.stringify({ ...Object.fromEntries(levels), ...policy }));
      const packs = ["--policy-pack", pack, "--policy-pack-config", config];
      return project.pulumi(["preview", "--diff", ...packs], realtime);
    };
    const refused = judged("disabled");
    expect(refused.said).toMatch(
      mandatory("realtime-guest-keeps-house  (nfvlab:libvirt:Domain: vnf-domain)"),
    );
    const mended = judged("remediate");
    expect(mended.said).toMatch(/\[remediate\].* {2}mend-realtime-guest-keeps-house/);
    expect(mended.said).not.toMatch(mandatory("realtime-guest-keeps-house"));
    expect(mended.said).toMatch(/vcpus +: "1"/);
  });

  /** What the pack says of a state with one record, by a configuration. */
  const analyzed = (record: Readonly<Record<string, unknown>>, config: object) => {
    const [state, levels] = ["state.json", "config.json"].map((file) => join(project.folder, file)) as [
      string,
      string,
    ];
    writeFileSync(state, JSON.stringify(checkpointOf(testbed({ more: [benchmark(record)] }))));
    writeFileSync(levels, JSON.stringify(config));
    return project.pulumi([
      ...["policy", "analyze", "--file", state],
      ...["--policy-pack", pack, "--policy-pack-config", levels],
    ]);
  };

  it.each(readdirSync(configurations))("takes config/%s", (file) => {
    const config = JSON.parse(readFileSync(join(configurations, file), "utf8"));
    const { said } = analyzed({}, config);
    // A configuration that breaks a schema stops the engine before it judges.
    expect(said).not.toContain("validating policy config");
    expect(said).toContain("Policies:");
  });

  it("says a finding as advice while an exception holds, and takes none without an owner", () => {
    const record = { functional: true };
    const budgets = [{ metric: "guest.timer.latency", percentile: "99", maxNs: 20_000 }];
    const exception = {
      resource: "guest-timers-*",
      owner: "ada",
      reason: "being moved",
      until: "9999-12-31",
    };
    const excepted = analyzed(record, { "latency-budget": { budgets, exceptions: [exception] } });
    expect(excepted.code, excepted.said).toBe(0);
    expect(excepted.said).toMatch(/\[advisory\].* {2}latency-budget/);
    expect(excepted.said).toContain("Excepted until 9999-12-31 by ada: being moved");
    const { owner: _, ...ownerless } = exception;
    const refused = analyzed(record, { "latency-budget": { budgets, exceptions: [ownerless] } });
    expect(refused.code).not.toBe(0);
    expect(refused.said).toContain("owner");
  });

  it("judges the evidence in a state, by its configuration", () => {
    const analyze = (record: Readonly<Record<string, unknown>>, config: object) =>
      analyzed(record, { "latency-budget": config });
    const budgets = (maxNs: number) => [{ metric: "guest.timer.latency", percentile: "99", maxNs }];

    const kept = analyze({}, { budgets: budgets(20_000) });
    expect(kept.code, kept.said).toBe(0);
    const exceeded = analyze({}, { budgets: budgets(10_000) });
    expect(exceeded.code).toBe(1);
    expect(exceeded.said).toContain("guest.timer.latency p99 is 20 µs, allowed 10 µs (budgets[0])");
    const functional = analyze({ functional: true }, { budgets: budgets(20_000) });
    expect(functional.code).toBe(1);
    expect(functional.said).toContain("measured on an emulated server");
    expect(analyze({ functional: true }, { functional: "allow", budgets: budgets(20_000) }).code).toBe(0);
    expect(
      analyze({ functional: true }, { enforcementLevel: "advisory", budgets: budgets(20_000) }).code,
    ).toBe(0);
    const misspelt = analyze(
      {},
      { budgets: [{ metric: "guest.timer.latency", percentile: "98", maxNs: 1 }] },
    );
    expect(misspelt.code).not.toBe(0);
    expect(misspelt.said).toContain("percentile");
  });
});

/** A state as the engine exports it. */
function checkpointOf(declared: readonly Declared[]): object {
  const urns = new Map(declared.map((resource) => [resource.name, urnOf(resource)]));
  const manifest = { time: "2026-11-21T08:00:00Z", magic: "", version: "v3.259.0" };
  const resources = declared.map((resource) => {
    const { name, type, parent, dependsOn = {}, props } = resource;
    const isComponent = type.startsWith("nfvlab:components:");
    const propertyDependencies = Object.fromEntries(
      Object.entries(dependsOn).map(([property, others]) => [
        property,
        others.map((other) => urns.get(other)),
      ]),
    );
    return {
      urn: urnOf(resource),
      custom: !isComponent,
      type,
      ...(!isComponent && { id: name, inputs: {}, provider: `${provider.urn}::${provider.id}` }),
      ...(parent !== undefined && { parent: urns.get(parent) }),
      dependencies: Object.values(propertyDependencies).flat(),
      propertyDependencies,
      outputs: props,
    };
  });
  return { version: 3, deployment: { manifest, resources: [provider, ...resources] } };
}

const provider = {
  urn: "urn:pulumi:dev::lab::pulumi:providers:nfvlab::default",
  custom: true,
  id: "11111111-1111-4111-8111-111111111111",
  type: "pulumi:providers:nfvlab",
};
