import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineFunction } from "./definition.ts";

const figure = (description: string) => z.number().meta({ description });

/** What a poll-mode thread has done since its counters were cleared (`dpif-netdev/pmd-perf-show`). */
export const PmdPerformance = z.object({
  durationS: figure("How long it was counted."),
  iterations: figure("Turns of its loop."),
  usedCyclesRatio: figure("Share of all cycles that it ran; the rest it slept.").optional(),
  busyCyclesRatio: figure("Share of the cycles it ran in which it had packets.").optional(),
  sleepIterationsRatio: figure("Share of its turns after which it slept.").optional(),
  rxPackets: figure("Packets received."),
  cyclesPerPacket: figure("Cycles for each of them.").optional(),
  passesPerPacket: figure("Passes of each through the datapath; more than one by recirculation.").optional(),
  hits: z.record(z.string(), z.number()).meta({
    description:
      "Packets by what found their flow: `emc`, `smc`, `megaflow`, `simple-match`, `phwol`, `mfex-opt`.",
  }),
  upcalls: figure("Packets that nothing in the datapath had a flow for."),
  lostUpcalls: figure("Of those, packets that were lost. A valid measurement has none."),
  txPackets: figure("Packets sent."),
  packetsPerBatch: figure("Packets sent at once.").optional(),
});
export type PmdPerformance = z.infer<typeof PmdPerformance>;

/** A machine's switch as it runs: who polls what, how busy that is, and what each port has counted. */
export const Datapath = z.object({
  version: z.string().meta({ description: "Version of Open vSwitch." }),
  dpdkVersion: z.string().meta({ description: "Version of DPDK it was built with." }),
  initialized: z.boolean().meta({ description: "DPDK is running inside the daemon." }),
  threads: z.array(
    z.object({
      cpu: figure("CPU of the poll-mode thread."),
      numaNode: figure("Node of that CPU."),
      isolated: z.boolean().meta({ description: "Serves only queues that are pinned to it." }),
      overheadPercent: figure("Share of its time that no queue took.").optional(),
      queues: z.array(
        z.object({
          port: z.string(),
          queue: z.number(),
          enabled: z.boolean().meta({ description: "False for a queue of a guest that does not use it." }),
          usagePercent: figure("Share of the thread's time over the last minute, once measured.").optional(),
        }),
      ),
      performance: PmdPerformance.optional(),
    }),
  ),
  ports: z.array(
    z.object({
      bridge: z.string(),
      port: z.string().meta({ description: "Name of the port; that of a bond has several interfaces." }),
      interface: z.string(),
      kind: z.string().meta({ description: "Type of the interface." }),
      openflowPort: figure("Its OpenFlow number; -1 where it could not be added.").optional(),
      linkState: z.string().optional().meta({ description: "`up` or `down`." }),
      error: z.string().optional().meta({ description: "Why it does not work." }),
      status: z.record(z.string(), z.string()).meta({ description: "What its driver says of it." }),
      statistics: z.record(z.string(), z.number()).meta({
        description: "Its counters since it was added, by their names in the column `statistics`.",
      }),
    }),
  ),
});
export type Datapath = z.infer<typeof Datapath>;

export const getDatapath = defineFunction({
  token: "nfvlab:ovs:getDatapath",
  description:
    "The switch of a machine as it runs now: poll-mode threads with their receive queues and how busy they are, ports with their counters. Changes nothing.",
  inputs: z.strictObject({ host: hostReference }),
  outputs: Datapath,
});
