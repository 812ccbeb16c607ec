import { bytes } from "../../units/size.ts";
import type { CpuPlan } from "./plan.ts";

/**
 * What a plan asks of the kernel's command line: isolation, and huge pages of 1 GiB, which only a boot can be sure to get. Pages of 2 MiB are set at run time.
 *
 * @example bootArguments(plan); // ["isolcpus=managed_irq,domain,1-9,21-29", "nohz_full=1-9,21-29", …, "hugepages=0:12,1:2"]
 */
export function bootArguments({ isolated, housekeeping, hugepages }: CpuPlan): string[] {
  const large = hugepages.filter(({ size, count }) => bytes(size) === 2 ** 30 && count > 0);
  return [
    ...(isolated === ""
      ? []
      : [
          `isolcpus=managed_irq,domain,${isolated}`,
          `nohz_full=${isolated}`,
          `rcu_nocbs=${isolated}`,
          `irqaffinity=${housekeeping}`,
        ]),
    ...(large.length === 0
      ? []
      : [
          "default_hugepagesz=1G",
          "hugepagesz=1G",
          `hugepages=${large.map(({ numaNode, count }) => `${numaNode}:${count}`).join(",")}`,
        ]),
  ];
}
