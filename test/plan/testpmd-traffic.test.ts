import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { trafficFaults, trafficMetrics, trafficRemarks } from "../../sdk/measure/traffic.ts";
import { lastWords, parseTrafficReport } from "../../sdk/observe/traffic.ts";
import { planTraffic } from "../../sdk/plan/traffic-run.ts";
import { planTrials, trialLine } from "../../sdk/plan/traffic-trials.ts";

const PROMPT = join(import.meta.dirname, "../fixtures/traffic/testpmd-prompt.py");
const way = {
  ...{
    host: { name: "dut", connection: { kind: "local" as const } },
    name: "flood",
    settle: "100ms" as const,
  },
  generator: { kind: "testpmd" as const, program: PROMPT, cpus: "0-1" as const, hugepages: false },
  from: { kind: "af_packet" as const, interface: "v0" },
  to: { kind: "af_packet" as const, interface: "v1" },
};

describe("two testpmd at their prompts", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "nfvlab-testpmd-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const run = (
    argv: readonly [string, ...string[]],
    environment: Record<string, string> = {},
    input = "",
  ) => {
    const [program, ...args] = argv;
    const env = { ...process.env, STATE: folder, TMPDIR: folder, ...environment };
    return spawnSync(program, args, { encoding: "utf8", env, input, timeout: 60_000 });
  };

  it("send for as long as asked, and tell what both ports counted", () => {
    const { argv } = planTraffic({ ...way, rate: "unpaced", duration: "2500ms" });
    const { status, stdout, stderr } = run(argv, { CARRIED: "0.5" });
    expect([status, lastWords(stderr)]).toEqual([0, ""]);
    expect(stderr).toMatch(/^sent \d+ of \d+, received \d+$/m);
    const report = parseTrafficReport(stdout);
    expect(report).toMatchObject({ dpdk: "testpmd of DPDK 24.11.3", unpaced: true, ended: "complete" });
    const [stream] = report.streams;
    expect(stream?.sent).toBeGreaterThan(24_000);
    expect(stream).toMatchObject({
      planned: stream?.sent,
      refused: 7,
      received: Math.floor((stream?.sent ?? 0) / 2),
    });
    expect(stream?.lost).toBe((stream?.sent ?? 0) - (stream?.received ?? 0));
    expect(stream?.sendingNs).toBeGreaterThanOrEqual(2.5e9);
    // It had no pace to keep, so that it kept none is no fault; and there is no latency.
    expect(trafficFaults(report, 0)).toEqual([]);
    expect(trafficMetrics([report]).map(({ name }) => name)).toEqual([
      "traffic.forward.throughput",
      "traffic.forward.lost",
    ]);
    expect(trafficRemarks([{ report, received: [] }])).toEqual([
      expect.stringMatching(
        /^the generator does not pace: it sent as fast as the port took frames, \d+ frames\/s, and no load was asked for or kept$/,
      ),
    ]);
    // Nothing of the way that they were talked to is left.
    expect(readdirSync(folder)).toEqual(["sent"]);
  });

  it("take for lost what did not come, and not for their own what others sent", () => {
    const { argv } = planTraffic({ ...way, rate: "unpaced", duration: "300ms" });
    const report = parseTrafficReport(run(argv, { CARRIED: "1.5" }).stdout);
    const [stream] = report.streams;
    expect([stream?.received, stream?.lost]).toEqual([stream?.sent, 0]);
    const foreign = report.ports[1]?.foreign ?? 0;
    expect(foreign).toBe(Math.floor((stream?.sent ?? 0) / 2));
    expect(report.ports[1]?.received).toBe((stream?.sent ?? 0) + foreign);
    expect(trafficRemarks([{ report, received: [] }])).toContain(
      `frames came that were not sent by this run, at least ${foreign}: its ports count whatever comes, so that as many more of its own may be lost`,
    );
  });

  it("are told trials as the traffic program is, of which the time counts", () => {
    const { argv } = planTrials(way, 10_000);
    const lines = [64, 1518].map((frame) => trialLine({ frame, loadPps: 1_000_000, durationMs: 300 }));
    const { status, stdout } = run(argv, {}, `${lines.join("\n")}\n`);
    expect(status).toBe(0);
    const reports = stdout
      .trim()
      .split("\n")
      .map((line) => parseTrafficReport(line));
    expect(reports).toHaveLength(2);
    for (const { streams } of reports) {
      expect(streams[0]?.sent).toBeGreaterThan(2500);
      expect(streams[0]?.lost).toBe(0);
    }
  });

  it.each<readonly [what: string, environment: Record<string, string>, code: number, said: string]>([
    ["a testpmd that ends", { ENDS: "1" }, 69, "the testpmd of the source does not come up"],
    ["a path that carries nothing", { CARRIED: "0" }, 75, "no frame came to the sink"],
  ])("say in a sentence what is wrong with %s", (_, environment, code, said) => {
    const { argv } = planTraffic({ ...way, rate: "unpaced", duration: "100ms" });
    const { status, stderr } = run(argv, environment);
    expect([status, stderr]).toEqual([code, expect.stringContaining(`nfvlab-traffic: ${said}`)]);
  });

  it("are started again where the kernel takes their sockets for one group", () => {
    const { argv } = planTraffic({ ...way, rate: "unpaced", duration: "100ms" });
    const { status, stdout } = run(argv, { FANOUT_TAKEN: "2" });
    expect(status).toBe(0);
    expect(parseTrafficReport(stdout).streams[0]?.sent).toBeGreaterThan(0);
    expect(run(argv, { FANOUT_TAKEN: "9" }).status).toBe(69);
  });

  it("wait for a link, and say which end has none", () => {
    const { argv } = planTraffic({ ...way, rate: "unpaced", duration: "100ms" });
    // Seconds in place of a minute.
    const brief = argv.map((word) => (word === "60000" ? "4000" : word)) as unknown as typeof argv;
    const { status, stderr } = run(brief, { NO_LINK: "1" });
    expect([status, stderr]).toEqual([
      69,
      expect.stringContaining("nfvlab-traffic: the port of the sink has no link"),
    ]);
  });
});
