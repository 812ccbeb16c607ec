import { describe, expect, it } from "vitest";
import { bootConfigurationOf, maskedFiles } from "../../sdk/observe/boot-configuration.ts";
import { said } from "./recorded.ts";

const read = (files: Readonly<Record<string, string>>, masked: readonly string[] = []) =>
  bootConfigurationOf(new Map(Object.entries(files)), new Set(masked));

describe("what the next boot sets", () => {
  it("is, of sysctl's files, the last one by name, whatever folder it is in, and of one name the one in /etc", () => {
    const { sysctl } = read({
      "/usr/lib/sysctl.d/50-default.conf": "# shipped\nvm.swappiness = 60\n-net.ipv4.conf.*.rp_filter = 2",
      "/etc/sysctl.d/50-default.conf": "vm.swappiness=30\nkernel/printk = 4 4 1 7",
      "/etc/sysctl.d/90-nfvlab-quiet.conf": "vm.swappiness = 10\nnet.ipv4.conf.eth0.rp_filter = 0",
      "/usr/lib/sysctl.d/60-late.conf":
        "net.ipv4.conf.eth1/100.forwarding = 1\nnet.ipv4.conf.*.rp_filter = 2",
    });
    expect(sysctl("vm.swappiness")).toEqual({
      ...{ key: "vm.swappiness", text: "10", file: "/etc/sysctl.d/90-nfvlab-quiet.conf" },
    });
    expect(sysctl("kernel.printk")?.text).toBe("4 4 1 7");
    expect(sysctl("net.ipv4.conf.eth0.rp_filter")?.text).toBe("0");
    expect(sysctl("net.ipv4.conf.eth9.rp_filter")?.text).toBe("2");
    expect(sysctl("net.ipv4.conf.eth1/100.forwarding")?.text).toBe("1");
    expect(sysctl("vm.stat_interval")).toBeUndefined();
  });

  it("is without files that a link to /dev/null puts out of force", () => {
    const files = { "/usr/lib/sysctl.d/50-default.conf": "vm.swappiness = 60" };
    expect(read(files).sysctl("vm.swappiness")?.text).toBe("60");
    const masked = maskedFiles.parse(
      said("/etc/sysctl.d/50-default.conf /dev/null\n/etc/sysctl.d/99-sysctl.conf ../sysctl.conf\n"),
    );
    expect([...masked]).toEqual(["/etc/sysctl.d/50-default.conf"]);
    expect(read(files, [...masked]).sysctl("vm.swappiness")).toBeUndefined();
  });

  it("is, of tmpfiles, the first file that names the path, and a pattern after all that name it", () => {
    const { kernelFile } = read({
      "/etc/tmpfiles.d/10-first.conf": "w- /sys/kernel/mm/ksm/run - - - - 0",
      "/etc/tmpfiles.d/90-nfvlab-memory-management.conf": "w- /sys/kernel/mm/ksm/run - - - - 1",
      "/etc/tmpfiles.d/90-nfvlab-irq-affinity.conf": "w- /proc/irq/[0-9]*/smp_affinity_list - - - - 0-1",
      "/etc/tmpfiles.d/95-other.conf":
        "d /run/x 0755 - - -\nw! /proc/irq/7/smp_affinity_list - - - - 3\nw /a - - - - 100%% a\\\\b",
    });
    expect(kernelFile("/sys/kernel/mm/ksm/run")).toMatchObject({
      text: "0",
      file: "/etc/tmpfiles.d/10-first.conf",
    });
    expect(kernelFile("/proc/irq/24/smp_affinity_list")?.text).toBe("0-1");
    expect(kernelFile("/proc/irq/7/smp_affinity_list")?.text).toBe("0-1");
    expect(kernelFile("/proc/irq/default_smp_affinity")).toBeUndefined();
    expect(kernelFile("/a")?.text).toBe("100% a\\b");
    expect(kernelFile("/run/x")).toBeUndefined();
  });

  it("is, of modprobe's options, the last one, however the module is spelled", () => {
    const { moduleParameter } = read({
      "/etc/modprobe.d/10-kvm.conf": "options kvm-intel ple_gap=1 \\\n  nested\nblacklist pcspkr",
      "/etc/modprobe.d/90-nfvlab-kvm_intel.conf": "options kvm_intel ple_gap=0",
    });
    expect(moduleParameter("kvm_intel", "ple_gap")?.text).toBe("0");
    expect(moduleParameter("kvm-intel", "nested")?.text).toBe("Y");
    expect(moduleParameter("kvm", "nested")).toBeUndefined();
  });
});
