import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeRealtimeKernel } from "./realtime-kernel-trials.ts";
import type { Shell } from "./shell.ts";
import { modulePath, TrialProject } from "./trial-project.ts";
import { TrialServer } from "./trial-server.ts";

/** A whole host by a profile; overrides come from the environment, so that one stack goes through several sets of boot arguments. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import { TunedHost } from ${modulePath("components/index.ts")};
import { host } from ${modulePath("sdk/index.ts")};

const connection = JSON.parse(process.env.CONNECTION);
const tuning = await host.planTuning({
  host: { name: "dut", connection },
  profile: "realtime",
  cpus: { housekeeping: "0-2", isolated: "3" },
  overrides: JSON.parse(process.env.OVERRIDES),
});
const dut = new TunedHost("dut", {
  connection: pulumi.secret(connection),
  cpus: tuning.cpus,
  tuning,
  hugepages: [{ size: "2MiB", count: 32, numaNode: 0 }],
  reboot: { allow: true, bootTimeout: "480s", reason: "trial" },
});
export const { resources, unapplied } = tuning;
export const { effective, pending } = dut.bootArguments;
export const { bootId, rolledBack } = dut.reboot;
`;

/** Boot arguments alone, as the resource takes them. */
const bare = `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
new host.BootArguments("boot", { host: dut, name: "nfv", arguments: JSON.parse(process.env.ARGUMENTS) });
`;

const isolating = { bootArguments: { hugepages: [{ size: "2MiB", count: { 1: 64 } }] } };

/** The kernel unpacks no initial file system, finds no way to its disk, and panics. */
const panicking = { ...isolating, extraBootArguments: { initcall_blacklist: "populate_rootfs" } };

/** What counts or is drawn anew, and what the kernel takes from the memory that was free when it booted. Everything else under /proc/sys is compared. */
const VOLATILE = [
  ...[
    "fs.dentry-state",
    "fs.file-nr",
    "fs.inode-nr",
    "fs.inode-state",
    "fs.quota.syncs",
    "kernel.ns_last_pid",
  ],
  ...["kernel.pty.nr", "kernel.random.boot_id", "kernel.random.entropy_avail", "kernel.random.uuid"],
  "vm.user_reserve_kbytes",
  // Made up by the kernel when it is first used, and what its connections are at the moment.
  ...["net.ipv4.tcp_fastopen_key", "net.netfilter.nf_conntrack_count"],
];

/** The machine as a boot leaves it: command line, kernel parameters, pages, interrupts, knobs, modules, kernel threads, every file and link of /etc and of GRUB. */
const SNAPSHOT = `cd /
systemctl is-system-running --wait > /dev/null; udevadm settle
cat proc/cmdline
sysctl -a 2>/dev/null | sort | grep -v -E '^(${VOLATILE.join("|").replaceAll(".", "[.]")}) ='
grep -H . sys/devices/system/node/node*/hugepages/*/nr_hugepages sys/kernel/mm/transparent_hugepage/enabled sys/kernel/mm/transparent_hugepage/defrag sys/kernel/mm/ksm/run
grep -H . proc/irq/default_smp_affinity proc/irq/*/smp_affinity_list
grep -H . sys/devices/system/cpu/isolated sys/devices/system/cpu/nohz_full sys/devices/system/cpu/cpu*/power/pm_qos_resume_latency_us
grep -H . sys/devices/virtual/workqueue/cpumask sys/devices/virtual/workqueue/writeback/cpumask sys/devices/system/machinecheck/machinecheck*/ignore_ce
od -A n -t d4 -N 4 dev/cpu_dma_latency
grep -sH . sys/module/*/parameters/*
ps -e -o comm=,cls=,rtprio= | grep -E '^(ksoftirqd|ktimers|rcub|rcuc)' | sort
find etc boot/grub -type d | sort
find etc boot/grub -type l -printf '%p %l\\n' | sort
find etc boot/grub -type f -print0 | sort -z | xargs -0 sha256sum
ls -A var/lib/nfvlab/undo 2>/dev/null || true`;

