import { describe, expect, it } from "vitest";
import { ContainerVnf } from "../../components/container-vnf.ts";
import { LinuxBridge } from "../../sdk/resources/net.ts";
import { container } from "../../sdk/schema/lxc.ts";
import { evaluated, named, outline, register } from "./program.ts";
import { aHost, answers, host, thrown } from "./testbed.ts";

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
