/**
 * The doctor: how far a machine is from a tuning profile, setting by setting. Looks at it at every preview and every `up`, and writes nothing to it.
 *
 * `pulumi config set profile realtime`, `isolatedCpus 2-15` and `housekeepingCpus 0-1`, or `demand` as JSON for a plan of CPUs; `connection` as a secret JSON. Without
 * a connection it looks at the machine that it runs on.
 */
import * as pulumi from "@pulumi/pulumi";
import { HostInspection, type HostInspectionArgs } from "../components/index.ts";

const config = new pulumi.Config();
const demand = config.getObject<Extract<HostInspectionArgs["cpus"], { demand: unknown }>["demand"]>("demand");
const firmware = config.getObject<NonNullable<HostInspectionArgs["firmware"]>>("firmware");

const { inspection } = new HostInspection(config.get("host") ?? "dut", {
  connection: config.getSecretObject("connection") ?? { kind: "local" },
  tuning: (config.get("profile") ?? "nfv") as HostInspectionArgs["tuning"],
  cpus:
    demand === undefined
      ? { housekeeping: config.require("housekeepingCpus"), isolated: config.require("isolatedCpus") }
      : { demand },
  ...(firmware !== undefined && { firmware }),
});

export const { summary, counts, knobs, rivals } = inspection;
export const firmwareItems = inspection.firmware;
/** The whole of it as a table: `pulumi stack output table`. */
export const table = inspection.explanation;
