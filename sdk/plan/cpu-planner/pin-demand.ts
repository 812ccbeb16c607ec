import type { CpuDemand } from "../../schema/cpu-demand.ts";
import { CpuSet } from "../../units/cpuset.ts";
import type { CpuPlan } from "./plan.ts";

/**
 * The demand with every choice of a plan written out, so that a later demand beside it moves nothing. Planning it gives the same plan, hash and all.
 *
 * @example planCpus(facts, pinDemand(demand, plan)).hash === plan.hash; // true
 */
export function pinDemand(demand: CpuDemand, plan: CpuPlan): CpuDemand {
  const system = plan.assignments.filter(({ role }) => role === "housekeeping").map(({ cpus }) => cpus);
  const { isolated, housekeeping } = plan;
  return {
    ...demand,
    housekeeping: { ...demand.housekeeping, cpus: system.join(",") },
    isolation: {
      ...(isolated !== "" && { isolatedCpus: isolated }),
      ...(housekeeping !== "" && { housekeepingCpus: housekeeping }),
    },
    ...(plan.switch !== undefined && {
      switch: {
        ...demand.switch,
        pmd: { ...demand.switch?.pmd, cpus: plan.switch.pmdCpus },
        lcore: { cpus: plan.switch.lcoreCpus },
      },
    }),
    vnfs: mapValues(demand.vnfs, (vnf, name) => {
      const placed = plan.vnfs[name];
      if (placed === undefined) return vnf;
      const { vcpuPins, emulatorCpus, ioThreadCpus, cells } = placed;
      return {
        ...vnf,
        pins: [...vcpuPins],
        emulator: { cpus: emulatorCpus },
        ...(vnf.ioThreads !== undefined && { ioThreads: { ...vnf.ioThreads, cpus: ioThreadCpus } }),
        ...(vnf.cells === undefined
          ? { numaNode: cells[0]?.numaNode }
          : { cells: vnf.cells.map((cell, at) => ({ ...cell, numaNode: cells[at]?.numaNode })) }),
      };
    }),
    generators: mapValues(demand.generators, (generator, name) => {
      const placed = plan.generators[name];
      if (placed === undefined) return generator;
      const workers = CpuSet.parse(placed.workers);
      return { ...generator, cpus: CpuSet.of([placed.master, placed.latency, ...workers]).format() };
    }),
    coLoads: mapValues(demand.coLoads, (load, name) => ({ ...load, cpus: plan.coLoads[name] })),
  };
}

function mapValues<T>(
  map: Readonly<Record<string, T>> | undefined,
  change: (value: T, key: string) => T,
): Record<string, T> {
  return Object.fromEntries(Object.entries(map ?? {}).map(([key, value]) => [key, change(value, key)]));
}
