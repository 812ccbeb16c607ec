import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { checkTraffic, planTraffic } from "../../sdk/plan/traffic-run.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import { traffic } from "../../sdk/schema/traffic.ts";

type TrafficInputs = Inputs<typeof traffic>;

const run: TrafficInputs = {
  host: { name: "dut", connection: { kind: "local" } },
  ...{ name: "lan", rate: 500, count: 3000, settle: "500ms" },
  generator: { kind: "pktgen", cpus: "3" },
  from: { kind: "af_packet", interface: "gen" },
  to: { kind: "af_packet", interface: "sink" },
};

describe("the kernel's packet generator", () => {
  it("is told by a script what to send, and leaves nothing behind", async () => {
    expect(traffic.inputs.safeParse(run).error).toBeUndefined();
    const addressed = {
      ...run,
      flows: 8,
      frameSize: 512,
      addresses: { toMac: "02:00:00:00:00:09", toIp: "10.0.0.2" },
    };
    const { argv, properties, seconds, repetitions } = planTraffic(addressed);
    const [, , script = "", ...words] = argv;
    expect(words).toEqual([
      ...["nfvlab-pktgen", "gen", "sink", "3", "3000", "500", "512", "8", "0.5"],
      ...["", "02:00:00:00:00:09", "198.18.0.1", "10.0.0.2"],
    ]);
    expect({ seconds, repetitions }).toEqual({ seconds: 24, repetitions: 1 });
    await expect(`${script}\n--- at its end\n${properties.join("\n")}\n`).toMatchFileSnapshot(
      "../golden/traffic/pktgen.txt",
    );
  });

  it("is a script that a shell reads", () => {
    const { argv, properties } = planTraffic(run);
    const atEnd = /-c '(.*)' sh gen sink 3$/.exec(properties[0] ?? "")?.[1]?.replaceAll("$$", "$");
    for (const script of [argv[2], atEnd])
      expect(spawnSync("sh", ["-n"], { input: script ?? "(" }).status, script).toBe(0);
  });

  it.each<readonly [string, Partial<TrafficInputs>, RegExp]>([
    [
      "a ring",
      { from: { kind: "ring" } },
      /^generator.kind: pktgen sends at an interface .* observed ring to af_packet/,
    ],
    ["one interface", { to: undefined }, /observed af_packet to none/],
    ["both ways", { directions: "both" }, /^directions: pktgen sends one way/],
    [
      "two CPUs",
      { generator: { kind: "pktgen", cpus: "2-3" } },
      /^generator.cpus: .* observed 2-3, expected one CPU/,
    ],
  ])("is not used for %s", (_, change, message) => {
    expect(() => checkTraffic({ ...run, ...change } as TrafficInputs)).toThrow(message);
    expect(() => checkTraffic(run)).not.toThrow();
  });
});
