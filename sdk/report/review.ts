import type { ReportedHost } from "./experiment.ts";

/** What a plan would do and what policies say of it, for somebody who reads the program: plain data, whatever it came from. */
export interface Review {
  readonly project: string;
  readonly stack: string;
  /** `blocked` by a mandatory policy; `failed` where the preview came to no end, so that nothing is judged as a whole. */
  readonly outcome: "passes" | "blocked" | "failed";
  /** Why the preview came to no end. */
  readonly errors: readonly string[];
  readonly changes: readonly ReviewedChange[];
  /** Resources that stay as they are. */
  readonly unchanged: number;
  readonly costs: readonly ReviewedCost[];
  /** What resources said while they were previewed, in their words. */
  readonly notes: readonly { readonly resource: string; readonly text: string }[];
  readonly policies: readonly ReviewedPolicy[];
  readonly findings: readonly ReviewedFinding[];
  readonly before: readonly ReportedHost[];
  readonly after: readonly ReportedHost[];
}

export type ReviewedAction = "create" | "update" | "replace" | "delete" | "other";

export interface ReviewedChange {
  readonly action: ReviewedAction;
  /** Empty where it is on no machine. */
  readonly host: string;
  readonly resource: string;
  readonly type: string;
  readonly properties: readonly ReviewedProperty[];
}

/** A property that changes; values are as they may be shown. */
export interface ReviewedProperty {
  readonly path: string;
  readonly before: string;
  readonly after: string;
  /** It is what the resource is replaced for. */
  readonly replaces: boolean;
}

/** What a change takes from a lab besides what it is for, the gravest first. */
export const COST_KINDS = [
  "reboot",
  "next boot",
  "switch restart",
  "switch threads",
  "guest",
  "driver",
  "process",
  "package",
  "measurement",
  "recreate",
] as const;
export type CostKind = (typeof COST_KINDS)[number];

export interface ReviewedCost {
  readonly kind: CostKind;
  readonly host: string;
  readonly resource: string;
  readonly type: string;
  /** Property that causes it; empty where the resource as a whole does. */
  readonly property: string;
  /** What happens, in a clause. */
  readonly what: string;
}

export interface ReviewedPolicy {
  readonly name: string;
  readonly pack: string;
  /** What holds where it passes. */
  readonly description: string;
  readonly severity: string;
  /** `silent`: it does not apply to this stack, or is disabled. */
  readonly verdict: "violated" | "advises" | "holds" | "silent";
  readonly remediation: string;
  /** Where the rule comes from; empty where nothing is said. */
  readonly source: string;
}

export interface ReviewedFinding {
  readonly policy: string;
  readonly level: "mandatory" | "advisory";
  readonly host: string;
  /** The chain, else the part of the program, that the resource belongs to. */
  readonly chain: string;
  readonly resource: string;
  readonly urn: string;
  readonly found: string;
  readonly allowed: string;
  readonly fix: string;
  readonly source: string;
  readonly place: ProgramPlace;
  readonly exception?: ReviewedException;
}

/** Where in the program something is declared. */
export interface ProgramPlace {
  /** As the program says it: `new VhostUserVnf("vnf")`. */
  readonly declared: string;
  /** Path from the project's folder, with `/`; the program itself where the place isn't known. */
  readonly file: string;
  /** Absent where it isn't known, or is one of several. */
  readonly line?: number;
}

/** Somebody answers for a finding, until a day. */
export interface ReviewedException {
  readonly owner: string;
  readonly reason: string;
  readonly until: string;
}

/** How many findings are violations that block. */
export function blocking({ findings }: Review): readonly ReviewedFinding[] {
  return findings.filter(({ level }) => level === "mandatory");
}
