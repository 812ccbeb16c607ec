import { recordOf } from "../measure/record.ts";
import { fingerprintOf, fingerprintProbes } from "../observe/fingerprint.ts";
import { hostFactsOf } from "../observe/host-facts.ts";
import type { HostFacts } from "../schema/facts.ts";
import type { Metric, ResultRecord } from "../schema/record.ts";
import type { Host } from "./handler.ts";

export interface Measured {
  readonly metrics: readonly Metric[];
  readonly tool: { readonly command: readonly string[]; readonly version: string };
}

/** Measures between two looks at what is in force, and makes the record. */
export async function measuring(
  host: Host,
  facts: { readonly kind: string; readonly subject: string },
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
