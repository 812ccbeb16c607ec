import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ResultRecord } from "../../sdk/schema/record.ts";
import { FoundCriticalLoad, type FoundThroughput } from "../../sdk/schema/throughput.ts";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

/** A path through a forwarder that sleeps, and so overflows, and all that is measured over it by trials. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import { bench, traffic } from ${modulePath("sdk/index.ts")};

const host = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const asked = process.env.ASKED.split(",");
const tool = new traffic.Tool("tool", { host, name: "tool" });
const end = (name) => ({ kind: "af_packet", interface: name });
const vnf = new traffic.Forwarder("vnf", {
  host, name: "vnf", program: tool.path, cpus: "2", hugepages: false, idle: "10ms", ports: [end("trialf0"), end("trialf1")],
});
const path = {
  host, generator: { kind: "nfvlab", program: tool.path, cpus: "3", hugepages: false }, from: end("trialg0"), to: end("trialg1"),
  frames: [64], maxLoad: 1000, settle: "200ms",
};
const after = { dependsOn: vnf };
// Of seconds: the pace of a generator counts to a hundredth of a trial, and an emulated machine gives it its CPU by fits and starts.
const goals = { ndr: { loss: 0, trial: "3s", sum: "3s", width: 0.3 }, pdr: { loss: 0.1, trial: "3s", sum: "3s", width: 0.3 } };
const kinds = {
  ndr: () => new bench.Throughput("ndr", {
    ...path, name: "ndr", frames: [64, "imix"], minLoad: 50, goals, warmUp: "1s", latency: { at: [50], duration: "3s" },
  }, after),
  bisection: () => new bench.Throughput("bisection", {
    ...path, name: "bisection", minLoad: 50, method: "rfc2544", goals: { ndr: { loss: 0, trial: "3s", width: 0.3 } }, latency: { at: [] },
    directions: "both", maxLoad: 300,
  }, after),
  long: () => new bench.Throughput("long", {
    ...path, name: "long", minLoad: 50, method: "rfc2544", goals: { ndr: { loss: 0, trial: "15s", width: 0.5 } }, latency: { at: [] },
  }, after),
  loss: () => new bench.FrameLoss("loss", { ...path, name: "loss", trial: "3s" }, after),
  bursts: () => new bench.BackToBack("bursts", {
    ...path, name: "bursts", throughput: { 64: 500 }, bursts: 2, within: 1500, longest: "4s",
  }, after),
  critical: () => new bench.CriticalLoad("critical", {
    ...path, name: "critical", minLoad: 20, loss: 0.01, firstTrial: "2s", longer: "500ms", duration: "30s",
  }, after),
  recovery: () => new bench.SystemRecovery("recovery", {
    ...path, name: "recovery", throughput: { 64: 500 }, percent: 200, overload: "4s", relief: "6s",
  }, after),
  soak: () => new bench.Soak("soak", { ...path, name: "soak", throughput: { 64: 500 }, percent: 50, duration: "25s" }, after),
};
const runs = asked.map((name) => [name, kinds[name]()]);
const outputs = (field) => Object.fromEntries(runs.map(([name, run]) => [name, run[field]]));
export const records = outputs("record");
export const ended = outputs("ended");
export const byFrame = outputs("byFrame");
`;

const SNAPSHOT = `systemctl list-units --all --plain --no-legend 'nfvlab-*' | cut -d' ' -f1
ls -d /run/nfvlab-* /var/lib/nfvlab/traffic/*/owners/* 2>/dev/null
pgrep -a nfvlab-traffic; ip -br link show type veth; ls -A /var/lib/nfvlab/undo 2>/dev/null
true`;
const LINKS = `for end in 0 1; do
  ip link add trialg$end type veth peer name trialf$end
  for link in trialg$end trialf$end; do ip link set $link up; done
done`;
const WITHOUT_LINKS = "ip link del trialg0; ip link del trialg1; true";
/** The generator: neither the forwarder, which runs all the time, nor the shell that looks for it. */
const GENERATOR = "pgrep -f '[-]-role=measure.*--trials'";

type Found = Readonly<Record<string, Readonly<Record<string, FoundThroughput>>>>;

/** What speaks against a record, but that a machine beside other work had no time for its generator: that is told, and no fault of a trial. */
const faultsOf = ({ invalidReasons }: ResultRecord) =>
  invalidReasons.filter((reason) => !/saturated generator|does not carry|not steady/.test(reason));

