import * as pulumi from "@pulumi/pulumi";
import { getHostFactsOutput, inspectOutput, planCpusOutput, planTuning } from "../sdk/resources/host.ts";
import type { Wired } from "../sdk/resources/lab-resource.ts";
import type { Connection, HostReference } from "../sdk/schema/connection.ts";
import type { CpuDemand } from "../sdk/schema/cpu-demand.ts";
import type { FirmwareIntent, Inspection } from "../sdk/schema/inspection.ts";
import type { TuningPlan, TuningSource } from "../sdk/schema/tuning-plan.ts";
import type { EmulatedServer } from "./emulated-server.ts";
import type { HostCpus } from "./host-tuning.ts";
import { LabComponent } from "./lab-component.ts";

export interface HostInspectionArgs {
  /** How to reach it, or the emulated server that it is. */
  readonly connection: Wired<Connection> | EmulatedServer;
  /** What it is compared with: a profile, or a plan of `planTuning` as it is. */
  readonly tuning: TuningSource | TuningPlan;
  /**
   * Who may use which CPU: two lists, a whole plan of `planCpus`, or demands from which such a plan is made for this machine. A plan of `planTuning` has them
   * already.
   */
  readonly cpus?:
    | HostCpus
    | {
        /** What is to be placed on the machine, as `planCpus` takes it. */
        readonly demand: CpuDemand;
      };
  /** How the firmware is meant to be set up. Default: nothing is asked of it. */
  readonly firmware?: FirmwareIntent;
  /** Waits for these before it looks. */
  readonly after?: readonly pulumi.Resource[];
}

interface Built {
  readonly inspection: pulumi.Output<Inspection>;
}

/**
 * How far a machine is from a tuning plan, setting by setting: what is wanted, what is in force, what the next boot brings. Looks at every `up` and every
 * preview, writes nothing to the machine, and owns nothing on it.
 *
 * @property tuning `"nfv"`, `"realtime"`, a profile of tuned's, a PerformanceProfile, or a plan of `planTuning`
 * @property firmware items that are meant to be on or off; what the machine does not show is listed as not verifiable
 * @example
 * const doctor = new HostInspection("dut", {
 *   connection: { kind: "local" },
 *   tuning: "nfv",
 *   cpus: { housekeeping: "0", isolated: "1" },
 *   firmware: { simultaneousMultithreading: false },
 * });
 * export const table = doctor.inspection.apply(({ explanation }) => explanation);
 */
export class HostInspection extends LabComponent<Built> {
  declare readonly inspection: pulumi.Output<Inspection>;

  constructor(name: string, args: HostInspectionArgs, options?: pulumi.ComponentResourceOptions) {
    super("HostInspection", name, options, () => {
      const { connection, firmware, after = [] } = args;
      const reached = pulumi.Resource.isInstance(connection)
        ? (connection as EmulatedServer).connection
        : (connection as Wired<Connection>);
      const host = pulumi.output({ name, connection: reached }) as pulumi.Output<HostReference>;
      const found = inspectOutput(
        { host, tuning: planFor(host, args), ...(firmware !== undefined && { firmware }) },
        { dependsOn: [...after] },
      );
      // The connection may be secret, and with it all that was asked through it; what came of it holds none.
      return { inspection: pulumi.unsecret(found) };
    });
  }
}

function planFor(
  host: pulumi.Output<HostReference>,
  { tuning, cpus }: HostInspectionArgs,
): pulumi.Output<TuningPlan> {
  if (typeof tuning === "object" && "resources" in tuning)
    return pulumi.output(tuning) as pulumi.Output<TuningPlan>;
  const lists =
    cpus !== undefined && "demand" in cpus
      ? planCpusOutput({ facts: getHostFactsOutput({ host }), demand: cpus.demand })
      : pulumi.output(cpus);
  return pulumi
    .all([host, lists])
    .apply(([known, who]) =>
      planTuning({ host: known, profile: tuning, ...(who !== undefined && { cpus: who as HostCpus }) }),
    ) as pulumi.Output<TuningPlan>;
}
