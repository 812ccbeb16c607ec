import { binsOf } from "../measure/bins.ts";
import { curveOf } from "../measure/metric.ts";
import type {
  Experiment,
  ReportedBridge,
  ReportedCpu,
  ReportedGuest,
  ReportedHost,
  ReportedInspection,
  ReportedMetric,
  ReportedPort,
  ReportedRecord,
  Verdict,
} from "../report/experiment.ts";
import type { HostFacts } from "../schema/facts.ts";
import { inspect } from "../schema/inspection.ts";
import { type Metric, ResultRecord } from "../schema/record.ts";
import { CpuSet } from "../units/cpuset.ts";

/** A resource as `pulumi stack export` shows it. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  /** Absent of components. */
  readonly id?: string;
  /** Its replacement is there; it waits to be deleted. */
  readonly delete?: boolean;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

type Use = Pick<ReportedCpu, "role" | "guest">;

const CURVE = [0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 99.995, 99.999];

/** What stands and what was measured, from a stack's state. Connections are secrets there and stay so. */
export function experimentOf(
  project: string,
  stack: string,
  madeAt: string,
  resources: readonly StateResource[],
  verdicts: readonly Verdict[],
): Experiment {
  const current = resources.filter((resource) => resource.delete !== true);
  const facts = new Map(
    current.filter(({ type }) => type === "nfvlab:host:Facts").map((found) => [hostNameOf(found), found]),
  );
  const hosts = [...facts].map(([name, found]) =>
    hostOf(
      name,
      found,
      current.find(({ type, urn }) => type === "nfvlab:components:TunedHost" && nameOf(urn) === name),
      current.filter((resource) => hostNameOf(resource) === name),
    ),
  );
  const records = current.flatMap((resource) => recordsOf(resource));
  const inspections = current.flatMap(inspectionOf);
  return { project, stack, madeAt, hosts, inspections, records, verdicts };
}

/** What a look at a host found, those of its firmware last. One that another version wrote is left out: the next `up` looks again. */
function inspectionOf({ type, urn, outputs }: StateResource): ReportedInspection[] {
  if (type !== "nfvlab:components:HostInspection") return [];
  const parsed = inspect.outputs.safeParse(outputs?.["inspection"]);
  if (!parsed.success) return [];
  const { knobs, firmware, summary } = parsed.data;
  const settings = [...knobs, ...firmware].map(({ knob, wanted, effective, configured, verdict, note }) => ({
    ...{ name: knob, wanted, effective, configured, verdict, note },
  }));
  return [{ host: nameOf(urn), summary, settings }];
}

function hostOf(
  name: string,
  facts: StateResource,
  tuned: StateResource | undefined,
  resources: readonly StateResource[],
): ReportedHost {
  const here = (type: string) => resources.filter((resource) => resource.type === type);
  const { cpuModel, kernel, identity, numaNodes, cpus } = facts.outputs as unknown as HostFacts;
  const ports = here("nfvlab:ovs:Port");
  const guests = here("nfvlab:libvirt:Domain").map(guestOf);
  const uses = usesOf(tuned, here("nfvlab:ovs:Daemon"), guests);
  const cores = new Map(cpus.map(({ cpu, core }) => [cpu, core]));
  return {
    name,
    emulated: identity.emulated,
    description: `${cpuModel}, Linux ${kernel.release}`,
    nodes: numaNodes.map((node) => ({
      node: node.node,
      cpus: [...CpuSet.parse(node.cpus)].map(
        (cpu): ReportedCpu => ({
          cpu,
          core: cores.get(cpu) ?? cpu,
          ...(uses.get(cpu) ?? { role: "other" as const }),
        }),
      ),
      hugepages: here("nfvlab:host:Hugepages")
        .filter((pool) => pool.outputs?.["numaNode"] === node.node)
        .map((pool) => `${text(pool, "count")} × ${text(pool, "size")}`),
    })),
    bridges: here("nfvlab:ovs:Bridge").map((bridge) => bridgeOf(bridge, ports)),
    guests,
  };
}

/** Who uses which CPU. Where there are several, the one who keeps it busiest is named: policies say that there are several. */
function usesOf(
  tuned: StateResource | undefined,
  daemons: readonly StateResource[],
  guests: readonly ReportedGuest[],
): Map<number, Use> {
  const uses = new Map<number, Use>();
  const cpus = tuned?.outputs?.["cpus"] as { housekeeping?: string; isolated?: string } | undefined;
  const give = (list: string | undefined, use: Use) => {
    for (const cpu of CpuSet.parse(list ?? "")) uses.set(cpu, use);
  };
  give(cpus?.housekeeping, { role: "housekeeping" });
  give(cpus?.isolated, { role: "isolated" });
  for (const { name, vcpuPins } of guests)
    for (const [vcpu, pin] of vcpuPins.entries()) give(pin, { role: "vcpu", guest: { name, vcpu } });
  for (const daemon of daemons) give(text(daemon, "pmdCpus"), { role: "pmd" });
  return uses;
}

