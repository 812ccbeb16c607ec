import { z } from "zod";
import { DURATION_PATTERN, nanoseconds } from "../units/duration.ts";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import {
  cpuList,
  duration,
  interfaceAddress,
  interfaceName,
  name,
  named,
  path,
  sentence,
  size,
  wholeNumber,
} from "./fields.ts";
import { OvsFlow } from "./ovs-flow.ts";
import { interfaceFields, OvsInterface } from "./ovs-interface.ts";

export { OvsInterface } from "./ovs-interface.ts";

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

const EAL_ARGUMENT =
  /^--(?:(?:allow|block|vdev|file-prefix|log-level)=[A-Za-z0-9_.:,=/*@[\]-]+|iova-mode=(?:pa|va)|no-pci|no-telemetry|legacy-mem|in-memory|single-file-segments|match-allocations|huge-unlink(?:=(?:existing|always|never))?)$/;

/** A span of time within bounds, in whole units of the daemon's own. */
const span = (
  description: string,
  {
    min,
    max,
    whole,
  }: { readonly min?: string; readonly max?: string; readonly whole: "us" | "ms" | "s" | "min" },
) => {
  const bounds = [min === undefined ? "" : ` from ${min}`, max === undefined ? "" : ` up to ${max}`].join("");
  return duration(description)
    .refine(
      (text) => {
        if (!DURATION_PATTERN.test(text)) return true;
        const value = nanoseconds(text);
        return (
          value % nanoseconds(`1${whole}`) === 0 &&
          value >= nanoseconds(min ?? "0ns") &&
          value <= (max === undefined ? value : nanoseconds(max))
        );
      },
      sentence(`whole ${whole}${bounds}`),
    )
    .optional();
};

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
      "Most huge-page memory taken, per NUMA node (dpdk-socket-limit); a node left out has no limit, nor has one with `0KiB`. Upstream: none, before 2.17 socketMemory.",
    ),
    allocMemory: size(
      "Memory taken at start on any node (dpdk-alloc-mem), whole MiB. socketMemory says on which, and is better.",
      { change: "restart" },
    ).optional(),
    hugepageFolder: path("Mount point of the huge pages to use (dpdk-hugepage-dir).", {
      change: "restart",
    }).optional(),
    ealArguments: z
      .array(
        z
          .string()
          .refine(
            (text) => EAL_ARGUMENT.test(text),
            sentence(
              "one argument of the EAL that no other field sets, for instance --allow=0000:5e:00.0, --iova-mode=va or --no-telemetry",
            ),
          ),
      )
      .optional()
      .meta({
        description:
          "Further arguments of DPDK's environment layer, one an element with `=` before its value (dpdk-extra): --allow, --block, --iova-mode, --vdev, --file-prefix, --log-level, --no-pci, " +
          "--no-telemetry, --legacy-mem, --in-memory, --single-file-segments, --match-allocations, --huge-unlink.",
        change: "restart",
      }),
    probeAtInit: flag(
      "Let DPDK take all devices that it may at its start (dpdk-probe-at-init). Needs 4.0; earlier ones always do. Upstream: false.",
      { change: "restart" },
    ),
    rxqAssign: z.enum(["cycles", "roundrobin", "group"]).optional().meta({
      description:
        "How receive queues are given to poll-mode threads (pmd-rxq-assign). Upstream's default is cycles; roundrobin repeats.",
    }),
    rxqIsolate: flag(
      "Whether a thread with a pinned queue serves no other (pmd-rxq-isolate); false counts with rxqAssign group alone. Needs 2.16. Upstream: true.",
    ),
    autoLoadBalance: flag(
      "Move queues between poll-mode threads at run time (pmd-auto-lb). Keep false while measuring.",
    ),
    autoLoadBalanceInterval: span(
      "Between two looks at the load (pmd-auto-lb-rebal-interval), whole minutes. Upstream: 1min.",
      { max: "20000min", whole: "min" },
    ),
    autoLoadBalanceThreshold: wholeNumber(
      "Load of a thread in percent from which queues are moved (pmd-auto-lb-load-threshold). Needs 2.15. Upstream: 95.",
      { max: 100 },
    ).optional(),
    autoLoadBalanceImprovement: wholeNumber(
      "By how many percent the spread has to get better (pmd-auto-lb-improvement-threshold). Needs 2.15. Upstream: 25.",
      { max: 100 },
    ).optional(),
    pmdSleepMax: span(
      "Longest sleep of an idle poll-mode thread, whole µs up to 10 ms (pmd-sleep-max). 0us while measuring latency. Needs 3.1.",
      { max: "10ms", whole: "us" },
    ),
    pmdSleepMaxOf: named(
      /^\d+$/,
      "the number of a CPU",
      span("Longest sleep of the thread on this CPU.", { max: "10ms", whole: "us" }).unwrap(),
    )
      .optional()
      .meta({
        description:
          'Longest sleep of single poll-mode threads by their CPU, `{ 8: "0us" }`; the others sleep as pmdSleepMax says. Needs 3.3.',
      }),
    perfMetrics: flag(
      "Keep histograms of what each poll-mode thread does, at about 1 % of its time (pmd-perf-metrics). Upstream: false.",
    ),
    txFlushInterval: span(
      "How long packets may wait to be sent in a batch, whole µs up to 1 s (tx-flush-interval). 0us for latency.",
      { max: "1s", whole: "us" },
    ),
    emcInsertInverseProbability: wholeNumber(
      "One in this many flows enters the exact-match cache, 0 for none (emc-insert-inv-prob). Upstream: 100.",
      { max: 4294967295 },
    ).optional(),
    signatureMatchCache: flag("Use the signature-match cache (smc-enable)."),
    perPortMemory: flag("A memory pool per port (per-port-memory).", { change: "restart" }),
    sharedMempools: z
      .array(
        z.strictObject({
          mtu: wholeNumber("MTU up to which ports share it.", { min: 68, max: 9702 }),
          numaNode: wholeNumber("NUMA node that it is for. Default: every node.", { max: 1023 }).optional(),
        }),
      )
      .min(1, "observed no pool, expected at least one")
      .optional()
      .meta({
        description:
          "Memory pools that ports share, by MTU (shared-mempool-config). Needs 3.0 and perPortMemory false.",
        change: "restart",
      }),
    segmentationOffload: flag(
      "TCP segmentation offload between ports of the userspace datapath (userspace-tso-enable), experimental. Upstream: false.",
      { change: "restart" },
    ),
    hardwareOffload: flag("Give flows to network cards (hw-offload). Not with rxSteering. Upstream: false.", {
      change: "restart",
    }),
    hardwareOffloadPriority: z
      .array(z.enum(["tc", "dpdk", "none"]))
      .min(1, "observed no way, expected at least one")
      .optional()
      .meta({
        description:
          "Ways of offload in the order they are tried (hw-offload-priority). Needs 3.7. Upstream: tc, dpdk.",
        change: "restart",
      }),
    offloadThreads: wholeNumber(
      "Threads that give flows to cards (n-offload-threads). Upstream: 1.",
      {
        min: 1,
        max: 10,
      },
      { change: "restart" },
    ).optional(),
    handlerThreads: wholeNumber(
      "Threads that answer upcalls of the kernel's datapath (n-handler-threads). Upstream: by the CPUs.",
      { min: 1, max: 1024 },
    ).optional(),
    revalidatorThreads: wholeNumber(
      "Threads that look after the datapath's flows (n-revalidator-threads). Upstream: a quarter of the CPUs, and one.",
      { min: 1, max: 1024 },
    ).optional(),
    flowMaxIdle: span("How long a datapath flow without packets stays (max-idle), whole ms. Upstream: 10s.", {
      min: "500ms",
      whole: "ms",
    }),
    revalidationMax: span(
      "Longest time between two looks at all datapath flows (max-revalidator), whole ms. Upstream: 500ms.",
      { min: "100ms", whole: "ms" },
    ),
    flowLimit: wholeNumber("Most flows of the datapath (flow-limit). Upstream: 200000.", {
      max: 4294967295,
    }).optional(),
    vhostSocketFolder: z
      .string()
      .refine(
        (text) => /^[A-Za-z0-9_.-]+$/.test(text) && text !== "..",
        sentence("the name of a folder in the daemon's own, without slashes"),
      )
      .optional()
      .meta({
        description: "Folder under the daemon's own for sockets that it serves itself (vhost-sock-dir).",
        change: "restart",
      }),
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
    mtu: wholeNumber("MTU of the local port in bytes (mtu_request). Default: the smallest of its ports.", {
      min: 68,
      max: 9702,
    }).optional(),
    protocols: z
      .array(z.enum(["OpenFlow10", "OpenFlow11", "OpenFlow12", "OpenFlow13", "OpenFlow14", "OpenFlow15"]))
      .min(1, "observed no version, expected at least one")
      .optional()
      .meta({ description: "Versions of OpenFlow that it speaks. Flows need OpenFlow13. Upstream: all." }),
    macAging: span("How long a learnt MAC address stays (mac-aging-time), whole seconds. Upstream: 5min.", {
      min: "15s",
      max: "1h",
      whole: "s",
    }),
    macTableSize: wholeNumber("MAC addresses that it learns (mac-table-size). Upstream: 8192.", {
      min: 10,
      max: 1000000,
    }).optional(),
    multicastSnooping: flag("Send multicast where it is asked for (mcast_snooping_enable). Upstream: false."),
    spanningTree: z.enum(["none", "stp", "rstp"]).optional().meta({
      description:
        "Protocol against loops (stp_enable, rstp_enable); it holds ports back for seconds. Default none.",
    }),
  }),
  outputs: z.object({
    localPort: z
      .number()
      .meta({ description: "OpenFlow number of the bridge's own port, which flows call LOCAL." }),
  }),
});

