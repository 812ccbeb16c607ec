import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Incomplete } from "../../sdk/provider/handler.ts";
import { backToBackHandler } from "../../sdk/provider/handlers/back-to-back.ts";
import { criticalLoadHandler } from "../../sdk/provider/handlers/critical-load.ts";
import { flowSetupHandler } from "../../sdk/provider/handlers/flow-setup.ts";
import { frameLossHandler } from "../../sdk/provider/handlers/frame-loss.ts";
import { soakHandler } from "../../sdk/provider/handlers/soak.ts";
import { systemRecoveryHandler } from "../../sdk/provider/handlers/system-recovery.ts";
import { throughputHandler } from "../../sdk/provider/handlers/throughput.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import { ResultRecord } from "../../sdk/schema/record.ts";
import { RunManifest } from "../../sdk/schema/run.ts";
import type { throughput } from "../../sdk/schema/throughput.ts";
import { said } from "../observe/recorded.ts";
import { operationOn } from "./this-machine.ts";

/** On the recorded machine a guest runs. */
const SILENT_GUEST = "what is in force inside guest vnf probe is not known: its agent is not connected";

const PROGRAM = join(import.meta.dirname, "trial-program.mjs");
const base = {
  ...{ host: { name: "dut", connection: { kind: "local" as const } }, name: "ndr", frames: [64] },
  generator: { kind: "nfvlab" as const, program: PROGRAM, cpus: "0", hugepages: false },
  from: { kind: "af_packet" as const, interface: "v0" },
  maxLoad: 1_000_000,
};
const short: Inputs<typeof throughput> = {
  ...base,
  goals: { ndr: { loss: 0, sum: "3s", width: 0.02 }, pdr: { loss: 0.1, sum: "3s", width: 0.02 } },
  latency: { at: [50], duration: "1s" },
};
/** How the stand-in behaves. */
const carrying = (more: Readonly<Record<string, string>> = {}) => ({ CAPACITY: "400000", ...more });
const running = () => execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).includes(PROGRAM);

