import { z } from "zod";
import { declaredFirmware, toldPercentile } from "./benchmarks.ts";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { duration, name, named, rate, sentence, triggers, wholeNumber } from "./fields.ts";
import { ResultRecord } from "./record.ts";
import { forwardingLoad, programPath, systemUnderTest, trialPath } from "./traffic.ts";

/** Bytes of a frame with its checksum, or `imix`: 7 frames of 64 bytes, 4 of 570 and 1 of 1518 in turn, 354 bytes on average. */
export const FrameSize = z.union([
  wholeNumber("Bytes of a frame with its checksum (RFC 2544 counts so).", { min: 64, max: 1518 }),
  z.literal("imix"),
]);
export type FrameSize = z.infer<typeof FrameSize>;

const recreate = { change: "recreate" } as const;

const share = (description: string, { above, below }: { readonly above: number; readonly below: number }) =>
  z
    .number(sentence(`a number from ${above} to below ${below}`))
    .refine((value) => value >= above && value < below, sentence(`a number from ${above} to below ${below}`))
    .meta({ description, ...recreate });

/** What all measurements by trials have: where frames go, and how many at most. */
export const searchPath = {
  host: hostReference,
  name: name("Name of the run, part of its unit's name.", recreate),
  ...trialPath,
  frames: z
    .array(FrameSize)
    .min(1)
    .optional()
    .meta({
      description:
        "Sizes of frames, each measured by itself: bytes with the checksum, or `imix` (7 of 64, 4 of 570, 1 of 1518 in turn). Default: those of RFC 2544, 64, 128, 256, 512, 1024, 1280 and 1518.",
      ...recreate,
    }),
  lineRate: rate(
    "What the wire carries in one direction: no load is above it. A virtual path is measured as if it were such a wire. Default 10Gbit/s.",
    recreate,
  ).optional(),
  maxLoad: wholeNumber(
    "Frames per second and direction that no load is above, where the generator can't send what the line carries. Default: the line's own limit.",
    { min: 1, max: 200_000_000 },
    recreate,
  ).optional(),
  coLoad: forwardingLoad,
  systemUnderTest,
  firmware: declaredFirmware,
  triggers,
};

const outcome = {
  record: ResultRecord.nullable().meta({ description: "Null where it was ended before its end." }),
  ended: z.enum(["complete", "interrupted"]).meta({
    description: "Whether it ran to its end; where it was interrupted, the next `up` runs it again.",
  }),
};

const trial = (standard: string) =>
  duration(`How long a trial sends, whole ms. Default ${standard}.`, recreate).optional();

/** What is looked for, as MLRsearch defines it (draft-ietf-bmwg-mlrsearch, "Search Goal"). */
export const ThroughputGoal = z.strictObject({
  loss: share(
    "Share of the frames that a trial may lose and still be good; 0 for throughput as RFC 2544 has it.",
    {
      above: 0,
      below: 1,
    },
  ),
  trial: duration(
    "Length of a trial that counts in full, whole ms. Default 1s; with method rfc2544 60s.",
    recreate,
  ).optional(),
  sum: duration(
    "Of mlrsearch: time of trials that the class of a load rests on, at least that of one. Default 21s.",
    recreate,
  ).optional(),
  exceed: share("Of mlrsearch: share of that time that may be of bad trials. Default 0.5.", {
    above: 0,
    below: 1,
  }).optional(),
  width: share("Distance of the bounds, as a share of the upper. Default 0.005.", {
    above: 0.0001,
    below: 1,
  }).optional(),
});
export type ThroughputGoal = z.infer<typeof ThroughputGoal>;

/** What a search found for one frame size and goal, in frames per second and direction. */
export const FoundThroughput = z.object({
  kind: z.enum(["regular", "at-maximum", "below-minimum", "open"]).meta({
    description:
      "regular: between both bounds. at-maximum: the highest load is carried. below-minimum: the lowest is not. open: the time was over before both bounds stood.",
  }),
  throughputPps: z.number().nullable().meta({
    description:
      "What arrives at the lower bound: MLRsearch's conditional throughput, or the highest load that passed (RFC 2544).",
  }),
  lowerPps: z.number().nullable().meta({ description: "Highest load that meets the goal." }),
  upperPps: z.number().nullable().meta({ description: "Lowest load that does not." }),
});
export type FoundThroughput = z.infer<typeof FoundThroughput>;

