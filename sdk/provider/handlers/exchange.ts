import { randomInt } from "node:crypto";
import { type ExchangeRun, exchangeFaults, exchangeFrames, exchangeMetrics } from "../../measure/exchange.ts";
import { type ExchangeReport, parseExchangeReport } from "../../observe/exchange.ts";
import { checkExchange, type ExchangePlan, planExchange } from "../../plan/exchange.ts";
import { DEFAULT_PERCENTILE } from "../../plan/samples.ts";
import type { Inputs } from "../../schema/definition.ts";
import { exchange } from "../../schema/exchange.ts";
import { HostError } from "../../units/errors.ts";
import { runInGuest } from "../guest-agent.ts";
import type { Handler, Host, Operation } from "../handler.ts";
import { measuring } from "../measuring.ts";
import type { RawOutputs } from "../raw-outputs.ts";
import { watchSwitch } from "../switch-watch.ts";

/** Beyond what a run takes: the agents' own way, s. */
const SLACK_S = 60;

export const exchangeHandler: Handler<typeof exchange> = {
  definition: exchange,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: checkExchange,

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const { from, to, rate, frameSize = 64, firmware } = inputs;
    const plan = planOnce(inputs);
    const runs: ExchangeRun[] = [];
    const subject = `guest ${from.domain} to ${to.domain} by ${from.port.kind}, ${frameSize} bytes at ${rate} frames/s`;
    const seconds = plan.repetitions * (plan.seconds + SLACK_S);
    const record = await measuring(
      operation,
      host,
      {
        ...{ kind: "exchange", name: inputs.name, subject, seconds, firmware, asked: inputs },
        guests: [from.domain, to.domain],
      },
      () => async (raw) => {
        const watch = await watchSwitch(host);
        for (let repetition = 1; repetition <= plan.repetitions; repetition += 1) {
          operation.status(`repetition ${repetition}/${plan.repetitions}`);
          runs.push(await runOnce(operation, host, inputs, { plan: planOnce(inputs), raw }));
        }
        return {
          metrics: exchangeMetrics(runs, inputs.percentile ?? DEFAULT_PERCENTILE),
          tool: { command: plan.send, version: plan.send[0] },
          faults: runs.flatMap((run) => exchangeFaults(run, rate)),
          switch: await watch(),
        };
      },
    );
    return { record, frames: exchangeFrames(runs) };
  },

  read: async (_, state) => state,
  update: async (_, __, { record, frames }) => ({ record, frames }),
  delete: async () => undefined,
};

/** Each run has a number of its own: what is left of another in a ring is not counted. */
function planOnce(inputs: Inputs<typeof exchange>): ExchangePlan {
  return planExchange(inputs, randomInt(1, 2 ** 32 - 1));
}

/** Both ends together; where one fails, the other is not waited for. */
async function runOnce(
  operation: Operation,
  host: Host,
  { from, to }: Inputs<typeof exchange>,
  { plan, raw }: { readonly plan: ExchangePlan; readonly raw: RawOutputs },
): Promise<ExchangeRun> {
  const given = new AbortController();
  const signal = AbortSignal.any([operation.signal, given.signal]);
  const run = async (guest: string, argv: ExchangePlan["send"]): Promise<ExchangeReport> => {
    const timeoutMs = (plan.seconds + SLACK_S) * 1000;
    const { code, stdout, stderr } = await runInGuest(host, guest, argv, { timeoutMs, signal, raw });
    if (code === 0) return parseExchangeReport(stdout);
    throw new HostError({
      code: "exchange-failed",
      problem: `the exchange program failed in guest ${guest}`,
      observed: `exit code ${code}: ${stderr.trim() || "no word of why"}`,
      hint: "its boot image needs the program; frames need a way there and back: flows, or one shared memory",
    });
  };
  const ends = [run(to.domain, plan.answer), run(from.domain, plan.send)] as const;
  try {
    const [answer, send] = await Promise.all(ends);
    return { send, answer };
  } catch (error) {
    given.abort();
    await Promise.allSettled(ends);
    throw error;
  }
}
