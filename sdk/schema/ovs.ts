import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import {
  cpuList,
  duration,
  interfaceAddress,
  interfaceName,
  name,
  path,
  size,
  socketPath,
  wholeNumber,
} from "./fields.ts";

/** Key of `external_ids` that tells which resource a row belongs to. */
export const OWNER_KEY = "nfvlab-owner";

const flag = (description: string, facts: { change?: "live" | "restart" } = {}) =>
  z
    .boolean()
    .optional()
    .meta({ description, ...facts });

/** Memory per NUMA node, keyed by the node's number: `{ 0: "1GiB" }`. Nodes left out get none. */
const memoryPerNode = (description: string) =>
  z
    .record(z.string().regex(/^\d+$/, "expected the number of a NUMA node"), size("Memory on this node."))
    .optional()
    .meta({ description, change: "restart" });

export const ovsDaemon = defineResource({
  token: "nfvlab:ovs:Daemon",
  description:
    "The options of a machine's ovs-vswitchd that concern DPDK: keys of Open_vSwitch.other_config. Only the keys named here are " +
    "written, others stay as they are. Delete puts back each key as create found it. Options that count only from the daemon's next start " +
    "restart it, which interrupts all ports of the machine, and only where `restart` is `allow`.",
  inputs: z.strictObject({
    host: hostReference,
    restart: z
      .enum(["allow", "deny"])
      .optional()
      .meta({ description: "Whether ovs-vswitchd may be restarted where an option needs it. Default deny." }),
    init: z.enum(["true", "try", "false"]).optional().meta({
      description: "dpdk-init. Default try: a failed EAL does not take the kernel datapath with it.",
      change: "restart",
    }),
    pmdCpus: cpuList(
      "CPUs of the poll-mode threads (pmd-cpu-mask). Changing it re-creates the threads: packets are lost.",
    ),
    lcoreCpus: cpuList("CPUs of the main, handler and revalidator threads (dpdk-lcore-mask).", {
      change: "restart",
    }).optional(),
    socketMemory: memoryPerNode("Huge-page memory taken at start, per NUMA node (dpdk-socket-mem)."),
    socketLimit: memoryPerNode(
      "Most huge-page memory taken, per NUMA node (dpdk-socket-limit); `0KiB` means no limit.",
    ),
    hugepageFolder: path("Mount point of the huge pages to use (dpdk-hugepage-dir).", {
      change: "restart",
    }).optional(),
    rxqAssign: z.enum(["cycles", "roundrobin", "group"]).optional().meta({
      description:
        "How receive queues are given to poll-mode threads (pmd-rxq-assign). Upstream's default is cycles; roundrobin repeats.",
    }),
    autoLoadBalance: flag(
      "Move queues between poll-mode threads at run time (pmd-auto-lb). Keep false while measuring.",
    ),
    pmdSleepMax: duration(
      "Longest sleep of an idle poll-mode thread, whole µs up to 10 ms (pmd-sleep-max). 0us while measuring latency.",
    ).optional(),
    txFlushInterval: duration(
      "How long packets may wait to be sent in a batch, whole µs up to 1 s (tx-flush-interval). 0us for latency.",
    ).optional(),
    emcInsertInverseProbability: wholeNumber(
      "One in this many flows enters the exact-match cache, 0 for none (emc-insert-inv-prob). Upstream: 100.",
      { max: 4294967295 },
    ).optional(),
    signatureMatchCache: flag("Use the signature-match cache (smc-enable)."),
    perPortMemory: flag("A memory pool per port (per-port-memory).", { change: "restart" }),
    vhostIommu: flag("Allow a vIOMMU on vhost-user client ports (vhost-iommu-support).", {
      change: "restart",
    }),
    vhostPostcopy: flag("Allow post-copy migration of vhost-user guests (vhost-postcopy-support).", {
      change: "restart",
    }),
  }),
  outputs: z.object({
    version: z.string().meta({ description: "Version of Open vSwitch." }),
    dpdkVersion: z.string().meta({ description: "Version of DPDK it was built with." }),
    initialized: z.boolean().meta({ description: "DPDK is running inside the daemon." }),
    found: z
      .record(z.string(), z.string().nullable())
      .meta({ description: "The keys as create found them; null where absent. Delete restores them." }),
  }),
  expectations: { initialized: true },
});

