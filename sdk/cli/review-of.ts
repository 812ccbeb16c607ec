import type { ReportedHost } from "../report/experiment.ts";
import {
  COST_KINDS,
  type Review,
  type ReviewedChange,
  type ReviewedException,
  type ReviewedFinding,
  type ReviewedPolicy,
} from "../report/review.ts";
import { costsOf } from "./change-cost.ts";
import { known, parsePath, shown, valueAt } from "./engine-value.ts";
import { hostOf } from "./hosts.ts";
import { type Places, placesOf } from "./places.ts";
import type { PolicyFinding, Preview, PreviewedResource } from "./preview.ts";
import { type ProgramFiles, placeIn } from "./program.ts";
import { isSecretField } from "./resource-fields.ts";
import { nameOf, type StateResource } from "./state-resource.ts";

/** What a pack says of a policy and the engine does not pass on. */
export interface CataloguedPolicy {
  readonly name: string;
  readonly pack: string;
  readonly description: string;
  readonly severity: string;
  readonly remediation: string;
  readonly source: string;
}

export interface Reviewed {
  readonly project: string;
  readonly stack: string;
  readonly preview: Preview;
  /** Why there is no judgement, where the engine came to no end without saying so. */
  readonly failure?: string;
  readonly catalogue: readonly CataloguedPolicy[];
  readonly program: ProgramFiles;
}

/** The review of a preview: what would change, what that costs, what policies say, and the CPUs before and after. */
export function reviewOf({ project, stack, preview, failure, catalogue, program }: Reviewed): Review {
  // The engine tells of resources as they come; two reviews of one plan are the same.
  const resources = sortedBy(preview.resources, ({ urn }) => [urn]);
  const places = placesOf(resources);
  const policies = policiesOf(preview, catalogue);
  const findings = sortedBy(
    preview.findings.map((finding) => findingOf(finding, policies, places, program)),
    ({ level, host, chain, policy, urn, found }) => [RANKS[level], host, chain, policy, urn, found],
  );
  const errors = [
    ...preview.errors,
    ...(preview.errors.length === 0 && failure !== undefined ? [failure] : []),
  ];
  return {
    project,
    stack,
    outcome:
      errors.length > 0
        ? "failed"
        : findings.some(({ level }) => level === "mandatory")
          ? "blocked"
          : "passes",
    errors,
    changes: sortedBy(
      resources.flatMap((resource) => changeOf(resource, places)),
      ({ host }) => [host],
    ),
    unchanged: resources.filter((resource) => resource.action === "same" && isReal(resource)).length,
    costs: sortedBy(
      resources.flatMap((resource) => costsOf(resource, places.hostOf(resource.urn))),
      ({ kind, host }) => [COST_KINDS.indexOf(kind), host],
    ),
    notes: sortedBy(preview.notes, ({ urn, text }) => [urn, text]).map(({ urn, text }) => ({
      ...{ resource: nameOf(urn), text },
    })),
    policies,
    findings,
    before: hostsOf(resources, places, "before"),
    after: hostsOf(resources, places, "after"),
  };
}

/** The stack, components and providers are no things of a lab. */
function isReal({ type }: PreviewedResource): boolean {
  return !type.startsWith("pulumi:") && !type.startsWith("nfvlab:components:");
}

function changeOf(resource: PreviewedResource, places: Places): ReviewedChange[] {
  const { urn, type, action, before, after, differences } = resource;
  if (action === "same" || !isReal(resource)) return [];
  const properties = differences.map(({ path, isInput, replaces }) => {
    const steps = parsePath(path);
    const said = (state: PreviewedResource["before"]) => {
      const holder = (isInput ? state?.inputs : state?.outputs) ?? {};
      return shown(valueAt(holder, steps), (below) => isSecretField(type, [...steps, ...below], holder));
    };
    return {
      path,
      before: said(before),
      after: isInput ? said(after) : replaces ? "made anew" : "mended",
      replaces,
    };
  });
  return [{ action, host: places.hostOf(urn), resource: nameOf(urn), type, properties }];
}

function policiesOf({ findings, held }: Preview, catalogue: readonly CataloguedPolicy[]): ReviewedPolicy[] {
  const known = new Map(catalogue.map((policy) => [policy.name, policy]));
  const foreign = (pack: string, name: string): CataloguedPolicy[] =>
    known.has(name) ? [] : [{ name, pack, description: "", severity: "", remediation: "", source: "" }];
  for (const policy of [
    ...findings.flatMap(({ pack, policy: name }) => foreign(pack, name)),
    ...[...held].flatMap(([pack, names]) => [...names].flatMap((name) => foreign(pack, name))),
  ])
    known.set(policy.name, policy);
  return [...known.values()].map((policy): ReviewedPolicy => {
    const found = findings.filter(({ policy: name }) => name === policy.name);
    const holds = [...held.values()].some((names) => names.has(policy.name));
    return {
      ...policy,
      severity: policy.severity || (found[0]?.severity ?? ""),
      verdict: found.some(({ level }) => level === "mandatory")
        ? "violated"
        : found.length > 0
          ? "advises"
          : holds
            ? "holds"
            : "silent",
    };
  });
}

