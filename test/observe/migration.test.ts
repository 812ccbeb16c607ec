import { describe, expect, it } from "vitest";
import {
  filesOfGuest,
  guestsAway,
  parseMigrationAbilities,
  parseMigrationJob,
  parseMigrationRun,
  parseMigrationStatus,
} from "../../sdk/observe/migration.ts";
import { recorded, said } from "./recorded.ts";

const text = (path: string) => recorded(path).stdout;
const of = (version: string, name: string) => parseMigrationStatus(text(`qemu/${version}/${name}.txt`));

describe.each(["7.2.22", "10.0.13"])("what QEMU %s says of a migration", (version) => {
  it("is nothing before the first one", () => {
    expect(of(version, "none")).toMatchObject({
      status: "none",
      totalMs: undefined,
      ram: undefined,
      blocked: [],
    });
  });

  it("has no downtime while it goes on, though one is expected", () => {
    const found = of(version, "active");
    expect(found).toMatchObject({
      status: "active",
      downtimeMs: undefined,
      ram: { iterations: 1, pageSize: 4096 },
    });
    expect(found.totalMs).toBeGreaterThan(1000);
    expect(found.ram?.remainingBytes).toBeGreaterThan(60e6);
  });

  it("has all times at its end", () => {
    const found = of(version, "completed");
    expect(found.status).toBe("completed");
    expect([found.totalMs, found.downtimeMs, found.setupMs]).toEqual(
      version === "7.2.22" ? [1375, 15, 17] : [1616, 61, 28],
    );
    expect(found.ram).toMatchObject({ totalBytes: 67641344, remainingBytes: 0, dirtyPagesPerSecond: 0 });
  });

  it("is only that it came, where the guest came to", () => {
    expect(of(version, "arrived")).toMatchObject({ status: "completed", totalMs: undefined, ram: undefined });
  });

  it("says why it failed, for people", () => {
    expect(of(version, "failed")).toMatchObject({
      status: "failed",
      problem: expect.stringMatching(/^Failed to connect to/),
    });
    expect(of(version, "cancelled")).toMatchObject({ status: "cancelled", problem: undefined });
  });
});

describe("what can be asked of a QEMU", () => {
  const abilities = (version: string) =>
    parseMigrationAbilities(text(`qemu/${version}/capabilities.txt`), text(`qemu/${version}/parameters.txt`));

  it("is told by itself, and differs", () => {
    const [old, recent] = [abilities("7.2.22"), abilities("10.0.13")];
    expect([old.capabilities.has("compress"), recent.capabilities.has("compress")]).toEqual([true, false]);
    expect([old.capabilities.has("dirty-limit"), recent.capabilities.has("dirty-limit")]).toEqual([
      false,
      true,
    ]);
    for (const { capabilities } of [old, recent])
      expect([...capabilities]).toEqual(
        expect.arrayContaining(["multifd", "postcopy-ram", "zero-copy-send"]),
      );
    const later = ["avail-switchover-bandwidth", "zero-page-detection"];
    expect(later.filter((name) => old.parameters.has(name))).toEqual([]);
    expect(later.filter((name) => recent.parameters.has(name))).toEqual(later);
  });
});

describe("libvirt's job", () => {
  it("has a downtime at its end", () => {
    expect(parseMigrationJob(text("libvirt/11.3.0/job-completed.txt"))).toEqual({
      ...{ elapsedMs: 2127, setupMs: 6, downtimeMs: 527, totalBytes: 135274496, transferredBytes: 77646493 },
      ...{ iterations: 3, dirtyPagesPerSecond: 0, pageSize: 4096 },
    });
  });

  it("is none where nothing goes on", () => {
    expect(parseMigrationJob(text("libvirt/11.3.0/job-none.txt"))).toBeUndefined();
  });

  it("that goes on has an expectation, which is no downtime", () => {
    const { seen } = parseMigrationRun(text("libvirt/11.3.0/migration-not-converged.txt"));
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.every(({ downtimeMs }) => downtimeMs === undefined)).toBe(true);
    expect(seen.at(-1)?.elapsedMs).toBeGreaterThan(2000);
  });
});

describe("one migration", () => {
  const run = (name: string) => parseMigrationRun(text(`libvirt/11.3.0/migration-${name}.txt`));
  const states = (name: string) => run(name).events.flatMap(({ status }) => status ?? []);

  it("that completed has all its events, and no QEMU to ask any more", () => {
    expect(run("completed")).toMatchObject({ code: 0, late: false, said: "", status: undefined });
    expect(states("completed")).toEqual(["setup", "active", "pre-switchover", "device", "completed"]);
    expect(run("completed").events.filter(({ event }) => event === "STOP")).toEqual([
      { event: "STOP", atUs: 1795980524308833 },
    ]);
  });

  it("that did not converge was cancelled by the script, and says so", () => {
    expect(run("not-converged")).toMatchObject({
      ...{ code: 1, late: true, status: { status: "cancelled" } },
      said: "error: operation aborted: job 'migration out' canceled by client",
    });
  });

  it("that somebody cancelled, or that failed, was not", () => {
    expect(run("cancelled")).toMatchObject({ code: 1, late: false, status: { status: "cancelled" } });
    expect(states("cancelled").at(-1)).toBe("cancelled");
    expect(run("failed")).toMatchObject({ code: 1, late: false, status: { status: "failed" } });
  });

  it("by post-copy goes over before it is complete", () => {
    expect(states("post-copy").slice(-2)).toEqual(["postcopy-active", "completed"]);
  });

  it("whose script was ended tells nothing", () => {
    const whole = text("libvirt/11.3.0/migration-completed.txt");
    expect(() => parseMigrationRun(whole.slice(0, whole.indexOf("@end")))).toThrow(
      /could not read what became of a migration/,
    );
  });
});

describe("a guest", () => {
  it("has files that its destination must have too", () => {
    expect(
      filesOfGuest(
        "<os><kernel>/k</kernel><initrd>/i</initrd><loader readonly='yes' type='pflash'>/l.fd</loader></os>" +
          "<disk type='file' device='disk'><driver name='qemu'/><source file='/d.qcow2' index='1'/></disk><serial type='file'><source path='/log'/></serial>",
      ),
    ).toEqual(["/k", "/i", "/l.fd", "/d.qcow2"]);
  });

  it("that is away is known by the file that says where", () => {
    expect([
      ...guestsAway.parse(said("/var/lib/nfvlab/away/vnf:dut2\n/var/lib/nfvlab/away/b.part:x\n")),
    ]).toEqual([["vnf", "dut2"]]);
    expect(guestsAway.parse(said("")).size).toBe(0);
  });
});