/** Searches over a real forwarder: what is found, what a cancelled one leaves, what the next up does. */
export function describeThroughput(server: () => TrialServer): void {
  let project: TrialProject;
  let before = "";
  const shell = (script: string) => server().shell.run(script);
  const run = (asked: string, ...args: string[]) =>
    project.pulumi(args, { ...server().environment, ASKED: asked });
  const up = (asked: string) => {
    const { code, said } = run(asked, "up", "--yes", "--skip-preview");
    expect(code, said).toBe(0);
    return JSON.parse(run(asked, "stack", "output", "--json").said) as {
      records: Record<string, unknown>;
      ended: Record<string, string>;
      byFrame: Record<string, Found>;
    };
  };
  const recordOf = (records: Record<string, unknown>, name: string) => ResultRecord.parse(records[name]);

  beforeAll(() => {
    project = new TrialProject("throughput", program);
    before = shell(SNAPSHOT);
    shell(LINKS);
  });
  afterAll(() => {
    shell(WITHOUT_LINKS);
    project?.remove();
  });

  it("find what the path carries, by both methods, with its latency, and nothing again on an unchanged up", () => {
    const { records, ended, byFrame } = up("ndr,bisection");
    expect(ended).toEqual({ ndr: "complete", bisection: "complete" });
    for (const name of ["ndr", "bisection"]) {
      const record = recordOf(records, name);
      expect([record.kind, record.functional, faultsOf(record)]).toEqual(["throughput", true, []]);
      expect(record.trials?.[0]?.purpose).toBe("self-test");
      for (const [frame, goals] of Object.entries(byFrame[name] ?? {}))
        for (const { kind, lowerPps, upperPps, throughputPps } of Object.values(goals)) {
          expect(["regular", "at-maximum"]).toContain(kind);
          expect(throughputPps).toBeGreaterThan(0);
          expect(throughputPps).toBeLessThanOrEqual(lowerPps ?? 0);
          if (upperPps !== null) expect(upperPps).toBeGreaterThan(lowerPps ?? 0);
          // What the bound rests on is among the trials.
          const there =
            record.trials?.filter((trial) => trial.frame === frame && trial.loadPps === lowerPps) ?? [];
          expect(there.length).toBeGreaterThan(0);
        }
    }
    const ndr = recordOf(records, "ndr");
    if (ndr.valid) {
      expect(Object.keys(byFrame["ndr"] ?? {})).toEqual(["64", "imix"]);
      expect(ndr.metrics.map(({ name }) => name)).toEqual(
        expect.arrayContaining(["generator.64", "throughput.imix.pdr", "latency.64.50.forward"]),
      );
    }
    const again = run("ndr,bisection", "up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes");
    expect(again.code, again.said).toBe(0);
  });

  it("that are cancelled half-way leave nothing running, say so in the state, and run again at the next up", async () => {
    const stop = new AbortController();
    const broken = project.start(
      ["up", "--yes", "--skip-preview"],
      { ...server().environment, ASKED: "long" },
      stop.signal,
    );
    shell(`for i in $(seq 600); do ${GENERATOR} > /dev/null && break; sleep 0.2; done; ${GENERATOR}`);
    await sleep(5000);
    stop.abort();
    const { code, said } = await broken;
    expect(code).not.toBe(0);
    expect(said.replaceAll(/\s+/g, " ")).toContain("the next `up` runs it again");
    expect(
      shell(`${GENERATOR}; systemctl list-units --all --plain --no-legend 'nfvlab-*' | cut -d' ' -f1`),
    ).toMatch(/^nfvlab-forwarder-\S+$/);
    const exported = JSON.parse(run("long", "stack", "export").said) as {
      deployment: { resources: { type: string; outputs?: { ended?: string; record?: unknown } }[] };
    };
    const kept = exported.deployment.resources.filter(({ type }) => type === "nfvlab:bench:Throughput");
    expect(kept.map(({ outputs }) => [outputs?.ended, outputs?.record ?? null])).toContainEqual([
      "interrupted",
      null,
    ]);
    // The program is the same: what was interrupted is what makes it run.
    const { ended, records } = up("long");
    expect(ended).toEqual({ long: "complete" });
    expect(faultsOf(recordOf(records, "long"))).toEqual([]);
  });

  it("come as a loss curve, bursts, a critical load and a soak as well", () => {
    const { records, byFrame } = up("loss,bursts,critical,soak");
    const expected = {
      loss: ["loss.64.100", "loss.64.90"],
      bursts: ["burst.64"],
      critical: ["critical.64", "critical.64.stdev"],
      soak: ["soak.64.throughput", "soak.64.latency.forward"],
    };
    for (const [name, metrics] of Object.entries(expected)) {
      const record = recordOf(records, name);
      expect([name, record.functional, faultsOf(record)]).toEqual([name, true, []]);
      if (record.valid)
        expect(record.metrics.map((metric) => metric.name)).toEqual(expect.arrayContaining(metrics));
    }
    // What thirty seconds tell of a load is little, and lies between the bounds.
    const { averagePps, stdevPps } = FoundCriticalLoad.parse(byFrame["critical"]?.["64"]);
    expect(averagePps).toBeGreaterThanOrEqual(20);
    expect(Math.round(averagePps)).toBeLessThanOrEqual(1000);
    expect(stdevPps).toBeGreaterThan(0);
    const again = run("loss,bursts,critical,soak", "up", "--yes", "--skip-preview", "--expect-no-changes");
    expect(again.code, again.said).toBe(0);
  });

  it("come as a recovery from an overload, whose trial changes its rate", () => {
    const { records, ended } = up("recovery");
    expect(ended).toEqual({ recovery: "complete" });
    const record = recordOf(records, "recovery");
    // A forwarder that sleeps may carry the overload too, or go on losing: either is told.
    const other = faultsOf(record).filter(
      (reason) => !/nothing to recover from|did not recover|generator itself/.test(reason),
    );
    expect([record.kind, record.functional, other]).toEqual(["system-recovery", true, []]);
    expect(record.remarks).toContainEqual(expect.stringContaining("short: the overload was sent for 4 s"));
    const trial = record.trials?.find(({ purpose }) => purpose === "recovery");
    if (trial === undefined) return;
    expect(trial).toMatchObject({
      ...{ loadPps: 1000, durationMs: 4000, intended: 7000 },
      afterwards: { loadPps: 500, durationMs: 6000 },
    });
    expect(record.metrics.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["recovery.64", "recovery.64.lost", "recovery.64.overload"]),
    );
  });

  it("go without a trace", () => {
    const gone = run("recovery", "destroy", "--yes", "--skip-preview");
    expect(gone.code, gone.said).toBe(0);
    shell(WITHOUT_LINKS);
    expect(shell(SNAPSHOT)).toBe(before);
  });
}