function bridgeOf(bridge: StateResource, ports: readonly StateResource[]): ReportedBridge {
  return {
    name: text(bridge, "name"),
    addresses: texts(bridge.outputs?.["addresses"]),
    ports: ports.filter((port) => text(port, "bridge") === text(bridge, "name")).map(portOf),
  };
}

function portOf(port: StateResource): ReportedPort {
  const {
    kind = "",
    socketPath,
    devargs,
    addresses,
  } = (port.outputs?.["interface"] ?? {}) as {
    kind?: string;
    socketPath?: string;
    devargs?: string;
    addresses?: readonly string[];
  };
  return {
    name: text(port, "name"),
    kind,
    peer: devargs ?? texts(addresses).join(", "),
    ...(socketPath !== undefined && { socket: socketPath }),
    up: port.outputs?.["up"] === true,
  };
}

function guestOf(domain: StateResource): ReportedGuest {
  const nics = (domain.outputs?.["nics"] ?? {}) as Record<string, { socketPath?: string; address?: string }>;
  return {
    name: text(domain, "name"),
    memory: text(domain, "memory"),
    numaNode: Number(domain.outputs?.["numaNode"]),
    vcpuPins: texts(domain.outputs?.["vcpuPins"]),
    running: domain.outputs?.["running"] === true,
    nics: Object.entries(nics).map(([name, { socketPath, address = "" }]) => ({
      name,
      address,
      ...(socketPath !== undefined && { socket: socketPath }),
    })),
  };
}

function recordsOf(resource: StateResource): ReportedRecord[] {
  if (!resource.type.startsWith("nfvlab:bench:")) return [];
  const parsed = ResultRecord.safeParse(resource.outputs?.["record"]);
  if (!parsed.success) return [unread(resource, parsed.error.issues[0]?.path.join("."))];
  const { kind, subject, functional, valid, invalidReasons, startedAt, tool, metrics, fingerprint } =
    parsed.data;
  return [
    {
      name: text(resource, "name"),
      kind,
      subject,
      functional,
      valid,
      invalidReasons,
      startedAt,
      command: `${tool.command.join(" ")} (${tool.version})`,
      metrics: metrics.filter(({ unit }) => unit === "ns").map(metricOf),
      inForce: flatten(fingerprint),
    },
  ];
}

/** A record that another version made is said to be there: left out, it would look as if nobody had measured. */
function unread(resource: StateResource, field: string | undefined): ReportedRecord {
  return {
    name: text(resource, "name"),
    kind: resource.type.split(":").at(-1) ?? "",
    subject: "",
    functional: false,
    valid: false,
    invalidReasons: [
      `the record in the state can't be read by this version${field === undefined || field === "" ? "" : ` (${field})`}; ` +
        `measure again: pulumi up --replace '${resource.urn}'`,
    ],
    startedAt: "",
    command: "",
    metrics: [],
    inForce: {},
  };
}

function metricOf(metric: Metric): ReportedMetric {
  return {
    name: metric.name,
    samples: metric.samples,
    missing: metric.missing,
    overflow: metric.overflow,
    minNs: metric.min,
    maxNs: metric.max,
    medianNs: metric.median,
    interval: {
      lowNs: metric.interval95.low,
      highNs: metric.interval95.high,
      method: metric.interval95.method,
    },
    percentiles: Object.entries(metric.percentiles).map(
      ([percentile, ns]) => [percentile, ns ?? null] as const,
    ),
    curve: curve(metric),
    bins: binsOf(metric.histogram),
  };
}

/** Up to the rarest sample, and up to where the histogram knows: percentiles are of all samples, the histogram lacks those beyond its range. */
function curve({ samples, overflow, histogram }: Metric): (readonly [number, number])[] {
  const recorded = samples - overflow;
  if (recorded <= 0) return [];
  const known = CURVE.filter(
    (percentile) => samples * (1 - percentile / 100) >= 1 && (percentile / 100) * samples <= recorded,
  );
  const values = curveOf(
    histogram,
    known.map((percentile) => Math.min(100, (percentile * samples) / recorded)),
  );
  return known.flatMap((percentile, index) => {
    const [, ns] = values[index] ?? [];
    return ns === undefined ? [] : [[percentile, ns] as const];
  });
}

function flatten(value: object, prefix = ""): Record<string, string> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) =>
      typeof item === "object" && item !== null
        ? Object.entries(flatten(item, `${prefix}${key}.`))
        : [[`${prefix}${key}`, String(item ?? "unknown")]],
    ),
  );
}

/** Ids begin with the lab's name of the machine. `host` itself is no help: it holds the connection, so the state has it encrypted. */
function hostNameOf({ id = "" }: StateResource): string {
  return id.split("/")[0] ?? "";
}

function nameOf(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}

function text(resource: StateResource, property: string): string {
  return String(resource.outputs?.[property] ?? "");
}

function texts(list: unknown): string[] {
  return Array.isArray(list) ? list.map(String) : [];
}
