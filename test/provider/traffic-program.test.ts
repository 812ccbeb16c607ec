import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseTrafficReport } from "../../sdk/observe/traffic.ts";
import { sourceOf } from "../../sdk/provider/traffic-source.ts";
import type { TrafficStream } from "../../sdk/schema/traffic-report.ts";
import { type DpdkPort, ealArguments, renderPort } from "../../sdk/units/dpdk-arguments.ts";

const succeeds = (...[program, ...args]: readonly [string, ...string[]]) =>
  spawnSync(program, args).status === 0;
const here = succeeds("gcc", "--version") && succeeds("pkg-config", "--exists", "libdpdk");
const apart = here && succeeds("unshare", "--net", "true");
const unless = apart ? "" : " (not tried: needs gcc, libdpdk-dev and network namespaces)";

/** A switch that carries 1 Mbit/s, between a generator and a sink: what is beyond that waits in a queue of 20 frames, and is lost where that is full. */
const DEVICE = `set -e
for end in 0 1; do ip link add gen$end type veth peer name dev$end; done
ip link add switch type bridge mcast_snooping 0
for link in dev0 dev1; do ip link set $link master switch; done
for link in gen0 gen1 dev0 dev1 switch; do echo 1 > /proc/sys/net/ipv6/conf/$link/disable_ipv6; ip link set $link up; done
tc qdisc add dev dev1 root tbf rate 1mbit burst 1600 limit 2000`;
const FROM_SWITCH: readonly DpdkPort[] = [
  { kind: "af_packet", interface: "gen0" },
  { kind: "af_packet", interface: "gen1" },
];
const RING: readonly DpdkPort[] = [{ kind: "ring" }];

let folder: string;
let program: string;

beforeAll(async () => {
  if (!here) return;
  folder = mkdtempSync(join(tmpdir(), "nfvlab-traffic-"));
  const source = await sourceOf("traffic");
  for (const [name, text] of Object.entries(source)) writeFileSync(join(folder, name), text);
  program = join(folder, "traffic");
  const flags = ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror"];
  const sources = Object.keys(source).filter((name) => name.endsWith(".c"));
  const build = `cd "$1"; shift; gcc "$@" $(pkg-config --cflags --libs libdpdk)`;
  execFileSync("sh", ["-c", build, "sh", folder, ...flags, "-o", program, ...sources]);
}, 120_000);
afterAll(() => {
  if (here) rmSync(folder, { recursive: true });
});

/** The program at these ports, in a network of its own where they are interfaces of that. */
const ran = (ports: readonly DpdkPort[], own: readonly string[], input = "") => {
  const rendered = ports.map(renderPort);
  const argv = [
    program,
    ...ealArguments({ cpus: "0", hugepages: false }, rendered),
    ...["--", ...rendered.map(({ name }) => `--port=${name}`), "--idle-us=50", "--settle-ms=300", ...own],
  ];
  const script = ports === RING ? 'exec "$@"' : `${DEVICE}\nexec "$@"`;
  const options = { encoding: "utf8" as const, input };
  const { status, stdout, stderr } = spawnSync(
    "unshare",
    ["--net", "sh", "-c", script, "sh", ...argv],
    options,
  );
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  return stdout;
};
const streamOf = (said: string) => parseTrafficReport(said).streams[0] ?? expect.fail("no stream");
const counted = (buckets: TrafficStream["latency"]["buckets"]) =>
  buckets.reduce((sum, [, count]) => sum + count, 0);

describe("how latency varies from frame to frame", () => {
  it.skipIf(!apart)(`is told of each but the first${unless}`, () => {
    const { received, latency, variation } = streamOf(ran(RING, ["--rate=2000", "--count=4000"]));
    expect([received, variation?.samples, variation?.unpaired]).toEqual([4000, 3999, 0]);
    expect(counted(variation?.buckets ?? [])).toBe(3999);
    // Two latencies differ by no more than the largest and the smallest do.
    expect(variation?.maxNs).toBeLessThanOrEqual(latency.maxNs - latency.minNs);
    expect(variation?.maxNs).toBeGreaterThan(0);
  });

  it.skipIf(!apart)(`is not told of a frame whose predecessor was lost${unless}`, () => {
    const stream = streamOf(ran(FROM_SWITCH, ["--rate=4000", "--count=8000", "--probe-ms=5000"]));
    const { sent, received, lost, gaps, reordered, variation } = stream as typeof stream & { gaps: number };
    expect([sent, lost + received, reordered]).toEqual([8000, 8000, 0]);
    expect(received).toBeGreaterThan(1000);
    expect(received).toBeLessThan(7000);
    const { samples = 0, unpaired = 0 } = variation ?? {};
    expect(samples + unpaired).toBe(received - 1);
    // A run of lost frames has one behind it, but for one at the end.
    expect([gaps, gaps - 1]).toContain(unpaired);
  });
});
