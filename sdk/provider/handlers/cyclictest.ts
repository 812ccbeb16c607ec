import { metricOf } from "../../measure/metric.ts";
import { type CyclictestRun, parseCyclictest } from "../../observe/cyclictest.ts";
import type { ObservedDomain } from "../../observe/domains.ts";
import {
  type CyclictestPlan,
  cyclictestSeconds,
  inUnit,
  planCyclictest,
  stopUnit,
  unitOf,
} from "../../plan/benchmarks.ts";
import { planCoLoad } from "../../plan/co-load.ts";
import { requireOnline } from "../../plan/online-cpus.ts";
import { cyclictest } from "../../schema/benchmarks.ts";
import type { Inputs } from "../../schema/definition.ts";
import type { HostFacts } from "../../schema/facts.ts";
import { CpuSet } from "../../units/cpuset.ts";
import { formatNanoseconds } from "../../units/duration.ts";
import { HostError } from "../../units/errors.ts";
import { runInGuest } from "../guest-agent.ts";
import type { Handler, Host, Operation } from "../handler.ts";
import { coLoadProbes, loaded } from "../loading.ts";
import { type Measured, measuring } from "../measuring.ts";

/** Beyond the run itself: start, locking memory, writing the report, s. A loaded emulated server takes more than a minute for them. */
const SLACK_S = 180;

export const cyclictestHandler: Handler<typeof cyclictest> = {
  definition: cyclictest,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const { subject, coLoad } = inputs;
    const where = subject.kind === "host" ? host.name : `guest ${subject.domain}`;
    const seconds = cyclictestSeconds(inputs) + SLACK_S;
    const beside = coLoad === undefined ? "" : `, ${coLoad.kind} load on CPU ${coLoad.cpus}`;
    const asked = coLoad && (await host.observeNow(coLoadProbes));
    const record = await measuring(
      operation,
      host,
      {
        kind: "cyclictest",
        subject: `${where}, CPUs ${subject.cpus}${beside}`,
        seconds,
        firmware: inputs.firmware,
      },
      (facts) => {
        const plan = planCyclictest(inputs, housekeepingFor(inputs, facts));
        const measure = () => measureTimers(operation, host, inputs, plan);
        if (coLoad === undefined || asked === undefined) return measure;
        const load = planCoLoad(
          coLoad,
          { name: host.name, facts, ...asked },
          {
            unit: unitOf(operation.tag, inputs.name),
            measured: measuredCpus(inputs, asked.domains),
            seconds: seconds + plan.repetitions * SLACK_S,
          },
        );
        return async () => {
          const { result, coLoad: seen } = await loaded(operation, host, load, measure);
          return { ...result, coLoad: seen };
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

async function measureTimers(
  operation: Operation,
  host: Host,
  inputs: Inputs<typeof cyclictest>,
  plan: CyclictestPlan,
): Promise<Measured> {
  const runs: CyclictestRun[] = [];
  for (let repetition = 1; repetition <= plan.repetitions; repetition += 1) {
    const slowest = Math.max(0, ...runs.flatMap(({ threads }) => threads.map(({ maxNs }) => maxNs)));
    const soFar = runs.length === 0 ? "" : `, max ${formatNanoseconds(slowest)} so far`;
    const status = () => operation.status(`repetition ${repetition}/${plan.repetitions}${soFar}`);
    runs.push(parseCyclictest(await runOnce(operation, host, inputs, plan, status)));
  }
  const metric = metricOf(
    { name: `${inputs.subject.kind}.timer.latency`, unit: "ns", direction: "lower" },
    runs.map(({ threads }) => ({
      buckets: threads.flatMap(({ buckets }) => buckets),
      overflow: threads.reduce((sum, thread) => sum + thread.overflow, 0),
      max: Math.max(...threads.map(({ maxNs }) => maxNs)),
      expected: plan.expected * threads.length,
    })),
  );
  return {
    metrics: [metric],
    tool: { command: plan.argv.slice(4), version: `cyclictest ${runs[0]?.version}` },
  };
}

/** CPUs of the machine that the measured threads run on. */
function measuredCpus({ subject }: Inputs<typeof cyclictest>, guests: readonly ObservedDomain[]): CpuSet {
  const cpus = CpuSet.parse(subject.cpus);
  if (subject.kind === "host") return cpus;
  const pins = guests.find(({ name }) => name === subject.domain)?.vcpuPins ?? [];
  return CpuSet.of([...cpus].flatMap((vcpu) => [...CpuSet.parse(pins[vcpu] ?? "")]));
}

function housekeepingFor({ subject, host }: Inputs<typeof cyclictest>, facts: HostFacts): CpuSet {
  const cpus = CpuSet.parse(subject.cpus);
  if (subject.kind === "guest") return CpuSet.parse("0");
  const online = CpuSet.parse(facts.onlineCpus);
  requireOnline({ "subject.cpus": subject.cpus }, online, host.name);
  return online.minus(CpuSet.parse(facts.kernel.isolatedCpus)).minus(cpus);
}

async function runOnce(
  operation: Operation,
  host: Host,
  { name, subject }: Inputs<typeof cyclictest>,
  plan: CyclictestPlan,
  status: () => void,
): Promise<string> {
  const { signal } = operation;
  const timeoutMs = (plan.seconds + SLACK_S) * 1000;
  status();
  if (subject.kind === "guest") {
    const { code, stdout, stderr } = await runInGuest(host, subject.domain, plan.argv, {
      timeoutMs,
      signal,
      onProgress: status,
    });
    if (code !== 0)
      throw new HostError({
        code: "benchmark-failed",
        problem: `cyclictest failed in guest ${subject.domain}`,
        observed: `exit code ${code}: ${stderr.trim()}`,
      });
    return stdout;
  }
  const unit = unitOf(operation.tag, name);
  const stop = stopUnit(unit);
  await host.execute([stop]);
  try {
    return (
      await host.transport.run({ argv: inUnit(unit, plan.seconds + SLACK_S, plan.argv), timeoutMs, signal })
    ).stdout;
  } catch (error) {
    await host.transport.execute(stop).catch(() => undefined);
    throw error;
  }
}
