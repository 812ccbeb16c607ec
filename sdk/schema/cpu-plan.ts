import { z } from "zod";
import { CpuDemand } from "./cpu-demand.ts";
import { defineFunction } from "./definition.ts";
import { HostFacts } from "./facts.ts";
import { size } from "./fields.ts";
import { PageSize } from "./hugepages.ts";

const cpus = (description: string) => z.string().meta({ description });
const byName = <T extends z.ZodType>(value: T) => z.record(z.string(), value);

export const planCpus = defineFunction({
  token: "nfvlab:host:planCpus",
  description:
    "Which CPU does what: the system's, the switch's, each guest's, generators' and loads', with the huge pages of them all. Computed from facts " +
    "and demands alone: asks no machine and changes nothing. The same facts and demands give the same plan.",
  inputs: z.strictObject({
    facts: HostFacts.meta({ description: "The machine, as a Facts resource or getHostFacts gives it." }),
    demand: CpuDemand.meta({ description: "What is to be placed. CPU lists in it are kept and judged." }),
  }),
  outputs: z.object({
    hash: z.string().meta({ description: "SHA-256 of the plan without its reasons and advice." }),
    isolated: cpus("What the kernel should isolate."),
    housekeeping: cpus("All others."),
    interruptMask: z.string().meta({ description: "For /proc/irq/default_smp_affinity." }),
    bootArguments: z
      .array(z.string())
      .meta({ description: "Boot arguments that bring the plan into force." }),
    switch: z
      .object({
        pmdCpus: cpus("CPUs of the poll-mode threads."),
        pmdMask: z.string().meta({ description: "`pmd-cpu-mask`." }),
        lcoreCpus: cpus("CPUs of the main threads."),
        lcoreMask: z.string().meta({ description: "`dpdk-lcore-mask`." }),
        socketMemory: byName(size("Memory of the switch on a node.")).meta({
          description: "`dpdk-socket-mem` by NUMA node.",
        }),
      })
      .optional(),
    vnfs: byName(
      z.object({
        vcpuPins: z.array(cpus("CPU of a vCPU.")),
        emulatorCpus: cpus("CPUs of QEMU's other threads."),
        ioThreadCpus: cpus("Empty without I/O threads."),
        topology: z.object({ cores: z.number(), threads: z.number() }),
        cells: z.array(
          z.object({ vcpus: z.string(), memory: size("Memory of the cell."), numaNode: z.number() }),
        ),
      }),
    ),
    generators: byName(z.object({ master: z.number(), latency: z.number(), workers: z.string() })),
    coLoads: byName(cpus("CPUs of the load.")),
    hugepages: z.array(z.object({ numaNode: z.number(), size: PageSize, count: z.number() })),
    advice: z.array(z.object({ rule: z.string(), message: z.string() })).meta({
      description: "What is permitted but unwise.",
    }),
    explanation: z.string().meta({ description: "Why each CPU was chosen, for people." }),
  }),
});

/** Where everything goes, with the reasons. */
export type CpuPlan = z.infer<typeof planCpus.outputs>;
