import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { InspectedKnob, Inspection } from "../../sdk/schema/inspection.ts";
import type { ResultRecord } from "../../sdk/schema/record.ts";
import { describeDensity } from "./density-trials.ts";
import { describeLatency } from "./latency-trials.ts";
import type { Shell } from "./shell.ts";
import { modulePath, TrialProject } from "./trial-project.ts";
import { TrialServer } from "./trial-server.ts";

const program = `
import * as pulumi from "@pulumi/pulumi";
import { HostInspection, TunedHost, tuningByHand } from ${modulePath("components/index.ts")};
import { bench } from ${modulePath("sdk/index.ts")};

const connection = pulumi.secret(JSON.parse(process.env.CONNECTION));
const dut = { name: "dut", connection };
const cpus = { housekeeping: "0-1", isolated: "2-3" };
const tuning = tuningByHand("trial", cpus, {
  bootArguments: { arguments: { nohzFull: "2-3", skewTick: true, nmiWatchdog: false } },
  sysctls: { values: { "vm.stat_interval": 10, "vm.swappiness": 60 } },
  memoryManagement: { transparentHugepages: "never" },
  workqueues: { cpus: "0-1" },
  cpuFrequency: { cpus: "2-3", governor: "performance" },
  cpuIdle: { cpus: "2-3", resumeLatency: "0us" },
  moduleParameters: [{ module: "kvm", parameters: { halt_poll_ns: 0, tdp_mmu: false } }],
});
const { cpuFrequency: _, ...present } = tuning.resources;
const after = process.env.TUNE ? [new TunedHost("tuned", { connection, cpus, tuning: { ...tuning, resources: present } })] : [];
const doctor = new HostInspection("dut", {
  connection, tuning, after: after.flatMap((host) => host.preparation),
  firmware: { simultaneousMultithreading: false, numa: true, iommu: true, usbLegacySupport: false },
});
export const inspection = doctor.inspection;

const run = { host: dut, interval: "500ms", duration: "4s", repetitions: 1, percentile: "50" as const };
const loads = JSON.parse(process.env.LOADS ?? "{}");
export const records = pulumi.all(
  Object.entries(loads).map(([name, coLoad]) =>
    new bench.Cyclictest(name, { ...run, name, subject: { kind: "host", cpus: "3" }, coLoad }).record),
);
`;

/** What a look could have changed: the kernel's settings, and every file of the system's configuration with the time of its last change. */
const SNAPSHOT = `cd /
grep -rs . proc/sys/kernel proc/sys/vm | grep -v -E '^proc/sys/(kernel/(random|ns_last_pid|pty|keys|perf_event_max|osrelease)|vm/stat_refresh)' | sha256sum
grep -s . sys/kernel/mm/transparent_hugepage/enabled sys/kernel/mm/transparent_hugepage/defrag sys/kernel/mm/ksm/run sys/devices/virtual/workqueue/cpumask sys/devices/system/cpu/smt/control sys/module/kvm/parameters/* | sha256sum
find etc boot/grub var/lib usr/lib/sysctl.d -newer /run/systemd/system -type f 2>/dev/null | grep -v -E '^var/lib/(systemd|private|dhcp)' | sort
lsmod | cut -d ' ' -f 1 | sort | sha256sum; ls /run/systemd/transient 2>/dev/null | grep nfvlab || true`;

