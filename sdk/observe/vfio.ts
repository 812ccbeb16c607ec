import { filesOf, type Probe } from "./probe.ts";

const PARAMETER = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";

/** Whether VFIO is told to do without an IOMMU: a program with a card then reaches all memory. */
export const unsafeVfio: Probe<boolean> = {
  name: "vfio-unsafe",
  ask: { kind: "files", patterns: [PARAMETER] },
  parse: (answer) => filesOf(answer).get(PARAMETER)?.[0]?.trim() === "Y",
};
