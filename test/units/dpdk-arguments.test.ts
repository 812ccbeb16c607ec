import { describe, expect, test } from "vitest";
import {
  type DpdkPort,
  ealArguments,
  forwarderArguments,
  ownSockets,
  portArguments,
  renderPort,
} from "../../sdk/units/dpdk-arguments.ts";

const every: readonly DpdkPort[] = [
  { kind: "virtio-user", socketPath: "/run/v/p0.sock" },
  { kind: "virtio-user", socketPath: "/run/v/p1.sock", server: false, queues: 2, mac: "02:00:00:00:00:01" },
  { kind: "af_packet", interface: "veth0" },
  { kind: "af_xdp", interface: "veth0" },
  { kind: "af_xdp", interface: "ens1", startQueue: 4, queues: 2 },
  { kind: "memif", socketPath: "/run/v/memif.sock" },
  { kind: "memif", socketPath: "/run/v/memif.sock", id: 3, role: "server" },
  { kind: "tap", interface: "tap0" },
  { kind: "pci", address: "0000:5e:00.1", queues: 4 },
  { kind: "ring" },
  { kind: "null" },
];

describe("a port in DPDK's arguments", () => {
  test("of each kind", async () => {
    const text = every
      .map((port, index) => {
        const { name, queues, arguments: made } = renderPort(port, index % 2);
        return `${JSON.stringify(port)}\n  ${name}, ${queues} queue(s): ${made.join(" ")}\n`;
      })
      .join("");
    await expect(text).toMatchFileSnapshot("../golden/traffic/ports.txt");
  });

  test("has a name of its own beside another of its kind", () => {
    expect(["ring", "ring"].map((kind, index) => renderPort({ kind } as DpdkPort, index).name)).toEqual([
      "net_ring0",
      "net_ring1",
    ]);
  });
});

describe("a program of DPDK's", () => {
  const ports = [renderPort({ kind: "virtio-user", socketPath: "/run/v/p0.sock", queues: 2 }, 0)];

  test("takes no card that it was not given", () => {
    expect(ealArguments({ cpus: "2,3" }, ports)).toContain("--no-pci");
    const given = ealArguments({ cpus: "2,3" }, [renderPort({ kind: "pci", address: "0000:5e:00.1" }, 0)]);
    expect(given).not.toContain("--no-pci");
    expect(given).toContain("--allow=0000:5e:00.1");
  });

  test("has its CPUs and memory, of huge pages or not", () => {
    expect(ealArguments({ cpus: "2,3", memory: "1GiB" }, []).join(" ")).toBe(
      "-l 2-3 --in-memory --single-file-segments --no-telemetry -m 1024 --no-pci",
    );
    expect(ealArguments({ cpus: "2", hugepages: false }, []).join(" ")).toBe(
      "-l 2 --no-huge --no-shconf --no-telemetry -m 64 --no-pci",
    );
  });

  test("polls, or sleeps where that is asked for", () => {
    expect(portArguments({ cpus: "2" }, ports)).toEqual(["--port=net_virtio_user0,2"]);
    expect(portArguments({ cpus: "2", idle: "1ms" }, ports)).toEqual([
      "--port=net_virtio_user0,2",
      "--idle-us=1000",
    ]);
  });
});

describe("a forwarder", () => {
  const ports: DpdkPort[] = [
    { kind: "virtio-user", socketPath: "/run/v/p0.sock" },
    { kind: "memif", socketPath: "/run/v/m.sock", role: "client" },
  ];

  test("tells its counters only where somebody reads them", () => {
    const words = (status?: string) =>
      forwarderArguments({ cpus: "3", ports, mode: "mac", peers: ["02:00:00:00:00:09"] }, status);
    const own = ["--port=net_virtio_user0", "--port=net_memif1", "--peer=02:00:00:00:00:09"];
    const behind = (list: readonly string[]) => list.slice(list.indexOf("--"));
    expect(behind(words())).toEqual(["--", "--role=forward", "--mode=mac", ...own]);
    expect(behind(words("/run/u/status.json"))).toEqual([
      ...["--", "--role=forward", "--mode=mac", "--status=/run/u/status.json"],
      ...own,
    ]);
  });

  test("makes sockets of those ports that serve", () => {
    expect(ownSockets(ports)).toEqual(["/run/v/p0.sock"]);
    expect(
      ownSockets([
        { kind: "virtio-user", socketPath: "/a", server: false },
        { kind: "memif", socketPath: "/b", role: "server" },
        { kind: "null" },
      ]),
    ).toEqual(["/b"]);
  });
});
