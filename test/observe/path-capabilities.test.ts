import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pathCapabilities } from "../../sdk/observe/path-capabilities.ts";
import { capabilityTable } from "../../sdk/plan/capability-table.ts";
import { CAPABILITIES } from "../../sdk/schema/path-capabilities.ts";
import { recorded } from "./recorded.ts";

const said = (...lines: string[]) => ({
  code: 0,
  stdout: ["iommu-groups 0", ...lines].join("\n"),
  stderr: "",
});
const judged = (path: string, ...lines: string[]) =>
  pathCapabilities.parse(said(...lines)).find((capability) => capability.path === path);

describe("packet paths of a machine", () => {
  it.each<[string, "ready" | "possible" | "missing", RegExp, string[]]>([
    ["vhost-net", "ready", /^\/dev\/vhost-net$/, ["device /dev/vhost-net"]],
    ["vhost-net", "ready", /loaded when it is asked for/, ["module vhost_net loadable"]],
    ["vhost-net", "missing", /no modprobe to ask/, ["unasked"]],
    ["vhost-user", "ready", /DPDK 24\.11\.1/, ["switch-dpdk 24.11.1"]],
    ["sr-iov", "missing", /no card/, ["card 0000:21:00.0 0", "iommu-groups 9"]],
    ["sr-iov", "possible", /0000:21:00\.0 with up to 7; no IOMMU/, ["card 0000:21:00.0 7"]],
    ["vdpa", "missing", /no module vhost_vdpa/, []],
    ["vdpa", "missing", /^no vDPA device$/, ["module vhost_vdpa loadable"]],
    ["vdpa", "possible", /vdpa0 without a character device/, ["vdpa vdpa0", "module vhost_vdpa loadable"]],
    ["vdpa", "ready", /vhost-vdpa-0/, ["device /dev/vhost-vdpa-0", "vdpa vdpa0"]],
    ["ivshmem-doorbell", "possible", /ivshmem-doorbell/, ["qemu-device ivshmem-doorbell"]],
    ["posted-interrupts", "ready", /enable_apicv is on/, ["parameter kvm_intel/parameters/enable_apicv Y"]],
    ["posted-interrupts", "possible", /avic is off/, ["parameter kvm_amd/parameters/avic N"]],
    ["vmfunc", "missing", /AuthenticAMD/, ["vendor AuthenticAMD"]],
    ["vmfunc", "missing", /without EPTP switching/, ["vmx-flags ept ept_1gb"]],
    ["vmfunc", "possible", /has EPTP switching/, ["vmx-flags ept eptp_switching"]],
  ])("tells of %s that it is %s", (path, state, found, lines) => {
    expect(judged(path, ...lines)).toMatchObject({ state, found: expect.stringMatching(found) });
  });

  it("need an IOMMU in force for virtual functions", () => {
    const lines = ["iommu-groups 9", "card 0000:21:00.0 7", "module vfio_pci loaded"];
    const [found] = pathCapabilities
      .parse({ code: 0, stdout: lines.join("\n"), stderr: "" })
      .filter(({ path }) => path === "sr-iov");
    expect(found).toEqual({
      path: "sr-iov",
      state: "ready",
      found: "0000:21:00.0 with up to 7",
      needs: null,
    });
  });

  it("are all judged, in their order, and say what is needed where something is", () => {
    const words = fc.constantFrom(
      "module veth loaded",
      "device /dev/kvm",
      "card 0000:01:00.0 3",
      "unasked",
      "vmx-flags",
      "vdpa v",
      "parameter kvm_amd/parameters/avic 1",
    );
    fc.assert(
      fc.property(fc.array(words), (lines) => {
        const all = pathCapabilities.parse(said(...lines));
        expect(all.map(({ path }) => path)).toEqual(CAPABILITIES);
        for (const { state, needs } of all) expect(needs === null).toBe(state === "ready");
        expect(capabilityTable(all).split("\n")).toHaveLength(CAPABILITIES.length);
      }),
    );
  });

  it("are not guessed where the machine did not answer", () => {
    expect(() => pathCapabilities.parse({ code: 127, stdout: "", stderr: "sh: not found" })).toThrow(
      "could not read what packet paths there are",
    );
  });

  it("are a table for people", async () => {
    const emulated = pathCapabilities.parse(recorded("machine/debian-13/path-capabilities.txt"));
    await expect(`${capabilityTable(emulated)}\n`).toMatchFileSnapshot(
      "../golden/path-capabilities-emulated.txt",
    );
    const all = pathCapabilities.parse(
      said(
        "device /dev/vhost-net",
        "card 0000:21:00.0 7",
        "vendor GenuineIntel",
        "vmx-flags ept eptp_switching",
      ),
    );
    await expect(`${capabilityTable(all)}\n`).toMatchFileSnapshot("../golden/path-capabilities.txt");
  });
});
