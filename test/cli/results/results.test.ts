import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { XMLParser } from "fast-xml-parser";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { results } from "../../../sdk/cli/results/results.ts";
import { metricOf } from "../../../sdk/measure/metric.ts";
import { recordOf as judged } from "../../../sdk/measure/record.ts";
import type { Metric, ResultRecord } from "../../../sdk/schema/record.ts";
import { InputError } from "../../../sdk/units/errors.ts";
import { benchmark, recordOf } from "../state.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nfvlab-results-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** Latency about this, in as many repetitions, each a little longer than the one before. */
const latency = (ns: number, repetitions: number) =>
  Array.from({ length: repetitions }, (_, index) => {
    const at = ns + 10 * index;
    return {
      buckets: [
        [at, 990],
        [at * 3, 10],
      ] as const,
      overflow: 0,
      max: at * 3,
      expected: 1000,
    };
  });
const throughput = (pps: number, repetitions: number): Metric =>
  metricOf(
    { name: "traffic.forward.throughput", unit: "pps", direction: "higher" },
    Array.from({ length: repetitions }, (_, index) => {
      const value = pps + index * 1000;
      return { buckets: [[value, 1]] as const, overflow: 0, max: value, expected: 1 };
    }),
  );
const lost = (counts: readonly number[]): Metric =>
  metricOf(
    { name: "traffic.forward.lost", unit: "count", direction: "lower" },
    counts.map((count) => ({ buckets: [[count, 1]] as const, overflow: 0, max: count, expected: 1 })),
  );

/** Latencies of which CPU 3 has the slow ones. */
const ofTwoCpus = (metrics: readonly Metric[]): Metric[] =>
  metrics.map(({ percentiles, ...metric }) => ({
    ...{ ...metric, percentiles },
    perCpu: {
      "2": {
        samples: 3000,
        min: 2000,
        max: 2050,
        percentiles: { "50": 2000, "90": 2050, "99": 2050, "99.9": null },
      },
      "3": { samples: 5, min: 2000, max: 6150, percentiles: { "50": null } },
    },
  }));

const plain = recordOf(latency(2_000, 6));
const before: ResultRecord = {
  ...plain,
  asked: { "subject.kind": "host", "subject.cpus": "2-3", duration: "1h" },
  others: { systemUnderTest: { ...plain.fingerprint, machineId: "b2c7", settings: {} } },
  metrics: [...ofTwoCpus(plain.metrics), throughput(1_000_000, 6), lost([0, 0, 0, 0, 0, 0])],
};
const after: ResultRecord = {
  ...recordOf(latency(3_000, 6)),
  asked: { "subject.kind": "host", "subject.cpus": "2-3" },
  others: { systemUnderTest: { ...plain.fingerprint, machineId: "b2c7", settings: {}, bootId: "another" } },
  metrics: [...recordOf(latency(3_000, 6)).metrics, throughput(1_001_000, 6), lost([0, 1, 0, 2, 0, 0])],
  fingerprint: {
    ...before.fingerprint,
    hash: "77aa02c1",
    kernel: "6.12.50",
    settings: { "/proc/sys/vm/swappiness": "10" },
    versions: { ovs: "3.5.0", dpdk: "24.11.1" },
  },
  tool: { command: ["cyclictest", "--quiet", "--smp"], version: "cyclictest 2.60" },
  startedAt: "2026-03-03T08:14:07.120Z",
};
const broken: ResultRecord = {
  ...judged({
    ...{ kind: "round-trip", subject: 'guest <vnf> & "peer"', startedAt: "2026-03-04T00:00:00.000Z" },
    ...{ metrics: recordOf([{ buckets: [[5_000, 90]], overflow: 0, max: 5_000, expected: 100 }]).metrics },
    ...{ before: before.fingerprint, after: before.fingerprint, durationMs: 1500, functional: true },
    tool: { command: ["ping", "-D"], version: 'ping, from "iputils"' },
  }),
};

/** A night each. In the ninth the kernel is another, and slower; the fourth is worth nothing. */
const nights = Array.from({ length: 14 }, (_, night) => {
  const record = recordOf(latency(night < 8 ? 2_000 + 7 * (night % 3) : 2_300 + 7 * (night % 3), 3));
  return {
    ...{
      ...record,
      name: "nightly",
      startedAt: `2026-04-${String(night + 1).padStart(2, "0")}T01:00:00.000Z`,
    },
    ...(night >= 11 && { metrics: [...record.metrics, throughput(1_000_000, 3)] }),
    ...(night === 3 && { valid: false, invalidReasons: ["CPUs were throttled for heat while it ran: once"] }),
    ...(night >= 8 && {
      fingerprint: { ...record.fingerprint, hash: "77aa02c1", bootId: "another", kernel: "6.12.50" },
    }),
  };
});

/** Paths of this run are no part of what is compared. */
const said = async (...args: string[]) => (await results(args, folder)).replaceAll(folder, "/lab");
const golden = (name: string) => join(import.meta.dirname, "../../golden/results", name);

