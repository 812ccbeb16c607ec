import { describe, expect, it } from "vitest";
import { SriovVnf } from "../../components/sriov-vnf.ts";
import type { VhostUserVnf, VhostUserVnfArgs } from "../../components/vhost-user-vnf.ts";
import { LinuxBridge } from "../../sdk/resources/net.ts";
import { libvirtDomain } from "../../sdk/schema/libvirt.ts";
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

  it("takes interfaces of all kinds beside each other, and shared memory", async () => {
    let made: VhostUserVnf | undefined;
    const registered = await register(
      () => {
        const bridge = aBridge(aHost());
        made = aGuest(bridge, {
          forwards: false,
          sharedMemory: { ring: { kind: "ivshmem-plain", size: "4MiB" } },
          domain: { watchdog: { model: "i6300esb", action: "none" } },
          nics: {
            east: { kind: "vhost-user", bridge, port: "vhu0" },
            plain: { kind: "bridge", bridge: "lan0", model: "e1000", mac: "52:54:00:00:00:01" },
            slow: { kind: "tap", device: "tap0", vhost: "off", mac: "52:54:00:00:00:02" },
            outer: { kind: "macvtap", device: "eth0", mode: "passthrough", mac: "52:54:00:00:00:03" },
            fast: { kind: "sr-iov", vf: "0000:05:02.1", card: "east", vlan: 7, mac: "52:54:00:00:00:04" },
            card: { kind: "pci", device: "0000:06:00.0" },
            rings: { kind: "vdpa", device: "/dev/vhost-vdpa-0", mac: "52:54:00:00:00:05" },
          },
        });
      },
      { answers },
    );
    const { nics, sharedMemory, watchdog } = named(registered, "vnf-domain").inputs;
    expect(nics).toMatchObject({
      plain: { kind: "bridge", bridge: "lan0", model: "e1000", mac: "52:54:00:00:00:01" },
      slow: { kind: "tap", device: "tap0", vhost: "off" },
      outer: { kind: "macvtap", device: "eth0", mode: "passthrough" },
      card: { kind: "pci", device: "0000:06:00.0" },
      rings: { kind: "vdpa", device: "/dev/vhost-vdpa-0" },
    });
    expect((nics as Record<string, unknown>)["fast"]).toEqual({
      kind: "sr-iov",
      vf: "0000:05:02.1",
      vlan: 7,
      mac: "52:54:00:00:00:04",
    });
    expect(libvirtDomain.inputs.shape.nics.safeParse(nics).error).toBeUndefined();
    expect({ sharedMemory, watchdog }).toEqual({
      sharedMemory: { ring: { kind: "ivshmem-plain", size: "4MiB" } },
      watchdog: { model: "i6300esb", action: "none" },
    });
    const { east, ...direct } = made?.attachments ?? {};
    expect(east).toMatchObject({ kind: "vhost-user", port: "vhu0" });
    expect(direct).toEqual({
      plain: { kind: "e1000", carrier: "linux-bridge", over: "lan0" },
      slow: { kind: "virtio", carrier: "linux-bridge", over: "tap0" },
      outer: { kind: "macvtap", carrier: "nic", over: "eth0" },
      fast: { kind: "sr-iov", carrier: "nic", over: "east" },
      card: { kind: "sr-iov", carrier: "wire", over: "0000:06:00.0" },
      ring: { kind: "ivshmem", carrier: "memory", over: "ring" },
    });
  });

  it("takes names from resources, and waits for them", async () => {
    const registered = await register(
      () => {
        const on = aHost();
        const lan = new LinuxBridge("lan", { host: on.reference, name: "lan0" });
        aGuest(aBridge(on), { nics: { east: { kind: "bridge", bridge: lan } } });
      },
      { answers },
    );
    const domain = named(registered, "vnf-domain");
    expect(domain.inputs).toMatchObject({ nics: { east: { kind: "bridge", bridge: "lan0" } } });
    expect(domain.waitsFor).toContain("lan");
  });

  it("forwards between its two interfaces by its boot image", async () => {
    const registered = await register(
      () => {
        const bridge = aBridge(aHost());
        aGuest(bridge, {
          forwards: true,
          nics: {
            east: { kind: "vhost-user", bridge, port: "vhu0" },
            west: { kind: "vhost-user", bridge, port: "vhu1" },
          },
        });
      },
      { answers },
    );
    expect(named(registered, "vnf-domain").inputs["boot"]).toEqual({
      ...boot,
      bridgedNics: ["east", "west"],
    });
  });

  it("is made of virtual functions alone, under a name of its own", async () => {
    const registered = await register(
      () => {
        new SriovVnf("fast", {
          ...{ host: aHost(), vcpus: "3", emulatorCpus: "0", numaNode: 1 },
          ...{ memory: "256MiB", pageSize: "2MiB" },
          nics: { east: { kind: "sr-iov", vf: "0000:05:02.1" } },
        });
      },
      { answers },
    );
    expect(outline(registered)).toContain("stack > fast (nfvlab:components:SriovVnf)");
    expect(named(registered, "fast-domain").inputs["nics"]).toEqual({
      east: { kind: "sr-iov", vf: "0000:05:02.1", mac: expect.stringMatching(/^52:54:00(:[0-9a-f]{2}){3}$/) },
    });
  });

  it("does not forward with one interface, or with what it knows nothing of", async () => {
    const text = await evaluated(() => {
      const bridge = aBridge(aHost());
      const given = { kind: "kernel", kernel: "/boot/vmlinuz", initramfs: "/boot/initrd" } as const;
      return thrown(() => aGuest(bridge, { forwards: true, boot: given }));
    });
    await expect(text).toMatchFileSnapshot(golden("vhost-user-vnf-forwards"));
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

  it("is left stopped where it was for one measurement, and started again otherwise", async () => {
    const ignores = async (args: object) =>
      named(await register(() => aGuest(aBridge(aHost()), args), { answers }), "vnf-domain").ignores;
    expect(await ignores({ once: true })).toEqual(["running"]);
    expect(await ignores({})).toEqual([]);
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
