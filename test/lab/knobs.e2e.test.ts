import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { differencesOf } from "../../sdk/measure/differences.ts";
import { fingerprintOf, fingerprintProbes } from "../../sdk/observe/fingerprint.ts";
import { factsOf } from "../../sdk/observe/probe.ts";
import { askAll } from "../../sdk/remote/batch.ts";
import { SshTransport } from "../../sdk/remote/ssh-transport.ts";
import { fieldFacts } from "../../sdk/schema/definition.ts";
import { resourceDefinitions } from "../../sdk/schema/registry.ts";
import type { Shell } from "./shell.ts";
import { modulePath, TrialProject } from "./trial-project.ts";
import { TrialServer } from "./trial-server.ts";

const program = (body: string) => `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const adopt = (id) => (process.env.ADOPT ? { import: id, retainOnDelete: true } : {});
${body}`;

/** Every resource of the table of knobs that an emulated server can have, at values that a plain Debian does not have. */
const everything = program(`
new host.CpuIdle("idle", { host: dut, name: "isolated", cpus: "2-3", resumeLatency: "0us", dmaLatency: "20us" }, adopt("dut/cpu-idle/isolated"));
new host.Workqueues("work", { host: dut, cpus: "0-1", writebackCpus: "0-1" }, adopt("dut/workqueues"));
new host.MemoryManagement("memory", {
  host: dut, transparentHugepages: "never", defrag: "never", khugepagedDefrag: false, ksm: true,
}, adopt("dut/memory-management"));
new host.MachineChecks("errors", { host: dut, ignoreCorrected: true }, adopt("dut/machine-checks"));
new host.ModuleParameters("kvm", { host: dut, module: "kvm", parameters: { halt_poll_ns: 0, tdp_mmu: false } }, adopt("dut/modules/kvm"));
new host.IrqAffinity("interrupts", { host: dut, defaultCpus: "0-1", cpus: "0-1" }, adopt("dut/irq-affinity"));
new host.Sysctls("quiet", { host: dut, name: "quiet", values: { "vm.stat_interval": 10, "kernel.timer_migration": 0 } }, adopt("dut/sysctls/quiet"));
new host.Hugepages("pages", { host: dut, numaNode: 0, size: "2MiB", count: 8 }, adopt("dut/node0/2MiB"));
new host.SystemdCpus("services", {
  host: dut, cpuAffinity: "0-1", allowedCpus: { system: "0-1", user: "0-2", machine: "0-3" },
}, adopt("dut/systemd-cpus"));
new host.KernelThreads("threads", {
  host: dut, threads: { ksoftirqd: { policy: "fifo", priority: 2 }, rcu_preempt: { cpus: "0-1" } },
}, adopt("dut/kernel-threads"));
`);

/** One of each kind of undoing, for what somebody else changes and a refresh sees. */
const some = program(`
new host.Workqueues("work", { host: dut, cpus: "0-1" });
new host.Sysctls("quiet", { host: dut, name: "quiet", values: { "vm.stat_interval": 10, "kernel.timer_migration": 0 } });
new host.Hugepages("pages", { host: dut, numaNode: 0, size: "2MiB", count: 8 });
new host.SystemdCpus("services", { host: dut, cpuAffinity: "0-1", allowedCpus: { system: "0-1" } });
new host.KernelThreads("threads", { host: dut, threads: { ksoftirqd: { policy: "fifo", priority: 2 } } });
new host.IrqBalance("balance", { host: dut, bannedCpus: "2-3" });
`);

const balance = program(`
new host.IrqBalance("balance", { host: dut, bannedCpus: "2,3", ...JSON.parse(process.env.RESTART ?? "{}") }, adopt("dut/irqbalance"));
`);

/** What two resources of one program can't both have, and a machine.slice that shuts guests out. */
const twice = program(`
new host.Sysctls("quiet", { host: dut, name: "quiet", values: { "vm.stat_interval": 10 } });
new host.Sysctls("loud", { host: dut, name: "loud", values: { "vm.stat_interval": 20 } });
new host.Hugepages("pages", { host: dut, numaNode: 0, size: "2MiB", count: 8 });
new host.Hugepages("more", { host: dut, numaNode: 0, size: "2MiB", count: 9 });
new host.CpuIdle("isolated", { host: dut, name: "isolated", cpus: "2-3", resumeLatency: "0us" });
new host.CpuIdle("one", { host: dut, name: "one", cpus: "1-2", resumeLatency: "5us" });
`);