export const ovsBridge = defineResource({
  token: "nfvlab:ovs:Bridge",
  description:
    "A bridge of Open vSwitch. Delete removes it where it is still ours (external_ids:nfvlab-owner), with its local port and addresses.",
  inputs: z.strictObject({
    host: hostReference,
    name: interfaceName("Name of the bridge and of its local port.", { change: "recreate" }),
    datapath: z.enum(["netdev", "system"]).optional().meta({
      description: "netdev for the userspace (DPDK) datapath, system for the kernel's. Default netdev.",
      change: "recreate",
    }),
    failMode: z.enum(["secure", "standalone"]).optional().meta({
      description:
        "Without a controller: secure forwards by flows only, standalone learns MAC addresses. Default secure.",
    }),
    addresses: z
      .array(interfaceAddress("An address of the local port."))
      .optional()
      .meta({ description: "Addresses of the bridge's local port." }),
  }),
  outputs: z.object({
    localPort: z
      .number()
      .meta({ description: "OpenFlow number of the bridge's own port, which flows call LOCAL." }),
  }),
});

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
  }),
  z.strictObject({
    kind: z.literal("dpdk"),
    devargs: z
      .string()
      .regex(
        /^[A-Za-z0-9_.:,=[\]/-]{1,200}$/,
        "expected DPDK device arguments, for instance 0000:5e:00.0 or eth_null0",
      )
      .meta({
        description:
          "The device as DPDK names it (dpdk-devargs): a PCI address, or a virtual device such as eth_null0.",
        change: "recreate",
      }),
    rxQueues: wholeNumber("Receive queues (n_rxq). Upstream: 1.", { min: 1, max: 1024 }).optional(),
    rxDescriptors: wholeNumber(
      "Descriptors of a receive queue, a power of two (n_rxq_desc). Upstream: 2048.",
      { min: 1, max: 32768 },
    ).optional(),
    txDescriptors: wholeNumber(
      "Descriptors of a transmit queue, a power of two (n_txq_desc). Upstream: 2048.",
      { min: 1, max: 32768 },
    ).optional(),
  }),
  z.strictObject({
    kind: z.literal("internal"),
    addresses: z.array(interfaceAddress("An address of the port.")).optional(),
  }),
  z.strictObject({ kind: z.literal("tap") }),
]);
export type OvsInterface = z.infer<typeof OvsInterface>;

export const ovsPort = defineResource({
  token: "nfvlab:ovs:Port",
  description:
    "A port of a bridge with its one interface. Up means: the row has no error, an OpenFlow port number, and, where a poll-mode thread has " +
    "to serve it, its receive queues are in dpif-netdev/pmd-rxq-show. Delete removes the port where it is still ours.",
  inputs: z.strictObject({
    host: hostReference,
    bridge: interfaceName("Bridge that the port belongs to.", { change: "recreate" }),
    name: interfaceName("Name of the port and its interface.", { change: "recreate" }),
    interface: OvsInterface.meta({ description: "What kind of interface it is." }),
    openflowPort: wholeNumber("OpenFlow port number, so that flows can name it (ofport_request).", {
      min: 1,
      max: 65279,
    }).optional(),
    mtu: wholeNumber("MTU in bytes (mtu_request). Default: what the interface has.", {
      min: 68,
      max: 9702,
    }).optional(),
  }),
  outputs: z.object({
    ofport: z.number().meta({ description: "The OpenFlow port number it has." }),
    up: z.boolean().meta({ description: "No error, a port number, and polled where it must be." }),
  }),
  expectations: { up: true },
});

export const ovsFlows = defineResource({
  token: "nfvlab:ovs:Flows",
  description:
    "OpenFlow 1.3 flows of a bridge that carry this resource's own cookie; other flows are left alone. Delete removes those with the cookie.",
  inputs: z.strictObject({
    host: hostReference,
    bridge: interfaceName("Bridge that the flows are in.", { change: "recreate" }),
    name: name("Name of this set of flows; its cookie is made from it.", { change: "recreate" }),
    flows: z
      .array(
        z
          .string()
          .regex(
            /^[A-Za-z0-9_.:,=()/>[\] -]{1,500}$/,
            "expected a flow as ovs-ofctl takes it, for instance in_port=1,actions=output:2",
          )
          .refine((flow) => /(^|[ ,])actions=/.test(flow), "expected a flow with actions=")
          .refine((flow) => !/(^|[ ,])cookie=/.test(flow), "expected no cookie: this resource sets its own"),
      )
      .min(1)
      .meta({ description: "Flows as `ovs-ofctl add-flow` takes them, without a cookie." }),
  }),
  outputs: z.object({ cookie: z.string().meta({ description: "The cookie of these flows." }) }),
});