export const throughput = defineResource({
  token: "nfvlab:bench:Throughput",
  description:
    "Throughput of a path for each frame size and goal, by MLRsearch or by RFC 2544's bisection, and one-way latency with its variation at shares of it. The generator is tried first, against itself: where it can't " +
    "send and receive the highest load, nothing is searched and the record is invalid. Trials run one after another in one program, a transient unit with a time limit, and are kept in the record. " +
    "Frames that a port does not take in their time are lost: what is behind it does not keep up. Runs once, and again when an input or a trigger changes; never on an unchanged `up`. " +
    "Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    ...searchPath,
    method: z
      .enum(["mlrsearch", "rfc2544"])
      .optional()
      .meta({
        description:
          "mlrsearch (default): all goals at once, by the sum of many short trials. rfc2544: each goal by bisection, from the highest load down; the throughput has passed two of three trials.",
        ...recreate,
      }),
    goals: named(/^[a-z][a-z0-9-]{0,30}$/, "lower-case letters, digits and hyphens", ThroughputGoal)
      .refine((goals) => Object.keys(goals).length > 0, sentence("at least one goal"))
      .optional()
      .meta({
        description: "By name, the first one most wanted. Default: ndr, which loses nothing.",
        ...recreate,
      }),
    minLoad: wholeNumber(
      "Lowest load, frames per second and direction: a path that does not carry it has no throughput to tell. Default 9001, as CSIT has it.",
      { min: 1, max: 200_000_000 },
      recreate,
    ).optional(),
    warmUp: duration(
      "Of mlrsearch: length of a first trial at the highest load, whose result is ignored, whole ms. Default 1s.",
      recreate,
    ).optional(),
    atMost: duration(
      "Of mlrsearch: time of trials after which goals stay open, by frame size and repetition, whole ms. Default 1h.",
      recreate,
    ).optional(),
    latency: z
      .strictObject({
        at: z
          .array(wholeNumber("Percent of the throughput.", { min: 1, max: 100 }))
          .optional()
          .meta({
            description: "Percent of the first goal's throughput; empty for none. Default 10, 50 and 90.",
          }),
        duration: duration("How long each sends, whole ms. Default 120s (RFC 2544).").optional(),
      })
      .optional()
      .meta({
        description: "Latency under load, once the throughput of a frame size is known.",
        ...recreate,
      }),
    repetitions: wholeNumber(
      "How often each search is made. Default 1; an interval needs 6.",
      { min: 1, max: 100 },
      recreate,
    ).optional(),
  }),
  outputs: z.object({
    ...outcome,
    byFrame: z.record(z.string(), z.record(z.string(), FoundThroughput)).meta({
      description: "By frame size and goal; of several repetitions the one with the least throughput.",
    }),
  }),
  expectations: { ended: "complete" },
});

const LOSS = "a number from 1e-9 to 0.1";

/** What PLRsearch found for one frame size, in frames per second and direction. */
export const FoundCriticalLoad = z.object({
  kind: z.enum(["regular", "at-maximum", "below-minimum"]).meta({
    description:
      "regular: between the lowest load and the highest. at-maximum: no trial lost as much as the wanted share. below-minimum: the lowest load loses more.",
  }),
  averagePps: z.number().meta({ description: "The load that loses the wanted share on average." }),
  stdevPps: z.number().meta({ description: "One standard deviation of what is known of it." }),
});
export type FoundCriticalLoad = z.infer<typeof FoundCriticalLoad>;

