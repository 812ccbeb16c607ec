import * as pulumi from "@pulumi/pulumi";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { named, type Registered, register } from "../components/program.ts";

const connection = { kind: "ssh", host: "10.0.0.7", hostKey: "ssh-ed25519 AAAA", privateKey: "secret" };
const metrics = [
  { name: "host.timer.latency", unit: "ns", samples: 9, percentiles: { 50: 2, 99: 8 }, max: 9 },
];
const record = { valid: true, functional: true, invalidReasons: [], metrics, fingerprint: { hash: "a" } };
const answers = {
  "nfvlab:host:Facts": { identity: { bootId: "boot-1" } },
  "nfvlab:host:Reboot": { bootId: "boot-2" },
  "nfvlab:host:BootArguments": { pending: [] },
  "nfvlab:emulate:Server": { connection },
  "nfvlab:bench:Cyclictest": { record },
};
const tuning = {
  ...{ profile: "nfv", cpus: { housekeeping: "0-1", isolated: "2-15" }, conflicts: [] },
  resources: { moduleParameters: [], bootArguments: { arguments: { nohzFull: "2-15" } } },
};

function configure(values: Readonly<Record<string, string>>, secrets: readonly string[] = []) {
  const all = Object.entries(values).map(([key, value]) => [`lab:${key}`, value]);
  pulumi.runtime.setAllConfig(
    Object.fromEntries(all),
    secrets.map((key) => `lab:${key}`),
  );
}

/** What a stack registers, and what it exports. */
async function run(stack: "interrupt-latency" | "inspect", functions = {}) {
  let exported: Record<string, unknown> = {};
  const registered = await register(
    async () => {
      exported = await import(`../../stacks/${stack}.ts`);
    },
    { answers, functions },
  );
  const exportOf = (name: string) =>
    new Promise((resolve) => (pulumi.output(exported[name]) as pulumi.Output<unknown>).apply(resolve));
  return { registered, exportOf };
}

const runs = (registered: readonly Registered[]) =>
  registered.filter(({ types }) => types.at(-1) === "nfvlab:bench:Cyclictest");

beforeEach(() => {
  vi.resetModules();
  configure({});
});

describe("interrupt-latency", () => {
  it("measures an emulated server as it is found, tunes it, and measures it again", async () => {
    const { registered, exportOf } = await run("interrupt-latency");
    const names = (side: string) => ["idle", "cpu", "memory", "io"].map((load) => `${side}-${load}-run`);
    expect(runs(registered).map(({ name }) => name)).toEqual([...names("untuned"), ...names("tuned")]);
    for (const { inputs } of runs(registered))
      expect(inputs).toMatchObject({ subject: { kind: "host", cpus: "2-3" }, interval: "500ms" });
    expect(runs(registered).map(({ inputs }) => inputs["coLoad"])).toEqual([
      ...[undefined, { kind: "cpu", cpus: "1" }, { kind: "memory", cpus: "1" }, { kind: "io", cpus: "1" }],
      ...[undefined, { kind: "cpu", cpus: "1" }, { kind: "memory", cpus: "1" }, { kind: "io", cpus: "1" }],
    ]);
    // Nothing that tunes comes before the untuned series is whole, and nothing tuned is measured before the boot.
    const boot = named(registered, "dut-boot-arguments");
    expect(boot.waitsFor).toEqual(expect.arrayContaining(names("untuned")));
    for (const name of names("tuned"))
      expect(named(registered, name).waitsFor).toEqual(
        expect.arrayContaining(["dut-boot-arguments", "dut-reboot", "dut-sysctls", "dut-workqueues"]),
      );
    for (const name of names("untuned")) expect(named(registered, name).inputs["triggers"]).toEqual([]);
    for (const name of names("tuned")) expect(named(registered, name).inputs["triggers"]).toEqual(["boot-2"]);
    expect(await exportOf("table")).toMatch(/^host\.timer\.latency.*\nload +untuned p50/);
    expect(await exportOf("rows")).toHaveLength(4);
    expect(await exportOf("caveats")).toContain(
      "both sides were measured with the same in force: what differs is chance, not tuning",
    );
  });

  it("tunes a real host by a plan that is made for it", async () => {
    configure(
      {
        ...{ connection: JSON.stringify(connection), isolatedCpus: "2-15", loadCpus: "16-31" },
        ...{ profile: "realtime", duration: "60s" },
      },
      ["connection"],
    );
    const asked: unknown[] = [];
    const { registered } = await run("interrupt-latency", {
      "nfvlab:host:planTuning": (inputs: unknown) => {
        asked.push(inputs);
        return tuning;
      },
    });
    expect(asked).toMatchObject([{ profile: "realtime", cpus: { housekeeping: "0-1", isolated: "2-15" } }]);
    expect(registered.map(({ types }) => types.at(-1))).not.toContain("nfvlab:emulate:Server");
    expect(named(registered, "dut-boot-arguments").inputs["arguments"]).toEqual({ nohzFull: "2-15" });
    expect(named(registered, "tuned-io-run").inputs).toMatchObject({
      ...{ coLoad: { kind: "io", cpus: "16-31" }, interval: "200us", duration: "60s", repetitions: 6 },
    });
  });
});

