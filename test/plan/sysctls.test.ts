import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sysctlFiles, sysctlValues } from "../../sdk/observe/sysctls.ts";
import {
  assumedWritten,
  checkSysctls,
  meantValues,
  observedValues,
  planValues,
  requireKnown,
  requireSoleSet,
  restoreValues,
  sysctlFile,
  sysctlFilePath,
  verifyValues,
  writtenValues,
} from "../../sdk/plan/sysctls.ts";
import { planFile } from "../../sdk/plan/tmpfiles.ts";
import { oneLine, sysctlPath } from "../../sdk/units/sysctl.ts";
import { recorded, said } from "../observe/recorded.ts";

const keys = [
  "kernel.numa_balancing",
  "vm.stat_interval",
  "net.ipv4.ip_local_port_range",
  "kernel.timer_migration",
];
const value = fc.oneof(fc.integer({ min: -1, max: 1_000_000 }), fc.constantFrom("32768\t60999", "a b", "0"));
const values = fc.dictionary(fc.constantFrom(...keys), value, { minKeys: 1 });
const machine = fc
  .dictionary(
    fc.constantFrom(...keys),
    value.map((one) => oneLine(`${one}`)),
  )
  .map((found) => new Map(Object.entries(found)));

/** A kernel that takes what is written. */
function afterwards(steps: ReturnType<typeof planValues>, before: ReadonlyMap<string, string>) {
  const after = new Map(before);
  for (const { argv, stdin = "" } of steps) {
    const key = keys.find((candidate) => sysctlPath(candidate) === argv[1]);
    if (key !== undefined) after.set(key, oneLine(stdin));
  }
  return after;
}

describe("kernel parameters", () => {
  it("have the path that sysctl(8) gives them", () => {
    expect(sysctlPath("kernel.numa_balancing")).toBe("/proc/sys/kernel/numa_balancing");
    expect(sysctlPath("net.ipv4.conf.eth0/100.rp_filter")).toBe("/proc/sys/net/ipv4/conf/eth0.100/rp_filter");
  });

  it("are set by a plan, after which nothing is left to do", () => {
    fc.assert(
      fc.property(values, machine, (wanted, before) => {
        const after = afterwards(planValues(wanted, before), before);
        expect(() => verifyValues(wanted, after)).not.toThrow();
        expect(planValues(wanted, after)).toEqual([]);
        expect(observedValues(wanted, after)).toEqual(wanted);
      }),
    );
  });

  it("go back to what they were, but for those that somebody else has changed", () => {
    fc.assert(
      fc.property(values, machine, fc.subarray(keys), (wanted, before, theirs) => {
        const complete = new Map([...keys.map((key) => [key, "7"] as const), ...before]);
        const ours = afterwards(planValues(wanted, complete), complete);
        const during = new Map(ours);
        for (const key of theirs) during.set(key, "changed");
        const found = Object.fromEntries([...complete].filter(([key]) => key in wanted));
        // What an older state wrote is what it asked for.
        for (const written of [writtenValues(wanted, ours), assumedWritten(wanted)]) {
          const { target, changedByOthers } = restoreValues(found, written, during);
          const after = afterwards(planValues(target, during), during);
          for (const key of keys)
            expect(after.get(key)).toBe(theirs.includes(key) ? "changed" : complete.get(key));
          expect(changedByOthers.sort()).toEqual(theirs.filter((key) => key in wanted).sort());
        }
      }),
    );
  });

  it("that another set on the machine has are refused, with both files", () => {
    const values = new Map([["vm.stat_interval", "10"]]);
    const sets = new Map([["quiet", { text: "", values }]]);
    expect(() => requireSoleSet("quiet", { "vm.stat_interval": 10 }, sets, "dut")).not.toThrow();
    expect(() => requireSoleSet("loud", { "vm.swappiness": 10 }, sets, "dut")).not.toThrow();
    expect(() => requireSoleSet("loud", { "vm.stat_interval": 10 }, sets, "dut")).toThrow(
      "values: another resource sets the same on dut: observed vm.stat_interval in /etc/sysctl.d/90-nfvlab-quiet.conf, " +
        "expected it in /etc/sysctl.d/90-nfvlab-loud.conf alone; take it out of one of them",
    );
  });

  it("show what drifted in the user's spelling", () => {
    const now = new Map([
      ["vm.stat_interval", "1"],
      ["net.ipv4.ip_local_port_range", "32768 60999"],
    ]);
    const wanted = { "vm.stat_interval": 10, "net.ipv4.ip_local_port_range": "32768\t60999" };
    expect(observedValues(wanted, now)).toEqual({ ...wanted, "vm.stat_interval": 1 });
    expect(() => verifyValues(wanted, now)).toThrow(
      "the kernel reads back otherwise than written: observed vm.stat_interval = 1, expected vm.stat_interval = 10",
    );
  });

  it("are imported as they are written: whole numbers as such", () => {
    const found = new Map([
      ["vm.stat_interval", "10"],
      ["kernel.sched_rt_runtime_us", "-1"],
      ["net.ipv4.ip_local_port_range", "32768 60999"],
    ]);
    expect(meantValues(found)).toEqual({
      "vm.stat_interval": 10,
      "kernel.sched_rt_runtime_us": -1,
      "net.ipv4.ip_local_port_range": "32768 60999",
    });
  });

  it.each([
    ["kernel.sched_rt_period_us", "sched_rt_runtime_us = -1"],
    ["vm.nr_hugepages", "Hugepages resource"],
  ])("are refused where something else is right: %s", (key, hint) => {
    expect(() => checkSysctls({ [key]: 1 })).toThrow(hint);
  });

  it("that the kernel does not have are named", () => {
    expect(() => requireKnown({ "kernel.numa_balancng": 0 }, new Map(), "dut")).toThrow(
      "the kernel of dut has no kernel.numa_balancng: observed no /proc/sys/kernel/numa_balancng; look for the key",
    );
  });
});

