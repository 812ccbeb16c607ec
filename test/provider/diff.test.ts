import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compare } from "../../sdk/provider/diff.ts";
import { decode, encode, formatPath } from "../../sdk/provider/wire.ts";
import { emulatedServer } from "../../sdk/schema/emulate.ts";
import { hugepages } from "../../sdk/schema/hugepages.ts";
import { bootImage, libvirtDomain } from "../../sdk/schema/libvirt.ts";
import { liveMigration } from "../../sdk/schema/migration.ts";
import { ovsDaemon } from "../../sdk/schema/ovs.ts";
import { trafficTool } from "../../sdk/schema/traffic.ts";

const host = { name: "dut", connection: { kind: "local" } };
const wire = (value: Record<string, unknown>) => decode(encode(value));
const pool = { host, numaNode: 0, size: "2MiB", count: 256 };
const costs = (
  ...[definition, before, after, state = {}]: [Parameters<typeof compare>[0], object, object, object?]
) =>
  compare(definition, wire({ ...before }), wire({ ...after }), { ...state }).map(
    ({ path, kind, cost }) => `${kind} ${formatPath(path)} (${cost})`,
  );

describe("compare", () => {
  it("finds nothing between equal inputs", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (inputs) => {
        expect(compare(hugepages, wire(inputs), wire(inputs), {})).toEqual([]);
      }),
    );
  });

  it("mends what is not as its inputs say, where they say", () => {
    const guest = { name: "vnf" };
    const off = { ...guest, start: false };
    const states = [true, false].map((running) => ({ running, socketsPrivate: true }));
    expect(states.map((state) => costs(libvirtDomain, guest, guest, state))).toEqual([
      [],
      ["update running (live)"],
    ]);
    expect(states.map((state) => costs(libvirtDomain, off, off, state))).toEqual([
      ["update running (live)"],
      [],
    ]);
    expect(costs(libvirtDomain, guest, off, states[0])).toEqual([
      "add start (live)",
      "update running (live)",
    ]);
  });

  it("does not measure again what another machine is reached by, but what that is", () => {
    const there = (port: number, name = "b") => ({ name, connection: { kind: "ssh", host: "b", port } });
    const run = (port: number, rate: number, name?: string) => ({
      ...{ destination: there(port, name), traffic: { host: there(port, name), rate } },
    });
    expect(costs(liveMigration, run(1, 10), run(2, 10))).toEqual([
      "update destination.connection.port (live)",
      "update traffic.host.connection.port (live)",
    ]);
    expect(costs(liveMigration, run(1, 10), run(1, 20, "c"))).toEqual([
      "update destination.name (recreate)",
      "update traffic.host.name (recreate)",
      "update traffic.rate (recreate)",
    ]);
    expect(costs(liveMigration, {}, { traffic: { rate: 1 } })).toEqual(["add traffic (recreate)"]);
  });

  it("says what each change costs", () => {
    expect(costs(hugepages, pool, { ...pool, count: 0 })).toEqual(["update count (live)"]);
    expect(costs(hugepages, pool, { ...pool, numaNode: 1 })).toEqual(["update numaNode (recreate)"]);
    expect(
      costs(
        ovsDaemon,
        { pmdCpus: "2", socketMemory: { 0: "256MiB" } },
        { pmdCpus: "3", socketMemory: { 0: "512MiB" } },
      ),
    ).toEqual(["update pmdCpus (live)", 'update socketMemory["0"] (restart)']);
    expect(costs(libvirtDomain, { nics: { east: { kind: "vhost-user", mac: "a" } } }, { nics: {} })).toEqual([
      "delete nics.east (recreate)",
    ]);
  });

  it("takes two spellings of one value for one", () => {
    expect(
      costs(
        ovsDaemon,
        { pmdCpus: "2-3", socketMemory: { 0: "1GiB" } },
        { pmdCpus: "3,2", socketMemory: { 0: "1024MiB" } },
      ),
    ).toEqual([]);
    expect(costs(libvirtDomain, { name: "1-3" }, { name: "1,2,3" })).toEqual(["update name (recreate)"]);
  });

  it("counts an output that is not as it must be", () => {
    expect(costs(emulatedServer, {}, {}, { running: false })).toEqual(["update running (live)"]);
    expect(costs(emulatedServer, {}, {}, { running: true })).toEqual([]);
  });

  it("leaves an output as it is where the program ignores it", () => {
    const [none, stopped] = [wire({}), { running: false }];
    expect(compare(emulatedServer, none, none, stopped, { ignored: ["running"] })).toEqual([]);
    expect(compare(emulatedServer, none, none, stopped, { ignored: ["count"] })).toHaveLength(1);
  });

  it("makes anew what this provider would make otherwise, or of which nobody noted how it was made", () => {
    const [none, made] = [wire({}), { recipe: "now" }];
    const changes = (
      definition: typeof bootImage | typeof trafficTool,
      state: object,
      ignored: string[] = [],
    ) => compare(definition, none, none, { present: true, built: true, ...state }, { made, ignored });
    for (const definition of [bootImage, trafficTool]) {
      expect(changes(definition, { recipe: "now" })).toEqual([]);
      const anew = { path: ["recipe"], kind: "update", cost: "recreate", input: false };
      expect(changes(definition, { recipe: "then" })).toEqual([anew]);
      expect(changes(definition, {})).toEqual([anew]);
      expect(changes(definition, { recipe: "then" }, ["recipe"])).toEqual([]);
      const named = compare(
        definition,
        wire({ name: "a" }),
        wire({ name: "b" }),
        { recipe: "then" },
        { made },
      );
      expect(named.map(({ path }) => path)).toEqual([["name"]]);
    }
  });

  it("takes what is not known yet for a change", () => {
    const unknown = decode(encode({ ...pool, count: undefined }, { unknown: [["count"]] }));
    expect(compare(hugepages, wire(pool), unknown, {}).map(({ path }) => formatPath(path))).toEqual([
      "count",
    ]);
  });
});
