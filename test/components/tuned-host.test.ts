import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { CyclictestBenchmark } from "../../components/benchmarks.ts";
import { EmulatedServer } from "../../components/emulated-server.ts";
import { TunedHost, type TunedHostArgs } from "../../components/tuned-host.ts";
import type { Connection } from "../../sdk/schema/connection.ts";
import { InspectedTuning } from "../../sdk/schema/inspection.ts";
import { InputError } from "../../sdk/units/errors.ts";
import { evaluated, named, outline, register, secret } from "./program.ts";
import { aHost, answers, golden, host, thrown } from "./testbed.ts";

const ssh = { kind: "ssh", host: "10.0.0.7", hostKey: "ssh-ed25519 AAAA" } as const;
const withKey = { ...ssh, privateKey: "the private key" } as const;
const numaNodes = [
  { cpus: "0-1", memory: "2GiB" },
  { cpus: "2-3", memory: "3GiB" },
] as const;
const emulated = {
  ...answers,
  "nfvlab:emulate:Image": { folder: "/cache/image" },
  "nfvlab:emulate:Server": { connection: { ...ssh, privateKey: pulumi.secret("the private key") } },
};

describe("TunedHost", () => {
  it("takes facts, then makes its pools", async () => {
    const registered = await register(
      () =>
        aHost({
          hugepages: [
            { size: "2MiB", count: 512, numaNode: 1 },
            { size: "1GiB", count: 4, numaNode: 0 },
          ],
        }),
      { answers },
    );
    expect(outline(registered)).toEqual([
      "stack > dut (nfvlab:components:TunedHost)",
      "dut > dut-facts (nfvlab:host:Facts)",
      "dut > dut-hugepages-node1-2MiB (nfvlab:host:Hugepages)",
      "dut > dut-hugepages-node0-1GiB (nfvlab:host:Hugepages)",
    ]);
    const [facts, first, second] = registered.slice(1);
    expect(facts).toMatchObject({ inputs: { host }, waitsFor: [] });
    expect(first?.inputs).toEqual({ host, size: "2MiB", count: 512, numaNode: 1 });
    expect(second?.inputs).toEqual({ host, size: "1GiB", count: 4, numaNode: 0 });
    for (const pool of [first, second]) expect(pool?.waitsFor).toEqual(["dut-facts"]);
  });

  it("sets kernel parameters before anything uses or measures it", async () => {
    const registered = await register(
      () => {
        const dut = aHost({ sysctls: { "kernel.numa_balancing": 0 } });
        new CyclictestBenchmark("timers", { on: dut });
      },
      { answers },
    );
    expect(outline(registered)).toContain("dut > dut-sysctls (nfvlab:host:Sysctls)");
    expect(named(registered, "dut-sysctls")).toMatchObject({
      inputs: { host, name: "dut", values: { "kernel.numa_balancing": 0 } },
      waitsFor: ["dut-facts"],
    });
    expect(named(registered, "timers-run").waitsFor).toContain("dut-sysctls");
  });

  it("registers how others refer to it, and which boot it is of", async () => {
    const registered = await register(() => aHost(), { answers });
    expect(named(registered, "dut").outputs).toEqual({
      reference: host,
      cpus: { housekeeping: "0-1", isolated: "2-7" },
      bootId: "boot-1",
      pools: [{ resource: "dut-hugepages-node1-2MiB" }],
      knobs: [],
      wanted: { resources: {}, hugepages: [{ size: "2MiB", count: 512, numaNode: 1 }] },
    });
  });

  it("registers all that it sets, for the report", async () => {
    const sysctls = { "kernel.numa_balancing": 0 };
    const registered = await register(() => aHost({ hugepages: [], sysctls, swap: "off" }), { answers });
    const { wanted } = named(registered, "dut").outputs ?? {};
    expect(wanted).toEqual({ resources: { sysctls: { values: sysctls }, swap: {} } });
    expect(InspectedTuning.safeParse(wanted).success).toBe(true);
  });

  it("leases what it has for itself before anything refers to the machine", async () => {
    const parts = { cpus: "2-7", hugepages: [{ numaNode: 1, size: "2MiB" }] };
    for (const preview of [false, true]) {
      const registered = await register(
        () => {
          const dut = aHost({ lease: true, sysctls: { "kernel.numa_balancing": 0 } });
          new CyclictestBenchmark("timers", { on: dut });
        },
        { answers, preview },
      );
      expect(named(registered, "dut-lease")).toMatchObject({ inputs: { host, parts }, waitsFor: [] });
      const others = registered.filter(
        ({ name, types }) => name !== "dut-lease" && !types.at(-1)?.includes(":components:"),
      );
      expect(others.map(({ name }) => name)).toContain("timers-run");
      for (const { inputs, waitsFor } of others) {
        expect(waitsFor).toContain("dut-lease");
        expect(inputs["host"]).toEqual(host);
      }
    }
  });

  it("leases for as long as it is told, with a connection that stays a secret", async () => {
    const registered = await register(() => aHost({ lease: { term: "1h" }, connection: withKey }), {
      answers,
    });
    expect(named(registered, "dut-lease").inputs).toMatchObject({ term: "1h" });
    expect(named(registered, "dut-facts").inputs).toEqual({
      host: secret({ name: "dut", connection: withKey }),
    });
  });

  it("has a preview ask who has what, where it is told to", async () => {
    const asked: unknown[] = [];
    const hearing = {
      "nfvlab:host:getLeases": (inputs: object) => {
        asked.push(inputs);
        return { leases: [], text: [] };
      },
    };
    const ask = () => void aHost({ lease: { term: "1h", preview: "ask" } });
    const registered = await register(ask, { answers, preview: true, functions: hearing });
    const wanted = { cpus: "2-7", hugepages: [{ numaNode: 1, size: "2MiB" }] };
    expect(asked).toEqual([{ host, wanted, project: "lab", stack: "test" }]);
    expect(named(registered, "dut-lease").inputs).toEqual({ host, parts: wanted, term: "1h" });
    // By itself a preview asks no machine: nothing here would answer it.
    await register(() => void aHost({ lease: true }), { answers, preview: true });
  });

  it("leases where nobody says otherwise, but no emulated server, which is the stack's own", async () => {
    const plain = { cpus: { housekeeping: "0-1", isolated: "2-3" } };
    const made = (connection: TunedHostArgs["connection"], cpus = plain.cpus) =>
      register(() => void new TunedHost("dut", { connection, cpus }), { answers: emulated });
    expect(outline(await made(ssh))).toContain("dut > dut-lease (nfvlab:host:Lease)");
    expect(outline(await made(ssh, { housekeeping: "0-3", isolated: "" }))).not.toContain(
      "dut > dut-lease (nfvlab:host:Lease)",
    );
    const registered = await register(
      () => void new TunedHost("dut", { ...plain, connection: new EmulatedServer("m", { numaNodes }) }),
      { answers: emulated },
    );
    expect(registered.map(({ name }) => name)).not.toContain("dut-lease");
  });

  it("has nothing to lease where nothing is its own", async () => {
    const nothing = { cpus: { housekeeping: "0-7", isolated: "" }, hugepages: [] };
    const text = await evaluated(() => thrown(() => aHost({ ...nothing, lease: true })));
    await expect(text).toMatchFileSnapshot(golden("tuned-host-lease"));
  });

  it("knows its CPUs already in a preview, where the machine is not there yet", async () => {
    const registered = await register(() => aHost({ connection: pulumi.output({ kind: "local" }) }), {
      preview: true,
    });
    expect(named(registered, "dut").outputs).toMatchObject({
      cpus: { housekeeping: "0-1", isolated: "2-7" },
      bootId: "(unknown)",
    });
  });

  it("goes on where an update of chosen targets leaves out its facts", async () => {
    const registered = await register(() => aHost());
    expect(named(registered, "dut").outputs).not.toHaveProperty("bootId");
  });

  it.each<[string, () => pulumi.Input<Connection>]>([
    ["a private key", () => withKey],
    [
      "a private key that is marked",
      () => ({ ...ssh, privateKey: pulumi.secret("the private key") }) as never,
    ],
    ["a connection that is marked", () => pulumi.secret(withKey)],
    ["a connection that is an output", () => pulumi.output(withKey)],
    ["a password", () => ({ ...ssh, password: "the password" })],
    ["a jump host's private key", () => ({ ...ssh, proxy: withKey })],
    ["a jump host's password", () => ({ ...ssh, proxy: { ...ssh, password: "the password" } })],
  ])("keeps %s secret in its children and its outputs", async (_, connection) => {
    const registered = await register(() => aHost({ connection: connection() }), { answers });
    const plain = JSON.stringify(registered, (_key, value) =>
      typeof value === "object" && value !== null && "secret" in value ? "[secret]" : value,
    );
    expect(plain).not.toMatch(/the (private key|password)/);
    expect(JSON.stringify(registered)).toMatch(/the (private key|password)/);
    expect(named(registered, "dut").outputs?.["bootId"]).toBe("boot-1");
  });

  it("shows a connection without credentials", async () => {
    const connection = { ...ssh, agentSocketPath: "/run/agent" };
    const registered = await register(() => aHost({ connection }), { answers });
    expect(named(registered, "dut-facts").inputs).toEqual({ host: { name: "dut", connection } });
  });

  it("says all that is wrong with its inputs", async () => {
    const text = await evaluated(() =>
      thrown(() =>
        aHost({
          cpus: { housekeeping: "0,x", isolated: "7-2" },
          hugepages: [
            { size: "2MiB", count: 1, numaNode: 0 },
            { size: "1GiB", count: 1, numaNode: 0 },
            { size: "2MiB", count: 2, numaNode: 0 },
          ],
        }),
      ),
    );
    await expect(text).toMatchFileSnapshot(golden("tuned-host"));
  });

  it.each([
    ["overlap", { housekeeping: "0-3", isolated: "2-7" }],
    ["boot-cpu", { housekeeping: "1", isolated: "2-7" }],
    ["no-housekeeping", { housekeeping: "", isolated: "2-7" }],
    ["number", { housekeeping: 0 as unknown as string, isolated: "2-7" }],
  ])("refuses cpus: %s", async (what, cpus) => {
    const text = await evaluated(() => thrown(() => aHost({ cpus })));
    await expect(text).toMatchFileSnapshot(golden(`tuned-host-${what}`));
  });

  it("registers nothing where an input is wrong, and tells tools each finding", async () => {
    let error: unknown;
    const registered = await register(() => {
      try {
        aHost({ cpus: { housekeeping: "1-3", isolated: "2-7" } });
      } catch (caught) {
        error = caught;
      }
    });
    expect(registered).toEqual([]);
    expect(error).toBeInstanceOf(InputError);
    expect(error).toMatchObject({ code: "component-inputs", resource: "dut" });
    const { errors } = (error as InputError).cause as AggregateError;
    expect(errors.map(({ code, property }: InputError) => [code, property])).toEqual([
      ["cpus-overlap", "cpus"],
      ["boot-cpu", "cpus.housekeeping"],
    ]);
  });

  it("may isolate nothing", async () => {
    expect(
      await register(() => aHost({ cpus: { housekeeping: "0-7", isolated: "" } }), { answers }),
    ).toHaveLength(3);
  });
});

