import type { PolicyResource } from "@pulumi/policy";
import { DURATION_PATTERN, nanoseconds } from "../../sdk/units/duration.ts";
import { type Asking, asking } from "../ask.ts";
import { where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import type { Path } from "../property.ts";
import { property } from "../sentence.ts";

const LONGEST_US = 2;
const TYPES = ["host:CpuFrequency", "host:CpuIdle", "host:MemoryManagement", "host:Sysctls"] as const;

interface Setting {
  readonly type: (typeof TYPES)[number];
  readonly path: Path;
  readonly fits: (value: string | number | boolean) => boolean;
  readonly expected: string;
  readonly because: string;
}

/** Of CPUs that differ each is told with its own: `CPU 2: 0us, CPU 3: 100us`. */
const quick = (value: string | number | boolean) =>
  typeof value === "string" &&
  value
    .split(", ")
    .map((each) => each.replace(/^CPU \S+: /, ""))
    .every((latency) => DURATION_PATTERN.test(latency) && nanoseconds(latency) <= LONGEST_US * 1000);

const SETTINGS: readonly Setting[] = [
  {
    type: "host:CpuFrequency",
    path: ["governor"],
    fits: (value) => value === "performance",
    expected: '"performance"',
    because: "a CPU that comes from a low frequency is slow for its first microseconds",
  },
  {
    type: "host:CpuIdle",
    path: ["resumeLatency"],
    fits: quick,
    expected: `${LONGEST_US}us at most`,
    because: "a CPU that sleeps deeper is late for whatever wakes it up",
  },
  {
    type: "host:MemoryManagement",
    path: ["transparentHugepages"],
    fits: (value) => value === "never",
    expected: '"never"',
    because: "khugepaged stops a process while it moves its pages",
  },
  {
    type: "host:MemoryManagement",
    path: ["ksm"],
    fits: (value) => value === false,
    expected: "false",
    because: "a merged page is copied at its next write",
  },
  {
    type: "host:Sysctls",
    path: ["values", "kernel.numa_balancing"],
    fits: (value) => Number(value) === 0,
    expected: "0",
    because: "it takes pages away from a process, to see who uses them",
  },
];

/**
 * What a stack tunes is tuned for latency, as the program says it and as the machine has it since the last refresh: governors, idle states, transparent huge pages,
 * merging, NUMA balancing.
 *
 * A tool, a package's script or a person puts one of them back, and nothing fails: there is a pause now and then that was not there last week. What a
 * program does not set is not asked for; records are judged by their fingerprints (`tuned-while-measured`).
 *
 * Run `pulumi up`, which sets it again, and find who changed it; or change the property that the message names.
 *
 * @severity medium
 * @see https://docs.kernel.org/admin-guide/pm/cpuidle.html, https://docs.kernel.org/admin-guide/mm/transhuge.html and the profile network-latency of tuned
 */
export const tunedInForce = labPolicy({
  name: "tuned-in-force",
  description: "What a stack tunes is tuned for latency, in the program and on the machine.",
  severity: "medium",
  checks: ["P18", "P19", "P24"],
  remediationSteps: "Run pulumi up, which sets it again, and find who changed it.",
  url: "https://docs.kernel.org/admin-guide/pm/cpuidle.html",
  notApplicable: ({ resources }) =>
    ofType(resources, ...TYPES).length === 0
      ? "this stack tunes neither frequencies, idle states, memory nor the kernel"
      : undefined,
  judge: ({ resources }, findings) => {
    const ask = asking(findings, "whether it is tuned for latency");
    for (const { type, path, fits, expected, because } of SETTINGS) {
      for (const resource of ofType(resources, type)) {
        const value = valueAt(ask, resource, path);
        if (value === undefined || fits(value)) continue;
        findings.violation(
          `${property(where(resource, path), String(value))} is not what a quick machine has, expected ${expected}: ${because}; ` +
            `run pulumi up where somebody changed it by hand, else change ${where(resource, path).property}.`,
          resource.urn,
        );
      }
    }
  },
});

function valueAt(ask: Asking, resource: PolicyResource, path: Path): string | number | boolean | undefined {
  return ask.text(resource, ...path) ?? ask.number(resource, ...path) ?? ask.flag(resource, ...path);
}
