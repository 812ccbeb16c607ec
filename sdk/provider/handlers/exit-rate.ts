import { exitFaults, exitRates } from "../../measure/exit-rates.ts";
import { type ExitCounters, parseExitCounters } from "../../observe/vcpu-exits.ts";
import { planExitRate } from "../../plan/exit-rate.ts";
import { exitRate } from "../../schema/latency.ts";
import { CpuSet } from "../../units/cpuset.ts";
import type { Handler } from "../handler.ts";
import { measuring } from "../measuring.ts";
import { printedBy, runUnit } from "../unit-program.ts";

/** Beyond the looks themselves: the last one, and the unit's start, s. */
const SLACK_S = 60;

export const exitRateHandler: Handler<typeof exitRate> = {
  definition: exitRate,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: (inputs) => {
    planExitRate(inputs);
  },

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const { domain, vcpus, firmware, name } = inputs;
    const plan = planExitRate(inputs);
    const subject = `guest ${domain}${vcpus === undefined ? "" : `, vCPUs ${vcpus}`}`;
    const seconds = plan.repetitions * (plan.seconds + SLACK_S);
    const record = await measuring(
      operation,
      host,
      { kind: "exit-rate", name, subject, seconds, firmware, asked: inputs, guests: [domain] },
      ({ versions }) =>
        async (raw) => {
          const runs: ExitCounters[][] = [];
          for (let repetition = 1; repetition <= plan.repetitions; repetition += 1) {
            operation.status(`repetition ${repetition}/${plan.repetitions}`);
            const program = { argv: plan.argv, seconds: plan.seconds + SLACK_S };
            const ran = await runUnit(operation, host, name, program, raw);
            runs.push(parseExitCounters(printedBy("virsh domstats", host.name, ran)));
          }
          const looked = vcpus === undefined ? undefined : CpuSet.parse(vcpus);
          return {
            metrics: exitRates(runs, looked),
            tool: { command: plan.command, version: `libvirt ${versions.libvirt ?? "unknown"}` },
            faults: exitFaults(runs, looked),
          };
        },
    );
    return { record };
  },

  // A measurement is history: nothing on the machine can change it.
  read: async (_, state) => state,
  update: async (_, __, prior) => ({ record: prior.record }),
  delete: async () => undefined,
};
