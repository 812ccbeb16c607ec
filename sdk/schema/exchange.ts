import { z } from "zod";
import { declaredFirmware } from "./benchmarks.ts";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { duration, macAddress, name, size, triggers, wholeNumber } from "./fields.ts";
import { ResultRecord } from "./record.ts";
import { constantRate, TrafficFrames, trafficWay } from "./traffic.ts";

/** What a guest's frames go out by and come in by. */
export const ExchangePort = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("interface"),
    mac: macAddress("MAC address of the interface, by which the guest tells it; it is set up."),
  }),
  z.strictObject({
    kind: z.literal("memory"),
    size: size(
      "Size of the shared memory (ivshmem-plain), by which the guest tells the device: it sees no names, so each memory of a guest needs a size of its own.",
    ),
  }),
]);
export type ExchangePort = z.infer<typeof ExchangePort>;

export const ExchangeEnd = z.strictObject({
  domain: name("Guest whose agent runs the program."),
  port: ExchangePort.meta({ description: "What its frames go by." }),
});
export type ExchangeEnd = z.infer<typeof ExchangeEnd>;

export const exchange = defineResource({
  token: "nfvlab:bench:Exchange",
  description:
    "Frames from one guest of a machine to another and back, by interfaces of theirs or by memory that they share: one sends at a fixed rate and times each round trip by its own clock, the other " +
    "answers, and both count. Run by the agents of the guests, whose boot image holds the program. Runs once, and again when an input or a trigger changes; never on an unchanged `up`. The " +
    "record is valid where the sender kept its pace, and neither end counts more than the other sent. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the run.", { change: "recreate" }),
    from: ExchangeEnd.meta({ description: "Guest that sends.", change: "recreate" }),
    to: ExchangeEnd.meta({ description: "Guest that answers.", change: "recreate" }),
    rate: wholeNumber("Frames per second.", { min: 1, max: 100_000_000 }, { change: "recreate" }),
    ...constantRate,
    idle: duration(
      "How long an end sleeps that finds nothing to do, whole µs up to 10 ms; adds as much to a round trip. Default 0us: it polls, and its vCPU is always busy.",
      { change: "recreate" },
    ).optional(),
    settle: trafficWay.settle,
    firmware: declaredFirmware,
    triggers,
  }),
  outputs: z.object({
    record: ResultRecord,
    frames: z.object({ forward: TrafficFrames, reverse: TrafficFrames.nullable() }).meta({
      description: "Frames there, as the answering guest counted them, and back, as the sending one did.",
    }),
  }),
});