describe("the file for the next boots", () => {
  it("is written where it is not there or another, and reads back as written", () => {
    fc.assert(
      fc.property(values, (wanted) => {
        const [write] = planFile(sysctlFilePath("quiet"), sysctlFile(wanted), undefined);
        const text = write?.stdin ?? "";
        expect(text).toBe(sysctlFile(wanted));
        const listed = text
          .trimEnd()
          .split("\n")
          .map((line) => `@text ${line}\n`);
        const listing = ["@file /etc/sysctl.d/90-nfvlab-quiet.conf\n", ...listed].join("");
        const read = sysctlFiles.parse(said(listing)).get("quiet")?.text;
        expect(read).toBe(text);
        expect(planFile(sysctlFilePath("quiet"), text, read?.trimEnd())).toEqual([]);
      }),
    );
  });

  it("is listed with what the kernel has for its keys", () => {
    const sets = sysctlFiles.parse(recorded("sysctl/4.0.4/files.txt"));
    expect([...sets.keys()]).toEqual(["quiet"]);
    const { text, values: now } = sets.get("quiet") ?? { text: "", values: new Map() };
    expect(text).toBe(
      sysctlFile({ "kernel.numa_balancing": 0, "net.ipv4.ip_local_port_range": "32768 60999" }),
    );
    expect([...now]).toEqual([
      ["kernel.numa_balancing", "1"],
      ["net.ipv4.ip_local_port_range", "32768 60999"],
    ]);
  });
});

it("asks for the values of any keys", () => {
  const probe = sysctlValues(["kernel.numa_balancing", "net.ipv4.ip_local_port_range"]);
  const answer = "/proc/sys/kernel/numa_balancing:1\n/proc/sys/net/ipv4/ip_local_port_range:32768\t60999\n";
  expect([...probe.parse(said(answer))]).toEqual([
    ["kernel.numa_balancing", "1"],
    ["net.ipv4.ip_local_port_range", "32768 60999"],
  ]);
  expect(sysctlValues(["kernel.numa_balancing"]).name).not.toBe(probe.name);
});
