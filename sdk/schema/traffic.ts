import { z } from "zod";
import { besideLoad, declaredFirmware, toldPercentile } from "./benchmarks.ts";
import { HostReference, hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import {
  destinationMac,
  duration,
  interfaceName,
  ipAddress,
  macAddress,
  name,
  path,
  pciAddress,
  sentence,
  socketPath,
  triggers,
  wholeNumber,
} from "./fields.ts";
import { ResultRecord } from "./record.ts";
import { placement, SearchGenerator, TrafficGenerator, TrafficProgram } from "./traffic-generator.ts";

const queues = wholeNumber("Queues in each direction. Default 1.", { min: 1, max: 8 }).optional();

/** One end of a packet path: what a generator, a sink or a forwarder sends to and receives from. */
export const TrafficPort = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("virtio-user"),
    socketPath: socketPath("vhost-user socket, for instance that of an OVS dpdkvhostuserclient port."),
    server: z.boolean().optional().meta({
      description:
        "Whether this end makes the socket and the switch connects to it, as dpdkvhostuserclient does. Default true.",
    }),
    queues,
    mac: macAddress("Address of the port. Default: one that DPDK makes up.").optional(),
  }),
  z.strictObject({
    kind: z.literal("af_packet"),
    interface: interfaceName(
      "Kernel interface, which has to be up; its own stack goes on seeing the frames.",
    ),
  }),
  z.strictObject({
    kind: z.literal("af_xdp"),
    interface: interfaceName("Kernel interface, which has to be up; frames of the queue go to nobody else."),
    startQueue: wholeNumber("First queue of the interface to take. Default 0.", { max: 1023 }).optional(),
    queues,
  }),
  z.strictObject({
    kind: z.literal("memif"),
    socketPath: socketPath("Socket of the shared-memory interface."),
    id: wholeNumber("Number of the interface on the socket. Default 0.", { max: 65535 }).optional(),
    role: z
      .enum(["server", "client"])
      .optional()
      .meta({ description: "Which end makes the socket. Default client." }),
  }),
  z.strictObject({
    kind: z.literal("tap"),
    interface: interfaceName("Interface to make; it goes with the port."),
  }),
  z.strictObject({
    kind: z.literal("pci"),
    address: pciAddress("Card or virtual function, bound to vfio-pci."),
    queues,
  }),
  z.strictObject({ kind: z.literal("ring") }),
  z.strictObject({ kind: z.literal("null") }),
]);
export type TrafficPort = z.infer<typeof TrafficPort>;

const addresses = z
  .strictObject({
    fromMac: macAddress("Source of what is sent at `from`. Default: the port's own.").optional(),
    toMac: destinationMac(
      "Destination of what is sent at `from`, or ff:ff:ff:ff:ff:ff, to every port of a switch (RFC 2889, section 5.10), of the traffic program and one direction. Default: the address of the port `to`.",
    ).optional(),
    fromIp: ipAddress("IPv4 source of what is sent at `from`. Default 198.18.0.1 (RFC 2544).").optional(),
    toIp: ipAddress("IPv4 destination of what is sent at `from`. Default 198.18.0.2.").optional(),
  })
  .optional()
  .meta({ description: "Addresses in the frames; the other direction has them swapped." });

export const trafficTool = defineResource({
  token: "nfvlab:traffic:Tool",
  description:
    "A traffic program of nfvlab on a machine, built there from the source that comes with the SDK: generator, sink and forwarder in one against the DPDK that the machine has, or the end of an " +
    "exchange between guests, or a guest that times its own exits. Needs gcc, and for the first pkg-config and DPDK's headers (Debian: gcc, pkgconf, libdpdk-dev). Its folder under /var/lib/nfvlab/traffic is named by the hash of source, flags and DPDK version; " +
    "delete removes it where no other resource has built the same.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the tool, for its id.", { change: "recreate" }),
    program: z
      .enum(["traffic", "exchange", "exits"])
      .optional()
      .meta({
        description:
          "Which program. traffic (default): generator, sink and forwarder on the machine, by DPDK. exchange: an end in a guest, for nfvlab:bench:Exchange; without libraries, so that a boot image " +
          "can hold it, and without DPDK. exits: a guest without an operating system, for nfvlab:bench:ExitCost; of x86-64, without libraries and without DPDK.",
        change: "recreate",
      }),
  }),
  outputs: z.object({
    path: z.string().meta({ description: "The program." }),
    hash: z
      .string()
      .meta({ description: "16 digits of the SHA-256 of recipe, DPDK version and architecture." }),
    recipe: z.string().meta({
      description:
        "16 digits of the SHA-256 of source and compiler's flags. With another recipe, as a newer nfvlab may have, the next `up` builds the program anew, and measures again what was measured with it.",
      change: "recreate",
    }),
    dpdkVersion: z.string().meta({ description: "DPDK it was built against; empty without one." }),
    built: z.boolean().meta({ description: "The program is there and is what was built." }),
  }),
  expectations: { built: true },
});

