import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { forwarders } from "../../sdk/observe/traffic.ts";
import { testpmdArguments, testpmdCommand } from "../../sdk/plan/testpmd.ts";
import { checkForwarder } from "../../sdk/plan/traffic-forwarder.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import { trafficForwarder } from "../../sdk/schema/traffic.ts";
import { said } from "../observe/recorded.ts";

type ForwarderInputs = Inputs<typeof trafficForwarder>;

const inputs: ForwarderInputs = {
  host: { name: "dut", connection: { kind: "local" } },
  ...{ name: "vnf", by: "testpmd", cpus: "3" },
  ports: [
    { kind: "virtio-user", socketPath: "/run/v/p0.sock" },
    { kind: "virtio-user", socketPath: "/run/v/p1.sock" },
  ],
};

describe("testpmd as a forwarder", () => {
  it("waits on the CPU that it forwards on where there is one, else on the first", () => {
    expect(trafficForwarder.inputs.safeParse(inputs).error).toBeUndefined();
    const { peers: _, ...rest } = inputs;
    const swapping = testpmdArguments({ ...rest, mode: "5tswap" });
    expect(swapping.join(" ")).toBe(
      "--lcores=0@3,1@3 --in-memory --single-file-segments --no-telemetry -m 64 --no-pci " +
        "--vdev=net_virtio_user0,path=/run/v/p0.sock,queues=1,queue_size=1024,server=1 " +
        "--vdev=net_virtio_user1,path=/run/v/p1.sock,queues=1,queue_size=1024,server=1 " +
        "-- --nb-cores=1 --forward-mode=5tswap --rxq=1 --txq=1 --total-num-mbufs=8192 --auto-start --stats-period=1",
    );
    const peers = ["02:00:00:00:00:08", "02:00:00:00:00:09"];
    const wide = testpmdArguments({ ...inputs, cpus: "3-5", mode: "mac", peers, memory: "128MiB" }).join(" ");
    expect(wide).toContain("--lcores=0@3,1@4,2@5 ");
    expect(wide).toContain(
      "--nb-cores=2 --forward-mode=mac --rxq=1 --txq=1 --total-num-mbufs=16384 --eth-peer=0,02:00:00:00:00:08 --eth-peer=1,02:00:00:00:00:09",
    );
  });

  it("has its statistics kept as counters, and what else it says told", () => {
    const folder = mkdtempSync(join(tmpdir(), "nfvlab-testpmd-"));
    try {
      const status = join(folder, "status.json");
      const fixture = new URL("../fixtures/traffic/testpmd.txt", import.meta.url);
      const text = readFileSync(fixture, "utf8").replace(/^(# .*\n)+/, "");
      writeFileSync(join(folder, "said"), text);
      const [shell, ...args] = testpmdCommand({ ...inputs, program: "/bin/cat" }, status);
      // What is put in the program's place writes what testpmd wrote.
      const from = args.indexOf("/bin/cat");
      const told = execFileSync(shell, [...args.slice(0, from + 1), join(folder, "said")], {
        encoding: "utf8",
      });
      expect(told).toMatch(/^EAL: /m);
      expect(told).not.toMatch(/RX-packets|NIC statistics|pps|####/);
      const found = forwarders.parse(
        said(`nfvlab-forwarder-1-vnf active 1 ${readFileSync(status, "utf8").trim()}\n`),
      );
      const { ports } = found.get("nfvlab-forwarder-1-vnf")!;
      expect(ports.map(({ name }) => name)).toEqual(["port 0", "port 1"]);
      const last = [...text.matchAll(/RX-packets: (\d+)/g)].slice(-2).map(([, count]) => Number(count));
      expect(ports.map(({ received }) => received)).toEqual(last);
      expect(Math.max(...last)).toBeGreaterThan(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("ends with testpmd", () => {
    const [shell, ...args] = testpmdCommand({ ...inputs, program: "/bin/false" }, "/dev/null");
    expect(spawnSync(shell, args, { timeout: 10_000 }).signal).toBeNull();
  });

  it.each<readonly [string, Partial<ForwarderInputs>, RegExp]>([
    ["sleep", { idle: "50us" }, /^idle: testpmd never sleeps: observed 50us/],
    [
      "have two numbers of queues",
      { ports: [{ kind: "null" }, { kind: "virtio-user", socketPath: "/a", queues: 2 }] },
      /^ports: testpmd gives all ports as many queues: observed 1 and 2/,
    ],
    [
      "be the traffic program of nowhere",
      { by: "nfvlab" },
      /^program: the traffic program is where a Tool has built it/,
    ],
  ])("can't %s", (_, change, message) => {
    expect(() => checkForwarder({ ...inputs, ...change })).toThrow(message);
    expect(() => checkForwarder(inputs)).not.toThrow();
  });
});