/** What such a server does not have, and what its kernel does not take. */
const refused = program(`
new host.CpuFrequency("fast", { host: dut, name: "isolated", cpus: "2-3", governor: "performance", turbo: false });
new host.CpuIdle("awake", { host: dut, name: "awake", cpus: "2", disabledStates: ["C6"], resumeLatency: "5us" });
new host.Workqueues("nowhere", { host: dut, cpus: "7" });
new host.ModuleParameters("typo", { host: dut, module: "kvm", parameters: { halt_pol_ns: 0 } });
new host.ModuleParameters("never", { host: dut, module: "vfio_iommu_type1", parameters: { dma_entry_limit: "many" } });
new host.KernelThreads("rt", { host: dut, threads: { rcuc: { policy: "fifo", priority: 4 } } });
new host.SystemdCpus("far", { host: dut, cpuAffinity: "0-9" });
new host.CacheAllocation("ways", { host: dut, name: "ways", cpus: "2-3", schemata: { L3: { 0: "f" } } });
`);

const CPU = "/sys/devices/system/cpu";
const WORKQUEUE = "/sys/devices/virtual/workqueue";
const MEMORY = "/sys/kernel/mm";
const MACHINE_CHECK = "/sys/devices/system/machinecheck";
const movable = `$(grep -E 'PCI-MSIX.*virtio[0-9]+-' /proc/interrupts | head -n 1 | cut -d: -f1 | tr -d ' ')`;

/** Changes by hand behind our back, by the property that shows them. */
const byHand: readonly Readonly<Record<string, string>>[] = [
  {
    "CpuIdle.resumeLatency": `echo 100 > ${CPU}/cpu3/power/pm_qos_resume_latency_us`,
    "Workqueues.writebackCpus": `echo f > ${WORKQUEUE}/writeback/cpumask`,
    "MemoryManagement.transparentHugepages": `echo always > ${MEMORY}/transparent_hugepage/enabled`,
    "MemoryManagement.khugepagedDefrag": `echo 1 > ${MEMORY}/transparent_hugepage/khugepaged/defrag`,
    "MachineChecks.ignoreCorrected": `echo 0 > ${MACHINE_CHECK}/machinecheck1/ignore_ce`,
    "ModuleParameters.persisted": "rm /etc/modprobe.d/90-nfvlab-kvm.conf",
    "IrqAffinity.defaultCpus": "echo f > /proc/irq/default_smp_affinity",
    "Sysctls.vm.stat_interval": "sysctl -qw vm.stat_interval=7",
    // Before the CPUs of systemd, since it reads its configuration again.
    "KernelThreads.persisted": "systemctl -q disable nfvlab-kernel-threads",
    "SystemdCpus.cpuAffinity": "taskset --cpu-list --pid 0-2 1 > /dev/null",
    // Each new session has systemd give user.slice its CPUs, so systemd itself has to hold others.
    "SystemdCpus.user":
      "systemctl set-property --runtime user.slice AllowedCPUs=0-3; rm -r /run/systemd/system.control/user.slice.d",
    "KernelThreads.priority": "chrt --fifo --pid 3 $(pgrep -x ksoftirqd/1)",
  },
  {
    "CpuIdle.dmaLatency": "systemctl stop nfvlab-dma-latency-isolated",
    "CpuIdle.persisted": "sed -i s/a/5/ /etc/tmpfiles.d/90-nfvlab-cpu-idle-isolated.conf",
    "Workqueues.cpus": `echo c > ${WORKQUEUE}/cpumask`,
    "MemoryManagement.defrag": `echo always > ${MEMORY}/transparent_hugepage/defrag`,
    "MemoryManagement.ksm": `echo 0 > ${MEMORY}/ksm/run`,
    "ModuleParameters.halt_poll_ns": "echo 77 > /sys/module/kvm/parameters/halt_poll_ns",
    "IrqAffinity.cpus": `echo 0-3 > /proc/irq/${movable}/smp_affinity_list`,
    "Sysctls.persisted": "sed -i s/10/11/ /etc/sysctl.d/90-nfvlab-quiet.conf",
    "Hugepages.count": "echo 12 > /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages",
    // Comes with the count.
    "Hugepages.intact": "true",
    "SystemdCpus.persisted": "rm /etc/systemd/system.conf.d/90-nfvlab-cpus.conf",
    "SystemdCpus.system": "echo 0-2 > /sys/fs/cgroup/system.slice/cpuset.cpus",
    "SystemdCpus.machine": "echo 0-2 > /sys/fs/cgroup/machine.slice/cpuset.cpus",
    "KernelThreads.policy": "for pid in $(pgrep -x 'ksoftirqd/[0-3]'); do chrt --rr --pid 2 $pid; done",
    "KernelThreads.cpus": "taskset --cpu-list --pid 0-3 $(pgrep -x rcu_preempt) > /dev/null",
  },
];

