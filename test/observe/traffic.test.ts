import { describe, expect, test } from "vitest";
import {
  buildGround,
  forwarders,
  lastWords,
  parseTrafficReport,
  receivedBySecond,
  trafficProgress,
  trafficTools,
} from "../../sdk/observe/traffic.ts";
import { recorded, said } from "./recorded.ts";

const ring = recorded("traffic/ring.txt").stdout;

describe("what the traffic program reports", () => {
  test("is its last line, whatever DPDK and its progress say before", () => {
    const { dpdk, ended, streams, ports } = parseTrafficReport(ring);
    expect([dpdk, ended]).toEqual(["DPDK 24.11.8", "complete"]);
    expect(streams).toHaveLength(1);
    expect(streams[0]).toMatchObject({
      ...{ planned: 3000, sent: 3000, received: 3000, lost: 0, duplicated: 0, reordered: 0, misdelivered: 0 },
      latency: { samples: 3000, unstamped: 0 },
    });
    expect(ports).toMatchObject([
      {
        name: "net_ring0",
        linkUp: true,
        sent: 3000,
        received: 3000,
        counters: { opackets: 3000, ipackets: 3000 },
      },
    ]);
  });

  test("has a histogram of all samples, in order, within its smallest and largest", () => {
    const { latency } = parseTrafficReport(ring).streams[0]!;
    const values = latency.buckets.map(([ns]) => ns);
    expect(latency.buckets.reduce((sum, [, count]) => sum + count, 0)).toBe(3000);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(values[0]).toBeGreaterThanOrEqual(latency.minNs);
    expect(values.at(-1)).toBe(latency.maxNs);
  });

  test("tells how latency varies, of a program that tells it", () => {
    const { received, variation } = parseTrafficReport(recorded("traffic/varied.txt").stdout).streams[0]!;
    const { samples = 0, unpaired = 0, minNs, maxNs, buckets = [] } = variation ?? {};
    expect([samples + unpaired, minNs]).toEqual([received - 1, 0]);
    expect(buckets.reduce((sum, [, count]) => sum + count, 0)).toBe(samples);
    expect(buckets.at(-1)?.[0]).toBe(maxNs);
    expect(parseTrafficReport(ring).streams[0]).not.toHaveProperty("variation");
  });

  test("of a path that lets nothing through has no smallest latency", () => {
    const { streams } = parseTrafficReport(recorded("traffic/lost.txt").stdout);
    expect(streams[0]).toMatchObject({ sent: 500, received: 0, lost: 500, misdelivered: 500 });
    expect(streams[0]?.latency).toEqual({ samples: 0, unstamped: 0, minNs: 0, maxNs: 0, buckets: [] });
  });

  test("is missed where it was ended from outside, with its last words", () => {
    const cut = ring.slice(0, ring.length / 2);
    expect(() => parseTrafficReport(cut)).toThrow("expected a JSON document at its end");
    expect(() => parseTrafficReport("")).toThrow("expected a JSON document at its end");
  });

  test("is told meanwhile, line by line", () => {
    expect(trafficProgress("sent 7 of 9, received 6\nsent 9 of 9, received 8\n{")).toBe(
      "sent 9 of 9, received 8",
    );
    expect(trafficProgress(ring)).toMatch(/^sent \d+ of 3000, received \d+$/);
    expect(trafficProgress("EAL: Selected IOVA mode 'VA'\n")).toBeUndefined();
  });

  test("was killed, as systemd says", () => {
    const unit = "nfvlab-forwarder-2b7f9688-b.service";
    const said = [
      "EAL: Selected IOVA mode 'VA'",
      "VIRTIO_DRIVER: virtio_user_dev_init_mac(): (/run/b1.sock) No valid MAC in devargs or device, use random",
      `${unit}: Main process exited, code=killed, status=7/BUS`,
      `${unit}: Failed with result 'signal'.`,
    ];
    expect(lastWords(said.join("\n"))).toBe([said[1], said[2]].join(" | "));
  });

  test("says why it failed, without what DPDK always says", () => {
    expect(lastWords(recorded("traffic/dead.txt").stdout)).toMatch(
      /^nfvlab-traffic: no frame came within 300 ms, of \d+ sent in each direction$/,
    );
  });
});

