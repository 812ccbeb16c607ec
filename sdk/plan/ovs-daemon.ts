import type { ObservedPool } from "../observe/hugepages.ts";
import type { ObservedDatabase } from "../observe/ovs.ts";
import type { KnownOptions } from "../observe/ovs-options.ts";
import type { Inputs } from "../schema/definition.ts";
import { OWNER_KEY, type ovsDaemon } from "../schema/ovs.ts";
import { CpuSet } from "../units/cpuset.ts";
import { HostError, InputError, VerificationError } from "../units/errors.ts";
import { bytes, exactly } from "../units/size.ts";
import { cpus, flag, type Notation, same, spans, whole, words } from "./ovs-notation.ts";
import { requireKnown } from "./ovs-row.ts";
import type { Step } from "./step.ts";

type DaemonInputs = Inputs<typeof ovsDaemon>;
type Field = Exclude<keyof DaemonInputs, "host" | "restart">;
type Found = Readonly<Record<string, string | null>>;

interface Option extends Notation {
  readonly key: string;
  /** Counts only from the daemon's next start, once DPDK runs. */
  readonly restart?: true;
}

const memory = { encode: encodeMemory, decode: decodeMemory };
const mebibytes = {
  encode: (size: string) => String(exactly(size, "MiB")),
  decode: (text: string, wanted: string | undefined) =>
    wanted !== undefined && bytes(wanted) === Number(text) * 2 ** 20 ? wanted : `${text}MiB`,
};
const pools = {
  encode: (list: readonly { readonly mtu: number; readonly numaNode?: number }[]) =>
    list.map(({ mtu, numaNode }) => (numaNode === undefined ? mtu : `${mtu}:${numaNode}`)).join(","),
  decode: (text: string) =>
    text.split(",").map((pool) => {
      const [mtu, numaNode] = pool.split(":").map(Number);
      return { mtu, ...(numaNode !== undefined && { numaNode }) };
    }),
};
const microseconds = spans("us");

/** `pmd-sleep-max` holds a bound for all threads and bounds of single ones in one list. */
const isOfCpu = (entry: string) => entry.includes(":");
const sleepOfAll = {
  encode: microseconds.encode,
  decode: (text: string, wanted: string | undefined) => {
    const bound = text.split(",").find((entry) => !isOfCpu(entry));
    return bound === undefined ? undefined : microseconds.decode(bound, wanted);
  },
};
const sleepOfCpus = {
  encode: (bounds: Readonly<Record<string, string>>) =>
    Object.entries(bounds)
      .map(([cpu, bound]) => `${cpu}:${microseconds.encode(bound)}`)
      .join(","),
  decode: (text: string, wanted: Readonly<Record<string, string>> | undefined) => {
    const bounds = text.split(",").filter(isOfCpu);
    if (bounds.length === 0) return undefined;
    return Object.fromEntries(
      bounds.map((entry) => {
        const [cpu = "", bound = ""] = entry.split(":");
        return [cpu, microseconds.decode(bound, wanted?.[cpu])];
      }),
    );
  },
};

/** What a daemon is told where a program says nothing of it; so a program that adopts one need not say it either. */
const UNSAID: Partial<Pick<DaemonInputs, Field>> = { init: "try" };