/** VLANs of a port. */
const vlan = z
  .strictObject({
    mode: z.enum(["access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"]).optional().meta({
      description: "What tags packets have on the wire (vlan_mode). Default: access with a tag, else trunk.",
    }),
    tag: wholeNumber("The port's own VLAN.", { max: 4095 }).optional(),
    trunks: z
      .array(wholeNumber("A VLAN.", { max: 4095 }))
      .min(1, "observed no VLAN, expected at least one")
      .optional()
      .meta({ description: "VLANs that a trunk carries. Default: all." }),
  })
  .optional()
  .meta({ description: "VLANs of the port, which count for flows with the action normal alone." });

const rate = (description: string) => wholeNumber(description, { min: 1 });

/** What drops packets that are sent by a port faster than agreed. */
export const EgressPolicer = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("egress-policer"),
    cir: rate(
      "Committed rate in bytes/s of packets without their Ethernet header: 64 B at 1 Mpps are 46000000.",
    ),
    cbs: rate("Committed burst in bytes, at least one packet."),
  }),
  z.strictObject({
    kind: z.literal("trtcm-policer"),
    cir: rate("Committed rate in bytes/s of packets without their Ethernet header."),
    cbs: rate("Committed burst in bytes, at least one packet."),
    eir: rate("Excess rate in bytes/s, beside the committed one."),
    ebs: rate("Excess burst in bytes."),
  }),
]);
export type EgressPolicer = z.infer<typeof EgressPolicer>;