describe("EmulatedServer", () => {
  it("makes an image, then a server on it", async () => {
    const registered = await register(
      () =>
        new EmulatedServer("m", {
          numaNodes,
          igbCards: 1,
          bootArguments: ["isolcpus=2-3"],
          image: { extraPackages: ["stress-ng"] },
        }),
      { answers: emulated },
    );
    expect(outline(registered)).toEqual([
      "stack > m (nfvlab:components:EmulatedServer)",
      "m > m-image (nfvlab:emulate:Image)",
      "m > m-server (nfvlab:emulate:Server)",
    ]);
    expect(named(registered, "m-image").inputs).toEqual({ extraPackages: ["stress-ng"] });
    expect(named(registered, "m-server").inputs).toEqual({
      name: "m",
      image: "/cache/image",
      numaNodes,
      igbCards: 1,
      bootArguments: ["isolcpus=2-3"],
    });
    expect(named(registered, "m-server").waitsFor).toEqual(["m-image"]);
  });

  it("hands its private key on as a secret, to its outputs and to the host that it is", async () => {
    const registered = await register(() => aHost({ connection: new EmulatedServer("m", { numaNodes }) }), {
      answers: emulated,
    });
    const connection = { ...ssh, privateKey: "the private key" };
    expect(named(registered, "m").outputs).toEqual({ connection: secret(connection) });
    expect(named(registered, "dut-facts").inputs).toEqual({ host: secret({ name: "dut", connection }) });
    expect(named(registered, "dut").outputs?.["reference"]).toEqual(secret({ name: "dut", connection }));
  });

  it("takes what is on it along when it goes", async () => {
    const registered = await register(() => aHost({ connection: new EmulatedServer("m", { numaNodes }) }), {
      answers: emulated,
    });
    const gone = registered.filter(({ deletedWith }) => deletedWith === "m-server").map(({ name }) => name);
    expect(gone).toEqual(["dut", "dut-facts", "dut-hugepages-node1-2MiB"]);
    expect(named(registered, "dut-facts").waitsFor).toEqual(["m-server"]);
  });
});