/** Every option of the daemon that this SDK writes: its key, its notation, and what changing it costs. */
const OPTIONS: Readonly<Record<Field, Option>> = {
  init: { key: "dpdk-init", restart: true, ...same },
  pmdCpus: { key: "pmd-cpu-mask", ...cpus },
  lcoreCpus: { key: "dpdk-lcore-mask", restart: true, ...cpus },
  socketMemory: { key: "dpdk-socket-mem", restart: true, ...memory },
  socketLimit: { key: "dpdk-socket-limit", restart: true, ...memory },
  allocMemory: { key: "dpdk-alloc-mem", restart: true, ...mebibytes },
  hugepageFolder: { key: "dpdk-hugepage-dir", restart: true, ...same },
  ealArguments: { key: "dpdk-extra", restart: true, ...words(" ") },
  probeAtInit: { key: "dpdk-probe-at-init", restart: true, ...flag },
  rxqAssign: { key: "pmd-rxq-assign", ...same },
  autoLoadBalance: { key: "pmd-auto-lb", ...flag },
  rxqIsolate: { key: "pmd-rxq-isolate", ...flag },
  autoLoadBalanceInterval: { key: "pmd-auto-lb-rebal-interval", ...spans("min") },
  autoLoadBalanceThreshold: { key: "pmd-auto-lb-load-threshold", ...whole },
  autoLoadBalanceImprovement: { key: "pmd-auto-lb-improvement-threshold", ...whole },
  pmdSleepMax: { key: "pmd-sleep-max", ...sleepOfAll },
  pmdSleepMaxOf: { key: "pmd-sleep-max", ...sleepOfCpus },
  perfMetrics: { key: "pmd-perf-metrics", ...flag },
  txFlushInterval: { key: "tx-flush-interval", ...microseconds },
  emcInsertInverseProbability: { key: "emc-insert-inv-prob", ...whole },
  signatureMatchCache: { key: "smc-enable", ...flag },
  perPortMemory: { key: "per-port-memory", restart: true, ...flag },
  sharedMempools: { key: "shared-mempool-config", restart: true, ...pools },
  segmentationOffload: { key: "userspace-tso-enable", restart: true, ...flag },
  hardwareOffload: { key: "hw-offload", restart: true, ...flag },
  hardwareOffloadPriority: { key: "hw-offload-priority", restart: true, ...words(",") },
  offloadThreads: { key: "n-offload-threads", restart: true, ...whole },
  handlerThreads: { key: "n-handler-threads", ...whole },
  revalidatorThreads: { key: "n-revalidator-threads", ...whole },
  flowMaxIdle: { key: "max-idle", ...spans("ms") },
  revalidationMax: { key: "max-revalidator", ...spans("ms") },
  flowLimit: { key: "flow-limit", ...whole },
  vhostSocketFolder: { key: "vhost-sock-dir", restart: true, ...same },
  vhostIommu: { key: "vhost-iommu-support", restart: true, ...flag },
  vhostPostcopy: { key: "vhost-postcopy-support", restart: true, ...flag },
};

const FIELDS = Object.keys(OPTIONS) as Field[];

/** @throws InputError where poll-mode and main threads share a CPU, or two options exclude each other */
export function checkDaemon(inputs: DaemonInputs): void {
  const { pmdCpus, lcoreCpus } = inputs;
  if (inputs.perPortMemory === true && inputs.sharedMempools !== undefined) {
    throw new InputError({
      code: "mempools",
      property: "sharedMempools",
      problem: "ports either share memory pools or have one each",
      observed: "perPortMemory true",
      expected: "one of the two",
    });
  }
  const shared = CpuSet.parse(lcoreCpus ?? "").intersect(CpuSet.parse(pmdCpus));
  if (shared.size > 0) {
    throw new InputError({
      code: "lcore-on-pmd",
      property: "lcoreCpus",
      problem: `CPU ${shared.format()} would run the main threads and poll at once`,
      observed: `lcoreCpus ${lcoreCpus}, pmdCpus ${pmdCpus}`,
      expected: "two disjoint lists",
      hint: "keep the main threads on housekeeping CPUs",
    });
  }
}

/**
 * The keys that the inputs ask for, in the notation of the daemon that runs.
 *
 * @throws HostError `ovs-option-unknown` for one that it does not read
 */
export function desiredOptions(
  inputs: DaemonInputs,
  { version, known }: { readonly version: string; readonly known?: KnownOptions },
): Record<string, string> {
  const wanted = { ...UNSAID, ...inputs };
  const options: Record<string, string> = {};
  for (const field of FIELDS) {
    const value = wanted[field];
    if (value === undefined) continue;
    const { key, encode } = OPTIONS[field];
    const text = encode(value as never);
    options[key] = options[key] === undefined ? text : `${options[key]},${text}`;
  }
  const { "pmd-sleep-max": sleep, ...others } = options;
  // 3.1 called it otherwise, for all threads alone.
  const isOld =
    known?.has("pmd-sleep-max") === false && known.has("pmd-maxsleep") && inputs.pmdSleepMaxOf === undefined;
  const renamed = sleep === undefined ? options : isOld ? { ...others, "pmd-maxsleep": sleep } : options;
  requireKnown(renamed, known, version);
  return renamed;
}

