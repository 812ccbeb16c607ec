import { curveOf } from "../measure/metric.ts";
import type {
  Experiment,
  ReportedBridge,
  ReportedCpu,
  ReportedGuest,
  ReportedHost,
  ReportedRecord,
  Role,
  Verdict,
} from "../report/experiment.ts";
import type { HostFacts } from "../schema/facts.ts";
import { ResultRecord } from "../schema/record.ts";
import { CpuSet } from "../units/cpuset.ts";

/** A resource as `pulumi stack export` shows it. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

const CURVE = [0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 99.995, 99.999];

/** What stands and what was measured, from a stack's state. Connections are secrets there and stay so. */
export function experimentOf(
  project: string,
  stack: string,
  madeAt: string,
  resources: readonly StateResource[],
  verdicts: readonly Verdict[],
): Experiment {
  const of = (type: string) => resources.filter((resource) => resource.type === type);
  const tuned = of("nfvlab:components:TunedHost");
  const hostNames = of("nfvlab:host:Facts").map((facts) => hostNameOf(facts));
  const hosts = of("nfvlab:host:Facts").map((facts, index): ReportedHost => {
    const name = hostNames[index] ?? "";
    const here = (type: string) => of(type).filter((resource) => hostNameOf(resource) === name);
    const found = facts.outputs as unknown as HostFacts;
    const bridges = here("nfvlab:ovs:Bridge").map(
      (bridge): ReportedBridge => ({
        name: text(bridge, "name"),
        addresses: (bridge.outputs?.["addresses"] as string[] | undefined) ?? [],
        ports: here("nfvlab:ovs:Port")
          .filter((port) => text(port, "bridge") === text(bridge, "name"))
          .map((port) => {
            const { kind = "", socketPath } = (port.outputs?.["interface"] ?? {}) as {
              kind?: string;
              socketPath?: string;
            };
            return {
              name: text(port, "name"),
              kind,
              ...(socketPath !== undefined && { socket: socketPath }),
              up: port.outputs?.["up"] === true,
            };
          }),
      }),
    );
    const guests = here("nfvlab:libvirt:Domain").map(guestOf);
    const roles = rolesOf(
      tuned.find(({ urn }) => nameOf(urn) === name),
      here("nfvlab:ovs:Daemon"),
      guests,
    );
    return {
      name,
      emulated: found.identity.emulated,
      address: name,
      description: `${found.cpuModel}, Linux ${found.kernel.release}`,
      nodes: found.numaNodes.map(({ node, cpus }) => ({
        node,
        cpus: [...CpuSet.parse(cpus)].map(
          (cpu): ReportedCpu => ({ cpu, ...(roles.get(cpu) ?? { role: "other" as const }) }),
        ),
        hugepages: here("nfvlab:host:Hugepages")
          .filter((pool) => pool.outputs?.["numaNode"] === node)
          .map((pool) => `${pool.outputs?.["count"]} × ${text(pool, "size")}`),
      })),
      bridges,
      guests,
    };
  });
  const records = resources.flatMap((resource) => recordsOf(resource));
  return { project, stack, madeAt, hosts, records, verdicts };
}

function rolesOf(
  tuned: StateResource | undefined,
  daemons: readonly StateResource[],
  guests: readonly ReportedGuest[],
) {
  const roles = new Map<number, { role: Role; detail?: string }>();
  const cpus = tuned?.outputs?.["cpus"] as { housekeeping?: string; isolated?: string } | undefined;
  const give = (list: string | undefined, role: Role, detail?: string) => {
    for (const cpu of CpuSet.parse(list ?? ""))
      roles.set(cpu, { role, ...(detail !== undefined && { detail }) });
  };
  give(cpus?.housekeeping, "housekeeping");
  give(cpus?.isolated, "isolated");
  for (const daemon of daemons) give(text(daemon, "pmdCpus"), "pmd");
  for (const guest of guests) for (const pin of guest.vcpuPins) give(pin, "vcpu", guest.name);
  return roles;
}

function guestOf(domain: StateResource): ReportedGuest {
  const nics = Object.values(
    (domain.outputs?.["nics"] as Record<string, { socketPath?: string }> | undefined) ?? {},
  );
  return {
    name: text(domain, "name"),
    memory: text(domain, "memory"),
    numaNode: Number(domain.outputs?.["numaNode"]),
    vcpuPins: (domain.outputs?.["vcpuPins"] as string[] | undefined) ?? [],
    running: domain.outputs?.["running"] === true,
    sockets: nics.flatMap(({ socketPath }) => socketPath ?? []),
  };
}

function recordsOf(resource: StateResource): ReportedRecord[] {
  if (!resource.type.startsWith("nfvlab:bench:")) return [];
  const parsed = ResultRecord.safeParse(resource.outputs?.["record"]);
  if (!parsed.success) return [];
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
      metrics: metrics.map((metric) => ({
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
        // Beyond the rarest sample there is nothing to draw.
        curve: curveOf(
          metric.histogram,
          CURVE.filter((percentile) => metric.samples * (1 - percentile / 100) >= 1),
        ),
      })),
      inForce: flatten(fingerprint),
    },
  ];
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

/** Ids begin with the lab's name of the host; facts are `<host>/facts`. */
function hostNameOf({ outputs, urn }: StateResource): string {
  const host = outputs?.["host"] as { name?: string } | undefined;
  return host?.name ?? nameOf(urn).replace(/-facts$/, "");
}

function nameOf(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}

function text(resource: StateResource, property: string): string {
  return String(resource.outputs?.[property] ?? "");
}