describe("trials, one after another", () => {
  const text = recorded("traffic/trials.txt").stdout;
  const [first = "", second = ""] = text.split(/^(?=\{"nfvlabTraffic")/m).slice(1);

  test("have a report each", () => {
    const [one, other] = [first, second].map((report) => parseTrafficReport(report).streams[0]!);
    expect(one).toMatchObject({ planned: 1000, sent: 1000, sentInTime: 999, received: 1000, refused: 0 });
    expect(other).toMatchObject({ planned: 5_000_000, lost: 0, refused: 0 });
    expect(other!.sentInTime!).toBeLessThanOrEqual(other!.sent);
    expect(other!.sent).toBeLessThan(5_000_000);
  });

  test("tell what came in each second, while there was load", () => {
    const seconds = receivedBySecond(text.slice(0, text.indexOf("{")));
    expect(seconds.length).toBeGreaterThanOrEqual(3);
    for (const frames of seconds) expect(Math.abs(frames - 250)).toBeLessThan(50);
    expect(
      receivedBySecond("sent 5 of 9, received 4\nsent 7 of 9, received 6\nsent 9 of 9, received 9\n"),
    ).toEqual([4, 2]);
    expect(receivedBySecond("sent 5 of 9, received 4\nsent 5 of 9, received 4\n")).toEqual([4]);
    expect(receivedBySecond("")).toEqual([]);
  });
});

describe("a machine to build on", () => {
  test("has a DPDK and a compiler, or lacks them", () => {
    expect(buildGround.parse(said("dpdk 24.11.8\ncompiler 14.2.0\narchitecture x86_64\n"))).toEqual({
      ...{ dpdk: "24.11.8", compiler: "14.2.0", architecture: "x86_64" },
    });
    expect(buildGround.parse(said("dpdk \ncompiler \narchitecture aarch64\n"))).toEqual({
      ...{ dpdk: undefined, compiler: undefined, architecture: "aarch64" },
    });
  });
  test("tells what is built there", () => {
    expect([...trafficTools.parse(said("55e3e1e92da40cd0\n"))]).toEqual(["55e3e1e92da40cd0"]);
    expect(trafficTools.parse(said("")).size).toBe(0);
  });
});

describe("forwarders", () => {
  const status = recorded("traffic/forwarder.txt").stdout.trim();
  const seen = forwarders.parse(
    said(
      `nfvlab-forwarder-1-vnf active 1 ${status}\nnfvlab-forwarder-2-new active 1700000000 \nnfvlab-forwarder-3-old inactive 90 ${status}\n`,
    ),
  );

  test("tell their counters and how old they are", () => {
    expect(seen.get("nfvlab-forwarder-1-vnf")).toMatchObject({
      ...{ active: true, ageSeconds: 1 },
      ports: [
        { name: "net_af_packet0", received: 4002, sent: 0 },
        { name: "net_af_packet1", received: 0, sent: 4002 },
      ],
    });
  });
  test("are not lost where the clock was put back", () => {
    const { ageSeconds } =
      forwarders.parse(said(`nfvlab-forwarder-1-vnf active -1 ${status}\n`)).get("nfvlab-forwarder-1-vnf") ??
      {};
    expect(ageSeconds).toBe(0);
  });
  test("may have told none yet, or not run any more", () => {
    expect(seen.get("nfvlab-forwarder-2-new")).toEqual({ active: true, ageSeconds: undefined, ports: [] });
    expect(seen.get("nfvlab-forwarder-3-old")).toMatchObject({ active: false, ageSeconds: 90 });
  });
});
