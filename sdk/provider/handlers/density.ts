import { planDensity } from "../../plan/density.ts";
import { requireOnline } from "../../plan/online-cpus.ts";
import { density } from "../../schema/density.ts";
import { CpuSet } from "../../units/cpuset.ts";
import { seekDensity } from "../density-search.ts";
import type { Handler } from "../handler.ts";
import { measuring } from "../measuring.ts";

/** For what is planned without a machine. */
const nowhere = { unit: "nfvlab", tag: "", cpuFlags: new Set<string>() };

export const densityHandler: Handler<typeof density> = {
  definition: density,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: (inputs) => {
    planDensity(inputs, nowhere);
  },

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const { name, firmware, instances, cpus, perCpu = 1 } = inputs;
    const { limitSeconds, repetitions } = planDensity(inputs, nowhere);
    const lists = {
      cpus,
      ...(instances.kind === "guest" && { "instances.emulatorCpus": instances.emulatorCpus }),
    };
    const record = await measuring(
      operation,
      host,
      {
        ...{ kind: "density", name, firmware, seconds: repetitions * limitSeconds, asked: inputs },
        subject: `${instances.kind}s beside each other on ${host.name}, CPUs ${CpuSet.parse(cpus).format()}, ${perCpu} on each`,
      },
      (facts) => {
        requireOnline(lists, CpuSet.parse(facts.onlineCpus), host.name);
        return (raw) => seekDensity(operation, inputs, facts, raw);
      },
    );
    return { record };
  },

  // A measurement is history: nothing on the machine can change it.
  read: async (_, state) => state,
  update: async (_, __, prior) => ({ record: prior.record }),
  delete: async () => undefined,
};