/** What is in force, as inputs: every option that the user has set, read back. */
export function observedOptions(
  inputs: DaemonInputs,
  { otherConfig }: Pick<ObservedDatabase, "otherConfig">,
): Partial<DaemonInputs> {
  return Object.fromEntries(
    FIELDS.filter((field) => inputs[field] !== undefined).map((field) => {
      const text = textOf(field, otherConfig);
      return [field, text === undefined ? undefined : OPTIONS[field].decode(text, inputs[field] as never)];
    }),
  );
}

/** On import: every option that is set. */
export function importedOptions({
  otherConfig,
}: Pick<ObservedDatabase, "otherConfig">): Partial<DaemonInputs> {
  return Object.fromEntries(
    FIELDS.flatMap((field) => {
      const text = textOf(field, otherConfig);
      const value = text === undefined ? undefined : OPTIONS[field].decode(text, undefined as never);
      return value === undefined || value === UNSAID[field] ? [] : [[field, value]];
    }),
  );
}

function textOf(field: Field, otherConfig: Readonly<Record<string, string>>): string | undefined {
  const { key } = OPTIONS[field];
  return otherConfig[key] ?? (key === "pmd-sleep-max" ? otherConfig["pmd-maxsleep"] : undefined);
}

/** The desired keys as they were found; null where absent. */
export function foundOptions(
  desired: Readonly<Record<string, string>>,
  otherConfig: Readonly<Record<string, string>>,
): Found {
  return Object.fromEntries(Object.keys(desired).map((key) => [key, otherConfig[key] ?? null]));
}

/**
 * Refuses a daemon whose options another resource sets: the two would undo each other's work for ever.
 *
 * @throws HostError `foreign`
 */
export function checkDaemonOwner(
  { owner }: Pick<ObservedDatabase, "owner">,
  tag: string,
  host: string,
): void {
  if (owner === undefined || owner === tag) return;
  throw new HostError({
    code: "foreign",
    problem: `the options of ovs-vswitchd on ${host} are set by another resource already`,
    observed: `${OWNER_KEY}=${owner} in external_ids of Open_vSwitch`,
    expected: "one Daemon to a machine",
    hint: `let both bridges share it; if that resource is gone for good: ovs-vsctl remove Open_vSwitch . external_ids ${OWNER_KEY}`,
  });
}

/** Notes in the database whose the options are, or, without a tag, that they are nobody's any more. */
export function ownDaemon({ owner }: Pick<ObservedDatabase, "owner">, tag: string | undefined): Step[] {
  if (owner === tag) return [];
  const change =
    tag === undefined
      ? (["remove", "Open_vSwitch", ".", "external_ids", OWNER_KEY] as const)
      : (["set", "Open_vSwitch", ".", `external_ids:${OWNER_KEY}=${tag}`] as const);
  return [
    {
      purpose: "note whose the options of the switch are",
      argv: ["ovs-vsctl", "--timeout=30", "--no-wait", ...change],
    },
  ];
}

export interface DaemonPlan {
  readonly steps: readonly Step[];
  /** Keys that count only after a restart, with their old and new values. */
  readonly restartFor: readonly string[];
}

/** What brings the daemon's keys to what is desired, where null means absent. */
export function planDaemon(
  desired: Found,
  observed: Pick<ObservedDatabase, "otherConfig" | "initialized">,
): DaemonPlan {
  const changed = Object.entries(desired).filter(
    ([key, value]) => !equivalent(key, observed.otherConfig[key], value ?? undefined),
  );
  const failed = failedAtStart(desired, observed);
  if (changed.length === 0) return { steps: [], restartFor: failed };
  const sets = changed.flatMap(([key, value]) => (value === null ? [] : [`other_config:${key}=${value}`]));
  const removes = changed.flatMap(([key, value]) => (value === null ? [key] : []));
  const restartKeys = new Set(
    Object.values(OPTIONS).flatMap(({ key, restart }) => (restart === true ? [key] : [])),
  );
  const transaction = [
    ...(sets.length === 0 ? [] : ["--", "set", "Open_vSwitch", ".", ...sets]),
    ...removes.flatMap((key) => ["--", "remove", "Open_vSwitch", ".", "other_config", key]),
  ];
  return {
    steps: [
      {
        purpose: `set ${changed.map(([key, value]) => (value === null ? `${key} to nothing` : `${key}=${value}`)).join(", ")} in Open_vSwitch`,
        argv: ["ovs-vsctl", "--timeout=60", ...transaction],
        timeoutMs: 90_000,
      },
    ],
    // As long as DPDK is not up, every option still counts when it starts; between `true` and `try` nothing changes for one that runs.
    restartFor: observed.initialized
      ? changed
          .filter(
            ([key, value]) =>
              restartKeys.has(key) && !(key === "dpdk-init" && value !== "false" && value !== null),
          )
          .map(([key, value]) => `${key}: ${observed.otherConfig[key] ?? "absent"} => ${value ?? "absent"}`)
      : failed,
  };
}

