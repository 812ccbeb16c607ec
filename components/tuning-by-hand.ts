import type { TuningPlan } from "../sdk/schema/tuning-plan.ts";
import type { HostCpus } from "./host-tuning.ts";

/**
 * A tuning plan from arguments of resources that somebody has chosen, for a machine that is not there yet and so can't be asked what it has a place for: an emulated
 * server that the same program makes. Refused by the machine where it has no place for one of them.
 *
 * @param name what it is called in logs and tables
 * @example
 * const cpus = { housekeeping: "0-1", isolated: "2-3" };
 * const tuning = tuningByHand("quiet", cpus, { bootArguments: { arguments: { nohzFull: "2-3" } }, workqueues: { cpus: "0-1" } });
 */
export function tuningByHand(
  name: string,
  { housekeeping, isolated }: HostCpus,
  resources: Partial<TuningPlan["resources"]>,
): TuningPlan {
  return {
    profile: name,
    cpus: { housekeeping, isolated },
    resources: { moduleParameters: [], ...resources },
    ...{ bootLine: "", settings: [], unapplied: [], leftOut: [], overridden: [], notApplied: [] },
    ...{ conflicts: [], advice: [], explanation: `${name}: chosen by hand` },
  };
}
