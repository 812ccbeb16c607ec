import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { idleLatencyLimit, kernelSettings } from "../../sdk/observe/settings.ts";
import { recordedMachine, said } from "./recorded.ts";

const CPU = "/sys/devices/system/cpu";

test("a server's settings, by path", () => {
  const settings = kernelSettings.parse(
    recordedMachine("machine/debian-13/emulated-server.txt").get("kernel-settings")!,
  );
  expect(settings).toMatchObject({
    "/sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never",
    "/proc/sys/kernel/sched_rt_runtime_us": "950000",
    "/sys/fs/cgroup/cpuset.cpus.isolated": "2-3",
    "/sys/module/kvm/parameters/halt_poll_ns": "200000",
    "/sys/module/kvm_amd/parameters/npt": "Y",
    [`${CPU}/vulnerabilities/meltdown`]: "Not affected",
    [`${CPU}/cpu*/power/pm_qos_resume_latency_us`]: "0",
  });
});

describe("what every CPU has", () => {
  const governors = (values: readonly string[]) =>
    kernelSettings.parse(
      said(values.map((value, cpu) => `${CPU}/cpu${cpu}/cpufreq/scaling_governor:${value}\n`).join("")),
    );

  test.each([
    [["performance", "performance"], "performance"],
    [["powersave", "powersave", "performance", "powersave"], "0-1,3: powersave, 2: performance"],
    [["performance \r", "performance"], "performance"],
  ])("%j is told as %s", (values, expected) => {
    expect(governors(values)).toEqual({ [`${CPU}/cpu*/cpufreq/scaling_governor`]: expected });
  });

  test("any two assignments of values to CPUs are told differently", () => {
    const values = fc.array(fc.constantFrom("performance", "powersave", "schedutil"), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        values,
        fc.nat(),
        fc.constantFrom("performance", "powersave", "schedutil"),
        (all, at, other) => {
          fc.pre(all.length > 1 && all[at % all.length] !== other);
          const changed = all.map((value, cpu) => (cpu === at % all.length ? other : value));
          fc.pre(!(new Set(all).size === 1 && new Set(changed).size === 1));
          expect(governors(changed)).not.toEqual(governors(all));
        },
      ),
    );
  });

  test("idle states apart from one another", () => {
    const text = [
      `${CPU}/cpu0/cpuidle/state0/disable:0`,
      `${CPU}/cpu0/cpuidle/state1/disable:1`,
      `${CPU}/cpu1/cpuidle/state0/disable:0`,
      `${CPU}/cpu1/cpuidle/state1/disable:0`,
    ];
    expect(kernelSettings.parse(said(text.join("\n")))).toEqual({
      [`${CPU}/cpu*/cpuidle/state0/disable`]: "0",
      [`${CPU}/cpu*/cpuidle/state1/disable`]: "0: 1, 1: 0",
    });
  });
});

test("lines of one file belong together; a group without a limit is none", () => {
  const text = [
    "/sys/fs/resctrl/schemata:    MB:0=100;1=100",
    "/sys/fs/resctrl/schemata:    L3:0=7ff;1=7ff",
    "/sys/fs/cgroup/machine.slice/cpuset.cpus:",
    "/sys/fs/cgroup/system.slice/cpuset.cpus:0-1",
  ];
  expect(kernelSettings.parse(said(text.join("\n")))).toEqual({
    "/sys/fs/resctrl/schemata": "MB:0=100;1=100; L3:0=7ff;1=7ff",
    "/sys/fs/cgroup/system.slice/cpuset.cpus": "0-1",
  });
});

test.each([
  [{ code: 0, stdout: "  2000000000\n", stderr: "" }, 2_000_000_000],
  [{ code: 0, stdout: "           0\n", stderr: "" }, 0],
  [{ code: 1, stdout: "", stderr: "od: /dev/cpu_dma_latency: Permission denied\n" }, undefined],
])("the limit on leaving idle states: %j", (answer, expected) => {
  expect(idleLatencyLimit.parse(answer)).toBe(expected);
});