function findingOf(
  { policy: name, level, urn, message }: PolicyFinding,
  policies: readonly ReviewedPolicy[],
  places: Places,
  program: ProgramFiles,
): ReviewedFinding {
  const policy = policies.find((each) => each.name === name);
  const { allowed, said } = partsOf(message, policy?.description ?? "");
  const { found, exception } = exceptionIn(said);
  const part = places.declared(urn);
  const [main = ""] = program.keys();
  return {
    policy: name,
    level,
    host: places.hostOf(urn),
    chain: places.chainOf(urn),
    resource: nameOf(urn),
    urn,
    found,
    allowed,
    fix: policy?.remediation ?? "",
    source: policy?.source ?? "",
    place:
      part === undefined
        ? { declared: "", file: main }
        : placeIn(program, part.type.split(":").at(-1) ?? "", nameOf(part.urn)),
    ...(level === "advisory" && exception !== undefined && { exception }),
  };
}

/** The engine puts the policy's description before what a policy says, but not before what it says at a level of its own. */
function partsOf(message: string, description: string): { allowed: string; said: string } {
  const [first = "", ...rest] = message.split("\n");
  const isDescribed = rest.length > 0 && (description === "" || first.trim() === description);
  const said = (isDescribed ? rest : [first, ...rest]).join(" ").trim();
  return { allowed: isDescribed ? first.trim() : description, said };
}

/** How a policy says that somebody answers for what it found. */
const EXCEPTED = / Excepted until (\d{4}-\d{2}-\d{2}) by (.+?): (.*)$/s;

function exceptionIn(said: string): { found: string; exception?: ReviewedException } {
  const match = EXCEPTED.exec(said);
  if (match === null) return { found: said };
  const [, until = "", owner = "", reason = ""] = match;
  return { found: said.slice(0, match.index), exception: { owner, reason, until } };
}

const RANKS = { mandatory: 0, advisory: 1 } as const;

/** By the first part of their keys that differs; those with one key stay in their order. */
function sortedBy<T>(list: readonly T[], key: (item: T) => readonly (string | number)[]): T[] {
  const keyed = list.map((item) => ({ item, key: key(item) }));
  keyed.sort((one, other) => {
    const at = one.key.findIndex((part, index) => part !== other.key[index]);
    const [first = "", second = ""] = [one.key[at], other.key[at]];
    return at < 0 ? 0 : first < second ? -1 : 1;
  });
  return keyed.map(({ item }) => item);
}

/** Machines as the stack has them before the plan, or would have them after it; those of which no CPU is known are left out. */
function hostsOf(
  resources: readonly PreviewedResource[],
  places: Places,
  when: "before" | "after",
): ReportedHost[] {
  const members = new Map<string, { resource: PreviewedResource; state: StateResource }[]>();
  for (const resource of resources) {
    const host = places.hostOf(resource.urn);
    const state = resource[when];
    if (host === "" || state === undefined) continue;
    if (
      (when === "before" && resource.action === "create") ||
      (when === "after" && resource.action === "delete")
    )
      continue;
    const { urn, type } = resource;
    const there = members.get(host) ?? [];
    there.push({ resource, state: { urn, type, outputs: known({ ...state.inputs, ...state.outputs }) } });
    members.set(host, there);
  }
  return [...members]
    .map(([name, list]) => {
      const of = (type: string) => list.find(({ resource }) => resource.type === type)?.state;
      return hostOf({
        name,
        facts: of("nfvlab:host:Facts"),
        tuned: of("nfvlab:components:TunedHost"),
        server: serverOf(
          list.map(({ resource }) => resource),
          resources,
          when,
        ),
        resources: list.map(({ state }) => state),
      });
    })
    .filter(({ nodes }) => nodes.length > 0)
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function serverOf(
  members: readonly PreviewedResource[],
  resources: readonly PreviewedResource[],
  when: "before" | "after",
): StateResource | undefined {
  const origins = new Set(members.flatMap(({ dependencies }) => dependencies["host"] ?? []));
  const server = resources.find(({ type, urn }) => type === "nfvlab:emulate:Server" && origins.has(urn));
  const state = server?.[when];
  return server === undefined || state === undefined
    ? undefined
    : { urn: server.urn, type: server.type, outputs: known({ ...state.inputs, ...state.outputs }) };
}