/** Where a fingerprint has what each of these changes: what is kept for the next boot alone is not in force. */
const inFingerprint: Readonly<Record<string, string | undefined>> = {
  "CpuIdle.resumeLatency": `settings.${CPU}/cpu*/power/pm_qos_resume_latency_us`,
  "Workqueues.writebackCpus": `settings.${WORKQUEUE}/writeback/cpumask`,
  "MemoryManagement.transparentHugepages": `settings.${MEMORY}/transparent_hugepage/enabled`,
  "MemoryManagement.khugepagedDefrag": `settings.${MEMORY}/transparent_hugepage/khugepaged/defrag`,
  "MachineChecks.ignoreCorrected": `settings.${MACHINE_CHECK}/machinecheck*/ignore_ce`,
  "IrqAffinity.defaultCpus": "settings./proc/irq/default_smp_affinity",
  "Sysctls.vm.stat_interval": "settings./proc/sys/vm/stat_interval",
  "SystemdCpus.cpuAffinity": "settings./proc/1/status",
  "SystemdCpus.user": "settings./sys/fs/cgroup/user.slice/cpuset.cpus",
  "KernelThreads.priority": "settings.thread ksoftirqd/*",
  "CpuIdle.dmaLatency": "settings./dev/cpu_dma_latency",
  "Workqueues.cpus": `settings.${WORKQUEUE}/cpumask`,
  "MemoryManagement.defrag": `settings.${MEMORY}/transparent_hugepage/defrag`,
  "MemoryManagement.ksm": `settings.${MEMORY}/ksm/run`,
  "ModuleParameters.halt_poll_ns": "settings./sys/module/kvm/parameters/halt_poll_ns",
  "IrqAffinity.cpus": "settings.interrupt virtio*",
  "Hugepages.count": "hugepages.node0/2MiB",
  "SystemdCpus.system": "settings./sys/fs/cgroup/system.slice/cpuset.cpus",
  "SystemdCpus.machine": "settings./sys/fs/cgroup/machine.slice/cpuset.cpus",
  "KernelThreads.policy": "settings.thread ksoftirqd/*",
  "KernelThreads.cpus": "settings.thread rcu_preempt",
};

/** The running kernel's settings and every file of ours. */
const SNAPSHOT = `cd /
grep -H . ${CPU}/cpu*/power/pm_qos_resume_latency_us ${WORKQUEUE}/cpumask ${WORKQUEUE}/writeback/cpumask
grep -H . ${MEMORY}/transparent_hugepage/enabled ${MEMORY}/transparent_hugepage/defrag ${MEMORY}/transparent_hugepage/khugepaged/defrag ${MEMORY}/ksm/run
grep -H . ${MACHINE_CHECK}/machinecheck*/ignore_ce
grep -sH . /sys/module/kvm/parameters/* /sys/module/kvm_amd/parameters/* /sys/module/vhost_net/parameters/* /sys/module/vfio_iommu_type1/parameters/*
grep -H . /proc/irq/default_smp_affinity /proc/irq/*/smp_affinity_list
od -A n -t d4 -N 4 /dev/cpu_dma_latency
sysctl vm.stat_interval kernel.timer_migration
cat /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
grep Cpus_allowed_list /proc/1/status
for slice in system user machine; do cat /sys/fs/cgroup/$slice.slice/cpuset.cpus.effective 2>/dev/null || cat /sys/fs/cgroup/cpuset.cpus.effective; done
for pid in $(pgrep -x 'ksoftirqd/[0-3]|rcu_preempt'); do
  echo "$(cat /proc/$pid/comm) $(chrt --pid $pid | head -n 2 | cut -d: -f2 | tr -d '\\n') $(grep Cpus_allowed_list /proc/$pid/status)"
done
grep Cpus_allowed_list /proc/$(pgrep -x systemd-journal)/status
ls -d /etc/sysctl.d/* /etc/systemd/system.conf.d /etc/systemd/system/*.slice.d 2>/dev/null
ls /etc/tmpfiles.d /etc/modprobe.d /etc/systemd/system /etc/systemd/system/multi-user.target.wants
ls -A /var/lib/nfvlab/undo 2>/dev/null || true`;

