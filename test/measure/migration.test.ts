import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type MigrationRun,
  migrationFaults,
  migrationMetrics,
  outcomeOf,
  phasesOf,
  recordedMigrations,
  timesOf,
} from "../../sdk/measure/migration.ts";
import { parseMigrationJob, parseMigrationRun, parseMigrationStatus } from "../../sdk/observe/migration.ts";
import { parseTrafficReport } from "../../sdk/observe/traffic.ts";
import type { MigrationEvent } from "../../sdk/schema/migration-report.ts";
import { recorded } from "../observe/recorded.ts";

const observed = (name: string) => parseMigrationRun(recorded(`libvirt/11.3.0/migration-${name}.txt`).stdout);
const job = parseMigrationJob(recorded("libvirt/11.3.0/job-completed.txt").stdout);
const run = (name: string, more: Partial<MigrationRun> = {}): MigrationRun => ({
  ...{ observed: observed(name), job: undefined, traffic: undefined },
  ...more,
});
const completed = run("completed", { job });

/** Events as QEMU's own socket tells them. */
function socketEvents(version: string): MigrationEvent[] {
  return recorded(`qemu/${version}/events.txt`)
    .stdout.trim()
    .split("\n")
    .map((line) => {
      const { event, data, timestamp } = JSON.parse(line) as {
        event: string;
        data?: { status?: string };
        timestamp: { seconds: number; microseconds: number };
      };
      const atUs = timestamp.seconds * 1e6 + timestamp.microseconds;
      return { event, atUs, ...(data?.status !== undefined && { status: data.status }) };
    });
}

describe("times by events", () => {
  it.each(["7.2.22", "10.0.13"])("are those that QEMU %s counts itself, to its ms", (version) => {
    const status = parseMigrationStatus(recorded(`qemu/${version}/completed.txt`).stdout);
    const { totalNs = 0, downtimeNs = 0 } = timesOf(socketEvents(version));
    expect(Math.abs(downtimeNs / 1e6 - (status.downtimeMs ?? 0))).toBeLessThan(1);
    // QEMU 7.2 begins to count a little behind the event.
    expect(Math.abs(totalNs / 1e6 - (status.totalMs ?? 0))).toBeLessThan(5);
  });

  it("count the time that stopping took, which the event STOP comes after", () => {
    const events = socketEvents("10.0.13");
    const at = (is: (event: MigrationEvent) => boolean) => events.find(is)?.atUs ?? 0;
    const sinceStop = at(({ status }) => status === "completed") - at(({ event }) => event === "STOP");
    expect(sinceStop).toBeLessThan(10_000);
    expect(timesOf(events).downtimeNs).toBeGreaterThan(60e6);
  });

  it("of a post-copy end when the guest went over, not when the last page had come", () => {
    const { totalNs = 0, downtimeNs = 0 } = timesOf(observed("post-copy").events);
    expect([totalNs, downtimeNs]).toEqual([1872995000, 23908000]);
  });

  it("are unknown where an event is missing, never negative", () => {
    const { events } = observed("completed");
    fc.assert(
      fc.property(fc.shuffledSubarray([...events]), (some) => {
        const { totalNs = 0, downtimeNs = 0 } = timesOf(some);
        expect(totalNs).toBeGreaterThanOrEqual(0);
        expect(downtimeNs).toBeGreaterThanOrEqual(0);
      }),
    );
    expect(timesOf(events.filter(({ event }) => event !== "STOP")).downtimeNs).toBeUndefined();
    expect(timesOf(events.filter(({ status }) => status !== "setup")).totalNs).toBeUndefined();
  });
});