describe("a host that a profile tunes", () => {
  let server: TrialServer;
  let shell: Shell;
  let project: TrialProject;
  let found: string;
  let before: string;

  beforeAll(async () => {
    server = await TrialServer.start();
    shell = server.shell;
    found = whatGrubHas();
    before = shell.run(SNAPSHOT);
    project = new TrialProject("tuned", program);
  });

  afterAll(async () => {
    project?.remove();
    await server?.remove();
  });

  const pulumi = (overrides: object, ...args: readonly string[]) =>
    project.pulumi(args, { ...server.environment, OVERRIDES: JSON.stringify(overrides) });
  const whatGrubHas = () =>
    shell.run(
      "cd / && find boot/grub etc/default etc/grub.d -type f | sort | xargs sha256sum; ls -d etc/default/grub.d",
    );
  const bootId = () => shell.run("cat /proc/sys/kernel/random/boot_id");
  const output = (name: string) => JSON.parse(pulumi(isolating, "stack", "output", "--json").said)[name];

  /** Each knob of the plan by the place in the running kernel that it counts at. */
  const isInForce = () => {
    const values = output("resources").sysctls.values as Record<string, number>;
    const keys = Object.keys(values);
    expect(keys).toContain("kernel.sched_rt_runtime_us");
    expect(shell.run(`sysctl -n ${keys.join(" ")}`)).toBe(keys.map((key) => values[key]).join("\n"));
    const text = (path: string) => shell.run(`cat ${path}`);
    for (const list of ["isolated", "nohz_full"]) expect(text(`/sys/devices/system/cpu/${list}`)).toBe("3");
    expect(shell.run("dmesg | grep -o 'Offload RCU callbacks from CPUs: .*'")).toContain(": 3.");
    const pools = "/sys/devices/system/node/node*/hugepages/hugepages-2048kB/nr_hugepages";
    expect(text(pools)).toBe("32\n64");
    expect(text("/sys/kernel/mm/transparent_hugepage/enabled")).toBe("always madvise [never]");
    expect(text("/sys/kernel/mm/ksm/run")).toBe("0");
    expect(
      text("/sys/devices/virtual/workqueue/cpumask /sys/devices/virtual/workqueue/writeback/cpumask"),
    ).toBe("7\n7");
    expect(text("/proc/irq/default_smp_affinity")).toBe("7");
    expect(shell.run("od -A n -t d4 -N 4 /dev/cpu_dma_latency").trim()).toBe("3");
    expect(text("/sys/module/kvm/parameters/kvmclock_periodic_sync")).toBe("N");
    expect(shell.run("ps -e -o comm=,cls=,rtprio= | grep -c -E '^ksoftirqd/[0-3] +FF +2$'")).toBe("4");
  };

  it("is refused with everything that is wrong, before anything is touched", () => {
    const wrong = { extraBootArguments: { pcie_asmp: "off" }, bootArguments: { nohzFull: "0,3" } };
    const { code, said } = pulumi(wrong, "preview");
    expect(code).not.toBe(0);
    expect(said).toMatch(/CPU 0 boots the machine/);
    expect(said).toMatch(/pcie_aspm is meant, perhaps: use pcieAspm/);

    const single = new TrialProject("boot", bare);
    try {
      const up = (set: object) =>
        single.pulumi(["up", "--yes", "--skip-preview"], {
          ...server.environment,
          ARGUMENTS: JSON.stringify(set),
        });
      const both = up({ isolcpus: { cpus: "0-3" }, nohzFull: "5", extra: { pcie_asmp: "off" } });
      expect(both.code).not.toBe(0);
      expect(both.said).toMatch(/CPU 0 boots the machine/);
      expect(both.said).toMatch(/pcie_aspm is meant, perhaps: use pcieAspm/);
      expect(up({ nohzFull: "5" }).said).toMatch(
        /arguments\.nohzFull: there are no such CPUs: observed 5, expected CPUs among 0-3/,
      );
    } finally {
      single.remove();
    }
    expect(whatGrubHas()).toBe(found);
  });

  it("is staged, booted once and kept, every knob in force by its own evidence", () => {
    const preview = pulumi(isolating, "preview", "--diff");
    expect(preview.said).toMatch(/nfvlab:host:Reboot/);
    const first = bootId();
    const up = pulumi(isolating, "up", "--yes", "--skip-preview");
    expect(up.code, up.said).toBe(0);
    expect(bootId()).not.toBe(first);
    expect(output("bootId")).toBe(bootId());
    isInForce();
    // What was leased before the boot is held again by itself.
    expect(shell.run("cd /etc/systemd/system && systemctl is-active nfvlab-lease-*.service")).toBe("active");
    const entry = /nfvlab\.boot=(\S+)/.exec(shell.run("cat /proc/cmdline"))?.[1];
    expect(shell.run("grub-editenv list")).toContain(`saved_entry=${entry}`);
    expect(shell.run("grep -c panic=30 /boot/grub/grub.cfg || true")).toBe("0");
    expect(output("unapplied")).toContainEqual({
      setting: "processor.governor",
      reason: "nothing scales the frequency there, as in most virtual machines",
    });
  });

  it("changes nothing the second time: the plan of a machine that is tuned is the plan that tuned it", () => {
    const first = bootId();
    const preview = pulumi(isolating, "preview", "--diff", "--expect-no-changes");
    expect(preview.code, preview.said).toBe(0);
    const up = pulumi(isolating, "up", "--yes", "--refresh", "--expect-no-changes");
    expect(up.code, up.said).toBe(0);
    expect(bootId()).toBe(first);
    expect(output("pending")).toEqual([]);
    expect(output("effective")).toHaveLength(11);
  });

  it("is found changed by hand, and put back without a reboot", () => {
    const first = bootId();
    shell.run("sed -i s/skew_tick=1/skew_tick=0/ /etc/default/grub.d/90-nfvlab-dut.cfg");
    const refresh = pulumi(isolating, "refresh", "--yes", "--skip-preview", "--diff");
    expect(refresh.said).toMatch(/~ skewTick\s*: true => false/);
    expect(refresh.said).not.toMatch(/~ nohzFull\s*:/);
    expect(pulumi(isolating, "up", "--yes", "--skip-preview").code).toBe(0);
    expect(shell.run("cat /etc/default/grub.d/90-nfvlab-dut.cfg")).toContain("skew_tick=1");

    shell.run("chmod u+w /boot/grub/grub.cfg; sed -i s/nohz_full=3/nohz_full=1/ /boot/grub/grub.cfg");
    const menu = pulumi(isolating, "up", "--yes", "--skip-preview", "--refresh", "--diff");
    expect(menu.code, menu.said).toBe(0);
    expect(menu.said).toMatch(/configured\s*: false => true/);
    expect(shell.run("grep -c nohz_full=1 /boot/grub/grub.cfg || true")).toBe("0");
    expect(bootId()).toBe(first);
  });

  it("that it does not come up with is rolled back by the machine, reported, and not tried again", () => {
    const first = bootId();
    const up = pulumi(panicking, "up", "--yes", "--skip-preview");
    expect(up.code).not.toBe(0);
    expect(up.said).toMatch(/dut did not come up by entry nfvlab-\w+ and is back on the one before/);
    const back = bootId();
    expect(back).not.toBe(first);
    expect(shell.run("cat /proc/cmdline")).not.toContain("initcall_blacklist");
    expect(shell.run("cat /sys/devices/system/cpu/isolated")).toBe("3");

    const again = pulumi(panicking, "up", "--yes", "--skip-preview");
    expect(again.code).not.toBe(0);
    expect(again.said).toMatch(/is back on the one before/);
    expect(bootId()).toBe(back);

    const mended = pulumi(isolating, "up", "--yes", "--skip-preview");
    expect(mended.code, mended.said).toBe(0);
    expect(bootId()).toBe(back);
    isInForce();
  });

  it("goes as it came: after the reboot of its end everything is what it was, byte by byte", () => {
    const destroy = pulumi(isolating, "destroy", "--yes", "--skip-preview");
    expect(destroy.code, destroy.said).toBe(0);
    // The boots in between placed interrupts anew: those are left to the one at the end.
    expect(destroy.said).not.toMatch(
      /warning: (?!left alone, since somebody else has changed them: \/proc\/irq\/)/,
    );
    expect(shell.run(SNAPSHOT)).toBe(before);
    expect(whatGrubHas()).toBe(found);
    expect(shell.run("ls /var/lib/nfvlab/undo")).toBe("");
  });

  describeRealtimeKernel(() => server);
});
