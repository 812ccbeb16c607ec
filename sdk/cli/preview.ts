import type { ReviewedAction } from "../report/review.ts";
import type { Properties } from "./engine-value.ts";

/** What a preview told: by the engine's log of events, and by its digest, which knows what hangs on what. */
export interface Preview {
  readonly resources: readonly PreviewedResource[];
  readonly findings: readonly PolicyFinding[];
  /** Names of the policies that hold, by pack. */
  readonly held: ReadonlyMap<string, ReadonlySet<string>>;
  /** Whether policies got to judge the stack as a whole. */
  readonly isJudged: boolean;
  /** Errors of program, provider and engine; that a policy blocks is none. */
  readonly errors: readonly string[];
  readonly notes: readonly { readonly urn: string; readonly text: string }[];
}

export interface PreviewedResource {
  readonly urn: string;
  readonly type: string;
  readonly parent: string;
  readonly action: ReviewedAction | "same";
  readonly before?: PreviewedState;
  readonly after?: PreviewedState;
  readonly differences: readonly Difference[];
  /** What a property hangs on, by its name; of resources that stay as they are nothing is told. */
  readonly dependencies: Readonly<Record<string, readonly string[]>>;
}

export interface PreviewedState {
  readonly id: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
}

/** One property that differs. */
export interface Difference {
  readonly path: string;
  readonly kind: "add" | "delete" | "update";
  readonly replaces: boolean;
  /** False for an output that is not as it must be: the change mends it, or replaces what nfvlab makes otherwise now. */
  readonly isInput: boolean;
}

export interface PolicyFinding {
  readonly pack: string;
  readonly policy: string;
  readonly level: "mandatory" | "advisory";
  readonly severity: string;
  readonly urn: string;
  readonly message: string;
}

/**
 * Reads what `pulumi preview --json --event-log FILE` wrote: the log, a JSON object a line, and the digest on standard output.
 *
 * Of the log no debug message is looked at: there the engine writes arguments as they are, secrets among them.
 */
export function readPreview(eventLog: string, digest: string): Preview {
  const resources = new Map<string, PreviewedResource>();
  const findings: PolicyFinding[] = [];
  const held = new Map<string, Set<string>>();
  const errors: string[] = [];
  const notes: { urn: string; text: string }[] = [];
  const dependencies = dependenciesIn(digest);
  let isJudged = false;
  for (const line of eventLog.split("\n")) {
    const event = eventIn(line);
    if (event === undefined) continue;
    const metadata = (event.resourcePreEvent ?? event.resOutputsEvent)?.metadata;
    if (metadata !== undefined)
      resources.set(
        metadata.urn,
        merged(resources.get(metadata.urn), resourceOf(metadata, dependencies.get(metadata.urn))),
      );
    if (event.policyEvent !== undefined) findings.push(findingOf(event.policyEvent));
    if (event.policyRemediationEvent !== undefined) findings.push(...mendingOf(event.policyRemediationEvent));
    if (event.policyAnalyzeStackSummaryEvent !== undefined) isJudged = true;
    const judged = event.policyAnalyzeStackSummaryEvent ?? event.policyAnalyzeSummaryEvent;
    if (judged !== undefined) {
      const names = held.get(judged.policyPackName) ?? new Set();
      for (const name of judged.passed ?? []) names.add(name);
      held.set(judged.policyPackName, names);
    }
    const { severity, urn = "", message = "" } = event.diagnosticEvent ?? {};
    const text = message.trim();
    if (severity === "error" && !BLOCKED.test(text) && !errors.includes(text)) errors.push(text);
    if ((severity === "warning" || severity === "info") && urn !== "") notes.push({ urn, text });
  }
  // A resource policy tells of each resource that it passes; one finding is enough for it not to hold.
  for (const { pack, policy } of findings) held.get(pack)?.delete(policy);
  return { resources: [...resources.values()], findings, held, isJudged, errors, notes };
}

/** What the engine says at the end of a preview that something else than this was wrong with. */
const BLOCKED = /^preview failed$/;

interface EngineEvent {
  readonly resourcePreEvent?: { readonly metadata: Metadata };
  readonly resOutputsEvent?: { readonly metadata: Metadata };
  readonly policyEvent?: {
    readonly policyPackName: string;
    readonly policyName: string;
    readonly enforcementLevel: string;
    readonly severity?: string;
    readonly resourceUrn?: string;
    readonly message: string;
  };
  readonly policyRemediationEvent?: {
    readonly policyPackName: string;
    readonly policyName: string;
    readonly resourceUrn?: string;
    readonly before?: Properties;
    readonly after?: Properties;
  };
  readonly policyAnalyzeSummaryEvent?: Judged;
  readonly policyAnalyzeStackSummaryEvent?: Judged;
  readonly diagnosticEvent?: { readonly severity: string; readonly urn?: string; readonly message?: string };
}