describe("phases", () => {
  const phases = (name: string) => phasesOf(recordedMigrations([run(name)])[0]!);
  const ms = (name: string) =>
    phases(name).map(({ kind, pass, fromNs, toNs }) =>
      [kind, ...(pass === undefined ? [] : [pass]), Math.round((toNs - fromNs) / 1e6)].join(" "),
    );

  it.each([
    ["completed", ["setup 9", "pass 1 2227", "pass 2 3", "stopped 247"]],
    ["post-copy", ["setup 3", "pass 1 1363", "stopped 24", "post-copy 483"]],
    ["not-converged", ["setup 6", "pass 1 2662", "cancelling 79"]],
    ["failed", ["setup 26", "pass 1 4929"]],
  ])("of one that was %s are those that its events tell", (name, expected) => {
    expect(ms(name)).toEqual(expected);
  });

  it("are as long together as the times that QEMU counts, and the standstill among them is the downtime", () => {
    const { totalNs, downtimeNs } = timesOf(observed("completed").events);
    const all = phases("completed");
    expect((all.at(-1)?.toNs ?? 0) - (all[0]?.fromNs ?? 0)).toBe(totalNs);
    const stopped = all.find(({ kind }) => kind === "stopped");
    expect((stopped?.toNs ?? 0) - (stopped?.fromNs ?? 0)).toBe(downtimeNs);
  });

  it("follow each other without a gap, whichever events are missing", () => {
    const [whole] = recordedMigrations([run("completed")]);
    fc.assert(
      fc.property(fc.subarray([...whole!.events]), (events) => {
        const all = phasesOf({ ...whole!, events });
        for (const [index, { fromNs, toNs }] of all.entries()) {
          expect(toNs).toBeGreaterThan(fromNs);
          if (index > 0) expect(fromNs).toBe(all[index - 1]!.toNs);
        }
      }),
    );
  });

  it("are recorded without what is not the migration's", () => {
    const [{ outcome, events } = { outcome: "", events: [] }] = recordedMigrations([run("completed")]);
    expect(outcome).toBe("completed");
    expect(events.map(({ event }) => event)).not.toContain("SHUTDOWN");
    expect(events[0]).toEqual({ event: "MIGRATION", status: "setup", afterUs: 0 });
  });
});

describe("what becomes of a migration", () => {
  it.each([
    ["completed", "completed"],
    ["post-copy", "completed"],
    ["not-converged", "not converged"],
    ["cancelled", "cancelled"],
    ["failed", "failed"],
  ])("%s: %s", (name, outcome) => {
    expect(outcomeOf(observed(name))).toBe(outcome);
  });

  it("is a failure where it never began", () => {
    expect(outcomeOf({ ...observed("cancelled"), events: [], status: undefined })).toBe("failed");
  });
});

describe("metrics", () => {
  const report = parseTrafficReport(recorded("traffic/migrated.txt").stdout);
  const one = (runs: readonly MigrationRun[], name: string) =>
    migrationMetrics(runs).find((metric) => metric.name === `guest.migration.${name}`);

  it("are of each migration that came to its end", () => {
    const runs = [completed, completed];
    expect(migrationMetrics(runs).map(({ name, unit, max, samples }) => [name, unit, max, samples])).toEqual([
      ["guest.migration.total", "ns", 2486052000, 2],
      ["guest.migration.downtime", "ns", 246570000, 2],
      ["guest.migration.standstill", "ns", 527000000, 2],
      ["guest.migration.setup", "ns", 6000000, 2],
      ["guest.migration.iterations", "count", 3, 2],
      ["guest.migration.transferred", "bytes", 77646493, 2],
      ["guest.migration.dirtyRate", "bps", 0, 2],
      ["guest.migration.elapsed", "ns", 2127000000, 2],
    ]);
  });

  it("have an outage where traffic went through: how much longer than usual a receiver waited", () => {
    const [stream] = report.streams;
    expect(stream).toMatchObject({ lost: 122, longestGap: 122, silenceMaxNs: 492875955, duplicated: 0 });
    const migrated = { ...completed, traffic: { report, rate: 500 } };
    expect(one([migrated], "outage")).toMatchObject({ max: 490875955, unit: "ns", samples: 1 });
    expect(one([migrated], "lost")?.max).toBe(122);
    expect(one([completed], "outage")).toBeUndefined();
  });

  it("have an outage too where no frame came any more", () => {
    const silent = {
      ...report,
      streams: report.streams.map((each) => ({ ...each, silenceMaxNs: 3e6, longestGap: 2000 })),
    };
    expect(one([{ ...completed, traffic: { report: silent, rate: 500 } }], "outage")?.max).toBe(4e9);
  });

  it("of one that was given up are the time that was spent", () => {
    const given = migrationMetrics([run("not-converged")]);
    expect(given.map(({ name }) => name)).toEqual(["guest.migration.dirtyRate", "guest.migration.elapsed"]);
    expect(given[1]?.max).toBeGreaterThan(2e9);
  });
});