const trexVersion = z
  .string(sentence("a version"))
  .regex(/^\d+\.\d+(\.\d+)?$/, sentence("a version, for instance 3.08"));

export const trex = defineResource({
  token: "nfvlab:traffic:Trex",
  description:
    "TRex on a machine, a traffic generator of Cisco's, as it was unpacked there or as it is fetched from an address of yours with the sum that it must have; and beside it the runner by which " +
    "nfvlab tells it trials, a program in Python. Nothing is fetched from anywhere else. Which version it is TRex is asked itself. Delete removes the runner and what was fetched, where no other " +
    "resource has the same, and leaves alone what was there.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the generator, for its id.", { change: "recreate" }),
    version: trexVersion.meta({
      description:
        "Version that TRex must have, 2.58 or later: what it is told changes from one to the next.",
      change: "recreate",
    }),
    source: z
      .discriminatedUnion("kind", [
        z.strictObject({
          kind: z.literal("path"),
          path: path("TRex's folder on the machine, with _t-rex-64 and automation/ in it."),
        }),
        z.strictObject({
          kind: z.literal("url"),
          url: z
            .string()
            .regex(/^https?:\/\/[^\s"'\\]+$/, sentence("an address, http or https"))
            .meta({
              description:
                "TRex's archive as its makers pack it, .tar.gz with one folder, on a server of yours.",
            }),
          sha256: z
            .string(sentence("a SHA-256 sum"))
            .regex(/^[0-9a-f]{64}$/, sentence("64 hexadecimal digits, as sha256sum writes them"))
            .meta({ description: "Sum that the archive must have." }),
        }),
      ])
      .meta({ description: "Where TRex is.", change: "recreate" }),
  }),
  outputs: z.object({
    path: z.string().meta({ description: "TRex's folder." }),
    program: z.string().meta({ description: "The runner." }),
    hash: z.string().meta({
      description:
        "16 digits of the SHA-256 of the runner. With another one, as a newer nfvlab may have, the next `up` puts it there, and measures again what was measured with it.",
      change: "recreate",
    }),
    present: z.boolean().meta({ description: "TRex of this version and the runner are there." }),
  }),
  expectations: { present: true },
});

export const trafficForwarder = defineResource({
  token: "nfvlab:traffic:Forwarder",
  description:
    "A forwarder between two ports, or back out of one: the VNF of a test where what a VNF does is not the point. Runs as a transient unit; where it is gone, refresh says so and the next `up` " +
    "starts it again. Delete stops it and removes the sockets that it made.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the forwarder, part of its unit's name.", { change: "recreate" }),
    by: z.enum(["nfvlab", "testpmd"]).optional().meta({
      description:
        "What forwards. nfvlab (default): the traffic program. testpmd: DPDK's own, which the machine has installed; it never sleeps, so it keeps its CPUs busy always.",
      change: "restart",
    }),
    program: path("The program.", { change: "restart" }).optional().meta({
      description:
        "The program: what nfvlab:traffic:Tool built, its `path`; of testpmd where it is. Default: dpdk-testpmd in the machine's PATH.",
      change: "restart",
    }),
    ports: z
      .array(TrafficPort)
      .min(1)
      .max(2)
      .meta({ description: "Two ports, or one that sends back what it receives.", change: "restart" }),
    mode: z
      .enum(["io", "mac", "macswap", "5tswap"])
      .optional()
      .meta({
        description:
          "What becomes of a frame, as in testpmd. io (default): nothing. mac: the sending port's address as source and `peers` as destination. macswap: both addresses change places. " +
          "5tswap: addresses of Ethernet and IPv4 and the ports of UDP and TCP change places.",
        change: "restart",
      }),
    peers: z.array(macAddress("Address behind the port of the same place.")).min(1).max(2).optional().meta({
      description:
        "Destination of what leaves each port, with mode `mac`. Default 02:00:00:00:00:00 and 02:00:00:00:00:01.",
      change: "restart",
    }),
    cpus: placement.cpus,
    memory: placement.memory,
    hugepages: placement.hugepages,
    idle: placement.idle,
  }),
  outputs: z.object({
    unit: z.string().meta({ description: "The unit that it runs in." }),
    running: z.boolean().meta({ description: "It runs, and tells its counters." }),
  }),
  expectations: { running: true },
});

/** Frames of one direction, summed over all repetitions. */
export const TrafficFrames = z.object({
  planned: z.number().meta({ description: "That the schedule asked for." }),
  sent: z.number().meta({ description: "That the sending port took." }),
  received: z.number().meta({ description: "That came to the other port, each counted once." }),
  lost: z.number().meta({ description: "Sent and never received." }),
  duplicated: z.number().meta({ description: "Received more than once." }),
  reordered: z.number().meta({ description: "Received behind one that was sent later (RFC 4737)." }),
});
export type TrafficFrames = z.infer<typeof TrafficFrames>;

