import { describe, expect, it } from "vitest";
import { interruptsIn, kernelFiles, tuningServices } from "../../sdk/observe/kernel-files.ts";
import { latencyHolders } from "../../sdk/observe/latency-holders.ts";
import { configuredModules, kernelModule } from "../../sdk/observe/module-parameters.ts";
import { heldLatency } from "../../sdk/plan/latency-holder.ts";
import { configuredIn, pendingOf } from "../../sdk/plan/module-parameters.ts";
import { recorded, said } from "./recorded.ts";

describe("kernel files", () => {
  it("are read by path, those of several lines whole", () => {
    const answer = said(
      "/proc/irq/default_smp_affinity:f\n/etc/tmpfiles.d/90-nfvlab-x.conf:# ours\n/etc/tmpfiles.d/90-nfvlab-x.conf:w- /a - - - - 1\n",
    );
    expect([...kernelFiles("x", []).parse(answer)]).toEqual([
      ["/proc/irq/default_smp_affinity", "f"],
      ["/etc/tmpfiles.d/90-nfvlab-x.conf", "# ours\nw- /a - - - - 1"],
    ]);
  });
});

describe("device interrupts", () => {
  const interrupts = interruptsIn(recorded("procfs/6.12/interrupts.txt").stdout);

  it("are told from those of the CPUs, by number, with what they serve", () => {
    expect([...interrupts.keys()].slice(0, 8)).toEqual([0, 1, 4, 8, 9, 12, 16, 24]);
    expect(interrupts.size).toBe(20);
    expect(interrupts.get(0)).toBe("timer");
    expect(interrupts.get(30)).toBe("virtio0-req.3");
    expect(interrupts.get(25)).toBe("PCIe PME, aerdrv, pciehp");
    expect(interrupts.get(45)).toBe("ahci[0000:00:1f.2]");
  });
});

describe("services that set the same", () => {
  it("are those that run", () => {
    expect(tuningServices.parse(recorded("systemd/257/tuning-services.txt"))).toEqual([]);
    expect(tuningServices.parse(said("active\ninactive\nactive\nfailed\nactivating\n"))).toEqual([
      "tuned",
      "irqbalance",
    ]);
    expect(tuningServices.parse({ code: 127, stdout: "", stderr: "" })).toEqual([]);
  });
});

describe("holders of a wake-up latency", () => {
  it("are listed by name, with what they hold", () => {
    const holders = latencyHolders.parse(recorded("systemd/257/latency-holders.txt"));
    expect([...holders.keys()]).toEqual(["quiet"]);
    expect(holders.get("quiet")?.running).toBe(true);
    expect(heldLatency("20us", holders.get("quiet"))).toBe("20us");
  });
});

describe("kernel modules", () => {
  it("that a file of ours configures are listed with their values", () => {
    const modules = configuredModules.parse(recorded("kmod/34/configured-modules.txt"));
    expect([...modules.keys()]).toEqual(["vfio_iommu_type1"]);
    const module = modules.get("vfio_iommu_type1");
    expect(module?.presence).toBe("loaded");
    expect(module?.values.get("dma_entry_limit")).toEqual({ text: "65535", writable: true });
    expect(configuredIn(module?.text ?? "")).toEqual({ disable_hugepages: "N", dma_entry_limit: "1000" });
  });

  it("are built in, installed or unknown", () => {
    const builtIn = kernelModule("rcutree").parse(recorded("kmod/34/built-in.txt"));
    expect(builtIn.presence).toBe("built-in");
    expect(builtIn.values.get("kthread_prio")).toEqual({ text: "0", writable: false });
    const installed = kernelModule("netconsole").parse(recorded("kmod/34/installed.txt"));
    expect(installed.presence).toBe("installed");
    expect([...installed.known]).toEqual(["netconsole", "oops_only"]);
    expect(pendingOf({ oops_only: true }, installed)).toEqual(["oops_only"]);
    expect(kernelModule("kvmm").parse(recorded("kmod/34/unknown.txt")).presence).toBe("unknown");
  });
});