describe("faults", () => {
  it("are none of those that came to their end", () => {
    expect(migrationFaults([completed, completed, run("post-copy")], 60)).toEqual([]);
  });

  it.each([
    [
      "not-converged",
      /^migration 1, there: it did not converge within 4 s and was cancelled: iteration 1, \d+ MiB sent of 129 MiB, 0 MiB written a second$/,
    ],
    [
      "cancelled",
      /^migration 1, there: it was cancelled: error: operation aborted: job 'migration out' canceled by client$/,
    ],
    [
      "failed",
      /^migration 1, there: it failed: error: operation failed: job 'migration out' failed: Channel error/,
    ],
  ])("say of a migration that was %s what it was", (name, expected) => {
    expect(migrationFaults([run(name)], 4)).toEqual([expect.stringMatching(expected)]);
  });

  it("tell one that never began from one that did not converge, and where it stood", () => {
    const { events, seen, ...rest } = observed("not-converged");
    const waiting = seen.filter(({ totalBytes }) => totalBytes === 0);
    const told = (some: readonly MigrationEvent[], stuck = false) =>
      migrationFaults([{ ...completed, observed: { ...rest, events: some, seen: waiting, stuck } }], 90);
    expect(told([])).toEqual([
      "migration 1, there: it did not begin within 90 s and was cancelled: libvirt was still making the guest ready at its destination, and QEMU had not been told to send",
    ]);
    expect(
      told(
        events.filter(({ status }) => status === "setup"),
        true,
      ),
    ).toEqual([
      "migration 1, there: it did not begin within 90 s and was cancelled: QEMU was still opening its connections to the destination; when the script gave up, libvirt had not done that yet",
    ]);
    // QEMU tells that it sends before libvirt has looked how much.
    expect(told(events.filter(({ status }) => status !== "cancelled"))[0]).toMatch(
      /it did not converge within 90 s and was cancelled: iteration 0/,
    );
  });

  it("name the one that it was, and the way", () => {
    expect(migrationFaults([completed, run("failed")], 4)).toEqual([
      expect.stringMatching(/^migration 2, back: /),
    ]);
  });

  it("are events that were not seen, and a libvirt that did not agree", () => {
    const { events, ...rest } = observed("completed");
    const blind = { ...rest, events: events.filter(({ event }) => event !== "STOP") };
    expect(migrationFaults([run("completed", { observed: blind })], 4)).toEqual([
      expect.stringMatching(/not all of QEMU's events were seen.*: setup, MIGRATION_PASS, active/),
    ]);
    const late = { ...observed("completed"), code: 1, said: "error: finish failed" };
    expect(migrationFaults([run("completed", { observed: late })], 4)).toEqual([
      "migration 1, there: QEMU completed it, but libvirt did not: error: finish failed",
    ]);
  });

  it("are none of traffic that was told that it was enough: what it had sent by then was all", () => {
    const report = parseTrafficReport(recorded("traffic/migrated.txt").stdout);
    expect(migrationFaults([run("completed", { traffic: { report, rate: 500 } })], 4)).toEqual([]);
  });

  it("are a generator that itself stood still for as long as the outage", () => {
    const report = parseTrafficReport(recorded("traffic/migrated.txt").stdout);
    const late = { ...report, streams: report.streams.map((each) => ({ ...each, lagMaxNs: 500e6 })) };
    expect(migrationFaults([run("completed", { traffic: { report: late, rate: 500 } })], 4)).toEqual([
      "migration 1, there: traffic: the generator itself was 500 ms late, no less than the outage",
    ]);
  });

  it("are those of the traffic too", () => {
    const report = parseTrafficReport(recorded("traffic/sat.txt").stdout);
    expect(migrationFaults([run("completed", { traffic: { report, rate: 200_000_000 } })], 4)[0]).toMatch(
      /^migration 1, there: traffic: saturated generator/,
    );
  });
});