export const criticalLoad = defineResource({
  token: "nfvlab:bench:CriticalLoad",
  description:
    "The load that a path carries for a very long time with a wanted share of loss, for each frame size, by PLRsearch (draft-vpolak-bmwg-plrsearch): trials of growing length at loads near to it, and by " +
    "all of them an estimate with its standard deviation, which shrinks with the time. The generator is tried first, as for a throughput. Runs once, and again when an input or a trigger changes. " +
    "Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    ...searchPath,
    loss: z
      .number(sentence(LOSS))
      .refine((value) => value >= 1e-9 && value <= 0.1, sentence(LOSS))
      .optional()
      .meta({
        description:
          "Share of the frames that the critical load loses on average. Default 1e-7, as CSIT has it.",
        ...recreate,
      }),
    minLoad: wholeNumber(
      "Lowest load, frames per second and direction. Default 9001, as CSIT has it.",
      { min: 1, max: 200_000_000 },
      recreate,
    ).optional(),
    firstTrial: duration("Length of the first trial, whole ms. Default 5s.", recreate).optional(),
    longer: duration(
      "How much longer each trial is than the one before, whole ms. Default 100ms.",
      recreate,
    ).optional(),
    duration: duration(
      "How long trials of each frame size send together, whole seconds; the last one may go beyond. Default 30min.",
      recreate,
    ).optional(),
  }),
  outputs: z.object({
    ...outcome,
    byFrame: z.record(z.string(), FoundCriticalLoad).meta({ description: "By frame size." }),
  }),
  expectations: { ended: "complete" },
});

const STEP = "a number from 0.01 to 0.1";

export const frameLoss = defineResource({
  token: "nfvlab:bench:FrameLoss",
  description:
    "Frame loss rate of a path for each frame size (RFC 2544, section 26.3): from the highest load down in equal steps, until two loads in a row lose nothing; and of the same trials the maximum forwarding rate " +
    "and that at the maximum offered load (RFC 2889, section 5.6). The generator is tried first, as for a throughput. Runs once, and again when an input or a trigger changes. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    ...searchPath,
    step: z
      .number(sentence(STEP))
      .refine((value) => value >= 0.01 && value <= 0.1, sentence(STEP))
      .optional()
      .meta({
        description:
          "Distance of two loads, as a share of the highest; RFC 2544 allows a tenth. Default 0.1.",
        ...recreate,
      }),
    trial: trial("60s"),
  }),
  outputs: z.object(outcome),
  expectations: { ended: "complete" },
});

const known = z.record(
  z.string(),
  wholeNumber("Frames per second and direction.", { min: 1, max: 200_000_000 }),
);

export const backToBack = defineResource({
  token: "nfvlab:bench:BackToBack",
  description:
    "Back-to-back frames (RFC 2544, section 26.4) with RFC 9004's corrections: the longest burst at the highest load that loses nothing, many times, and what buffer it tells of. The generator is " +
    "tried first, as for a throughput. Runs once, and again when an input or a trigger changes. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    ...searchPath,
    throughput: known.meta({
      description:
        "Throughput by frame size, measured before: frames that are forwarded while a burst arrives need no buffer.",
      ...recreate,
    }),
    longest: duration(
      "Longest burst, whole ms; RFC 9004 asks for 30s at most. Default 2s.",
      recreate,
    ).optional(),
    within: wholeNumber(
      "Frames to which the longest burst without loss is found. Default 1.",
      { min: 1, max: 1_000_000 },
      recreate,
    ).optional(),
    bursts: wholeNumber(
      "How many bursts are found, one after another. Default 50 (RFC 2544).",
      { min: 1, max: 1000 },
      recreate,
    ).optional(),
  }),
  outputs: z.object(outcome),
  expectations: { ended: "complete" },
});

export const systemRecovery = defineResource({
  token: "nfvlab:bench:SystemRecovery",
  description:
    "System recovery of a path for each frame size (RFC 2544, section 26.5): an overload, then at once half of it, and the time from this change until the last frame that is lost. The traffic program " +
    "alone changes its rate within a trial and knows which frames were lost. The record is invalid where the overload lost nothing, or where loss did not end, and says so where the overload was shorter " +
    "than RFC 2544 asks for. The generator is tried first, as for a throughput. Runs once, and again when an input or a trigger changes. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    ...searchPath,
    throughput: known.meta({ description: "Throughput by frame size, measured before.", ...recreate }),
    percent: wholeNumber(
      "Overload in percent of the throughput, no more than the highest load. Default 110 (RFC 2544).",
      { min: 101, max: 1000 },
      recreate,
    ).optional(),
    overload: duration(
      "How long the overload is sent, whole ms, at least 1s. Default 60s, the least that RFC 2544 asks for; a record of less says so.",
      recreate,
    ).optional(),
    relief: duration(
      "How long half of the overload is sent then, whole ms, at least 1s. Default 60s. The last tenth has to pass without a loss.",
      recreate,
    ).optional(),
    repetitions: wholeNumber(
      "How often each frame size is overloaded; the mean over all is what RFC 2544 reports. Default 1; an interval needs 6.",
      { min: 1, max: 100 },
      recreate,
    ).optional(),
  }),
  outputs: z.object(outcome),
  expectations: { ended: "complete" },
});