/** A daemon tries to start DPDK once in its life: where that failed, for instance before there were huge pages, only a restart tries again. */
function failedAtStart(
  desired: Found,
  { otherConfig, initialized }: Pick<ObservedDatabase, "otherConfig" | "initialized">,
): string[] {
  const starts = (value: string | null | undefined) => value === "try" || value === "true";
  return !initialized && starts(otherConfig["dpdk-init"]) && starts(desired["dpdk-init"])
    ? ["dpdk_initialized: false => true"]
    : [];
}

/** @throws HostError `restart-required` that names the options and who would lose traffic */
export function permitRestart(
  plan: DaemonPlan,
  restart: DaemonInputs["restart"],
  { interfaces }: Pick<ObservedDatabase, "interfaces">,
): void {
  if (plan.restartFor.length === 0 || restart === "allow") return;
  const ports = interfaces.map(({ name, bridge }) => `${bridge}/${name}`);
  throw new HostError({
    code: "restart-required",
    property: "restart",
    problem: "these options count only after a restart of ovs-vswitchd, which is not allowed",
    observed: plan.restartFor.join(", "),
    expected: 'restart: "allow"',
    hint: ports.length === 0 ? "no port would lose traffic" : `a restart interrupts ${ports.join(", ")}`,
  });
}

/** Restarts the daemon as ovs-ctl does: flows are saved, forwarding waits until they are back. */
export function restartSteps(): Step[] {
  return [
    {
      purpose: "restart ovs-vswitchd with its flows kept",
      argv: ["sh", "-s"],
      stdin: RESTART,
      timeoutMs: 180_000,
    },
  ];
}

const RESTART = `set -eu
versions=OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15
saved=$(mktemp -d)
waits= lost=
finish() {
  code=$?
  trap - EXIT
  # A switch that waits for its flows forwards nothing.
  if [ -n "$waits" ]; then ovs-vsctl --timeout=10 --no-wait remove Open_vSwitch . other_config flow-restore-wait || true; fi
  if [ -n "$waits$lost" ]; then echo "flows of\${lost:- all bridges} may be missing: those from before the restart are in $saved" >&2; else rm -r "$saved"; fi
  exit $code
}
trap finish EXIT
trap 'exit 143' HUP INT TERM
bridges=$(ovs-appctl --timeout=10 ofproto/list)
for bridge in $bridges; do
  ovs-ofctl --timeout=10 -O $versions dump-groups "$bridge" > "$saved/said"
  sed -n 's/^ \\(.*group_id=.*\\)$/\\1/p' "$saved/said" > "$saved/$bridge.groups"
  ovs-ofctl --timeout=10 -O $versions --no-stats --no-names dump-flows "$bridge" > "$saved/said"
  # It prints a cookie only where there is one, and IGMP by a name that it does not read.
  sed -n -e 's/igmp_type/tp_src/; s/igmp_code/tp_dst/; s/igmp/ip,nw_proto=2/' -e 's/^ //p' "$saved/said" > "$saved/$bridge.flows"
done
waits=yes
ovs-vsctl --timeout=10 --no-wait set Open_vSwitch . other_config:flow-restore-wait=true
systemctl restart ovs-vswitchd
for bridge in $bridges; do
  { ovs-ofctl --timeout=30 -O $versions add-groups "$bridge" "$saved/$bridge.groups" && ovs-ofctl --timeout=30 -O $versions replace-flows "$bridge" "$saved/$bridge.flows"; } || lost="$lost $bridge"
done
ovs-vsctl --timeout=60 remove Open_vSwitch . other_config flow-restore-wait
waits=
[ -z "$lost" ]
`;