const debian = downloaded("irqbalance");

describe("the run-time knobs of a host", () => {
  let server: TrialServer;
  let shell: Shell;
  let project: TrialProject;
  let before = "";
  let during = "";

  beforeAll(async () => {
    project = new TrialProject("knobs", everything);
    server = await TrialServer.start({ igbCards: 1, numaNodes: [{ cpus: "0-3", memory: "2GiB" }] });
    shell = server.shell;
    // libvirtd leaves when nobody has asked it for two minutes, and then starts anew beside the CPUs that systemd has by then, which a destroy has to warn of.
    shell.run("echo LIBVIRTD_ARGS= > /etc/default/libvirtd && systemctl restart libvirtd");
    shell.run("systemctl start machine.slice");
    before = shell.run(SNAPSHOT);
  });

  afterAll(async () => {
    await server?.remove();
    project.remove();
  });

  const pulumi = (trial: TrialProject, ...args: string[]) => trial.pulumi(args, server.environment);

  const fingerprint = async () => {
    const transport = new SshTransport(server.connection);
    try {
      const answers = await askAll(transport, Object.values(fingerprintProbes));
      return fingerprintOf(factsOf(fingerprintProbes, answers));
    } finally {
      await transport.close();
    }
  };

  it("are changed by hand below, all that the server has", () => {
    const properties = byHand.flatMap((changes) => Object.keys(changes));
    const untried = resourceDefinitions
      .filter(({ token, outputs }) => token.startsWith("nfvlab:host:") && "written" in outputs.shape)
      .flatMap(propertiesOf)
      .filter((property) => !properties.some((tried) => property.test(tried)))
      .map(({ source }) => source.slice(1, -1).replace("\\.", "."));
    const absent = /^(CpuFrequency|CacheAllocation)\./;
    // CPUs are what the other fields of CpuIdle are of; irqbalance has tests of its own.
    expect(untried.filter((property) => !absent.test(property))).toEqual([
      "CpuIdle.cpus",
      "CpuIdle.disabledStates",
      "IrqBalance.bannedCpus",
    ]);
  });

  it("are set, and stay as they are", () => {
    const up = pulumi(project, "up", "--yes", "--skip-preview");
    expect(up.code, up.said).toBe(0);
    during = shell.run(SNAPSHOT);
    expect(during).toContain(`${CPU}/cpu2/power/pm_qos_resume_latency_us:n/a`);
    expect(during).toContain(`${CPU}/cpu1/power/pm_qos_resume_latency_us:0`);
    expect(during).toContain(`${WORKQUEUE}/cpumask:3`);
    expect(during).toContain("always madvise [never]");
    expect(during).toContain(`${MEMORY}/ksm/run:1`);
    // Written once, and in force of every CPU.
    expect(during).toContain(`${MACHINE_CHECK}/machinecheck3/ignore_ce:1`);
    expect(during).toContain("/sys/module/kvm/parameters/halt_poll_ns:0\n");
    expect(during).toContain("/proc/irq/default_smp_affinity:3\n");
    expect(during).toMatch(/^\s*20$/m);
    expect(during).toMatch(/^vm\.stat_interval = 10\nkernel\.timer_migration = 0\n8$/m);
    expect(during).toMatch(
      /^Cpus_allowed_list:\t0-1\n0-1\n0-2\n0-3\n(ksoftirqd\/\d +SCHED_FIFO 2 .*\n|rcu_preempt .*\t0-1\n){5}/m,
    );
    const again = pulumi(project, "up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes");
    expect(again.code, again.said).toBe(0);
  });

  it("move every interrupt that can be moved, and record the others", () => {
    const exported = pulumi(project, "stack", "export").said;
    expect(resourceIn(exported, "ModuleParameters")["pending"]).toEqual(["tdp_mmu"]);
    // All others are kept to their slice's CPUs already.
    expect(["user@0.service"]).toEqual(
      expect.arrayContaining(resourceIn(exported, "SystemdCpus")["pending"] as string[]),
    );
    expect(resourceIn(exported, "KernelThreads")["unmovable"]).toEqual([]);
    const unmovable = resourceIn(exported, "IrqAffinity")["unmovable"] as string[];
    const elsewhere = shell
      .run("cd /proc/irq && grep -H . */smp_affinity_list")
      .split("\n")
      .filter((line) => /:.*[23]/.test(line))
      .map((line) => line.split("/")[0]);
    expect(unmovable.map((text) => text.split(" ")[0]).sort()).toEqual(elsewhere.sort());
    expect(unmovable).toContain("0 timer");
  });

  it.each(byHand.map((changes, index) => [`round ${index + 1}`, changes] as const))(
    "that drifted are shown, no others, make another fingerprint, and are put back: %s",
    async (_, changes) => {
      const stood = await fingerprint();
      shell.run(Object.values(changes).join(" && "));
      const drifted = await fingerprint();
      expect(drifted.hash).not.toBe(stood.hash);
      // Which of its interrupts a device moves is another matter on each machine.
      const named = differencesOf(stood, drifted).map((line) =>
        line.replace(/: .*/, "").replace(/^(settings\.interrupt virtio\*).*/, "$1"),
      );
      const expected = Object.keys(changes).flatMap((property) => inFingerprint[property] ?? []);
      expect(named.sort()).toEqual([...new Set(expected)].sort());
      expect(shell.run(SNAPSHOT)).not.toBe(during);
      const refresh = pulumi(project, "refresh", "--yes", "--skip-preview", "--diff");
      expect(refresh.code, refresh.said).toBe(0);
      expect(changesIn(refresh.said), refresh.said).toEqual(Object.keys(changes).sort());
      const up = pulumi(project, "up", "--yes", "--skip-preview");
      expect(up.code, up.said).toBe(0);
      expect(shell.run(SNAPSHOT)).toBe(during);
      expect(differencesOf(stood, await fingerprint())).toEqual([]);
    },
  );

  it("hold after a boot by files that systemd-tmpfiles applies", () => {
    shell.run(
      `echo always > ${MEMORY}/transparent_hugepage/enabled; echo 0 > ${CPU}/cpu2/power/pm_qos_resume_latency_us; echo f > /proc/irq/default_smp_affinity`,
    );
    shell.run("systemd-tmpfiles --create --boot /etc/tmpfiles.d/90-nfvlab-*.conf");
    shell.run(
      `sysctl -qw vm.stat_interval=1; for pid in $(pgrep -x 'ksoftirqd/[0-3]|rcu_preempt'); do chrt --other --pid 0 $pid; taskset -cp 0-3 $pid || true; done`,
    );
    shell.run("/usr/lib/systemd/systemd-sysctl; systemctl start nfvlab-kernel-threads");
    expect(shell.run(SNAPSHOT)).toBe(during);
    expect(shell.run("modprobe --showconfig | grep '^options kvm '")).toBe(
      "options kvm halt_poll_ns=0 tdp_mmu=N",
    );
  });

  it("can be imported elsewhere, and left there", () => {
    const other = new TrialProject("knobs-import", everything);
    try {
      other.pulumi(["config", "set", "--secret", "nfvlab:hosts", `{"dut":${server.environment.CONNECTION}}`]);
      const adopting = { ...server.environment, ADOPT: "1" };
      const up = other.pulumi(["up", "--yes", "--skip-preview"], adopting);
      expect(up.code, up.said).toBe(0);
      expect(up.said).toMatch(/= 10 imported/);
      const destroy = other.pulumi(["destroy", "--yes", "--skip-preview"], adopting);
      expect(destroy.code, destroy.said).toBe(0);
    } finally {
      other.remove();
    }
    expect(shell.run(SNAPSHOT)).toBe(during);
  });

  it("go back to what was found, to the byte", () => {
    const destroy = pulumi(project, "destroy", "--yes", "--skip-preview");
    expect(destroy.code, destroy.said).toBe(0);
    expect(destroy.said).not.toMatch(/warning/);
    expect(shell.run(SNAPSHOT)).toBe(before);
  });

  it("that somebody else changes, and a refresh sees, are left alone at delete, with a warning", () => {
    const trial = new TrialProject("knobs-others", some);
    try {
      const up = pulumi(trial, "up", "--yes", "--skip-preview");
      expect(up.code, up.said).toBe(0);
      expect(up.said).toContain("irqbalance is not installed on dut, or masked: nothing is to be banned");
      shell.run(`echo c > ${WORKQUEUE}/cpumask; sysctl -qw vm.stat_interval=7; chrt --fifo --pid 3 $(pgrep -x ksoftirqd/1)
        echo 12 > /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
        sed -i 's/=0-1/=0-2/' /etc/systemd/system/system.slice.d/90-nfvlab-cpus.conf; systemctl daemon-reload`);
      const refresh = pulumi(trial, "refresh", "--yes", "--skip-preview");
      expect(refresh.code, refresh.said).toBe(0);
      const destroy = pulumi(trial, "destroy", "--yes", "--skip-preview");
      expect(destroy.code, destroy.said).toBe(0);
      for (const sentence of [
        `left alone, since somebody else has changed them: ${WORKQUEUE}/cpumask`,
        "left alone, since somebody else has changed them: vm.stat_interval",
        "left at 12 pages: somebody else has changed them since 8 were set",
        "left alone, since somebody else has changed them: /etc/systemd/system/system.slice.d/90-nfvlab-cpus.conf",
        "left alone, since somebody else has changed them: scheduling:ksoftirqd/1",
      ])
        expect(destroy.said).toContain(sentence);
    } finally {
      trial.remove();
    }
    const after = shell.run(SNAPSHOT);
    expect(after).toContain(`${WORKQUEUE}/cpumask:c`);
    expect(after).toMatch(/^vm\.stat_interval = 7\nkernel\.timer_migration = 1\n12$/m);
    expect(after.match(/SCHED_FIFO 3/g)).toHaveLength(1);
    expect(after).not.toContain("SCHED_FIFO 2");
    shell.run(`echo f > ${WORKQUEUE}/cpumask; sysctl -qw vm.stat_interval=1; chrt --other --pid 0 $(pgrep -x ksoftirqd/1)
      echo 0 > /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
      echo 0-3 > /sys/fs/cgroup/system.slice/cpuset.cpus; rm -r /etc/systemd/system/system.slice.d
      systemctl daemon-reload; sleep 5`);
    expect(shell.run(SNAPSHOT)).toBe(before);
  });

  it("that two resources of one program set are refused, with both of them named", () => {
    const trial = new TrialProject("knobs-twice", twice);
    try {
      const { code, said } = pulumi(trial, "up", "--yes", "--skip-preview", "--continue-on-error");
      expect(code).not.toBe(0);
      for (const sentence of [
        /another resource sets the same on dut: observed vm\.stat_interval in \/etc\/sysctl\.d\/90-nfvlab-(quiet|loud)\.conf/,
        /another resource has hugepages\/node0\/2MiB on dut, and would undo what this one sets: observed urn:\S+::(pages|more), expected urn:\S+::(pages|more) alone/,
        /resumeLatency: another resource sets the same on dut: observed resumeLatency of CPU 2 in \/etc\/tmpfiles\.d\/90-nfvlab-cpu-idle-(isolated|one)\.conf/,
      ])
        expect(said.replaceAll(/\s+/g, " ")).toMatch(sentence);
      const destroy = pulumi(trial, "destroy", "--yes", "--skip-preview");
      expect(destroy.code, destroy.said).toBe(0);
      expect(destroy.said).not.toMatch(/warning/);
    } finally {
      trial.remove();
    }
    expect(shell.run(SNAPSHOT)).toBe(before);
  });

  it("that are not there, or not taken, are told by name, and nothing stays behind", () => {
    const trial = new TrialProject("knobs-refused", refused);
    try {
      const { code, said } = pulumi(trial, "up", "--yes", "--skip-preview", "--continue-on-error");
      expect(code).not.toBe(0);
      for (const sentence of [
        "dut does not have turbo, governor: observed no /sys/devices/system/cpu/intel_pstate/no_turbo (nothing scales the frequency there, as in most virtual machines)",
        "disabledStates: dut does not have disabledStates: observed no /sys/devices/system/cpu/cpu2/cpuidle/state[0-9]*/disable (no idle state of that name",
        "cpus: CPU 7 is not online on dut: observed cpus 7, expected CPUs among 0-3",
        "parameters: module kvm on dut has no parameter halt_pol_ns",
        "parameters: the kernel reads back otherwise than written: observed dma_entry_limit = 65535, expected dma_entry_limit = many; it refused with Invalid argument",
        "threads: the kernel of dut has no thread rcuc: observed ",
        "dut can't give CPUs a share of a cache: observed a processor without the flags cat_l3, cat_l2 and mba, expected both",
        "cpuAffinity: CPU 4-9 is not online on dut: observed cpuAffinity 0-9, expected CPUs among 0-3",
      ])
        expect(said.replaceAll(/\s+/g, " ")).toContain(sentence);
      expect(shell.run("ls /etc/tmpfiles.d | grep -c nfvlab || true")).toBe("0");
      const destroy = pulumi(trial, "destroy", "--yes", "--skip-preview");
      expect(destroy.code, destroy.said).toBe(0);
    } finally {
      trial.remove();
    }
    expect(shell.run(SNAPSHOT)).toBe(before);
  });

  // Last, since it moves interrupts.
  describe("of irqbalance", () => {
    const FILE = "/etc/default/irqbalance";
    const RUNS_BY = `tr '\\0' '\\n' < /proc/$(systemctl show irqbalance --property=MainPID --value)/environ | grep IRQBALANCE_BANNED || echo nothing`;
    const allowed = { RESTART: '{"restart":"allow"}' };
    let trial: TrialProject;
    let found = "";

    beforeAll(() => {
      if (debian === undefined) return;
      // Of another release than the server: what it needs is there under other names.
      shell.run(
        `echo ${debian} | base64 -d > /tmp/irqbalance.deb && dpkg --force-depends -i /tmp/irqbalance.deb 2>&1`,
      );
      shell.run(
        `printf '# a line without an end' >> ${FILE}; systemctl start irqbalance; systemctl is-active irqbalance`,
      );
      found = shell.run(`base64 -w 0 ${FILE}`);
      trial = new TrialProject("knobs-balance", balance);
    });
    afterAll(() => trial?.remove());

    const balanceIn = (change: Record<string, string> = {}, ...args: string[]) =>
      trial.pulumi(args, { ...server.environment, ...change });
    const state = () => resourceIn(balanceIn({}, "stack", "export").said, "IrqBalance");

    it.skipIf(debian === undefined)(
      "wait for a restart that is not allowed, and count after one that is [needs its package from apt]",
      () => {
        const up = balanceIn({}, "up", "--yes", "--skip-preview");
        expect(up.code, up.said).toBe(0);
        expect(up.said).toContain(
          "irqbalance on dut keeps off CPU none until it is restarted, which was not allowed",
        );
        expect(state()).toMatchObject({
          presence: "running",
          configured: "2-3",
          effective: null,
          pending: true,
        });
        expect(shell.run(RUNS_BY)).toBe("nothing");
        const restarted = balanceIn(allowed, "up", "--yes", "--skip-preview");
        expect(restarted.code, restarted.said).toBe(0);
        expect(state()).toMatchObject({
          configured: "2-3",
          effective: "2-3",
          pending: false,
          persisted: true,
        });
        expect(shell.run(RUNS_BY)).toBe("IRQBALANCE_BANNED_CPULIST=2-3");
      },
    );

    it.skipIf(debian === undefined)(
      "that drifted are shown, and put back; an import finds them [needs its package from apt]",
      () => {
        shell.run(`sed -i s/LIST=2-3/LIST=1/ ${FILE}`);
        const refresh = balanceIn(allowed, "refresh", "--yes", "--skip-preview", "--diff");
        expect(changesIn(refresh.said), refresh.said).toEqual([
          "IrqBalance.bannedCpus",
          "IrqBalance.persisted",
        ]);
        const up = balanceIn(allowed, "up", "--yes", "--skip-preview");
        expect(up.code, up.said).toBe(0);
        expect(shell.run(RUNS_BY)).toBe("IRQBALANCE_BANNED_CPULIST=2-3");

        const other = new TrialProject("balance-import", balance);
        try {
          other.pulumi([
            "config",
            "set",
            "--secret",
            "nfvlab:hosts",
            `{"dut":${server.environment.CONNECTION}}`,
          ]);
          const imported = other.pulumi(["up", "--yes", "--skip-preview"], {
            ...server.environment,
            ADOPT: "1",
          });
          expect(imported.code, imported.said).toBe(0);
          expect(imported.said).toMatch(/= 1 imported/);
        } finally {
          other.remove();
        }
      },
    );

    it.skipIf(debian === undefined)(
      "leave its file as it was, byte by byte, but for lines that somebody else has changed [needs its package from apt]",
      () => {
        const destroy = balanceIn(allowed, "destroy", "--yes", "--skip-preview");
        expect(destroy.code, destroy.said).toBe(0);
        expect(destroy.said).not.toMatch(/warning/);
        expect(shell.run(`base64 -w 0 ${FILE}`)).toBe(found);
        expect(shell.run(RUNS_BY)).toBe("nothing");

        expect(balanceIn(allowed, "up", "--yes", "--skip-preview").code).toBe(0);
        shell.run(`sed -i s/LIST=2-3/LIST=1/ ${FILE}`);
        expect(balanceIn(allowed, "refresh", "--yes", "--skip-preview").code).toBe(0);
        const again = balanceIn(allowed, "destroy", "--yes", "--skip-preview");
        expect(again.said).toContain(
          "left alone, since somebody else has changed them: lines by nfvlab in irqbalance's file",
        );
        expect(shell.run(`cat ${FILE}`)).toContain("IRQBALANCE_BANNED_CPULIST=1");
        shell.run("dpkg --purge irqbalance 2>&1");
      },
    );
  });
});

