import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

/** A switch that carries 1 Mbit/s, between a generator and a sink: what is beyond that waits in a queue of 300 frames, and is lost where that is full. */
const DEVICE = `set -e
for end in 0 1; do ip link add gen$end type veth peer name dev$end; done
ip link add switch type bridge mcast_snooping 0
for link in dev0 dev1; do ip link set $link master switch; done
for link in gen0 gen1 dev0 dev1 switch; do echo 1 > /proc/sys/net/ipv6/conf/$link/disable_ipv6; ip link set $link up; done
tc qdisc add dev dev1 root tbf rate 1mbit burst 1600 limit 20000`;
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

/** Cuts the way for 200 ms as soon as the program tells of its first second. */
const CUT = `exec 3<&0
"$@" <&3 2> "$PROGRESS" & program=$!
until grep -qs '^sent' "$PROGRESS"; do sleep 0.01; done
ip link set dev1 down; sleep 0.2; ip link set dev1 up
wait $program`;

/** Tells the program that something is about to be done, cuts the way for 300 ms, and a second later tells it that that was all. */
const EVENT = `"$@" 2> "$PROGRESS" & program=$!
until grep -qs '^sent' "$PROGRESS"; do sleep 0.01; done
kill -USR2 $program; ip link set dev1 down; sleep 0.3; ip link set dev1 up
sleep 1; kill -USR1 $program
wait $program`;

/** Between two sockets a switch, which is the program as a forwarder: killed once the program was told, and there again 300 ms later. */
const COMES_BACK = `switch() {
  "$PROGRAM" -l 0 --no-huge --no-shconf --no-telemetry -m 64 --no-pci --vdev=net_vhost0,iface="$SOCKETS/0.sock",client=1 --vdev=net_vhost1,iface="$SOCKETS/1.sock",client=1 \\
    -- --role=forward --port=net_vhost0 --port=net_vhost1 --idle-us=50 >/dev/null 2>&1 & switch=$!
}
switch
"$@" 2> "$PROGRESS" & program=$!
until grep -qs '^sent' "$PROGRESS" || ! [ -d /proc/$program ]; do sleep 0.02; done
kill -USR2 $program; kill -KILL $switch; sleep 0.3; switch
sleep 5; kill -USR1 $program
wait $program; code=$?
kill $switch
exit $code`;

/** Tells the program of an event, at ports that have a program in the kernel. */
const XDP = `ip link add xdp0 type veth peer name xdp1
for link in xdp0 xdp1; do echo 1 > /proc/sys/net/ipv6/conf/$link/disable_ipv6; ip link set $link up; done
ip link set xdp1 promisc on
"$@" 2> "$PROGRESS" & program=$!
until grep -q '^sent' "$PROGRESS" || ! [ -d /proc/$program ]; do sleep 0.02; done
kill -USR2 $program; sleep 0.5; kill -USR1 $program
wait $program || exit
ip -o link show > "$SOCKETS/links"`;