/**
 * Refuses to start DPDK where its memory is not there: it would halve its pools in silence, or not come up.
 *
 * @throws HostError `switch-memory`
 */
export function checkSwitchMemory(
  { socketMemory = {} }: DaemonInputs,
  { initialized }: Pick<ObservedDatabase, "initialized">,
  pools: readonly ObservedPool[],
): void {
  if (initialized) return;
  for (const [node, size] of Object.entries(socketMemory)) {
    const freeBytes = pools
      .filter(({ numaNode }) => numaNode === Number(node))
      .reduce((sum, pool) => sum + pool.free * pool.sizeKib * 1024, 0);
    if (freeBytes >= bytes(size)) continue;
    throw new HostError({
      code: "switch-memory",
      property: `socketMemory["${node}"]`,
      problem: `node ${node} has too few free huge pages for the switch`,
      observed: `${Math.floor(freeBytes / 2 ** 20)} MiB free`,
      expected: size,
      hint: "add a Hugepages resource on that node and make the daemon depend on it",
    });
  }
}

/** @throws VerificationError where DPDK does not run, or a key reads back otherwise */
export function verifyDaemon(desired: Found, observed: ObservedDatabase, log: string): void {
  if (!observed.initialized) {
    throw new VerificationError({
      code: "dpdk-not-initialized",
      problem: "ovs-vswitchd runs, but DPDK did not come up inside it",
      observed: log || "dpdk_initialized false",
      hint: "the EAL says why in /var/log/openvswitch/ovs-vswitchd.log; most often huge pages are missing on a node",
    });
  }
  const wrong = Object.entries(desired).filter(
    ([key, value]) => !equivalent(key, observed.otherConfig[key], value ?? undefined),
  );
  if (wrong.length > 0) {
    throw new VerificationError({
      code: "switch-options",
      problem: "options of Open_vSwitch read back otherwise than written",
      observed: wrong.map(([key]) => `${key}=${observed.otherConfig[key] ?? "absent"}`).join(", "),
      expected: wrong.map(([key, value]) => `${key}=${value ?? "absent"}`).join(", "),
      hint: "somebody else writes them too",
    });
  }
}

/** What delete puts back: each key as found, but only where it still has our value. */
export function restoreOptions(
  desired: Readonly<Record<string, string>>,
  found: Found,
  otherConfig: Readonly<Record<string, string>>,
): { target: Found; changedByOthers: string[] } {
  const ours = Object.entries(desired).filter(([key, value]) => equivalent(key, otherConfig[key], value));
  const others = Object.keys(desired).filter((key) => !ours.some(([own]) => own === key));
  return {
    target: Object.fromEntries(ours.map(([key]) => [key, found[key] ?? null])),
    changedByOthers: others,
  };
}

function equivalent(key: string, observed: string | undefined, desired: string | undefined): boolean {
  if (observed === undefined || desired === undefined) return observed === desired;
  if (key.endsWith("-mask")) return CpuSet.fromMask(observed).equals(CpuSet.fromMask(desired));
  if (key.startsWith("dpdk-socket-")) return trimZeros(observed) === trimZeros(desired);
  return observed === desired;
}

function encodeMemory(perNode: Readonly<Record<string, string>>): string {
  const nodes = Object.keys(perNode).map(Number);
  const list = Array.from({ length: Math.max(...nodes) + 1 }, (_, node) => perNode[node]);
  return list.map((size) => (size === undefined ? 0 : exactly(size, "MiB"))).join(",");
}

function decodeMemory(
  text: string,
  wanted: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const list = text.split(",").map(Number);
  const nodes = new Set([
    ...Object.keys(wanted ?? {}).map(Number),
    ...list.flatMap((mib, node) => (mib > 0 ? [node] : [])),
  ]);
  return Object.fromEntries(
    [...nodes].map((node) => {
      const mib = list[node] ?? 0;
      const spelled = wanted?.[node];
      return [
        String(node),
        spelled !== undefined && bytes(spelled) === mib * 2 ** 20 ? spelled : `${mib}MiB`,
      ];
    }),
  );
}

function trimZeros(list: string): string {
  return list.replace(/(,0)+$/, "");
}