/** A package of the release that this machine has, as base64; undefined where apt has none. */
function downloaded(name: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "nfvlab-package-"));
  try {
    spawnSync("apt-get", ["download", "-q", name], { cwd: folder });
    const [file] = readdirSync(folder);
    return file === undefined ? undefined : readFileSync(join(folder, file)).toString("base64");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What of a resource may drift, `Type.property`, of whatever depth; of a field with keys of its own any key. */
function propertiesOf({ token, inputs }: (typeof resourceDefinitions)[number]): RegExp[] {
  const type = token.split(":").at(-1) ?? "";
  return Object.keys(inputs.shape)
    .filter((field) => !["host", "restart", "triggers"].includes(field))
    .filter((field) => fieldFacts(inputs, [field]).change !== "recreate")
    .flatMap((field) => {
      let schema = inputs.shape[field] as z.ZodType;
      while (schema instanceof z.ZodOptional) schema = schema.unwrap() as z.ZodType;
      const inner = schema instanceof z.ZodRecord ? (schema.valueType as z.ZodType) : schema;
      if (inner instanceof z.ZodObject) return Object.keys(inner.shape);
      return [schema instanceof z.ZodRecord ? "(?!persisted$).*" : field];
    })
    .map((property) => new RegExp(`^${type}\\.${property}$`));
}

function resourceIn(exported: string, type: string): Record<string, unknown> {
  const { deployment } = JSON.parse(exported.slice(exported.indexOf("{"))) as {
    deployment: { resources: { type: string; outputs: Record<string, unknown> }[] };
  };
  return deployment.resources.find((resource) => resource.type.endsWith(`:${type}`))?.outputs ?? {};
}

/** Properties that a `--diff` output shows as changed, `Type.property`, of whatever depth. */
function changesIn(said: string): string[] {
  return said
    .split(/^\s+~ nfvlab:\w+:(?=\w+: \()/m)
    .slice(1)
    .flatMap((section) => {
      const type = section.slice(0, section.indexOf(":"));
      return [...section.matchAll(/^\s+[~+-] ([\w.]+)\s*: (?![{[])/gm)].map(([, name]) => `${type}.${name}`);
    })
    .sort();
}
