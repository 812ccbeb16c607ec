import { phasesOf } from "../measure/migration.ts";
import type {
  Experiment,
  ReportedInspection,
  ReportedLatency,
  ReportedMigration,
  ReportedPath,
  ReportedRecord,
  Verdict,
} from "../report/experiment.ts";
import { exchange } from "../schema/exchange.ts";
import { inspect } from "../schema/inspection.ts";
import { PacketPathState } from "../schema/packet-path.ts";
import { type RecordedMigration, ResultRecord } from "../schema/record.ts";
import { traffic } from "../schema/traffic.ts";
import { PATH_LATENCIES } from "../units/packet-path.ts";
import { distributionOf, figureOf, isDistribution } from "./distributions.ts";
import { hostOf } from "./hosts.ts";
import { loadsOf } from "./loads.ts";
import { lossesOf } from "./losses.ts";
import { hostNameOf, nameOf, type StateResource, text } from "./state-resource.ts";
import { tuningOf } from "./tunings.ts";

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
    hostOf({
      name,
      facts: found,
      tuned: tunedHost(current, name),
      resources: current.filter((resource) => hostNameOf(resource) === name),
    }),
  );
  const records = current.flatMap((resource) => recordsOf(resource));
  const looked = current.flatMap(inspectionOf);
  const unseen = hosts.filter(({ name }) => !looked.some(({ host }) => host === name));
  const inspections = [
    ...looked,
    ...unseen.map(({ name }) =>
      tuningOf({
        name,
        tuned: tunedHost(current, name),
        resources: current.filter((resource) => hostNameOf(resource) === name),
      }),
    ),
  ];
  const paths = current.flatMap((resource) => pathOf(resource, current));
  return { project, stack, madeAt, hosts, inspections, paths, records, verdicts };
}

function tunedHost(resources: readonly StateResource[], name: string): StateResource | undefined {
  return resources.find(({ type, urn }) => type === "nfvlab:components:TunedHost" && nameOf(urn) === name);
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

/** Measurements that count frames at both ends, and say so alike. */
const COUNTING: ReadonlySet<string> = new Set([traffic.token, exchange.token]);

/** A benchmark's way, and what its run counted. */
function pathOf({ type, urn, outputs }: StateResource, resources: readonly StateResource[]): ReportedPath[] {
  const way = PacketPathState.safeParse(outputs?.["path"]);
  if (!type.startsWith("nfvlab:components:") || !way.success) return [];
  const name = nameOf(urn);
  const run = resources.find((each) => COUNTING.has(each.type) && nameOf(each.urn) === `${name}-run`);
  const measured = traffic.outputs.safeParse(run?.outputs);
  if (!measured.success) return [{ name, path: way.data, functional: false, valid: false }];
  const { record, frames } = measured.data;
  const directions = [frames.forward, ...(frames.reverse === null ? [] : [frames.reverse])];
  const sum = (count: "sent" | "received" | "lost") =>
    directions.reduce((total, direction) => total + direction[count], 0);
  return [
    {
      ...{ name, path: way.data, functional: record.functional, valid: record.valid },
      frames: { sent: sum("sent"), received: sum("received"), lost: sum("lost") },
      ...latencyOf(record),
    },
  ];
}

function latencyOf({ metrics }: ResultRecord): { readonly latency?: ReportedLatency } {
  const metric = metrics.find(({ name }) => PATH_LATENCIES.includes(name));
  if (metric === undefined) return {};
  const { percentiles, max } = metric;
  const variation = metrics.find(({ name }) => name === `${metric.name}.pdv`);
  return {
    latency: {
      ...{ medianNs: percentiles["50"] ?? null, p99Ns: percentiles["99"] ?? null, longestNs: max },
      variationNs: variation?.percentiles["99.9"] ?? null,
    },
  };
}

function recordsOf(resource: StateResource): ReportedRecord[] {
  if (!resource.type.startsWith("nfvlab:bench:")) return [];
  // One that was interrupted has none, and the next `up` measures again.
  if (resource.outputs?.["record"] === null) return [];
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
      remarks: parsed.data.remarks ?? [],
      losses: lossesOf(parsed.data),
      loads: loadsOf(parsed.data),
      migrations: (parsed.data.migrations ?? []).map(migrationOf),
      metrics: metrics.filter(isDistribution).map(distributionOf),
      figures: metrics.filter((metric) => !isDistribution(metric)).map(figureOf),
      inForce: { ...flatten(fingerprint), ...flatten(parsed.data.others ?? {}) },
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
    remarks: [],
    losses: [],
    loads: [],
    migrations: [],
    metrics: [],
    figures: [],
    inForce: {},
  };
}

function migrationOf(migration: RecordedMigration): ReportedMigration {
  return { outcome: migration.outcome, phases: phasesOf(migration) };
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