/** The program at these ports, in a network of its own. */
const ran = (ports: readonly DpdkPort[], own: readonly string[], { input = "", run = 'exec "$@"' } = {}) => {
  const rendered = ports.map(renderPort);
  const argv = [
    program,
    ...ealArguments({ cpus: "0", hugepages: false }, rendered),
    ...["--", ...rendered.map(({ name }) => `--port=${name}`), "--idle-us=50", "--settle-ms=300", ...own],
  ];
  const env = { ...process.env, PROGRAM: program, SOCKETS: folder, PROGRESS: join(folder, "progress") };
  // A script waits for what the program tells in there, and is not to find what another one told.
  rmSync(env.PROGRESS, { force: true });
  const script = ports === FROM_SWITCH ? `${DEVICE}\n${run}` : run;
  const options = { encoding: "utf8" as const, input, env, timeout: 50_000 };
  const { status, stdout, stderr } = spawnSync(
    "unshare",
    ["--net", "sh", "-c", script, "sh", ...argv],
    options,
  );
  expect(status, stderr).toBe(0);
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

describe("a trial whose rate changes", () => {
  const trial = (
    line: string,
    { ports = FROM_SWITCH, ...how }: { ports?: typeof RING; run?: string } = {},
  ) => {
    const stream = streamOf(ran(ports, ["--trials", "--probe-ms=5000"], { ...how, input: `${line}\n` }));
    const [first = expect.fail("no steps"), then = expect.fail("one step")] = stream.steps ?? [];
    return { stream, first, then };
  };
  const pps = (frames: number, ns: number) => ((frames - 1) * 1e9) / ns;

  it.skipIf(!apart)(`sends at the one rate, then at the other, as the sink sees it too${unless}`, () => {
    const { stream, first, then } = trial("1500 1500 50 64 500 1000", { ports: RING });
    expect([first, then]).toMatchObject([
      { rate: 1500, planned: 1500, sent: 1500, lost: 0, refused: 0 },
      { rate: 500, planned: 1000, sent: 1000, lost: 0, refused: 0 },
    ]);
    expect(first).not.toHaveProperty("lastLostNs");
    expect(Math.abs(pps(1500, first.sendingNs) / 1500 - 1)).toBeLessThan(0.05);
    expect(Math.abs(pps(1000, then.sendingNs) / 500 - 1)).toBeLessThan(0.05);
    expect([stream.planned, stream.sent, stream.received, stream.lost]).toEqual([2500, 2500, 2500, 0]);
    expect(Math.abs(stream.receivingNs / 3e9 - 1)).toBeLessThan(0.05);
  });

  it.skipIf(!apart)(
    `loses frames until the load falls below what the way carries, and none once its queue has drained${unless}`,
    () => {
      const { stream, first, then } = trial("4000 4000 50 64 1000 1000");
      expect(first.lost).toBeGreaterThan(1000);
      // The queue is full to the end of the overload.
      expect(first.lastLostNs).toBeGreaterThan(0.98e9);
      expect(then.lastLostNs ?? 0).toBeLessThan(0.5e9);
      expect(stream.lost).toBe(first.lost + then.lost);
    },
  );

  it.skipIf(!apart)(`tells when the last frame was lost behind the change${unless}`, () => {
    const { then } = trial("4000 4000 50 64 1000 2000", { run: CUT });
    expect(then.lost).toBeGreaterThan(150);
    expect(then.lastLostNs).toBeGreaterThan(190e6);
    expect(then.lastLostNs).toBeLessThan(1.5e9);
  });

  it.skipIf(!apart)(`that the way never carries loses frames to its end${unless}`, () => {
    const { then } = trial("4000 2000 50 64 3000 3000");
    expect(then.lost).toBeGreaterThan(500);
    expect(then.lastLostNs).toBeGreaterThan(0.95e9);
  });

  it.skipIf(!apart)(`counts steps of one trial apart from those of the next${unless}`, () => {
    const said = ran(RING, ["--trials"], { input: "1000 300 50 64 500 200\n1000 300 50 64\n" });
    const [one, other] = said.match(/^\{"nfvlabTraffic":1,.*$/gm)?.map(streamOf) ?? [];
    expect(one).toMatchObject({
      planned: 500,
      sent: 500,
      received: 500,
      steps: [{ sent: 300 }, { sent: 200 }],
    });
    expect(other).toMatchObject({ planned: 300, sent: 300, received: 300, lost: 0 });
    expect(other).not.toHaveProperty("steps");
  });
});

describe("frames to every station", () => {
  /** A third port of the switch, which counts what comes to it. */
  const AND_ELSEWHERE = `ip link add gen2 type veth peer name dev2; ip link set dev2 master switch
for link in gen2 dev2; do echo 1 > /proc/sys/net/ipv6/conf/$link/disable_ipv6; ip link set $link up; done
"$@" || exit
awk '/gen2:/ { print $3 }' /proc/net/dev > "$SOCKETS/elsewhere"`;
  const seen = (...own: readonly string[]) => {
    const how = { run: AND_ELSEWHERE, input: "500 500 50 64\n" };
    const stream = streamOf(ran(FROM_SWITCH, ["--trials", "--probe-ms=5000", ...own], how));
    return { stream, elsewhere: Number(readFileSync(join(folder, "elsewhere"), "utf8")) };
  };

  it.skipIf(!apart)(`are counted once each, where the others go to one port alone${unless}`, () => {
    const { stream, elsewhere } = seen("--to-mac=ff:ff:ff:ff:ff:ff");
    expect(stream).toMatchObject({ sent: 500, received: 500, lost: 0, duplicated: 0, reordered: 0 });
    expect(stream.misdelivered).toBe(0);
    expect(elsewhere).toBeGreaterThanOrEqual(500);
    expect(seen().elsewhere).toBeLessThan(100);
  });
});

describe("a trial that no probe goes before", () => {
  /** What came into the switch at both ends. */
  const COUNTED = `"$@"; code=$?
for end in 0 1; do awk -v end="dev$end:" '$1 == end { print $3 }' /proc/net/dev > "$SOCKETS/came$end"; done
exit $code`;
  const came = (trials: string) => {
    const said = ran(FROM_SWITCH, ["--trials", "--probe-ms=5000", "--flows=20"], {
      input: trials,
      run: COUNTED,
    });
    const streams = said.match(/^\{"nfvlabTraffic":1,.*$/gm)?.map(streamOf) ?? [];
    const packets = ["came0", "came1"].map((name) => Number(readFileSync(join(folder, name), "utf8")));
    return { streams: streams.map(({ sent, received }) => [sent, received]), packets };
  };

  it.skipIf(!apart)(`sends each flow's frame, and nothing else at either end${unless}`, () => {
    const { streams, packets } = came("200 20 50 64 unprobed\n");
    expect(streams).toEqual([[20, 20]]);
    expect(packets).toEqual([20, 0]);
  });

  it.skipIf(!apart)(`leaves the next one its probes, and the silent end its announcement${unless}`, () => {
    const { streams, packets } = came("200 20 50 64 unprobed\n200 20 50 64\n");
    expect(streams).toEqual([
      [20, 20],
      [20, 20],
    ]);
    expect(packets[0]).toBeGreaterThan(40);
    expect(packets[1]).toBeGreaterThan(0);
  });
});

describe("an event that the program is told of", () => {
  const own = ["--rate=1000", "--count=60000", "--probe-ms=5000", "--drop-refused"];

  it.skipIf(!apart)(`is followed by the time that no frame came, told apart from before it${unless}`, () => {
    const { planned, sent, lost, longestGap, lostAtEnd, mark, silenceMaxNs } = streamOf(
      ran(FROM_SWITCH, own, { run: EVENT }),
    );
    expect(planned).toBe(sent);
    const { silenceNs = 0, silentFromNs = 0, silenceBeforeNs = 0 } = mark ?? {};
    expect(silenceNs).toBeGreaterThan(290e6);
    expect(silenceNs).toBeLessThan(2e9);
    expect(silentFromNs).toBeLessThan(0.5e9);
    expect(silenceMaxNs).toBe(Math.max(silenceNs, silenceBeforeNs));
    // As many were lost as were sent in that time, and none behind it.
    expect(lostAtEnd).toBe(0);
    expect(lost).toBeGreaterThanOrEqual(longestGap);
    expect(Math.abs(longestGap / 1000 - silenceNs / 1e9)).toBeLessThan(0.1 + (silenceNs / 1e9) * 0.2);
  });

  it.skipIf(!apart)(`is outlived by its ports, whose switch goes and comes back${unless}`, () => {
    const ends = ["0", "1"].map((end) => ({
      ...{ kind: "virtio-user" as const, socketPath: join(folder, `${end}.sock`) },
    }));
    const { sent, received, lost, lostAtEnd, latency, mark } = streamOf(ran(ends, own, { run: COMES_BACK }));
    expect(mark?.silenceNs).toBeGreaterThan(290e6);
    expect(mark?.silentFromNs).toBeLessThan(1e9);
    // What was sent meanwhile, a frame each ms, is lost, or waits in the port's ring for the switch that comes back.
    expect(received + lost).toBe(sent);
    expect(Math.max(lost * 1e6, latency.maxNs)).toBeGreaterThan(250e6);
    // Frames came before it, and for some seconds since.
    expect(received).toBeGreaterThan(1500);
    expect(lostAtEnd).toBe(0);
  });

  it.skipIf(!apart)(`leaves the interfaces of its ports as they were${unless}`, () => {
    const ends = ["0", "1"].map((end) => ({ kind: "af_xdp" as const, interface: `xdp${end}` }));
    const { sent, mark } = streamOf(
      ran(ends, ["--rate=500", "--count=30000", "--drop-refused"], { run: XDP }),
    );
    expect(sent).toBeGreaterThan(500);
    expect(mark).toBeDefined();
    const links = readFileSync(join(folder, "links"), "utf8");
    expect(links).not.toContain("prog/xdp");
    expect(links.match(/(?<=xdp0@xdp1: ).*PROMISC/)).toBeNull();
    expect(links).toMatch(/xdp1@xdp0: .*PROMISC/);
  });

  it.skipIf(!apart)(`is told of none where there was none${unless}`, () => {
    expect(streamOf(ran(RING, ["--rate=1000", "--count=300"]))).not.toHaveProperty("mark");
  });

  it.skipIf(!apart)(
    `loses what a port refuses, or else offers it again until its time is over${unless}`,
    () => {
      // A ring that nobody empties has room for 1023.
      const send = ["--role=send", "--rate=10000", "--count=3000"];
      expect(streamOf(ran(RING, [...send, "--drop-refused"]))).toMatchObject({ sent: 3000, refused: 1977 });
      const { sent, refused } = streamOf(ran(RING, [...send, "--overrun-ms=200"]));
      expect(sent).toBe(1023);
      expect(refused).toBeGreaterThan(1977);
    },
  );
});