const portFields = {
  vlan,
  egressPolicer: EgressPolicer.optional().meta({
    description:
      "Bounds on what is sent by it, of ports of DPDK alone: RFC 2697 (egress-policer) or RFC 4115 (trtcm-policer). No measurement of throughput has any.",
  }),
};

export const ovsPort = defineResource({
  token: "nfvlab:ovs:Port",
  description:
    "A port of a bridge with its one interface. Up means: the row has no error, an OpenFlow port number, and, where a poll-mode thread has " +
    "to serve it, its receive queues are in dpif-netdev/pmd-rxq-show; of an interface of the kernel also that it is there, and still the one that was added. A port whose interface " +
    "was taken away or replaced is added anew by the next up, under its number. Delete removes the port where it is still ours.",
  inputs: z.strictObject({
    host: hostReference,
    bridge: interfaceName("Bridge that the port belongs to.", { change: "recreate" }),
    name: interfaceName("Name of the port and its interface.", { change: "recreate" }),
    interface: OvsInterface.meta({ description: "What kind of interface it is." }),
    ...interfaceFields,
    ...portFields,
  }),
  outputs: z.object({
    ofport: z.number().meta({ description: "The OpenFlow port number it has." }),
    up: z.boolean().meta({
      description:
        "No error, a port number, polled where it must be, and its interface is still the one that was added.",
    }),
  }),
  expectations: { up: true },
});

