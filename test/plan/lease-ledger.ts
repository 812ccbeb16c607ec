import type { Ledger, ObservedLease, ObservedLeaseHolder } from "../../sdk/observe/leases.ts";
import type { LeaseParts, LeaseRecord } from "../../sdk/schema/lease.ts";

/** 2025-11-21T17:00:00Z */
export const NOW = 1_763_744_400;

export function recordOfLease(
  stack: string,
  parts: LeaseParts,
  term: LeaseRecord["term"] = "10min",
): LeaseRecord {
  const owner = { project: "vnf", stack, resource: "dut-lease", origin: `${stack}@desk:/home/${stack}/vnf` };
  return { format: 1, owner, since: "2025-11-21T16:00:00Z", term, parts };
}

interface Standing {
  readonly record: LeaseRecord;
  /** Seconds before now. */
  readonly renewed: number;
  readonly running: boolean;
}

/** The leases of a machine at that time. */
export function ledgerOf(leases: Readonly<Record<string, Standing>>, now = NOW): Ledger {
  const entries = Object.entries(leases);
  return {
    systemd: true,
    now,
    leases: entries.map(
      ([id, { record, renewed }]): ObservedLease => ({
        id,
        sha256: "0".repeat(64),
        renewedAt: now - renewed,
        record,
      }),
    ),
    holders: new Map(
      entries.map(([id, { running }]): [string, ObservedLeaseHolder] => [id, { text: "", running }]),
    ),
  };
}
