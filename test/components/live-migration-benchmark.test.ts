import { describe, expect, it } from "vitest";
import { switchedEnd } from "../../components/chain-ends.ts";
import { LiveMigrationBenchmark } from "../../components/live-migration-benchmark.ts";
import { compareMigrations } from "../../components/migration-comparison.ts";
import { Tool } from "../../sdk/resources/traffic.ts";
import { named, register } from "./program.ts";
import { aBridge, aGuest, aHost, answers as alone, golden, host, thrown } from "./testbed.ts";

const answers = {
  ...alone,
  "nfvlab:traffic:Tool": { path: "/var/lib/nfvlab/traffic/1/nfvlab-traffic" },
  "nfvlab:bench:LiveMigration": {
    record: {
      valid: true,
      functional: false,
      invalidReasons: [],
      fingerprint: { hash: "cafe" },
      metrics: [],
    },
    frames: null,
    destinationInForce: "beef",
  },
};
const addresses = { host: "198.18.100.1", destination: "198.18.100.2" };

describe("LiveMigrationBenchmark", () => {
  it("migrates a guest once both machines are ready, and the guest's image is at its destination", async () => {
    const registered = await register(
      () => {
        const guest = aGuest(aBridge(aHost()));
        const to = aHost({}, "peer");
        new LiveMigrationBenchmark("moved", {
          guest,
          to,
          addresses,
          settings: { connections: 4 },
          rerunOn: ["again"],
        });
      },
      { answers },
    );
    const { inputs, waitsFor, deletedWith } = named(registered, "moved-run");
    expect(inputs).toEqual({
      ...{ host, name: "moved", domain: "vnf", addresses, settings: { connections: 4 } },
      destination: { name: "peer", connection: { kind: "local" } },
      triggers: ["boot-1", "boot-1", "again"],
    });
    expect(waitsFor).toEqual(
      expect.arrayContaining(["vnf-domain", "moved-image", "peer-hugepages-node1-2MiB"]),
    );
    expect(deletedWith).toBeUndefined();
    expect(named(registered, "moved-image").inputs).toMatchObject({ host: { name: "peer" }, name: "vnf" });
  });

  it("sends traffic through the guest meanwhile, from another machine where one is given", async () => {
    const registered = await register(
      () => {
        const bridge = aBridge(aHost(), { vhostUserPorts: ["vhu0", "vhu1", "gen0", "gen1"] });
        const on = aHost({}, "generator");
        new LiveMigrationBenchmark("moved", {
          ...{ guest: aGuest(bridge), to: aHost({}, "peer"), addresses },
          traffic: {
            ...{ on, tool: new Tool("tool", { host: on.reference, name: "tool" }), cpus: "6", rate: 1000 },
            over: { from: switchedEnd("generator", bridge, "gen0"), to: switchedEnd("sink", bridge, "gen1") },
          },
        });
      },
      { answers },
    );
    expect(named(registered, "moved-run").inputs["traffic"]).toEqual({
      ...{ rate: 1000, host: { name: "generator", connection: { kind: "local" } } },
      generator: { kind: "nfvlab", program: "/var/lib/nfvlab/traffic/1/nfvlab-traffic", cpus: "6" },
      from: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/gen0.sock" },
      to: { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/gen1.sock" },
    });
  });

  it("makes no image twice at one destination, nor one of a guest that boots its own", async () => {
    const registered = await register(
      () => {
        const [on, to] = [aHost(), aHost({}, "peer")];
        const guest = aGuest(aBridge(on));
        const { image } = new LiveMigrationBenchmark("first", { guest, to, addresses });
        new LiveMigrationBenchmark("second", { guest, to, addresses, ...(image !== undefined && { image }) });
      },
      { answers },
    );
    const images = registered.filter(({ types }) => types.at(-1) === "nfvlab:libvirt:BootImage");
    expect(images.map(({ name }) => name)).toEqual(["vnf-image", "first-image"]);
    expect(named(registered, "second-run").waitsFor).toContain("first-image");
  });

  it("refuses a guest that is there already, and ends without a port, all at once", async () => {
    let said = "";
    await register(
      () => {
        const on = aHost();
        const guest = aGuest(aBridge(on));
        said = thrown(
          () =>
            new LiveMigrationBenchmark("moved", {
              ...{ guest, to: on, addresses },
              traffic: {
                ...{ tool: new Tool("tool", { host: on.reference, name: "tool" }), cpus: "", rate: 1000 },
                over: { from: { vnf: guest }, to: { name: "sink" } },
              },
            }),
        );
      },
      { answers },
    );
    await expect(said).toMatchFileSnapshot(golden("live-migration-benchmark"));
  });
});

describe("a comparison", () => {
  const side = (more: object = {}, ...times: [string, number][]) => ({
    ...{ valid: true, functional: false, invalidReasons: [], inForce: "a" },
    metrics: Object.fromEntries(
      times.map(([name, max]) => [
        `guest.migration.${name}`,
        { unit: "ns", samples: 10, percentiles: {}, max },
      ]),
    ),
    ...more,
  });

  it("has the times that both sides have", () => {
    const baseline = side({}, ["total", 2e9], ["downtime", 30e6], ["outage", 40e6]);
    const { rows, caveats } = compareMigrations({
      baseline,
      tuned: side({}, ["total", 5e8], ["downtime", 0]),
    });
    expect(rows).toEqual([
      { time: "total", baselineNs: 2e9, tunedNs: 5e8, ratio: 4 },
      { time: "downtime", baselineNs: 30e6, tunedNs: 0, ratio: null },
    ]);
    expect(caveats).toEqual([]);
  });

  it("says what speaks against it", () => {
    const baseline = side({ functional: true, inForce: "b" }, ["total", 2e9]);
    const tuned = side({ valid: false, invalidReasons: ["migration 1, there: it was cancelled"] });
    expect(compareMigrations({ baseline, tuned }).caveats).toEqual([
      "functional: taken on emulated servers. It shows that the path works, not what settings gain.",
      "tuned is not valid: migration 1, there: it was cancelled",
      "not the same was in force on the machines: what differs need not be the settings",
    ]);
    const [one, other] = ["c", "d"].map((destination) =>
      side({ othersInForce: { destination } }, ["total", 2e9]),
    );
    expect(compareMigrations({ baseline: one!, tuned: one! }).caveats).toEqual([]);
    expect(compareMigrations({ baseline: one!, tuned: other! }).caveats).toEqual([
      "not the same was in force on the machines: what differs need not be the settings",
    ]);
  });
});
