import type * as pulumi from "@pulumi/pulumi";
import { EmulatedServer, type EmulatedServerArgs, type TunedHostArgs } from "../components/index.ts";

type Connection = Exclude<TunedHostArgs["connection"], EmulatedServer>;

/** The machine of an experiment: a real one where `connection` is configured, a secret JSON; else an emulated server of the stack's own. */
export function machineOf(config: pulumi.Config, emulated: EmulatedServerArgs): TunedHostArgs["connection"] {
  return (
    (config.getSecretObject("connection") as Connection | undefined) ??
    new EmulatedServer("dut-machine", emulated)
  );
}

/** CPUs of the host that keep house and that are isolated, by configuration where it is given. */
export function cpusOf(
  config: pulumi.Config,
  { housekeeping, isolated }: { readonly housekeeping: string; readonly isolated: string },
) {
  return {
    housekeeping: config.get("housekeepingCpus") ?? housekeeping,
    isolated: config.get("isolatedCpus") ?? isolated,
  };
}
