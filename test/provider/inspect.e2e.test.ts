import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { INSPECTION_VERDICTS, type Inspection } from "../../sdk/schema/inspection.ts";
import { modulePath, TrialProject } from "../lab/trial-project.ts";
import { type Sshd, startSshd } from "../remote/sshd.ts";

const program = `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};

const connection = JSON.parse(process.env.CONNECTION);
const found = await host.inspect({
  host: { name: "here", connection },
  tuning: {
    profile: "trial",
    resources: {
      bootArguments: { arguments: { isolcpus: { cpus: "1" }, nohzFull: "1", skewTick: true, extra: { "acpi.debug_level": 0 } } },
      sysctls: { values: { "vm.stat_interval": 7, "kernel.sched_rt_runtime_us": -1, "kernel.no_such_key": 1 } },
      memoryManagement: { transparentHugepages: "never", defrag: "never", ksm: true },
      cpuFrequency: { cpus: "0", governor: "performance", turbo: false },
      cpuIdle: { cpus: "0", resumeLatency: "0us", dmaLatency: "3us" },
      workqueues: { cpus: "0" },
      irqAffinity: { defaultCpus: "0", cpus: "0" },
      irqBalance: { bannedCpus: "1" },
      systemdCpus: { cpuAffinity: "0" },
      kernelThreads: { threads: { ksoftirqd: { policy: "fifo", priority: 2 } } },
      moduleParameters: [{ module: "kvm", parameters: { halt_poll_ns: 0 } }, { module: "no_such_module", parameters: { a: 1 } }],
    },
    hugepages: [{ numaNode: 0, size: "2MiB", count: 3 }],
  },
  firmware: { simultaneousMultithreading: false, turbo: false, deepIdleStates: false, numa: true, iommu: true, virtualization: true, performanceProfile: true },
});
export const inspection = found;
`;

const SETTINGS = `grep -rs . /proc/sys/kernel /proc/sys/vm /sys/kernel/mm/ksm/run /sys/kernel/mm/transparent_hugepage \\
  /sys/devices/virtual/workqueue /proc/irq/*/smp_affinity; cut -d ' ' -f 1 /proc/modules 2>/dev/null; true`;

/** The kernel's settings and modules, without what counts or moves by itself. */
const settings = () =>
  execFileSync("sh", ["-c", SETTINGS])
    .toString()
    .split("\n")
    .filter(
      (line) =>
        !/kernel\/(random|ns_last_pid|pty|keys)|stat_refresh|khugepaged\/(full_scans|pages_coll)|\/stats\//.test(
          line,
        ),
    );

describe("a look at a machine, by a user who may change nothing", () => {
  let sshd: Sshd;
  let project: TrialProject;

  beforeAll(async () => {
    sshd = await startSshd({ unprivileged: {} });
    project = new TrialProject("inspect", program);
  });
  afterAll(async () => {
    project.remove();
    await sshd.stop();
  });

  it("is one session, writes nothing, and says of every setting how it stands", async () => {
    const before = settings();
    const sessions = () => sshd.log().match(/Starting session/g)?.length ?? 0;
    const environment = { CONNECTION: JSON.stringify(sshd.connection()) };
    const { code, said } = await project.start(["up", "--yes", "--skip-preview"], environment);
    expect(code, said).toBe(0);
    expect(sessions()).toBe(1);
    expect(settings()).toEqual(before);
    // Nothing of this user's anywhere but in the homes that tests make, and nothing in this one.
    const folders = ["/etc", "/run", "/tmp", "/var/tmp", "/var/lib", "/dev/shm"];
    const others = ["-not", "-path", "/tmp/nfvlab-sshd-*"];
    const owned = execFileSync("find", [...folders, "-xdev", "-uid", "54321", ...others]);
    expect(owned.toString()).toBe("");
    expect(readdirSync(join(sshd.folder, "home"))).toEqual([]);

    const outputs = project.pulumi(["stack", "output", "--json"]).said;
    const { inspection } = JSON.parse(outputs) as { inspection: Inspection };
    const knob = (name: string) => inspection.knobs.find((each) => each.knob === name);
    for (const { verdict, effective, note } of [...inspection.knobs, ...inspection.firmware]) {
      expect(INSPECTION_VERDICTS).toContain(verdict);
      // What is not shown is said to be so, with the reason.
      if (verdict.startsWith("not ") && effective === "") expect(note).not.toBe("");
    }
    const text = (path: string) => execFileSync("cat", [path]).toString().trim();
    expect(knob("sysctls.vm.stat_interval")).toMatchObject({
      ...{ wanted: "7", effective: text("/proc/sys/vm/stat_interval"), verdict: "differs" },
    });
    expect(knob("sysctls.kernel.no_such_key")?.verdict).toBe("not on this machine");
    expect(knob("moduleParameters.no_such_module.a")?.verdict).toBe("not on this machine");
    // Root alone may read the device.
    expect(knob("cpuIdle.dmaLatency")?.verdict).toBe("not verifiable here");
    expect(inspection.firmware.at(-1)).toMatchObject({
      knob: "firmware.performanceProfile",
      verdict: "not verifiable here",
    });
    const { counts } = inspection;
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(inspection.knobs.length);
    expect(inspection.explanation).toContain(inspection.summary);
  });
});