export const soak = defineResource({
  token: "nfvlab:bench:Soak",
  description:
    "A load below the throughput for a long time, for each frame size: what is lost, latency, and whether it stays as it was. The record is invalid where what arrives changes on the way. The " +
    "generator is tried first, as for a throughput. Runs once, and again when an input or a trigger changes. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    ...searchPath,
    throughput: known.meta({ description: "Throughput by frame size, measured before.", ...recreate }),
    percent: wholeNumber(
      "Load in percent of the throughput. Default 90.",
      { min: 1, max: 100 },
      recreate,
    ).optional(),
    duration: duration(
      "How long each frame size is sent, whole seconds, at least 20s: less says nothing of steadiness. Default 30min.",
      recreate,
    ).optional(),
  }),
  outputs: z.object(outcome),
  expectations: { ended: "complete" },
});

const { lineRate: _lineRate, maxLoad: _maxLoad, ...slowPath } = searchPath;

export const flowSetup = defineResource({
  token: "nfvlab:bench:FlowSetup",
  description:
    "Latency of frames that a switch has no entry for in its datapath, for each frame size (RFC 8204, PacketLatency.InitialPacketProcessingLatency): nothing is sent until the switch has forgotten all flows, then one frame of each flow, " +
    "slow enough that none waits for another's upcall, and then further frames of the same flows, which it knows by then. First ones and later ones have a histogram each, and first ones that were lost are counted. How many packets the switch itself " +
    "had no entry for is in the record, and where it counted fewer than there were first frames, the record says so. Works over any path; where no Open vSwitch answers, nobody counted. The generator is tried first, as for a " +
    "throughput. Runs once, and again when an input or a trigger changes. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    ...slowPath,
    generator: programPath.generator,
    flows: wholeNumber(
      "UDP flows, told apart by their source port, 1024 and above: as many first frames has each repetition and direction. All of them have to fit into the time after which the switch forgets the first one, " +
        "`settle` and two seconds included. Default 500.",
      { min: 1, max: 50_000 },
      recreate,
    ).optional(),
    rate: wholeNumber(
      "Frames per second and direction. An upcall takes a poll-mode thread from tens of microseconds to a millisecond, in which it passes nothing on: a rate at which the next frame comes before that measures a queue. Default 100.",
      { min: 1, max: 100_000 },
      recreate,
    ).optional(),
    idle: duration(
      "How long nothing is sent before the first frames, whole ms: by more than a second longer than a flow without packets stays in the switch's datapath (`max-idle`, 10s where the switch is told nothing else), or it is refused. At most 1h. Default 15s.",
      recreate,
    ).optional(),
    later: wholeNumber(
      "Frames of each flow that follow its first one. Default 1.",
      { min: 1, max: 1000 },
      recreate,
    ).optional(),
    repetitions: wholeNumber(
      "How often it is done, each time with all flows forgotten. Default 3; an interval needs 6.",
      { min: 1, max: 10_000 },
      recreate,
    ).optional(),
    percentile: toldPercentile.meta({
      description:
        "The rarest percentile that the record has to tell of first frames. It takes 10 / (1 - p) of them in each direction, 1000 for 99, and there are as many as `flows` times `repetitions`: fewer are refused, and a record that came to fewer is not valid. " +
        "Any number tells 50. Default 99.",
      ...recreate,
    }),
  }),
  outputs: z.object(outcome),
  expectations: { ended: "complete" },
});