describe("a throughput", () => {
  it("is found by one run of the program, after one of the generator against itself", async () => {
    const { operation, statuses, units } = operationOn(carrying());
    const { record, ended, byFrame } = await throughputHandler.create(operation, short);
    expect(ResultRecord.parse(record)).toMatchObject({ kind: "throughput", valid: true, functional: true });
    expect(ended).toBe("complete");
    expect(record?.asked).toEqual({
      ...{ frames: "64", maxLoad: "1000000", "from.kind": "af_packet", "from.interface": "v0" },
      ...{ "generator.kind": "nfvlab", "generator.program": PROGRAM, "generator.cpus": "0" },
      ...{ "generator.hugepages": "false", "latency.at": "50", "latency.duration": "1s" },
      ...{ "goals.ndr.loss": "0", "goals.ndr.sum": "3s", "goals.ndr.width": "0.02" },
      ...{ "goals.pdr.loss": "0.1", "goals.pdr.sum": "3s", "goals.pdr.width": "0.02" },
    });
    const { ndr, pdr } = byFrame["64"]!;
    expect(ndr?.lowerPps).toBeLessThanOrEqual(400_000);
    expect(ndr?.upperPps).toBeGreaterThan(400_000);
    expect(pdr?.lowerPps).toBeGreaterThan(400_000);
    expect(pdr?.throughputPps).toBeLessThanOrEqual(400_001);
    expect(record?.metrics.map(({ name }) => name)).toEqual([
      "generator.64",
      ...["ndr", "pdr"].flatMap((goal) =>
        ["", ".lower", ".upper"].map((role) => `throughput.64.${goal}${role}`),
      ),
      ...["latency.64.50.forward", "latency.64.50.forward.pdv"],
    ]);
    const purposes = record?.trials?.map(({ purpose }) => purpose) ?? [];
    expect([purposes[0], purposes.at(-1)]).toEqual(["self-test", "latency"]);
    expect(new Set(purposes.slice(1, -1))).toEqual(new Set(["search"]));
    expect(statuses).toContainEqual(
      expect.stringMatching(
        /^64 bytes, trial 2 \(the last: 1 Mpps, loss 0\.6\): [\d.]+ [kM]pps for 1000 ms$/,
      ),
    );
    expect(
      units.some((words) => words.includes("systemctl stop") && words.includes("nfvlab-0a1b2c3d-ndr")),
    ).toBe(true);
    expect(running()).toBe(false);
  });

  it("is not searched for beside load on the CPUs of the generator, or of what it may not be told apart from", async () => {
    const { operation, units } = operationOn(carrying());
    const beside = (cpus: string) =>
      throughputHandler.create(operation, { ...short, coLoad: { kind: "cpu", cpus } });
    await expect(beside("0")).rejects.toThrow(
      /^coLoad\.cpus: the load would lie on what is measured: observed load on CPU 0, and CPU 0/,
    );
    expect(units).toEqual([]);
  });

  it("is not searched for with a generator that does not carry the highest load by itself", async () => {
    const { operation } = operationOn(carrying({ SLOW: "1" }));
    const { record, ended, byFrame } = await throughputHandler.create(operation, short);
    expect([ended, byFrame]).toEqual(["complete", {}]);
    expect(record?.valid).toBe(false);
    expect(record?.invalidReasons).toEqual([
      "the generator does not carry 1000000 frames/s of 64 by itself, and nothing was measured with it: saturated generator: forward, it could send 500000 of 1000000 frames in their time",
    ]);
    // Tried again, in case it was the machine.
    expect(record?.trials?.map(({ purpose }) => purpose)).toEqual(["self-test", "self-test", "self-test"]);
    expect(record?.metrics.map(({ name }) => name)).toEqual(["generator.64"]);
  });

  it("that is interrupted leaves nothing running, says so in the state, and is measured by the next update", async () => {
    const { operation, statuses, controller } = operationOn(carrying({ TAKES_MS: "300" }));
    const begun = throughputHandler.create(operation, short);
    const failure = begun.catch((error) => error);
    while (!statuses.some((text) => text.startsWith("64 bytes, trial 2")))
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(running()).toBe(true);
    controller.abort();
    const error = await failure;
    expect(error).toBeInstanceOf(Incomplete);
    expect(error.message).toBe(
      "ndr was ended before its end, and has no record; the next `up` runs it again",
    );
    expect(error.outputs).toEqual({ record: null, ended: "interrupted", byFrame: {} });
    expect(running()).toBe(false);

    const prior = { ...short, ...error.outputs };
    const again = await throughputHandler.update(operationOn(carrying()).operation, short, prior);
    expect([again.ended, again.record?.valid]).toEqual(["complete", true]);
    // One that is complete is history.
    const unchanged = await throughputHandler.update(operationOn({}).operation, short, {
      ...prior,
      ...again,
    });
    expect(unchanged).toEqual(again);
  });

  it("leaves in the results folder each trial that was told and each word that came back, and the record says where", async () => {
    const root = mkdtempSync(join(tmpdir(), "nfvlab-results-"));
    try {
      const { operation } = operationOn(carrying({ RESULTS: root }));
      const { record } = await throughputHandler.create(operation, short);
      const { folder = "", sha256 = "" } = record?.kept ?? {};
      expect(folder.startsWith(`${root}/lab/dev/ndr/`)).toBe(true);
      expect(
        createHash("sha256")
          .update(readFileSync(join(folder, "manifest.json")))
          .digest("hex"),
      ).toBe(sha256);
      const { kept: _, ...own } = record!;
      const text = (file: string) => readFileSync(join(folder, file), "utf8");
      expect(JSON.parse(text("record.json"))).toEqual(own);
      const { commands, ended } = RunManifest.parse(JSON.parse(text("manifest.json")));
      expect([ended, commands.map(({ on, exitCode }) => [on, exitCode])]).toEqual([
        "complete",
        [
          ["dut", 0],
          ["dut", 0],
        ],
      ]);
      expect(commands.every(({ argv }) => argv[0] === "systemd-run" && argv.includes(PROGRAM))).toBe(true);
      const told = commands.flatMap(({ stdin }) => text(stdin!).trimEnd().split("\n"));
      expect(told).toHaveLength(record!.trials!.length);
      const reports = commands.flatMap(
        ({ stdout }) => text(stdout!).match(/^\{"nfvlabTraffic":1,.*$/gm) ?? [],
      );
      expect(reports).toHaveLength(told.length);
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  it("that is interrupted, or fails, leaves what was printed until then, marked as that", async () => {
    const root = mkdtempSync(join(tmpdir(), "nfvlab-results-"));
    const kept = () => {
      const folder = join(root, "lab/dev/ndr");
      return readdirSync(folder).map((name) => {
        const manifest = RunManifest.parse(
          JSON.parse(readFileSync(join(folder, name, "manifest.json"), "utf8")),
        );
        return { folder: join(folder, name), manifest };
      });
    };
    try {
      const { operation, statuses, controller } = operationOn(carrying({ TAKES_MS: "300", RESULTS: root }));
      const failure = throughputHandler.create(operation, short).catch((error) => error);
      while (!statuses.some((text) => text.startsWith("64 bytes, trial 2")))
        await new Promise((resolve) => setTimeout(resolve, 50));
      controller.abort();
      await failure;
      const [{ folder, manifest } = expect.fail("no run was kept")] = kept();
      expect(manifest).toMatchObject({
        ended: "interrupted",
        commands: [{ exitCode: 0 }, { exitCode: null }],
      });
      expect(Object.keys(manifest.files)).not.toContain("record.json");
      expect(readFileSync(join(folder, manifest.commands[1]!.stdout!), "utf8")).toContain(
        '{"nfvlabTraffic":1,',
      );

      const dying = operationOn(carrying({ DIES: "1000000", RESULTS: root })).operation;
      await throughputHandler.create(dying, short).catch((error) => error);
      const failed = kept().find((each) => each.folder !== folder)?.manifest;
      expect(failed).toMatchObject({
        ended: "failed",
        reason: expect.stringContaining("port net_af_packet0: gone"),
      });
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  it("fails with the program's own words where that ends on the way", async () => {
    const { operation } = operationOn(carrying({ DIES: "1000000" }));
    await expect(throughputHandler.create(operation, short)).rejects.toThrow(
      "the traffic program failed on dut: observed exit code 69: nfvlab-traffic: port net_af_packet0: gone",
    );
    expect(running()).toBe(false);
  });

  it("is told to be none by what its inputs are", () => {
    expect(() => throughputHandler.check?.({ ...short, maxLoad: 5000 })).toThrow(
      "no load to try with 64 bytes",
    );
    expect(() => throughputHandler.check?.({ ...short, goals: { ndr: { loss: 0, sum: "1ms" } } })).toThrow(
      "ndr.durationSumMs: beyond its range",
    );
  });
});

describe("by trials of the same program", () => {
  it("a loss curve falls to nothing, from the highest load down", async () => {
    const inputs = { ...base, trial: "1s" as const };
    const { record } = await frameLossHandler.create(operationOn(carrying()).operation, inputs);
    const curve = record?.metrics.filter(({ name }) => name.startsWith("loss.")) ?? [];
    expect(curve.map(({ name, median }) => [name, Number(median.toFixed(2))])).toEqual([
      ...(["100", "90", "80", "70", "60", "50"] as const).map((percent) => [
        `loss.64.${percent}`,
        Number((1 - 40 / Number(percent)).toFixed(2)),
      ]),
      ...[
        ["loss.64.40", 0],
        ["loss.64.30", 0],
      ],
    ]);
    // It carries as much whatever it is offered, and the highest load shows it.
    const rates = record?.metrics.filter(({ name }) => name.startsWith("forwarding.")) ?? [];
    expect(rates.map(({ name }) => name)).toEqual(["forwarding.64.mfr", "forwarding.64.frmol"]);
    for (const { max } of rates) expect(Math.abs(max / 400_000 - 1)).toBeLessThan(0.02);
    expect(record?.valid).toBe(true);
  });

  it("a critical load is estimated with its deviation, and all its trials are in the record", async () => {
    const inputs = {
      ...{ ...base, loss: 1e-4, minLoad: 1000 },
      ...{ firstTrial: "1s" as const, longer: "100ms" as const, duration: "20s" as const },
    };
    const { record, ended, byFrame } = await criticalLoadHandler.create(
      operationOn(carrying()).operation,
      inputs,
    );
    expect([ended, byFrame["64"]?.kind, record?.valid]).toEqual(["complete", "regular", true]);
    const { averagePps = 0, stdevPps = 0 } = byFrame["64"] ?? {};
    expect(Math.abs(averagePps - 400_000)).toBeLessThan(4 * stdevPps + 2000);
    expect(record?.metrics.map(({ name, median }) => [name, median])).toEqual([
      ["generator.64", 1_000_000],
      ["critical.64", Math.round(averagePps)],
      ["critical.64.stdev", Math.round(stdevPps)],
    ]);
    const lengths = record?.trials?.flatMap(({ purpose, durationMs }) =>
      purpose === "search" ? [durationMs] : [],
    );
    expect(lengths).toEqual(lengths?.map((_, index) => 1000 + 100 * index));
    expect(lengths?.reduce((sum, length) => sum + length, 0)).toBeGreaterThanOrEqual(20_000);
    expect(record?.remarks).toEqual([
      expect.stringMatching(/^critical\.64: by \d+ trials; its standard deviation was/),
      SILENT_GUEST,
    ]);
  });

  it("bursts and a soak stand on a throughput that is known", async () => {
    const known = { ...base, throughput: { 64: 400_000 } };
    const { record: bursts } = await backToBackHandler.create(operationOn(carrying()).operation, {
      ...known,
      bursts: 2,
      within: 100,
      longest: "100ms",
    });
    expect(bursts).toMatchObject({ kind: "back-to-back", valid: true });
    expect(bursts?.metrics.map(({ name }) => name)).toContain("burst.64");
    // So few lines of progress say nothing of steadiness.
    const { record: soak } = await soakHandler.create(operationOn(carrying()).operation, {
      ...known,
      duration: "20s",
    });
    expect(soak?.metrics.map(({ name }) => name)).toEqual([
      "generator.64",
      ...["throughput", "lost", "latency.forward", "latency.forward.pdv"].map((name) => `soak.64.${name}`),
    ]);
    expect(soak?.invalidReasons).toEqual([expect.stringContaining("1 values say nothing of steadiness")]);
  });

  it("a system recovery is the time that loss goes on behind an overload, in one trial each", async () => {
    const inputs = {
      ...{ ...base, throughput: { 64: 400_000 } },
      ...{ overload: "2s" as const, relief: "1s" as const, repetitions: 2 },
    };
    const { operation, statuses } = operationOn(carrying({ LOSES_MS: "250" }));
    const { record, ended } = await systemRecoveryHandler.create(operation, inputs);
    expect([ended, record?.kind, record?.valid]).toEqual(["complete", "system-recovery", true]);
    expect(ResultRecord.parse(record)).toEqual(record);
    expect(record?.metrics.map(({ name, samples }) => [name, samples])).toEqual([
      ["generator.64", 1],
      ["recovery.64", 2],
      ["recovery.64.lost", 2],
      ["recovery.64.overload", 2],
    ]);
    const [, time, lost, overload] = record?.metrics ?? [];
    expect(time?.mean).toBeCloseTo(250e6, -5);
    expect(lost?.median).toBe(55_000);
    expect(overload?.max).toBeCloseTo(1 - 400 / 440, 6);
    expect(record?.trials?.slice(1)).toMatchObject(
      [1, 2].map(() => ({
        ...{ purpose: "recovery", loadPps: 440_000, durationMs: 2000 },
        ...{ afterwards: { loadPps: 220_000, durationMs: 1000 }, faults: [] },
      })),
    );
    expect(record?.remarks).toEqual([
      "recovery.64: short: the overload was sent for 2 s, RFC 2544 asks for 60 s or more",
      SILENT_GUEST,
    ]);
    expect(statuses).toContain("64 bytes, overload 2/2: 440 kpps for 2000 ms, then 220 kpps for 1000 ms");
    expect(running()).toBe(false);
  });

  it("a system recovery is not valid where the overload was none, or loss did not end", async () => {
    const inputs = { ...base, overload: "1s" as const, relief: "1s" as const };
    const reasons = async (pps: number, more: Readonly<Record<string, string>>) => {
      const { operation } = operationOn(carrying(more));
      const { record } = await systemRecoveryHandler.create(operation, {
        ...inputs,
        throughput: { 64: pps },
      });
      return record?.invalidReasons;
    };
    expect(await reasons(300_000, {})).toEqual([
      "recovery.64: nothing was lost at 330000 frames/s, so that there was nothing to recover from",
    ]);
    expect(await reasons(900_000, {})).toEqual([
      expect.stringMatching(
        /^recovery\.64: frames were still lost (1 s|1000 ms) after the change, of 1 s that were measured/,
      ),
    ]);
  });
});

describe("first frames of flows", () => {
  const { maxLoad: _, ...slow } = base;
  const flows = { ...slow, name: "setup", flows: 100, rate: 1000, settle: "100ms" as const };
  /** A machine without a switch. */
  const none = { "ovs-database": () => ({ ...said(""), code: 127 }) };
  const first = { FIRST_NS: "50000", LOSES_FIRST: "3" };
  /** Its own, and none of the machine. */
  const remarksOf = ({ remarks = [] }: ResultRecord) =>
    remarks.filter((remark) => remark.startsWith("flow-setup."));
  /** A switch that forgets flows after two seconds, and whose count of packets without an entry is another each time. */
  const switched = (...misses: readonly number[]) => {
    const counts = misses.values();
    const rows = [[["map", [["max-idle", "2000"]]], ["map", []], false, "none", "3.5.0", 3, 3, ["set", []]]];
    const headings = [
      ...["other_config", "external_ids", "dpdk_initialized", "dpdk_version", "ovs_version"],
      ...["cur_cfg", "next_cfg", "iface_types"],
    ];
    const tables = [
      { data: rows, headings },
      ...Array.from({ length: 4 }, () => ({ data: [], headings: [] })),
    ];
    return {
      "ovs-database": () => said(tables.map((table) => JSON.stringify(table)).join("\n")),
      "ovs-counters": () =>
        said(
          `@uptime 10.0\n  lookups: hit:7 missed:${counts.next().value ?? expect.fail("asked again")} lost:0\n`,
        ),
    };
  };

  it("are sent once nothing was for long enough, and apart from those that follow", async () => {
    const { operation, statuses } = operationOn(carrying(first), "setup", none);
    const inputs = { ...flows, idle: "50ms" as const, later: 2, repetitions: 2, percentile: "90" as const };
    const begun = performance.now();
    const { record, ended } = await flowSetupHandler.create(operation, inputs);
    expect(performance.now() - begun).toBeGreaterThan(100);
    expect([ended, record?.kind, record?.valid]).toEqual(["complete", "flow-setup", true]);
    expect(ResultRecord.parse(record)).toEqual(record);
    const { asked } = record!;
    expect(asked).toMatchObject({ flows: "100", idle: "50ms", percentile: "90" });
    expect(asked).not.toHaveProperty("maxLoad");
    expect(record?.metrics.map(({ name, samples, max }) => [name, samples, max])).toEqual([
      ["generator.64", 1, 1000],
      ["flow-setup.64.first.forward", 194, 50_000],
      ["flow-setup.64.first.forward.pdv", 194, 5000],
      ["flow-setup.64.later.forward", 400, 1000],
      ["flow-setup.64.later.forward.pdv", 400, 100],
      ["flow-setup.64.first.lost", 2, 3],
      ["flow-setup.64.later.lost", 2, 0],
    ]);
    expect(record?.trials?.map(({ purpose, intended, received }) => [purpose, intended, received])).toEqual([
      ["self-test", 1000, 1000],
      ["warm-up", 1, 1],
      ...[1, 2].flatMap(() => [
        ["first-frames", 100, 97],
        ["later-frames", 200, 200],
      ]),
    ]);
    expect(remarksOf(record!)).toEqual([
      "flow-setup.64.first: 6 frames were lost, and have no latency",
      expect.stringContaining("no Open vSwitch answers on the machine that forwards"),
    ]);
    expect(statuses).toContain("64 bytes, repetition 2/2: silent for 50 ms");
    expect(statuses).toContain("64 bytes, repetition 2/2, first-frames: 1 kpps for 100 ms");
    expect(running()).toBe(false);
  });

  it("are held against what the switch counted while they were sent, and not before", async () => {
    const inputs = { ...flows, idle: "3100ms" as const, repetitions: 1, percentile: "50" as const };
    const measured = async (...misses: readonly number[]) => {
      const { operation } = operationOn(carrying(), "setup", switched(...misses));
      const { record } = await flowSetupHandler.create(operation, inputs);
      return record!;
    };
    // At the start, behind the warm-up, behind the silence, and behind each of the two trials.
    const each = await measured(0, 3, 50, 151, 152);
    expect(each.metrics.at(-1)).toMatchObject({ name: "flow-setup.64.first.misses", max: 101 });
    expect(each.trials?.flatMap((trial) => trial.switch?.misses ?? [])).toEqual([3, 101, 1]);
    expect([each.valid, remarksOf(each)]).toEqual([true, []]);
    const shared = await measured(0, 3, 50, 51, 52);
    expect(shared.metrics.at(-1)?.max).toBe(1);
    expect(remarksOf(shared)).toEqual([
      expect.stringContaining("the switch counted 1 packets without an entry for 100 first frames"),
    ]);
  });

  it("are refused of a switch that remembers flows for longer, before anything is sent", async () => {
    const { operation, units } = operationOn(carrying(), "setup", switched());
    const inputs = { ...flows, idle: "3s" as const, repetitions: 10 };
    await expect(flowSetupHandler.create(operation, inputs)).rejects.toThrow(
      "idle: the switch of dut remembers flows for longer than nothing is sent, so that no frame would be a first one: observed 3000 ms, expected more than 3000 ms: its max-idle of 2000 ms",
    );
    expect(units).toEqual([]);
  });

  it("that are interrupted while nothing is sent leave nothing running, and say so in the state", async () => {
    const { operation, statuses, controller } = operationOn(carrying(), "setup", none);
    const failure = flowSetupHandler.create(operation, flows).catch((error) => error);
    while (!statuses.some((text) => text.endsWith("silent for 15000 ms")))
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(running()).toBe(true);
    controller.abort();
    const error = await failure;
    expect(error).toBeInstanceOf(Incomplete);
    expect(error.outputs).toEqual({ record: null, ended: "interrupted" });
    expect(running()).toBe(false);
    const inputs = { ...flows, idle: "50ms" as const, repetitions: 10 };
    const again = operationOn(carrying(), "setup", none).operation;
    const state = await flowSetupHandler.update(again, inputs, { ...flows, ...error.outputs });
    expect([state.ended, state.record?.valid]).toEqual(["complete", true]);
  });
});
