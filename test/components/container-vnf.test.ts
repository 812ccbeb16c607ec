import { describe, expect, it } from "vitest";
import { ContainerVnf } from "../../components/container-vnf.ts";
import { LinuxBridge } from "../../sdk/resources/net.ts";
import { Tool } from "../../sdk/resources/traffic.ts";
import { container } from "../../sdk/schema/lxc.ts";
import { evaluated, named, outline, register } from "./program.ts";
import { aBridge, aHost, answers, host, thrown } from "./testbed.ts";

describe("ContainerVnf", () => {
  it("makes a container whose interfaces are ports of bridges", async () => {
    let made: ContainerVnf | undefined;
    const registered = await register(
      () => {
        const lan = new LinuxBridge("lan", {
          host: { name: "dut", connection: { kind: "local" } },
          name: "lan0",
        });
        made = new ContainerVnf("fw", {
          ...{ host: aHost(), cpus: "3", numaNode: 1, memory: "256MiB", forwards: true },
          nics: {
            east: { kind: "veth", bridge: lan, mtu: 9000 },
            west: { kind: "veth", bridge: "lan1", hostName: "fw-w" },
          },
        });
      },
      { answers },
    );
    const own = registered.filter(({ types }) => types[0] === "nfvlab:components:ContainerVnf");
    expect(outline(own)).toEqual([
      "stack > fw (nfvlab:components:ContainerVnf)",
      "fw > fw-container (nfvlab:lxc:Container)",
    ]);
    const { inputs } = named(registered, "fw-container");
    expect(inputs).toEqual({
      ...{ host, name: "fw", root: { kind: "host" }, cpus: "3", memory: "256MiB" },
      command: [
        "sh",
        "-c",
        'ip link add forward type bridge && ip link set east master forward && ip link set west master forward && ip link set forward up && exec "$@"',
        ...["sh", "sleep", "infinity"],
      ],
      nics: [
        { kind: "veth", name: "east", hostName: "fw-east", bridge: "lan0", mtu: 9000 },
        { kind: "veth", name: "west", hostName: "fw-w", bridge: "lan1" },
      ],
    });
    expect(container.inputs.safeParse(inputs).success).toBe(true);
    expect(made?.attachments).toEqual({
      east: { kind: "veth", carrier: "linux-bridge", over: "lan" },
      west: { kind: "veth", carrier: "linux-bridge", over: "lan1" },
    });
    expect([made?.place, made?.numaNode]).toEqual(["container", 1]);
  });

  it("runs a command of the user's as it is", async () => {
    const registered = await register(
      () => {
        new ContainerVnf("end", {
          host: aHost(),
          cpus: "3",
          command: ["iperf3", "-s"],
          nics: { eth0: { kind: "veth", bridge: "lan0", addresses: ["198.18.0.9/24"] } },
        });
      },
      { answers },
    );
    expect(named(registered, "end-container").inputs).toMatchObject({
      command: ["iperf3", "-s"],
      nics: [{ addresses: ["198.18.0.9/24"] }],
    });
  });

  it("forwards in user space between ports of a switch and shared memory, by a program inside", async () => {
    let made: ContainerVnf | undefined;
    let opposite: ContainerVnf | undefined;
    const program = "/var/lib/nfvlab/traffic/1/nfvlab-traffic";
    const registered = await register(
      () => {
        const bridge = aBridge(aHost());
        const tool = new Tool("tool", { host: bridge.host.reference, name: "tool" });
        const memif = { kind: "memif", socketPath: "/run/trial-memif/a.sock" } as const;
        made = new ContainerVnf("l2", {
          ...{ host: bridge.host, cpus: "3", numaNode: 1, memory: "64MiB" },
          forwards: { tool, mode: "macswap", idle: "50us" },
          nics: { in: { kind: "virtio-user", bridge, port: "vhu0" }, out: { ...memif, role: "server" } },
        });
        opposite = new ContainerVnf("l3", {
          ...{ host: bridge.host, cpus: "4", forwards: { tool } },
          mounts: [{ source: "/srv/a", target: "/a" }],
          nics: { in: { ...memif, role: "client" }, out: { kind: "af_packet", bridge: "lan0" } },
        });
      },
      { answers: { ...answers, "nfvlab:traffic:Tool": { path: program } } },
    );
    const { inputs, waitsFor } = named(registered, "l2-container");
    expect(container.inputs.safeParse(inputs).error).toBeUndefined();
    expect(inputs).toEqual({
      ...{ host, name: "l2", root: { kind: "host" }, cpus: "3", memory: "64MiB", hugepages: true },
      command: [
        ...[
          "sh",
          "-c",
          'rm -f /run/nfvlab-vhost/vhu0.sock /run/trial-memif/a.sock && exec "$@"',
          "sh",
          program,
        ],
        ...["-l", "3", "--in-memory", "--single-file-segments", "--no-telemetry", "-m", "64", "--no-pci"],
        "--vdev=net_virtio_user0,path=/run/nfvlab-vhost/vhu0.sock,queues=1,queue_size=1024,server=1",
        "--vdev=net_memif1,role=server,id=0,socket=/run/trial-memif/a.sock,socket-abstract=no",
        ...["--", "--role=forward", "--mode=macswap"],
        ...["--port=net_virtio_user0", "--port=net_memif1", "--idle-us=50"],
      ],
      mounts: [
        { source: "/run/nfvlab-vhost", target: "/run/nfvlab-vhost" },
        { source: "/run/trial-memif", target: "/run/trial-memif" },
        { source: "/var/lib/nfvlab/traffic/1", target: "/var/lib/nfvlab/traffic/1", readOnly: true },
      ],
    });
    expect(waitsFor).toEqual(expect.arrayContaining(["br0-vhu0", "tool"]));
    const other = named(registered, "l3-container").inputs;
    expect(other).not.toHaveProperty("hugepages");
    expect(other).toMatchObject({
      nics: [{ kind: "veth", name: "out", hostName: "l3-out", bridge: "lan0" }],
      mounts: [{ source: "/srv/a" }, { source: "/run/trial-memif" }, { readOnly: true }],
    });
    expect((other["command"] as string[]).filter((word) => /vdev|no-huge/.test(word))).toEqual([
      "--no-huge",
      "--vdev=net_memif0,role=client,id=0,socket=/run/trial-memif/a.sock,socket-abstract=no",
      "--vdev=net_af_packet1,iface=out",
    ]);
    expect(made?.attachments).toMatchObject({ in: { kind: "virtio-user", port: "vhu0" } });
    const { out } = made?.attachments ?? {};
    const { in: back } = opposite?.attachments ?? {};
    expect(out).toEqual({ kind: "memif", carrier: "memory", over: "/run/trial-memif/a.sock 0" });
    expect(back).toEqual(out);
  });

  it("leaves to its kernel and to a program what each can open", async () => {
    const said = await evaluated(() => {
      const bridge = aBridge(aHost());
      const tool = new Tool("tool", { host: bridge.host.reference, name: "tool" });
      const nics = {
        in: { kind: "virtio-user", bridge, port: "vhu7" },
        out: { kind: "veth", bridge: "lan0" },
      } as const;
      const common = { host: bridge.host, cpus: "3", nics } as const;
      return [
        thrown(() => new ContainerVnf("a", { ...common, forwards: true })),
        thrown(() => new ContainerVnf("b", { ...common, forwards: { tool }, command: ["top"] })),
      ];
    });
    expect(said[0]).toContain(
      "nics.in.port: the bridge has no such port: observed vhu7, expected vhu0 or vhu1",
    );
    expect(said[0]).toContain(
      "nics.in.kind: the kernel does not see this interface, or leaves it to a program: observed virtio-user",
    );
    expect(said[1]).toContain(
      "nics.out.kind: the program that forwards does not open this interface: observed veth",
    );
    expect(said[1]).toContain("command: the program that forwards is what the container runs: observed top");
  });

  it("tells all that does not go together at once", async () => {
    const said = await evaluated(() =>
      thrown(() => {
        new ContainerVnf("firewall-of-the-east", {
          ...{ host: aHost(), cpus: "3", root: { kind: "busybox" as const }, forwards: true },
          nics: { eth0: { kind: "veth", bridge: "lan0" } },
        });
      }),
    );
    expect(said).toContain(
      "nics.eth0.hostName: the name of the end on the host does not fit: observed firewall-of-the-east-eth0 (25 characters)",
    );
    expect(said).toContain("nics: a function that forwards has two sides: observed eth0, expected two NICs");
    expect(said).toContain("root: the ip of busybox makes no bridge");
  });
});
