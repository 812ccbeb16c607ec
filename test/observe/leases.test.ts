import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leaseLedger } from "../../sdk/observe/leases.ts";
import { isStale, recordedLeases } from "../../sdk/plan/lease.ts";
import { recorded, said } from "./recorded.ts";

const [adas, bobs] = ["468c92da4d62", "9df6423afabb"];

describe("the leases of a machine", () => {
  it("are read with their owners, their parts and their holders", () => {
    const ledger = leaseLedger.parse(recorded("systemd/257/leases-two.txt"));
    expect(ledger).toMatchObject({ systemd: true, now: 1_795_282_292 });
    expect(ledger.leases).toMatchObject([
      {
        id: adas,
        sha256: "8d09dad83a83e21ba8618040b5ce0e919b591ff7b5299167e663a198334c4d32",
        renewedAt: 1_795_282_291,
        record: {
          owner: { project: "ada", stack: "trial", resource: "share" },
          term: "6s",
          parts: { cpus: "2-3", hugepages: [{ numaNode: 0, size: "2MiB" }] },
        },
      },
      {
        id: bobs,
        record: { owner: { project: "bob" }, since: "2026-11-21T17:30:03Z", parts: { cpus: "1" } },
      },
    ]);
    expect([...ledger.holders].map(([id, { running }]) => [id, running])).toEqual([
      [adas, true],
      [bobs, true],
    ]);
    expect(ledger.holders.get(bobs)?.text).toMatch(
      /^# Written by nfvlab[\s\S]*\nWantedBy=multi-user\.target\n$/,
    );
  });

  it("of which one's holder was killed and its term is over: that one is stale", () => {
    const ledger = leaseLedger.parse(recorded("systemd/257/leases-stale.txt"));
    expect(recordedLeases(ledger).map((lease) => [lease.id, isStale(lease, ledger)])).toEqual([
      [adas, true],
      [bobs, false],
    ]);
  });

  it("are none on a machine that never had one", () => {
    expect(leaseLedger.parse(said("@systemd\n@now 1795282292\n"))).toEqual({
      ...{ systemd: true, now: 1_795_282_292, leases: [], holders: new Map() },
    });
  });

  it.each([
    ["activating", true],
    ["reloading", true],
    ["deactivating", false],
    ["failed", false],
    ["", false],
  ])("of a holder that systemd calls %j: running %s", (state, running) => {
    const text = `@holder /etc/systemd/system/nfvlab-lease-${adas}.service ${state}\n@text [Unit]\n`;
    const { holders } = leaseLedger.parse(said(`@now 1\n${text}`));
    expect(holders.get(adas)).toEqual({ text: "[Unit]\n", running });
  });

  it("that hold anything else are there, without a record", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const lines = text.split("\n").map((line) => `@text ${line}\n`);
        const { leases } = leaseLedger.parse(
          said(`@systemd\n@now 9\n@lease 1 ${"0".repeat(64)}  by hand.json\n${lines.join("")}\n`),
        );
        expect(leases).toEqual([{ id: "by hand", sha256: "0".repeat(64), renewedAt: 1 }]);
      }),
    );
  });

  it("that went away while they were read are left out", () => {
    expect(leaseLedger.parse(said("@now 9\n@lease  \n\n")).leases).toEqual([]);
  });

  it("are never read as none where nothing was understood", () => {
    expect(() => leaseLedger.parse({ code: 127, stdout: "", stderr: "sh: not found" })).toThrow(
      "could not read the leases of the machine",
    );
  });
});