describe("nfvlab results", () => {
  it.each<readonly [name: string, ...args: string[]]>([
    ["list.txt", "list", "all"],
    ["show.txt", "show", "all", "--name", "timers"],
    ["show-invalid.txt", "show", "all", "--name", "ping"],
    ["compare.txt", "compare", "all/timers.json", "all/later/timers.json"],
    ["compare-invalid.txt", "compare", "all/timers.json", "all/ping.json"],
    ["compare-sets.txt", "compare", "all", "other"],
    ["compare-series.txt", "compare", "--series", "nights", "all/timers.json"],
    ["export.csv", "export", "all", "--format", "csv"],
    ["export.junit.xml", "export", "all", "--format", "junit"],
    ["export.openmetrics.txt", "export", "all", "--format", "openmetrics"],
    ["record.schema.json", "export", "--format", "schema"],
  ])("says %s", async (name, task, ...args) => {
    for (const each of ["all", "all/later", "other", "nights"]) mkdirSync(join(folder, each));
    // As read from a stack as well: twice, and once.
    file("nights/timers.json", nights);
    file("nights/again.json", nights.slice(2));
    file("all/timers.json", before);
    file("all/later/timers.json", after);
    file("all/ping.json", [{ name: "ping", ...broken }]);
    file("all/package.json", { name: "no record" });
    file("all/notes.json", "not JSON");
    file("other/state.json", {
      version: 3,
      deployment: { resources: [benchmark(recordOf(latency(2_000, 3)), "timers"), benchmark(plain, "new")] },
    });
    const paths = args.map((arg) => (/^(all|other|nights)/.test(arg) ? join(folder, arg) : arg));
    const text = await said(task, ...paths);
    // How wide a column of paths is hangs on where this run's folder lies.
    await expect(task === "list" ? text.replaceAll(/ {4,}/g, "   ") : text).toMatchFileSnapshot(golden(name));
  });

  it("reads what it exported, and the schema takes it", async () => {
    const first = file("timers.json", before);
    const exported = await results(["export", first, "--format", "json"], folder);
    const again = file("again.json", exported);
    expect(await results(["export", again, "--format", "json"], folder)).toBe(exported);
    const schema = z.fromJSONSchema(JSON.parse(await results(["export", "--format", "schema"], folder)));
    expect(schema.safeParse(before).success).toBe(true);
    expect(schema.safeParse({ ...before, metrics: [{}] }).success).toBe(false);
  });

  it("exports XML that a parser takes, whatever the names", async () => {
    const path = file("ping.json", [{ name: 'a"<b>&\n\u0001', ...broken }]);
    const parser = new XMLParser({ ignoreAttributes: false, htmlEntities: true });
    const { testsuites } = parser.parse(await results(["export", path, "--format", "junit"], folder), true);
    expect(testsuites.testsuite.testcase["@_name"]).toBe('a"<b>&\n\uFFFD');
    expect(testsuites["@_failures"]).toBe("1");
  });

  it("does not let a name steer the terminal", async () => {
    const path = file("ping.json", [{ name: "\u001b[31mred\r", ...broken }]);
    expect(await results(["list", path], folder)).toContain("\nred\uFFFD");
  });
});

describe("what results can't be read", () => {
  const refusal = async (...args: string[]): Promise<string> => {
    try {
      return await said(...args);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return `${error.code} | ${error.message.replaceAll(folder, "/lab")}`;
    }
  };

  it("is said in a sentence", async () => {
    mkdirSync(join(folder, "empty"));
    const timers = file("timers.json", before);
    const refusals = [
      await refusal("list", join(folder, "missing.json")),
      await refusal("list", file("text.json", "not JSON")),
      await refusal("list", join(folder, "empty")),
      await refusal("list", file("null.json", "null")),
      await refusal(
        "list",
        file("odd.json", { deployment: { resources: [null, 3, {}, { type: "nfvlab:bench:X" }] } }),
      ),
      await refusal("list", file("next.json", { ...before, schema: "nfvlab/record/2" })),
      await refusal(
        "list",
        file("cut.json", { ...before, metrics: [{ ...before.metrics[0], median: "2" }] }),
      ),
      await refusal("show", timers, "--name", "ping"),
      await refusal(),
      await refusal("drop", "x"),
      await refusal("list"),
      await refusal("compare", "x"),
      await refusal("list", "x", "--series"),
      await refusal("export", "x"),
      await refusal("export", "x", "--format", "pdf"),
      await refusal("export", "x", "--format", "toString"),
      await refusal("export", "x", "--format", "schema"),
      await refusal("list", "x", "--format", "csv"),
      await refusal("list", "--colour"),
      await refusal("list", ""),
      await refusal("list", "stack:"),
      await refusal(
        "compare",
        timers,
        file("set.json", [
          { ...before, name: "a" },
          { ...after, name: "b" },
        ]),
      ),
    ];
    expect(refusals.every((line) => /^(results|record|usage)/.test(line))).toBe(true);
    await expect(`${refusals.join("\n")}\n`).toMatchFileSnapshot(golden("refusals.txt"));
  });

  it("is said by its own name where a link in a folder leads nowhere, and links that lead back are not followed", async () => {
    mkdirSync(join(folder, "lab/rack"), { recursive: true });
    file("lab/timers.json", before);
    symlinkSync("..", join(folder, "lab/rack/up"));
    symlinkSync(".", join(folder, "lab/here"));
    expect((await said("list", join(folder, "lab"))).trim().split("\n")).toHaveLength(2);
    symlinkSync("/nowhere/share", join(folder, "lab/away"));
    expect(await refusal("list", join(folder, "lab"))).toBe(
      "results-unreadable | /lab/lab/away can't be read: observed a link to nothing that is there, expected a file of records, a stack's state, or a folder of them",
    );
  });

  it.runIf(process.getuid?.() === 0)("is said of files that are somebody else's", async () => {
    const timers = file("timers.json", before);
    chmodSync(folder, 0o755);
    chmodSync(timers, 0o600);
    process.seteuid?.(65_534);
    try {
      for (const path of [timers, folder])
        expect(await refusal("list", path)).toMatch(
          /^results-unreadable \| \/lab\/timers\.json can't be read: observed permission denied, /,
        );
    } finally {
      process.seteuid?.(0);
    }
  });
});
