import { confinedTasks } from "../../observe/confined-tasks.ts";
import { leaseLedger } from "../../observe/leases.ts";
import {
  checkLease,
  DEFAULT_TERM,
  expiryOf,
  isHeld,
  isStale,
  leaseId,
  recordedLeases,
  requireObtainable,
  requireReadable,
  seenLease,
  standingWords,
  takenSince,
  takeOverWords,
  timeOf,
} from "../../plan/lease.ts";
import {
  leaseService,
  planHolder,
  planRelease,
  removeHolder,
  verifyHolder,
} from "../../plan/lease-holder.ts";
import { partsWords } from "../../plan/lease-parts.ts";
import { strangersOn } from "../../plan/strangers.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { getLeases, lease } from "../../schema/lease.ts";
import { type FunctionHandler, type Handler, Incomplete, type Operation } from "../handler.ts";
import { grant, originOfProgram, ownerOf } from "../leasing.ts";

const probes = { ledger: leaseLedger };
const seenBy = { ...probes, tasks: confinedTasks };

export const leaseHandler: Handler<typeof lease> = {
  definition: lease,
  probes: seenBy,

  id: ({ host }, { resourceName }) => `${host.name}/lease/${resourceName}`,
  check: checkLease,

  create: (operation, inputs) => take(operation, inputs, leaseId(operation.urn, originOfProgram())),
  update: (operation, inputs, prior) => take(operation, inputs, prior.lease),

  read: async (operation, state) => {
    const { ledger, tasks } = await operation.host(state.host).observe(seenBy);
    const seen = seenLease(state, ownerOf(operation), ledger, state.host.name);
    if (seen.complaint !== undefined) operation.warn(seen.complaint);
    return { ...state, ...seen.state, strangers: strangersOn(seen.state.parts, tasks) };
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { ledger } = await host.observeNow(probes);
    const others = takenSince(state, ownerOf(operation), ledger);
    if (others.length > 0) operation.warn(`left alone what others have had since: ${others.join("; ")}`);
    await host.execute(planRelease(state.lease, ledger));
  },
};

async function take(
  operation: Operation,
  { host: reference, parts, term = DEFAULT_TERM }: Inputs<typeof lease>,
  id: string,
): Promise<Outputs<typeof lease>> {
  const host = operation.host(reference);
  const claim = { id, owner: ownerOf(operation), parts, term };
  const { record, ledger, takenOver } = await grant(host, claim, operation.signal);
  for (const overlap of takenOver) operation.warn(takeOverWords(overlap));
  const outputs = { lease: id, holder: leaseService(id), since: record.since };
  try {
    await host.execute([
      ...takenOver.flatMap(({ lease }) => (ledger.holders.has(lease.id) ? [removeHolder(lease.id)] : [])),
      ...planHolder(id, record, ledger.holders.get(id)),
    ]);
    const after = await host.observeNow(seenBy);
    verifyHolder(id, after.ledger, host.name);
    return { ...outputs, held: true, strangers: strangersOn(parts, after.tasks) };
  } catch (error) {
    throw new Incomplete(error as Error, { ...outputs, held: false, strangers: [] });
  }
}

export const getLeasesHandler: FunctionHandler<typeof getLeases> = {
  definition: getLeases,
  call: async (operation, { host: reference, wanted, project = "", stack = "" }) => {
    const { ledger } = await operation.host(reference).observeNow(probes);
    requireReadable(ledger, reference.name);
    if (wanted !== undefined) requireObtainable(wanted, { project, stack }, ledger, reference.name);
    const leases = recordedLeases(ledger);
    return {
      leases: leases.map((each) => ({
        ...{ lease: each.id, owner: each.record.owner, parts: each.record.parts, since: each.record.since },
        ...{ until: timeOf(expiryOf(each)), held: isHeld(each, ledger), stale: isStale(each, ledger) },
      })),
      text: leases.map((each) => `${partsWords(each.record.parts)}: ${standingWords(each, ledger)}`),
    };
  },
};