export const ovsBond = defineResource({
  token: "nfvlab:ovs:Bond",
  description:
    "A port of a bridge with several interfaces that stand in for each other or share the load. Up means that every member would count as an up Port. Delete removes the bond and its " +
    "interfaces where it is still ours.",
  inputs: z.strictObject({
    host: hostReference,
    bridge: interfaceName("Bridge that the bond belongs to.", { change: "recreate" }),
    name: interfaceName("Name of the bond.", { change: "recreate" }),
    members: named(
      /^[A-Za-z0-9_.-]{1,15}$/,
      "the name of an interface, 1 to 15 of the characters A-Z a-z 0-9 _ . -",
      z.strictObject({
        interface: OvsInterface.meta({ description: "What kind of interface it is." }),
        ...interfaceFields,
      }),
    )
      .refine(
        (members) => Object.keys(members).length >= 2,
        "observed fewer than two members, expected two or more",
      )
      .meta({ description: "Its interfaces by name, two or more." }),
    mode: z.enum(["active-backup", "balance-slb", "balance-tcp"]).optional().meta({
      description:
        "How packets are spread: over one member, by source MAC address and VLAN, or by their headers, which needs LACP (bond_mode). Default active-backup.",
    }),
    lacp: z.enum(["off", "active", "passive"]).optional().meta({
      description: "Whether it agrees with the other end by LACP (lacp). Default off.",
    }),
    lacpTime: z.enum(["fast", "slow"]).optional().meta({
      description: "LACP frames every second or every 30 s (lacp-time). Upstream: slow.",
    }),
    lacpFallback: flag(
      "Be active-backup where LACP does not come about (lacp-fallback-ab). Upstream: false.",
    ),
    detect: z.enum(["carrier", "miimon"]).optional().meta({
      description: "How a dead member is found (bond-detect-mode). Upstream: carrier.",
    }),
    miimonInterval: span("Between two looks by miimon (bond-miimon-interval), whole ms. Upstream: 200ms.", {
      min: "1ms",
      whole: "ms",
    }),
    upDelay: span("How long a link has to be up to count (bond_updelay), whole ms. Upstream: 0ms.", {
      whole: "ms",
    }),
    downDelay: span("How long a link has to be down to count (bond_downdelay), whole ms. Upstream: 0ms.", {
      whole: "ms",
    }),
    rebalanceInterval: span(
      "Between two looks at the load, 0ms for never (bond-rebalance-interval), whole ms. Upstream: 10s.",
      { whole: "ms" },
    ),
    primary: interfaceName("Member that active-backup goes back to (bond-primary).").optional(),
    hashBasis: wholeNumber("Number that goes into the hash of headers (bond-hash-basis). Upstream: 0.", {
      max: 4294967295,
    }).optional(),
    ...portFields,
  }),
  outputs: z.object({
    ofports: z
      .record(z.string(), z.number())
      .meta({ description: "OpenFlow port numbers of the members; flows name a bond by any of them." }),
    up: z
      .boolean()
      .meta({ description: "Every member without error, with a port number, and polled where it must be." }),
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
        z.union(
          [
            z
              .string(sentence("a flow"))
              .regex(
                /^[A-Za-z0-9_.:,=()/>[\] -]{1,500}$/,
                "expected a flow as ovs-ofctl takes it, for instance in_port=1,actions=output:2",
              )
              .refine((flow) => /(^|[ ,])actions=/.test(flow), "expected a flow with actions=")
              .refine(
                (flow) => !/(^|[ ,])cookie=/.test(flow),
                "expected no cookie: this resource sets its own",
              ),
            OvsFlow,
          ],
          sentence("a flow, as an object or a text"),
        ),
      )
      .min(1)
      .meta({
        description:
          "Flows as data, with ports by name, or as `ovs-ofctl add-flow` takes them, with ports by number and without a cookie.",
      }),
  }),
  outputs: z.object({ cookie: z.string().meta({ description: "The cookie of these flows." }) }),
});
