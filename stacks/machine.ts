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

/**
 * Memory of a switch on a node, and huge pages that it needs beside the node's own. While the switch seeks memory for its packet buffers it takes all that is there, and a port that is connected
 * meanwhile is lost for good; what connecting takes, it finds on another node.
 */
export function switchMemory(numaNode: number) {
  const isAlone = numaNode === 0;
  return {
    socketMemory: { ...(!isAlone && { 0: "16MiB" as const }), [numaNode]: "256MiB" as const },
    pagesAside: isAlone ? [] : [{ size: "2MiB" as const, count: 8, numaNode: 0 }],
  };
}