/** The way that frames take: the same of every measurement with a generator. */
export const trafficWay = {
  from: TrafficPort.meta({ description: "Port that frames are sent at.", change: "recreate" }),
  to: TrafficPort.optional().meta({
    description:
      "Port that frames are received at. Default: where they are sent, for a ring or a path that leads back.",
    change: "recreate",
  }),
  directions: z.enum(["forward", "both"]).optional().meta({
    description: "Whether frames are sent at `to` as well, at the same rate. Default forward.",
    change: "recreate",
  }),
  flows: wholeNumber(
    "UDP flows that the frames belong to in turn, told apart by their source port. Default 1, the best case of every flow cache.",
    { min: 1, max: 50_000 },
    { change: "recreate" },
  ).optional(),
  addresses: addresses.meta({ change: "recreate" }),
  settle: duration(
    "How long frames may still arrive after the last one was sent, whole ms. Default 2s (RFC 2544).",
    { change: "recreate" },
  ).optional(),
};

const sends = { description: "What sends and counts.", change: "recreate" } as const;

/** The traffic program on its way. */
export const programPath = { generator: TrafficProgram.meta(sends), ...trafficWay };

/** Whatever is told trials, on its way. */
export const trialPath = { generator: SearchGenerator.meta(sends), ...trafficWay };

/** Of what paces. */
export const pacedRate = wholeNumber("Frames per second and direction.", { min: 1, max: 200_000_000 });

/** The machine that forwards, where frames come from another. */
export const systemUnderTest = HostReference.optional().meta({
  description:
    "The machine that forwards, where that is not the one that sends. Nothing else is measured on it meanwhile; what was in force there, what its switch dropped and how busy it was is in the record. Default: `host`.",
  change: "live",
});

/** Load on the machine that forwards. */
export const forwardingLoad = besideLoad.meta({
  description:
    "Load on the machine that forwards while frames are sent: a noisy neighbour. Refused on CPUs of the generator, of the switch's poll-mode threads and of guests' vCPUs, and on other threads of their cores, unless `overlap` allows it. " +
    "Started and seen in /proc/stat before the generator's own trial, stopped after the last frame, and gone by itself where the engine is lost. How busy it kept its CPUs is in the record; a record whose load was not there is not valid. Default none.",
  change: "recreate",
});

/** How much is sent at a fixed rate: the same of every measurement that does so. */
export const constantRate = {
  frameSize: wholeNumber(
    "Bytes of a frame with its checksum (RFC 2544 counts so). Default 64.",
    { min: 64, max: 1518 },
    { change: "recreate" },
  ).optional(),
  duration: duration("How long one repetition sends, whole ms. Default 10s.", {
    change: "recreate",
  }).optional(),
  count: wholeNumber(
    "Frames of one repetition and direction, instead of `duration`.",
    { min: 1, max: 1_000_000_000 },
    { change: "recreate" },
  ).optional(),
  repetitions: wholeNumber(
    "How often the measurement is repeated. Default 1; an interval needs 6.",
    { min: 1, max: 1000 },
    { change: "recreate" },
  ).optional(),
  percentile: toldPercentile.meta({
    description:
      "The rarest percentile of latency that the record has to tell, with 10 / (1 - p) frames of each direction, 1000 for 99: a schedule with fewer is refused, and a record that came to fewer is not valid. Any number tells 50. Default 99; of generators that stamp no frame there is none.",
    change: "recreate",
  }),
};

export const traffic = defineResource({
  token: "nfvlab:bench:Traffic",
  description:
    "Sends UDP frames at a fixed rate at one port and counts them at another: loss, duplicates, reordering, throughput, one-way latency and its variation (RFC 5481), by one clock. Runs once, and again when an input or a " +
    "trigger changes; never on an unchanged `up`. Runs as a transient unit with a time limit. The record is valid where the generator kept its pace, every frame counted is one that the ports' " +
    "own counters know of, and every frame received was stamped. Delete forgets the record; what is in a results folder or object store stays.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the run, part of its unit's name.", { change: "recreate" }),
    ...trafficWay,
    generator: TrafficGenerator.meta(sends),
    rate: z.union([pacedRate, z.literal("unpaced")]).meta({
      description:
        "Frames per second and direction; `unpaced`, of testpmd alone: as fast as the port takes them.",
      change: "recreate",
    }),
    ...constantRate,
    coLoad: forwardingLoad,
    systemUnderTest,
    firmware: declaredFirmware,
    triggers,
  }),
  outputs: z.object({
    record: ResultRecord,
    frames: z
      .object({ forward: TrafficFrames, reverse: TrafficFrames.nullable() })
      .meta({ description: "Frames by direction; reverse is null where nothing was sent at `to`." }),
  }),
});
