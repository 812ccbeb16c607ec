import { describe, expect, it } from "vitest";
import { domains } from "../../sdk/observe/domains.ts";
import { checkDomain, checkGuestHost, observedDomain } from "../../sdk/plan/domain.ts";
import { renderDomain } from "../../sdk/plan/domain-xml.ts";
import { HostError } from "../../sdk/units/errors.ts";

const nic = {
  kind: "vhost-user" as const,
  socketPath: "/run/nfvlab-vhost/vnf1-0.sock",
  mac: "52:54:00:00:00:01",
  address: "198.18.0.2/24",
};
const guest = {
  host: { name: "dut", connection: { kind: "local" as const } },
  name: "vnf1",
  memory: "8GiB" as const,
  pageSize: "1GiB" as const,
  numaNode: 0,
  vcpuPins: ["1", "2", "3"],
  emulatorCpus: "0,20",
  realtimeVcpus: { vcpus: "1-2", priority: 1 },
  boot: { kind: "disk" as const },
  disks: { vda: { path: "/var/lib/libvirt/images/vnf1.qcow2" } },
  nics: { east: nic },
};
const context = { tag: "0badcafe", cpuFlags: new Set(["tsc_deadline_timer", "nonstop_tsc"]) };

describe("a guest", () => {
  it("is rendered as the worked example says", async () => {
    await expect(renderDomain(guest, context)).toMatchFileSnapshot("../golden/domain/vnf1.xml");
  });

  it("boots a kernel with its addresses, and asks for no feature that the host lacks", async () => {
    const direct = { ...guest, boot: { kind: "kernel" as const, kernel: "/k", initramfs: "/i" } };
    await expect(renderDomain(direct, { ...context, cpuFlags: new Set() })).toMatchFileSnapshot(
      "../golden/domain/vnf1-kernel.xml",
    );
  });

  it("comes back from its own definition", () => {
    const answer = {
      code: 0,
      stderr: "",
      stdout: `@domain vnf1\n@state shut off\n${renderDomain(guest, context)}`,
    };
    const [observed] = domains.parse(answer);
    expect(observed?.owner).toBe("0badcafe");
    expect(observedDomain(guest, observed as NonNullable<typeof observed>)).toEqual(guest);
  });

  it("is read from its threads while it runs", () => {
    const threads = [
      "@thread 0,20 qemu-system-x86",
      "@thread 1 CPU 0/KVM",
      "@thread 7 CPU 1/KVM",
      "@thread 3 CPU 2/KVM",
    ].join("\n");
    const [observed] = domains.parse({
      code: 0,
      stderr: "",
      stdout: `@domain vnf1\n@state running\n${renderDomain(guest, context)}${threads}\n`,
    });
    expect(observedDomain(guest, observed as NonNullable<typeof observed>).vcpuPins).toEqual(["1", "7", "3"]);
  });

  it.each([
    [
      { memory: "7GiB" as const, pageSize: "1GiB" as const, vcpuPins: ["1"], realtimeVcpus: undefined },
      undefined,
    ],
    [{ memory: "1000MiB" as const }, /multiple of the page size/],
    [{ vcpuPins: ["1-2", "3"] }, /one CPU/],
    [{ vcpuPins: ["1", "1", "2"] }, /two vCPUs/],
    [{ emulatorCpus: "0-1" }, /emulator threads would run on CPU 1/],
    [{ realtimeVcpus: { vcpus: "0-2", priority: 1 } }, /all vCPUs/],
  ])("checks %j", (change, message) => {
    const check = () => checkDomain({ ...guest, ...change } as typeof guest);
    if (message === undefined) expect(check).not.toThrow();
    else expect(check).toThrow(message);
  });

  it("is refused where QEMU would fail late or wait for ever", () => {
    const pools = [{ numaNode: 0, sizeKib: 2 ** 20, total: 10, free: 8, surplus: 0 }];
    const interfaces = [
      {
        name: "p",
        type: "dpdkvhostuserclient",
        options: { "vhost-server-path": nic.socketPath },
        status: {},
      },
    ];
    const host = { pools, interfaces };
    expect(() => checkGuestHost(guest, host)).not.toThrow();
    expect(() =>
      checkGuestHost(guest, {
        ...host,
        pools: [{ numaNode: 0, sizeKib: 2 ** 20, total: 10, surplus: 0, free: 7 }],
      }),
    ).toThrow(/7 free of 10, expected 8/);
    expect(() => checkGuestHost(guest, { ...host, interfaces: [] })).toThrow(HostError);
  });
});
