import { describe, expect, it } from "vitest";
import type { VhostUserVnfArgs } from "../../components/vhost-user-vnf.ts";
import { evaluated, named, outline, register } from "./program.ts";
import { aBridge, aGuest, aHost, answers, boot, golden, host, thrown } from "./testbed.ts";

describe("VhostUserVnf", () => {
  it("makes a boot image, then a guest on the bridge's ports", async () => {
    const registered = await register(
      () => {
        const bridge = aBridge(aHost());
        aGuest(bridge, {
          nics: {
            east: { kind: "vhost-user", bridge, port: "vhu0", address: "198.18.0.2/24", queues: 2 },
            west: { kind: "vhost-user", bridge, port: "vhu1", mac: "52:54:00:00:00:07" },
          },
        });
      },
      { answers },
    );
    const own = registered.filter(({ types }) => types[0] === "nfvlab:components:VhostUserVnf");
    expect(outline(own)).toEqual([
      "stack > vnf (nfvlab:components:VhostUserVnf)",
      "vnf > vnf-image (nfvlab:libvirt:BootImage)",
      "vnf > vnf-domain (nfvlab:libvirt:Domain)",
    ]);
    expect(named(registered, "vnf-image").inputs).toEqual({ host, name: "vnf" });
    expect(named(registered, "vnf-domain").inputs).toEqual({
      host,
      name: "vnf",
      memory: "256MiB",
      pageSize: "2MiB",
      numaNode: 1,
      vcpuPins: ["3", "4"],
      emulatorCpus: "0",
      boot,
      nics: {
        east: {
          kind: "vhost-user",
          socketPath: "/run/nfvlab-vhost/vhu0.sock",
          mac: "52:54:00:11:b8:7b",
          address: "198.18.0.2/24",
          queues: 2,
        },
        west: { kind: "vhost-user", socketPath: "/run/nfvlab-vhost/vhu1.sock", mac: "52:54:00:00:00:07" },
      },
    });
    expect(named(registered, "vnf-domain").waitsFor).toEqual([
      "br0-vhu0",
      "br0-vhu1",
      "dut-hugepages-node1-2MiB",
      "vnf-image",
    ]);
    expect(named(registered, "vnf").outputs).toEqual({ domainName: "vnf" });
  });

  it("boots with a line of arguments, whatever it boots", async () => {
    const bootLine = "isolcpus=domain,managed_irq,1 nohz_full=1";
    const words = ["isolcpus=domain,managed_irq,1", "nohz_full=1"];
    const made = await register(() => aGuest(aBridge(aHost()), { bootLine }), { answers });
    expect(named(made, "vnf-domain").inputs["boot"]).toEqual({ ...boot, arguments: words });
    const given = { kind: "kernel", kernel: "/boot/vmlinuz", initramfs: "/boot/initrd" } as const;
    const taken = await register(
      () => aGuest(aBridge(aHost()), { bootLine, boot: { ...given, arguments: ["quiet"] } }),
      { answers },
    );
    expect(named(taken, "vnf-domain").inputs["boot"]).toEqual({ ...given, arguments: ["quiet", ...words] });
  });

  it("boots what it is given, and then makes no image", async () => {
    const given = { kind: "kernel", kernel: "/boot/vmlinuz", initramfs: "/boot/initrd" } as const;
    const registered = await register(() => aGuest(aBridge(aHost()), { boot: given }), { answers });
    expect(registered.some(({ name }) => name === "vnf-image")).toBe(false);
    expect(named(registered, "vnf-domain").inputs).toMatchObject({ boot: given });
  });

  it("pins vCPU 0 to the lowest CPU, however the list is written", async () => {
    const registered = await register(() => aGuest(aBridge(aHost()), { vcpus: "7,3-4,3" }), { answers });
    expect(named(registered, "vnf-domain").inputs).toMatchObject({ vcpuPins: ["3", "4", "7"] });
  });

  it("says all that is wrong with its inputs", async () => {
    const text = await evaluated(() => {
      const bridge = aBridge(aHost());
      return thrown(() =>
        aGuest(bridge, {
          host: aHost({}, "other"),
          vcpus: "three",
          emulatorCpus: "",
          nics: {
            east: { kind: "vhost-user", bridge, port: "vhu0" },
            west: { kind: "vhost-user", bridge, port: "vhu0" },
            north: { kind: "vhost-user", bridge, port: "toString" },
          },
        }),
      );
    });
    await expect(text).toMatchFileSnapshot(golden("vhost-user-vnf"));
  });

  it.each<[string, Partial<VhostUserVnfArgs>]>([
    ["no-cpus", { vcpus: "" }],
    ["not-isolated", { vcpus: "3,8" }],
    ["number", { vcpus: 3 as unknown as string }],
    ["emulator", { emulatorCpus: "0-" }],
  ])("refuses CPUs: %s", async (what, args) => {
    const text = await evaluated(() => {
      const bridge = aBridge(aHost());
      return thrown(() => aGuest(bridge, args));
    });
    await expect(text).toMatchFileSnapshot(golden(`vhost-user-vnf-${what}`));
  });

  it("refuses a port of a bridge without ports", async () => {
    const text = await evaluated(() => {
      const bridge = aBridge(aHost(), { vhostUserPorts: [] });
      return thrown(() => aGuest(bridge));
    });
    await expect(text).toMatchFileSnapshot(golden("vhost-user-vnf-no-ports"));
  });

  it("leaves a vCPU on a housekeeping CPU to the policies", async () => {
    const registered = await register(() => aGuest(aBridge(aHost()), { vcpus: "1" }), { answers });
    expect(named(registered, "vnf-domain").inputs).toMatchObject({ vcpuPins: ["1"] });
  });
});