interface Judged {
  readonly policyPackName: string;
  readonly passed?: readonly string[];
}

interface Metadata {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly old: State | null;
  readonly new: State | null;
  readonly detailedDiff: Readonly<
    Record<string, { readonly diffKind: string; readonly inputDiff: boolean }>
  > | null;
}

interface State {
  readonly id?: string;
  readonly parent?: string;
  readonly inputs?: Properties;
  readonly outputs?: Properties;
}

/** A line that was cut off, since the engine was, is none. */
function eventIn(line: string): EngineEvent | undefined {
  if (!line.startsWith("{") || DEBUG.test(line)) return undefined;
  try {
    return JSON.parse(line) as EngineEvent;
  } catch {
    return undefined;
  }
}

const DEBUG = /^\{[^{]*"diagnosticEvent":\{"prefix":"debug: "/;

function findingOf(event: NonNullable<EngineEvent["policyEvent"]>): PolicyFinding {
  return {
    pack: event.policyPackName,
    policy: event.policyName,
    level: event.enforcementLevel === "advisory" ? "advisory" : "mandatory",
    severity: event.severity ?? "",
    urn: event.resourceUrn ?? "",
    message: event.message.trim(),
  };
}

/** What a policy changed of a resource by itself: the plan has it, and the program does not. Values are left out, since they may be secret. */
function mendingOf(event: NonNullable<EngineEvent["policyRemediationEvent"]>): PolicyFinding[] {
  const { before, after, resourceUrn: urn = "", policyPackName: pack, policyName: policy } = event;
  const changed = changedPaths(before, after);
  if (changed.length === 0) return [];
  const message = `The policy changed ${changed.join(", ")} itself, at level remediate; the program still has what it refuses.`;
  return [{ pack, policy, level: "advisory", severity: "", urn, message }];
}

/** Innermost properties that differ, as paths. */
function changedPaths(before: unknown, after: unknown, path = ""): string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const [one, other] = [before, after].map((each) => (isProperties(each) ? each : undefined));
  if (one === undefined || other === undefined) return [path];
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((key) =>
    changedPaths(one[key], other[key], path === "" ? key : `${path}.${key}`),
  );
}

function isProperties(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const ACTIONS: Readonly<Record<string, PreviewedResource["action"]>> = {
  same: "same",
  create: "create",
  update: "update",
  delete: "delete",
  replace: "replace",
  "create-replacement": "replace",
  "delete-replaced": "replace",
};

function resourceOf(
  metadata: Metadata,
  dependencies: PreviewedResource["dependencies"] = {},
): PreviewedResource {
  const { op, urn, type, old, new: wanted, detailedDiff } = metadata;
  return {
    urn,
    type,
    parent: (wanted ?? old)?.parent ?? "",
    action: ACTIONS[op] ?? "other",
    ...(old !== null && { before: stateOf(old) }),
    ...(wanted !== null && { after: stateOf(wanted) }),
    differences: Object.entries(detailedDiff ?? {}).map(([path, { diffKind, inputDiff }]) => ({
      path,
      kind: diffKind.startsWith("add") ? "add" : diffKind.startsWith("delete") ? "delete" : "update",
      replaces: diffKind.endsWith("-replace"),
      isInput: inputDiff,
    })),
    dependencies,
  };
}

function stateOf({ id = "", inputs = {}, outputs = {} }: State): PreviewedState {
  return { id, inputs, outputs };
}

/** The engine tells of a resource several times: as it begins and as it ends, and three times over of one that is replaced. */
function merged(earlier: PreviewedResource | undefined, later: PreviewedResource): PreviewedResource {
  if (earlier === undefined) return later;
  return {
    ...earlier,
    ...later,
    action: earlier.action === "replace" ? "replace" : later.action,
    differences: later.differences.length > 0 ? later.differences : earlier.differences,
  };
}

function dependenciesIn(digest: string): ReadonlyMap<string, PreviewedResource["dependencies"]> {
  const { steps = [] } = digestIn(digest);
  return new Map(
    steps.flatMap(({ urn, newState }) =>
      newState?.propertyDependencies === undefined ? [] : [[urn, newState.propertyDependencies] as const],
    ),
  );
}

interface Digest {
  readonly steps?: readonly {
    readonly urn: string;
    readonly newState?: { readonly propertyDependencies?: Readonly<Record<string, readonly string[]>> };
  }[];
}

/** None where the engine came to no end. */
function digestIn(text: string): Digest {
  const start = text.indexOf("{");
  if (start < 0) return {};
  try {
    return JSON.parse(text.slice(start)) as Digest;
  } catch {
    return {};
  }
}
