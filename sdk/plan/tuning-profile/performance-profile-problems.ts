import type { BootHugepages } from "../../schema/boot-arguments.ts";
import { CpuSet } from "../../units/cpuset.ts";
import type { FieldProblem, PerformanceProfile } from "./performance-profile-shape.ts";

/** Sizes of pages as the object names them, and as we do; the largest first. */
export const PAGE_SIZES: Readonly<Record<string, BootHugepages["size"]>> = { "1G": "1GiB", "2M": "2MiB" };
const POLICIES = ["none", "best-effort", "restricted", "single-numa-node"];

/** What the operator refuses, and what cannot be on x86. */
export function problemsOf({ spec }: PerformanceProfile): FieldProblem[] {
  return [
    ...cpuProblems(spec.cpu),
    ...hugepageProblems(spec.hugepages),
    ...(spec.numa?.topologyPolicy === undefined || POLICIES.includes(spec.numa.topologyPolicy)
      ? []
      : [
          `spec.numa.topologyPolicy: observed ${JSON.stringify(spec.numa.topologyPolicy)}, expected one of ${POLICIES.join(", ")}`,
        ]),
    ...(spec.kernelPageSize === undefined || spec.kernelPageSize === "4k"
      ? []
      : [
          `spec.kernelPageSize: observed ${JSON.stringify(spec.kernelPageSize)}, expected "4k", the only one of x86-64`,
        ]),
    ...hintProblems(spec),
    ...deviceProblems(spec.net),
  ];
}

function cpuProblems(cpu: PerformanceProfile["spec"]["cpu"]): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const sets = (["reserved", "isolated", "offlined", "shared", "ovsDpdk"] as const).flatMap((name) => {
    const text = cpu[name];
    if (text === undefined) return [];
    try {
      return [{ name, cpus: CpuSet.parse(text) }];
    } catch {
      problems.push(
        `spec.cpu.${name}: observed ${JSON.stringify(text)}, expected a CPU list such as "2-9,34-41"`,
      );
      return [];
    }
  });
  for (const { name, cpus } of sets) {
    if (cpus.size === 0 && (name === "reserved" || name === "isolated"))
      problems.push(`spec.cpu.${name}: observed "", expected at least one CPU`);
    if (cpus.has(0) && (name === "isolated" || name === "ovsDpdk"))
      problems.push(`spec.cpu.${name}: CPU 0 boots the machine, and is never quite isolated: reserve it`);
  }
  for (const [index, one] of sets.entries()) {
    for (const other of sets.slice(index + 1)) {
      const both = one.cpus.intersect(other.cpus);
      if (both.size > 0)
        problems.push(`spec.cpu: CPU ${both} is both ${one.name} and ${other.name}: choose one`);
    }
  }
  return problems;
}

function hugepageProblems(hugepages: PerformanceProfile["spec"]["hugepages"]): FieldProblem[] {
  const { defaultHugepagesSize, pages = [] } = hugepages ?? {};
  const sizes = Object.keys(PAGE_SIZES);
  const wrongSize = (field: string, size: string | undefined) =>
    size !== undefined && sizes.includes(size)
      ? []
      : [
          `${field}: observed ${JSON.stringify(size)}, expected ${sizes.map((each) => `"${each}"`).join(" or ")}`,
        ];
  const seen = new Map<string, number>();
  return [
    ...(defaultHugepagesSize === undefined
      ? pages.length > 0
        ? ["spec.hugepages.defaultHugepagesSize: it is missing; the operator refuses pages without it"]
        : []
      : wrongSize("spec.hugepages.defaultHugepagesSize", defaultHugepagesSize)),
    ...pages.flatMap(({ size, node }, index) => {
      const place = `${size} on ${node === undefined ? "all nodes" : `node ${node}`}`;
      const first = seen.get(place);
      seen.set(place, first ?? index);
      return [
        ...wrongSize(`spec.hugepages.pages[${index}].size`, size),
        ...(first === undefined
          ? []
          : [`spec.hugepages.pages[${index}]: pages of ${place} are in pages[${first}] already`]),
      ];
    }),
  ];
}

function hintProblems({
  workloadHints: hints,
  realTimeKernel,
  hardwareTuning,
  cpu,
}: PerformanceProfile["spec"]): FieldProblem[] {
  const { isolatedCpuFreq, reservedCpuFreq } = hardwareTuning ?? {};
  return [
    ...(hints?.highPowerConsumption === true && hints.perPodPowerManagement === true
      ? ["spec.workloadHints: highPowerConsumption and perPodPowerManagement exclude each other: choose one"]
      : []),
    ...(realTimeKernel?.enabled === true && hints?.realTime === false
      ? ["spec.workloadHints.realTime: observed false with a real-time kernel, expected true or nothing"]
      : []),
    ...(hints?.mixedCpus === true && cpuSet(cpu.shared).size === 0
      ? ["spec.workloadHints.mixedCpus: observed true without shared CPUs, expected spec.cpu.shared"]
      : []),
    ...(hardwareTuning !== undefined && !(isolatedCpuFreq && reservedCpuFreq)
      ? ["spec.hardwareTuning: expected isolatedCpuFreq and reservedCpuFreq together, both above 0"]
      : []),
  ];
}

function deviceProblems(net: PerformanceProfile["spec"]["net"]): FieldProblem[] {
  return (net?.devices ?? []).flatMap(({ interfaceName, vendorID, deviceID }, index) => {
    const place = `spec.net.devices[${index}]`;
    const ids = Object.entries({ vendorID, deviceID }).filter(
      ([, id]) => id !== undefined && !/^0x[\da-f]{1,4}$/i.test(id),
    );
    return [
      ...(interfaceName === "" ? [`${place}.interfaceName: observed "", expected a name or a pattern`] : []),
      ...ids.map(
        ([name, id]) => `${place}.${name}: observed ${JSON.stringify(id)}, expected 16 bits such as "0x8086"`,
      ),
      ...(deviceID !== undefined && vendorID === undefined
        ? [`${place}.deviceID: expected vendorID beside it`]
        : []),
    ];
  });
}

/** The CPUs of a list; none where there is no list, or none that can be read. */
export function cpuSet(cpus: string | undefined): CpuSet {
  try {
    return CpuSet.parse(cpus ?? "");
  } catch {
    return CpuSet.empty;
  }
}