describe("inspect", () => {
  const found = {
    ...{ knobs: [], firmware: [], machine: "", rivals: ["tuned"], summary: "1 of 1 setting as wanted" },
    ...{ counts: { asWanted: 1 }, explanation: "dut beside profile nfv" },
  };
  const inspecting = (seen: Record<string, unknown>) => ({
    "nfvlab:host:getHostFacts": () => ({ onlineCpus: "0-15" }),
    "nfvlab:host:planCpus": () => ({ housekeeping: "0-3", isolated: "4-15", hugepages: [] }),
    "nfvlab:host:planTuning": (inputs: unknown) => {
      seen["planTuning"] = inputs;
      return tuning;
    },
    "nfvlab:host:inspect": (inputs: unknown) => {
      seen["inspect"] = inputs;
      return found;
    },
  });

  it("compares the machine it runs on with a profile for two lists of CPUs, and makes nothing", async () => {
    configure({ housekeepingCpus: "0", isolatedCpus: "1", firmware: '{"turbo":false}' });
    const seen: Record<string, unknown> = {};
    const { registered, exportOf } = await run("inspect", inspecting(seen));
    expect(registered.map(({ types }) => types.at(-1))).toEqual(["nfvlab:components:HostInspection"]);
    expect(seen["planTuning"]).toMatchObject({
      ...{ profile: "nfv", cpus: { housekeeping: "0", isolated: "1" } },
      host: { name: "dut", connection: { kind: "local" } },
    });
    expect(seen["inspect"]).toMatchObject({ tuning: { profile: "nfv" }, firmware: { turbo: false } });
    expect(await exportOf("summary")).toBe("1 of 1 setting as wanted");
    expect(await exportOf("table")).toBe("dut beside profile nfv");
  });

  it("plans the CPUs by demands, and keeps a secret connection out of what it exports", async () => {
    configure({ connection: JSON.stringify(connection), demand: '{"vnfs":{}}', profile: "realtime" }, [
      "connection",
    ]);
    const seen: Record<string, unknown> = {};
    const { registered, exportOf } = await run("inspect", inspecting(seen));
    expect(seen["planTuning"]).toMatchObject({
      ...{ profile: "realtime", cpus: { housekeeping: "0-3", isolated: "4-15" } },
      host: { connection: { host: "10.0.0.7" } },
    });
    // Readable: no part of it is secret.
    expect(named(registered, "dut").outputs).toEqual({ inspection: found });
    expect(await exportOf("rivals")).toEqual(["tuned"]);
  });
});
