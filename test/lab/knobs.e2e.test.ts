import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildImage } from "../../sdk/emulate/image.ts";
import { TESTBED_PACKAGES } from "../../sdk/emulate/recipe.ts";
import { removeServer, startServer } from "../../sdk/emulate/server.ts";
import { knobs } from "../../sdk/plan/knobs.ts";
import type { SshConnection } from "../../sdk/remote/connection.ts";
import { Shell } from "./shell.ts";
import { modulePath, TrialProject } from "./trial-project.ts";

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
new host.ModuleParameters("kvm", { host: dut, module: "kvm", parameters: { halt_poll_ns: 0, tdp_mmu: false } }, adopt("dut/modules/kvm"));
new host.IrqAffinity("interrupts", { host: dut, defaultCpus: "0-1", cpus: "0-1" }, adopt("dut/irq-affinity"));
`);

/** What such a server does not have, and what its kernel does not take. */
const refused = program(`
new host.CpuFrequency("fast", { host: dut, name: "isolated", cpus: "2-3", governor: "performance", turbo: false });
new host.CpuIdle("awake", { host: dut, name: "awake", cpus: "2", disabledStates: ["C6"], resumeLatency: "5us" });
new host.Workqueues("nowhere", { host: dut, cpus: "7" });
new host.ModuleParameters("typo", { host: dut, module: "kvm", parameters: { halt_pol_ns: 0 } });
new host.ModuleParameters("never", { host: dut, module: "vfio_iommu_type1", parameters: { dma_entry_limit: "many" } });
`);

const CPU = "/sys/devices/system/cpu";
const WORKQUEUE = "/sys/devices/virtual/workqueue";
const MEMORY = "/sys/kernel/mm";
const movable = `$(grep -E 'PCI-MSIX.*virtio[0-9]+-' /proc/interrupts | head -n 1 | cut -d: -f1 | tr -d ' ')`;

/** Changes by hand behind our back, by the property that shows them. */
const byHand: readonly Readonly<Record<string, string>>[] = [
  {
    "CpuIdle.resumeLatency": `echo 100 > ${CPU}/cpu3/power/pm_qos_resume_latency_us`,
    "Workqueues.writebackCpus": `echo f > ${WORKQUEUE}/writeback/cpumask`,
    "MemoryManagement.transparentHugepages": `echo always > ${MEMORY}/transparent_hugepage/enabled`,
    "MemoryManagement.khugepagedDefrag": `echo 1 > ${MEMORY}/transparent_hugepage/khugepaged/defrag`,
    "ModuleParameters.persisted": "rm /etc/modprobe.d/90-nfvlab-kvm.conf",
    "IrqAffinity.defaultCpus": "echo f > /proc/irq/default_smp_affinity",
  },
  {
    "CpuIdle.dmaLatency": "systemctl stop nfvlab-dma-latency-isolated",
    "CpuIdle.persisted": "sed -i s/a/5/ /etc/tmpfiles.d/90-nfvlab-cpu-idle-isolated.conf",
    "Workqueues.cpus": `echo c > ${WORKQUEUE}/cpumask`,
    "MemoryManagement.defrag": `echo always > ${MEMORY}/transparent_hugepage/defrag`,
    "MemoryManagement.ksm": `echo 0 > ${MEMORY}/ksm/run`,
    "ModuleParameters.halt_poll_ns": "echo 77 > /sys/module/kvm/parameters/halt_poll_ns",
    "IrqAffinity.cpus": `echo 0-3 > /proc/irq/${movable}/smp_affinity_list`,
  },
];

/** The running kernel's settings and every file of ours. */
const SNAPSHOT = `cd /
grep -H . ${CPU}/cpu*/power/pm_qos_resume_latency_us ${WORKQUEUE}/cpumask ${WORKQUEUE}/writeback/cpumask
grep -H . ${MEMORY}/transparent_hugepage/enabled ${MEMORY}/transparent_hugepage/defrag ${MEMORY}/transparent_hugepage/khugepaged/defrag ${MEMORY}/ksm/run
grep -sH . /sys/module/kvm/parameters/* /sys/module/kvm_amd/parameters/* /sys/module/vhost_net/parameters/* /sys/module/vfio_iommu_type1/parameters/*
grep -H . /proc/irq/default_smp_affinity /proc/irq/*/smp_affinity_list
od -A n -t d4 -N 4 /dev/cpu_dma_latency
ls /etc/tmpfiles.d /etc/modprobe.d /etc/systemd/system /etc/systemd/system/multi-user.target.wants
ls -A /var/lib/nfvlab/undo 2>/dev/null || true`;

describe("the run-time knobs of a host", () => {
  const folder = mkdtempSync(join(tmpdir(), "nfvlab-knobs-"));
  const server = join(folder, "stack", "dut");
  let shell: Shell;
  let environment: { CONNECTION: string };
  let project: TrialProject;
  let before = "";
  let during = "";

  beforeAll(async () => {
    project = new TrialProject("knobs", everything);
    const { connection } = await emulated(server);
    environment = { CONNECTION: JSON.stringify(connection) };
    shell = new Shell(connection);
    before = shell.run(SNAPSHOT);
  });

  afterAll(async () => {
    await removeServer(server);
    rmSync(folder, { recursive: true, force: true });
    project.remove();
    shell?.remove();
  });

  const pulumi = (trial: TrialProject, ...args: string[]) => trial.pulumi(args, environment);

  it("are changed by hand below, all that the server has", () => {
    const properties = byHand.flatMap((changes) => Object.keys(changes));
    const fields = Object.entries(knobs).flatMap(([part, rows]) =>
      rows.map(({ field }) => `${part.slice(0, 1).toUpperCase()}${part.slice(1)}.${field}`),
    );
    const untried = fields.filter((field) => !properties.includes(field));
    expect(untried.filter((field) => !field.startsWith("CpuFrequency."))).toEqual(["CpuIdle.disabledStates"]);
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
    expect(during).toContain("/sys/module/kvm/parameters/halt_poll_ns:0\n");
    expect(during).toContain("/proc/irq/default_smp_affinity:3\n");
    expect(during).toMatch(/^\s*20$/m);
    const again = pulumi(project, "up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes");
    expect(again.code, again.said).toBe(0);
  });

  it("move every interrupt that can be moved, and record the others", () => {
    const exported = pulumi(project, "stack", "export").said;
    expect(resourceIn(exported, "ModuleParameters")["pending"]).toEqual(["tdp_mmu"]);
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
    "that drifted are shown, no others, and put back: %s",
    (_, changes) => {
      shell.run(Object.values(changes).join(" && "));
      expect(shell.run(SNAPSHOT)).not.toBe(during);
      const refresh = pulumi(project, "refresh", "--yes", "--skip-preview", "--diff");
      expect(refresh.code, refresh.said).toBe(0);
      expect(changesIn(refresh.said), refresh.said).toEqual(Object.keys(changes).sort());
      const up = pulumi(project, "up", "--yes", "--skip-preview");
      expect(up.code, up.said).toBe(0);
      expect(shell.run(SNAPSHOT)).toBe(during);
    },
  );

  it("hold after a boot by files that systemd-tmpfiles applies", () => {
    shell.run(
      `echo always > ${MEMORY}/transparent_hugepage/enabled; echo 0 > ${CPU}/cpu2/power/pm_qos_resume_latency_us; echo f > /proc/irq/default_smp_affinity`,
    );
    shell.run("systemd-tmpfiles --create --boot /etc/tmpfiles.d/90-nfvlab-*.conf");
    expect(shell.run(SNAPSHOT)).toBe(during);
    expect(shell.run("modprobe --showconfig | grep '^options kvm '")).toBe(
      "options kvm halt_poll_ns=0 tdp_mmu=N",
    );
  });

  it("can be imported elsewhere, and left there", () => {
    const other = new TrialProject("knobs-import", everything);
    try {
      other.pulumi(["config", "set", "--secret", "nfvlab:hosts", `{"dut":${environment.CONNECTION}}`]);
      const adopting = { ...environment, ADOPT: "1" };
      const up = other.pulumi(["up", "--yes", "--skip-preview"], adopting);
      expect(up.code, up.said).toBe(0);
      expect(up.said).toMatch(/= 5 imported/);
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
});

async function emulated(server: string): Promise<{ connection: SshConnection }> {
  const { folder: image } = await buildImage({ suite: "trixie", packages: TESTBED_PACKAGES, diskMib: 6144 });
  return startServer(server, {
    ...{ name: "dut", image, igbCards: 1, bootArguments: [] },
    numaNodes: [{ cpus: "0-3", memory: "2GiB" }],
  });
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
      return [...section.matchAll(/^\s+[~+-] (\w+)\s*: (?![{[])/gm)].map(([, name]) => `${type}.${name}`);
    })
    .sort();
}
