import { roundTripMetric } from "../../measure/round-trip.ts";
import { type PingRun, parsePing } from "../../observe/ping.ts";
import { checkRoundTrip, planRoundTrip } from "../../plan/benchmarks.ts";
import { DEFAULT_PERCENTILE } from "../../plan/samples.ts";
import { roundTrip } from "../../schema/benchmarks.ts";
import { HostError } from "../../units/errors.ts";
import { runInGuest } from "../guest-agent.ts";
import type { Handler } from "../handler.ts";
import { measuring } from "../measuring.ts";
import type { RawOutputs } from "../raw-outputs.ts";

/** Beyond the schedule: the last echo's answer, and the agent's own way, s. */
const SLACK_S = 60;

export const roundTripHandler: Handler<typeof roundTrip> = {
  definition: roundTrip,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: checkRoundTrip,

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const { domain, target } = inputs;
    const plan = planRoundTrip(inputs);
    const runs: PingRun[] = [];
    const once = (raw: RawOutputs) =>
      runInGuest(host, domain, plan.argv, {
        timeoutMs: (plan.seconds + SLACK_S) * 1000,
        signal: operation.signal,
        raw,
      });
    const record = await measuring(
      operation,
      host,
      {
        kind: "round-trip",
        name: inputs.name,
        subject: `guest ${domain} to ${target}`,
        seconds: plan.repetitions * (plan.seconds + SLACK_S),
        firmware: inputs.firmware,
        asked: inputs,
        guests: [domain],
      },
      () => async (raw) => {
        // The first exchange resolves addresses and installs flows in the datapath: it is no sample.
        await once(raw);
        for (let repetition = 1; repetition <= plan.repetitions; repetition += 1) {
          operation.status(`repetition ${repetition}/${plan.repetitions}`);
          const { stdout, stderr } = await once(raw);
          runs.push(parsePing(stdout.trim() === "" ? stderr : stdout));
        }
        const answered = runs.filter(({ received }) => received > 0);
        if (answered.length === 0) {
          throw new HostError({
            code: "no-answer",
            property: "target",
            problem: `${target} answered no echo of guest ${domain}`,
            observed: `0 of ${plan.count * runs.length}`,
            hint: "check the flows between the guest's port and the target",
          });
        }
        const metric = roundTripMetric(runs, plan.intervalMs, inputs.percentile ?? DEFAULT_PERCENTILE);
        return { metrics: [metric], tool: { command: plan.argv, version: "ping (iputils)" } };
      },
    );
    const total = (count: (run: PingRun) => number) => runs.reduce((sum, run) => sum + count(run), 0);
    return { record, sent: total(({ sent }) => sent), lost: total(({ lost }) => lost.length) };
  },

  read: async (_, state) => state,
  update: async (_, __, { record, sent, lost }) => ({ record, sent, lost }),
  delete: async () => undefined,
};
