import { z } from "zod";
import { declaredFirmware } from "./benchmarks.ts";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { duration, name, triggers, wholeNumber } from "./fields.ts";
import { ResultRecord } from "./record.ts";
import { constantRate, pacedRate, programPath, systemUnderTest, TrafficFrames } from "./traffic.ts";

const recreate = { change: "recreate" } as const;

/** What is done to the machine that forwards, while frames go through it; told apart by `kind`. */
export const OutageEvent = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("switch-restart") }),
  z.strictObject({
    kind: z.literal("guest-reset"),
    domain: name("The guest, a libvirt domain that runs: it is reset without being asked (virsh reset)."),
  }),
  z.strictObject({
    kind: z.literal("add-port"),
    bridge: name("Bridge of Open vSwitch that gets a port more; the port goes with the measurement."),
    interface: z.enum(["vhost-user", "internal"]).optional().meta({
      description:
        "Of the port: vhost-user (default), without a peer, whose queues poll-mode threads take over; or internal, which the kernel sees.",
    }),
  }),
  z.strictObject({
    kind: z.literal("add-flows"),
    bridge: name("Bridge of Open vSwitch that gets flows more; they go with the measurement."),
    count: wholeNumber(
      "How many OpenFlow flows, none of which a frame meets. A million take the switch a gigabyte of memory. Default 1000.",
      {
        min: 1,
        max: 1_000_000,
      },
    ).optional(),
  }),
]);
export type OutageEvent = z.infer<typeof OutageEvent>;

export const outage = defineResource({
  token: "nfvlab:bench:Outage",
  description:
    "Sends frames at a constant rate while something is done to the machine that forwards, and measures for how long none came: a restart of ovs-vswitchd with its flows kept, a reset of a guest (RFC 2544, section 26.6; " +
    "RFC 6201), a port that a bridge gets, or flows that it gets (RFC 8204, coupling of control path and datapath). The outage is told both ways that RFC 6201 has: the longest time between two frames that came, and the frames lost by the rate. What `event` names is done at create, and again when " +
    "an input or a trigger changes; never on an unchanged `up`, and nothing else is restarted or reset. A port or flows that were added are taken away again, however it ends. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the run, part of its unit's name.", recreate),
    ...programPath,
    rate: pacedRate.meta({
      description:
        "Frames per second and direction. The time between two is what the outage is known to: a tenth of what it is held to, or less.",
      ...recreate,
    }),
    frameSize: constantRate.frameSize,
    event: OutageEvent.meta({
      description:
        "What is done: switch-restart, which interrupts every port of the switch; guest-reset, which the guest's disks see as a loss of power; add-port; or add-flows.",
      ...recreate,
    }),
    lead: duration(
      "How long frames go through before it is done, whole ms, at least 1s. Default 5s.",
      recreate,
    ).optional(),
    watch: duration(
      "How long they go on once it was done, whole ms, at least 1s: frames have to come again in this time. Default 30s; a guest that boots anew may need more.",
      recreate,
    ).optional(),
    repetitions: constantRate.repetitions,
    systemUnderTest: systemUnderTest.meta({
      description: "The machine that it is done to, where that is not the one that sends. Default: `host`.",
      change: "live",
    }),
    firmware: declaredFirmware,
    triggers,
  }),
  outputs: z.object({
    record: ResultRecord,
    frames: z.object({ forward: TrafficFrames, reverse: TrafficFrames.nullable() }).meta({
      description:
        "Frames by direction; reverse is null where nothing was sent at `to`. What the port refused counts as sent, and is lost.",
    }),
  }),
});
