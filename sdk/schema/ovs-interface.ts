import { z } from "zod";
import {
  interfaceAddress,
  interfaceName,
  ipAddress,
  macAddress,
  named,
  sentence,
  size,
  socketPath,
  wholeNumber,
} from "./fields.ts";

const count = (description: string, min: number, max: number) =>
  wholeNumber(description, { min, max }).optional();
const flag = (description: string) => z.boolean().optional().meta({ description });

const POWER_OF_TWO = "a power of two from 64 to 32768";

const descriptors = (description: string) =>
  z
    .number(sentence(POWER_OF_TWO))
    .refine(
      (value) => value >= 64 && value <= 32768 && Number.isInteger(Math.log2(value)),
      sentence(POWER_OF_TWO),
    )
    .optional()
    .meta({ description });

/** What every interface has that a poll-mode thread serves. */
const polled = {
  rxQueues: count("Receive queues (n_rxq). Upstream: 1.", 1, 1024),
  rxqAffinity: named(
    /^\d+$/,
    "the number of a receive queue",
    wholeNumber("CPU of the poll-mode thread.", { max: 8191 }),
  )
    .optional()
    .meta({
      description:
        "CPU of the poll-mode thread for each receive queue, `{ 0: 3 }` (pmd-rxq-affinity). Such a thread serves no other queues, unless the daemon's rxqIsolate is false; " +
        "a CPU outside pmdCpus leaves the queue to the others.",
    }),
  exactMatchCache: flag("Use the exact-match cache for packets of this port (emc-enable). Upstream: true."),
  txSteering: z.enum(["thread", "hash"]).optional().meta({
    description:
      "How packets are spread over transmit queues: by the thread that sends, or by the packet's hash (tx-steering). Upstream: thread.",
  }),
};

/** A device that DPDK makes up. Its name for DPDK is made from the port's: `net_null_PORT`. */
export const VirtualDevice = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("null"),
    size: count("Bytes of each packet that it makes. DPDK: 64.", 14, 9702),
    copy: flag("Copy each packet. DPDK: false."),
    silent: flag("Receive nothing, where it would make packets without end (no-rx). DPDK: false."),
  }),
  z.strictObject({ kind: z.literal("ring") }),
  z.strictObject({
    kind: z.literal("af-packet"),
    interface: interfaceName("Kernel interface to send and receive by."),
    queuePairs: count("Pairs of queues (qpairs). DPDK: 1.", 1, 16),
    blockSize: size("Memory of a block of the ring (blocksz). DPDK: 4KiB.").optional(),
    frameSize: size("Memory of a frame (framesz). DPDK: 2KiB.").optional(),
    frameCount: count("Frames of the ring (framecnt). DPDK: 512.", 1, 1048576),
    qdiscBypass: flag("Send past the kernel's queueing (qdisc_bypass). DPDK: false."),
  }),
  z.strictObject({
    kind: z.literal("af-xdp"),
    interface: interfaceName("Kernel interface to take packets from by XDP."),
    startQueue: count("First of its queues (start_queue). DPDK: 0.", 0, 1023),
    queueCount: count("How many of its queues (queue_count). DPDK: 1.", 1, 1024),
    copy: flag("Copy packets even where the driver need not (force_copy). DPDK: false."),
    busyBudget: count(
      "Packets of one turn of the kernel's busy polling, 0 for none (busy_budget). DPDK: 64.",
      0,
      65535,
    ),
  }),
  z.strictObject({
    kind: z.literal("tap"),
    interface: interfaceName("Name of the kernel's side."),
    mac: macAddress("MAC address of the kernel's side. DPDK: a random one.").optional(),
  }),
  z.strictObject({
    kind: z.literal("memif"),
    role: z.enum(["server", "client"]).meta({ description: "Who serves the socket." }),
    socketPath: socketPath("Socket that both sides meet at."),
    id: count("Number of the pair on that socket. DPDK: 0.", 0, 4294967295),
    packetBuffer: size("Memory of a packet (bsize). DPDK: 2KiB.").optional(),
    ringSizeLog2: count("Size of a ring as a power of two (rsize). DPDK: 10.", 1, 14),
    zeroCopy: flag("A client that shares its memory (zero-copy). DPDK: false."),
  }),
]);
export type VirtualDevice = z.infer<typeof VirtualDevice>;

const DEVARGS = /^[A-Za-z0-9_.:,=[\]/-]{1,200}$/;

const tunnel = {
  remoteIp: z
    .union([ipAddress("An address."), z.literal("flow")])
    .meta({ description: "Where packets go: an address, or `flow` where flows say it (remote_ip)." }),
  localIp: ipAddress("Address that packets come from. Default: as the route says (local_ip).").optional(),
  key: z
    .union([wholeNumber("A key.", { max: 16777215 }), z.literal("flow")])
    .optional()
    .meta({ description: "Key of the tunnel, VNI or GRE key, or `flow` where flows say it. Default: none." }),
  ttl: count("Time to live of the outer header, 0 copies the inner one. Upstream: 64.", 0, 255),
  tos: count("Type of service of the outer header. Upstream: 0.", 0, 255),
  checksum: flag("Checksum of the outer header (csum). Upstream: false, for IPv4."),
  dontFragment: flag("DF bit of the outer header (df_default). Upstream: true."),
};