describe("a server of this test's own", () => {
  let server: TrialServer;
  let project: TrialProject;
  let shell: Shell;

  beforeAll(async () => {
    server = await TrialServer.start({ bootArguments: ["nmi_watchdog=0"] });
    shell = server.shell;
    project = new TrialProject("inspect", program);
  });

  afterAll(async () => {
    project?.remove();
    await server?.remove();
  });

  const up = (more: Readonly<Record<string, string>> = {}) => {
    const done = project.pulumi(["up", "--yes", "--skip-preview"], { ...server.environment, ...more });
    const outputs = project.pulumi(["stack", "output", "--json"]).said;
    return { ...done, ...(JSON.parse(outputs) as { inspection?: Inspection; records?: ResultRecord[] }) };
  };
  const verdicts = (inspection: Inspection | undefined) =>
    Object.fromEntries((inspection?.knobs ?? []).map(({ knob, verdict }) => [knob, verdict]));

  it("is found to be far from a plan, and left as it is", () => {
    const before = shell.run(SNAPSHOT);
    const { code, said, inspection } = up();
    expect(code, said).toBe(0);
    expect(verdicts(inspection)).toEqual({
      "bootArguments.nohzFull": "differs",
      "bootArguments.skewTick": "differs",
      "bootArguments.nmiWatchdog": "as wanted",
      "sysctls.vm.stat_interval": "differs",
      "sysctls.vm.swappiness": "as wanted",
      "memoryManagement.transparentHugepages": "differs",
      "workqueues.cpus": "differs",
      "cpuFrequency.governor": "not on this machine",
      "cpuIdle.resumeLatency": "differs",
      "moduleParameters.kvm.halt_poll_ns": "differs",
      "moduleParameters.kvm.tdp_mmu": "differs",
    });
    expect(inspection?.summary).toBe("2 of 11 settings as wanted; 8 differ, 1 not on this machine");
    expect(inspection?.firmware.map(({ knob, verdict }) => [knob, verdict])).toEqual([
      ["firmware.simultaneousMultithreading", "as wanted"],
      ["firmware.numa", "as wanted"],
      ["firmware.iommu", "as wanted"],
      ["firmware.usbLegacySupport", "not verifiable here"],
    ]);
    expect(shell.run(SNAPSHOT)).toBe(before);
  });

  it("is found to be tuned, with what waits for a boot", () => {
    const { code, said, inspection } = up({ TUNE: "1" });
    expect(code, said).toBe(0);
    expect(verdicts(inspection)).toEqual({
      "bootArguments.nohzFull": "pending",
      "bootArguments.skewTick": "pending",
      "bootArguments.nmiWatchdog": "as wanted",
      "sysctls.vm.stat_interval": "as wanted",
      "sysctls.vm.swappiness": "as wanted",
      "memoryManagement.transparentHugepages": "as wanted",
      "workqueues.cpus": "as wanted",
      "cpuFrequency.governor": "not on this machine",
      "cpuIdle.resumeLatency": "as wanted",
      "moduleParameters.kvm.halt_poll_ns": "as wanted",
      "moduleParameters.kvm.tdp_mmu": "pending",
    });
    const knob = (name: string) => inspection?.knobs.find((each) => each.knob === name) as InspectedKnob;
    expect(knob("sysctls.vm.stat_interval").configured).toBe("10");
    expect(knob("bootArguments.skewTick")).toMatchObject({
      effective: "",
      configured: "skew_tick=1",
      pending: true,
    });
    expect(knob("workqueues.cpus")).toMatchObject({ effective: "0-1", configured: "0-1" });
    shell.run(
      "rm /etc/sysctl.d/90-nfvlab-tuned.conf; printf 'vm.stat_interval = 3\\n' > /etc/sysctl.d/99-admin.conf",
    );
    const drifted = up({ TUNE: "1" }).inspection?.knobs.find(
      (each) => each.knob === "sysctls.vm.stat_interval",
    );
    expect(drifted).toMatchObject({
      verdict: "differs",
      note: "the next boot brings 3, says /etc/sysctl.d/99-admin.conf",
    });
  });

  it("is measured beside load that is there, and that is gone afterwards", () => {
    const loads = {
      cpu: { kind: "cpu", cpus: "1" },
      memory: { kind: "memory", cpus: "1", memoryPercent: 20 },
      io: { kind: "io", cpus: "1" },
    };
    const { code, said, records = [] } = up({ TUNE: "1", LOADS: JSON.stringify(loads) });
    expect(code, said).toBe(0);
    for (const { coLoad, invalidReasons, subject, metrics } of records) {
      // Nothing but the boot that the tuning waits for.
      expect([subject, invalidReasons]).toEqual([
        subject,
        [expect.stringMatching(/^a reboot is pending: .* boots next by entry nfvlab-/)],
      ]);
      expect(subject).toBe(`dut, CPUs 3, ${coLoad?.kind} load on CPU ${coLoad?.cpus}`);
      expect(metrics[0]?.samples).toBeGreaterThan(4);
      expect(coLoad?.operations).toBeGreaterThan(0);
      expect(coLoad?.version).toMatch(/^0\.\d+/);
    }
    const [cpu, memory, io] = records.map(({ coLoad }) => coLoad);
    for (const share of [...Object.values(cpu?.busy ?? {}), memory?.busy["1"]])
      expect(share).toBeGreaterThanOrEqual(0.95);
    expect(Object.keys(cpu?.busy ?? {})).toEqual(["1"]);
    expect(io).toMatchObject({ kind: "io", ended: "", leastBusy: 0 });
    expect(
      shell.run(
        "pgrep -c stress-ng || true; ls /var/tmp | grep -c nfvlab || true; ls /run | grep -c nfvlab.*load || true",
      ),
    ).toBe("0\n0\n0");
  });

  it("is not loaded on what is measured", () => {
    const { code, said } = up({ TUNE: "1", LOADS: JSON.stringify({ beside: { kind: "cpu", cpus: "1,3" } }) });
    expect(code).not.toBe(0);
    expect(said.replaceAll(/\s+/g, " ")).toContain(
      "coLoad.cpus: the load would lie on what is measured: observed load on CPU 1,3, and CPU 3 is measured, expected CPUs of other cores than those of 3",
    );
  });

  it("waits for no boot any more once its tuning is gone", () => {
    const gone = project.pulumi(["destroy", "--yes", "--skip-preview"], server.environment);
    expect(gone.code, gone.said).toBe(0);
    expect(shell.run("ls -A /etc/default/grub.d | grep nfvlab || true")).toBe("");
  });

  describe("its own latency", () => describeLatency(() => server));

  describe("how many it carries", () => describeDensity(() => server));
});
