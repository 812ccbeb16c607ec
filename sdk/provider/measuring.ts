import { setTimeout as sleep } from "node:timers/promises";
import { recordOf } from "../measure/record.ts";
import { fingerprintOf, fingerprintProbes } from "../observe/fingerprint.ts";
import { hostFactsOf } from "../observe/host-facts.ts";
import { endTurn, holderOf, takeTurn } from "../plan/measurement-turn.ts";
import type { HostFacts } from "../schema/facts.ts";
import type { Metric, ResultRecord } from "../schema/record.ts";
import { HostError } from "../units/errors.ts";
import type { Host, Operation } from "./handler.ts";

export interface Measured {
  readonly metrics: readonly Metric[];
  readonly tool: { readonly command: readonly string[]; readonly version: string };
}

/** How long a measurement waits for its turn, and how much longer than planned one may keep it, s. */
const WAIT_S = 30 * 60;
const SPARE_S = 10 * 60;
const POLL_MS = 2000;

export interface Measurement {
  readonly kind: string;
  readonly subject: string;
  /** What it is planned to take, all repetitions together. */
  readonly seconds: number;
}

/**
 * Measures between two looks at what is in force, and makes the record. On one machine one measurement runs at a time, of whatever stack.
 *
 * @throws HostError `measurement-running` where another one does not end
 */
export async function measuring(
  operation: Operation,
  host: Host,
  { seconds, ...facts }: Measurement,
  measure: (facts: HostFacts) => Promise<Measured>,
): Promise<ResultRecord> {
  await waitForTurn(operation, host, seconds + SPARE_S);
  try {
    return await record(host, facts, measure);
  } finally {
    await host.transport.execute(endTurn()).catch(() => undefined);
  }
}

async function waitForTurn(operation: Operation, host: Host, seconds: number): Promise<void> {
  const { tag, resourceName, project, stack, signal } = operation;
  const turn = { holder: `${resourceName} of stack ${project}/${stack}`, tag };
  const begun = performance.now();
  for (;;) {
    const { stdout } = await host.transport.run({ ...takeTurn(turn, seconds), signal });
    const other = holderOf(stdout);
    if (other === undefined) return;
    // Ours, of an engine that was lost: a stack has one engine at a time.
    if (other.tag === tag) {
      await host.execute([endTurn()]);
      continue;
    }
    const waited = Math.round((performance.now() - begun) / 1000);
    if (waited >= WAIT_S) {
      throw new HostError({
        code: "measurement-running",
        problem: `${host.name} is taken by another measurement, and two would measure each other`,
        observed: `${other.holder}, still after ${waited} s`,
        hint: "wait for it, or stop it there: systemctl stop nfvlab-measurement",
      });
    }
    operation.status(`waits for ${other.holder} to end its measurement: ${waited} s`);
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function record(
  host: Host,
  facts: Omit<Measurement, "seconds">,
  measure: (facts: HostFacts) => Promise<Measured>,
): Promise<ResultRecord> {
  const before = await host.observeNow(fingerprintProbes);
  const hostFacts = hostFactsOf(before);
  const startedAt = new Date().toISOString();
  const begun = performance.now();
  const { metrics, tool } = await measure(hostFacts);
  const durationMs = Math.round(performance.now() - begun);
  const after = await host.observeNow(fingerprintProbes);
  return recordOf({
    ...facts,
    metrics,
    tool,
    before: fingerprintOf(before),
    after: fingerprintOf(after),
    startedAt,
    durationMs,
    functional: hostFacts.identity.emulated,
  });
}