const destinationPort = (standard: number) =>
  count(`UDP port of the outer header (dst_port). Upstream: ${standard}.`, 1, 65535);

const xdp = {
  xdpMode: z.enum(["best-effort", "native-with-zerocopy", "native", "generic"]).optional().meta({
    description: "How packets are taken from the driver (xdp-mode). Upstream: best-effort.",
    change: "recreate",
  }),
  needWakeup: flag(
    "Let the kernel ask for a system call (use-need-wakeup). Upstream: true; 3.7 and later have no such option.",
  ),
};

/** What an interface of a switch is, by OVS's own names of its types. */
export const OvsInterface = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("dpdkvhostuserclient"),
    socketPath: socketPath(
      "Socket that QEMU serves (vhost-server-path). A port keeps the path it was made with: a new path is a new port.",
      { change: "recreate" },
    ),
    txRetriesMax: wholeNumber("Retries of a send to a full guest ring (tx-retries-max). Upstream: 8.", {
      max: 32,
    }).optional(),
    maxQueuePairs: count(
      "Most pairs of queues, for VDUSE alone (vhost-max-queue-pairs). Needs 3.5. Upstream: 1.",
      1,
      128,
    ),
    rxqAffinity: polled.rxqAffinity,
    exactMatchCache: polled.exactMatchCache,
    txSteering: polled.txSteering,
  }),
  // Served by the switch: guests have to be started again when it was. Deprecated since 2.8.
  z.strictObject({ kind: z.literal("dpdkvhostuser") }),
  z.strictObject({
    kind: z.literal("dpdk"),
    devargs: z
      .union([
        z
          .string(sentence("DPDK device arguments"))
          .regex(DEVARGS, sentence("DPDK device arguments, for instance 0000:5e:00.0 or class=eth,mac=…"))
          .meta({ description: "As DPDK names it." }),
        VirtualDevice,
      ])
      .meta({
        description:
          "The device (dpdk-devargs): a PCI address, anything else as DPDK names it, or a virtual device: null, ring, af-packet, af-xdp, tap, memif. Its driver " +
          "has to be installed. DPDK's own structures are in memory of the node of lcoreCpus, so that node needs huge pages too.",
        change: "recreate",
      }),
    ...polled,
    rxDescriptors: descriptors(
      "Descriptors of a receive queue, a power of two (n_rxq_desc). Upstream: 2048.",
    ),
    txDescriptors: descriptors(
      "Descriptors of a transmit queue, a power of two (n_txq_desc). Upstream: 2048.",
    ),
    rxFlowControl: flag("Send pause frames (rx-flow-ctrl). Upstream: false."),
    txFlowControl: flag("Obey pause frames (tx-flow-ctrl). Upstream: false."),
    flowControlAutonegotiation: flag("Negotiate pause frames (flow-ctrl-autoneg). Upstream: false."),
    linkStateInterrupt: flag(
      "Learn of link changes by interrupt instead of polling (dpdk-lsc-interrupt). Upstream: true.",
    ),
    rxSteering: z.enum(["rss", "rss+lacp"]).optional().meta({
      description:
        "Whether LACP frames get a receive queue of their own (rx-steering). Needs 3.2. Upstream: rss.",
    }),
    vfMac: macAddress("MAC address of the function behind a representor (dpdk-vf-mac).").optional(),
  }),
  z.strictObject({ kind: z.literal("afxdp"), ...xdp, ...polled }),
  z.strictObject({
    kind: z.literal("afxdp-nonpmd"),
    ...xdp,
    rxQueues: polled.rxQueues,
  }),
  z.strictObject({ kind: z.literal("system") }),
  z.strictObject({
    kind: z.literal("internal"),
    addresses: z
      .array(interfaceAddress("An address of the port."))
      .optional()
      .meta({ description: "Addresses of the interface." }),
  }),
  z.strictObject({ kind: z.literal("tap") }),
  z.strictObject({
    kind: z.literal("patch"),
    peer: interfaceName("Name of the port at the other end, on another bridge of the same datapath."),
  }),
  z.strictObject({ kind: z.literal("vxlan"), ...tunnel, destinationPort: destinationPort(4789) }),
  z.strictObject({ kind: z.literal("geneve"), ...tunnel, destinationPort: destinationPort(6081) }),
  z.strictObject({ kind: z.literal("gre"), ...tunnel }),
]);
export type OvsInterface = z.infer<typeof OvsInterface>;

/** What any interface has beside what its kind brings. */
export const interfaceFields = {
  openflowPort: wholeNumber("OpenFlow port number, so that flows can name it (ofport_request).", {
    min: 1,
    max: 65279,
  }).optional(),
  mtu: wholeNumber("MTU in bytes (mtu_request). Default: what the interface has.", {
    min: 68,
    max: 9702,
  }).optional(),
  ingressPolicing: z
    .strictObject({
      rate: count("kbit/s above which packets are dropped, 0 for no bound.", 0, 4294967295),
      burst: count("kbit that may exceed it. Upstream: 8000.", 0, 4294967295),
      packetRate: count("Thousand packets/s above which packets are dropped, 0 for no bound.", 0, 4294967295),
      packetBurst: count("Thousand packets that may exceed it. Upstream: 16.", 0, 4294967295),
    })
    .optional()
    .meta({
      description:
        "Bounds on what is received from it (ingress_policing_*). No measurement of throughput has any.",
    }),
};
