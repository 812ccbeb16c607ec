import type {
  EnforcementLevel,
  PolicyConfigSchema,
  ReportViolation,
  Severity,
  StackValidationArgs,
  StackValidationPolicy,
} from "@pulumi/policy";
import { LabError } from "../sdk/units/errors.ts";
import type { CheckId } from "./checks.ts";
import { type Exception, exceptionsSchema, judgedBy, readExceptions } from "./exceptions.ts";
import { type Lab, readLab } from "./lab.ts";
import { readWhole } from "./machine.ts";
import { type MendingPolicy, mendingPolicy, type Remediation } from "./remediation.ts";
import { UnknownValues } from "./unknown-values.ts";

/** What a policy has to say. */
export interface Findings {
  /** Something is wrong: blocks, at the policy's level. */
  violation(message: string, urn: string): void;
  /** Something is unwise: said as advice, at any level of the policy, and once. */
  advice(message: string, urn: string): void;
  /**
   * Something can't be judged yet: said as advice, at any level of the policy, and once for each value. `missing` names the value and
   * where it is, `undecided` what hangs on it.
   */
  pending(missing: string, undecided: string, urn: string): void;
}

/** A policy as its author writes it. */
export interface LabPolicy {
  /** In lower case with hyphens; configurations call it so. */
  readonly name: string;
  /** One sentence that says what holds where the policy passes. */
  readonly description: string;
  /** How much harm is done where it is violated. */
  readonly severity: Severity;
  /** Checks of the catalogue that it is. Default none, as of a lab's own policies. */
  readonly checks?: readonly CheckId[];
  /** Default mandatory. */
  readonly level?: Extract<EnforcementLevel, "mandatory" | "advisory">;
  /** Whether a finding may be excepted by configuration. Default true; false where nobody can answer for it. */
  readonly excepting?: boolean;
  /**
   * Types of resources, without `nfvlab:`, whose values it takes from the lab: one that isn't known there is said, unless the policy says more of that
   * resource. What `judge` reads itself is said in any case. `bench:` is all benchmarks.
   */
  readonly concerns?: readonly string[];
  /** What to do about a finding, in one sentence. */
  readonly remediationSteps: string;
  /** Where it is read up. */
  readonly url?: string;
  /** What its configuration may have, as JSON schema. Levels and exceptions are added. */
  readonly configSchema?: PolicyConfigSchema;
  /** How it mends a resource, where somebody configures `mend-NAME` at level `remediate`. Default: not at all. */
  readonly remediation?: Remediation;
  /** Why the policy has nothing to say about this stack; undefined where it has. */
  notApplicable(lab: Lab, args: StackValidationArgs): string | undefined;
  /** Says what it finds. */
  judge(lab: Lab, findings: Findings, args: StackValidationArgs): void;
}

/** A policy as the engine takes it, with what the catalogue says of it. */
export interface CataloguedPolicy extends StackValidationPolicy {
  readonly checks: readonly CheckId[];
  readonly excepting: boolean;
  /** What mends its findings, disabled unless it is configured. */
  readonly mending?: MendingPolicy;
}

/**
 * A policy over the whole testbed, mandatory unless it says otherwise. It compares resources, so it is a stack policy; the engine runs it at the
 * end of a preview too, before anything is touched. There the engine would turn a policy that meets an unknown value into advice as a whole: so
 * unknown values are met on purpose, one by one, and the rest is judged.
 *
 * Its configuration may have `exceptions`: findings on the resources named are advice until the day named, and block again afterwards.
 *
 * @param clock tells what day it is, for the exceptions
 * @example
 * export const roomyGuests = labPolicy({
 *   ...{ name: "roomy-guests", description: "Each guest has a vCPU to keep house on.", severity: "low" },
 *   remediationSteps: "Give it a second vCPU.",
 *   notApplicable: (lab) => (select(lab, libvirt.Domain).length === 0 ? "this stack has no guest" : undefined),
 *   judge: (lab, findings) => {
 *     const ask = asking(findings, "whether it has room");
 *     for (const guest of select(lab, libvirt.Domain))
 *       if (ask.positions(guest, "vcpuPins").length === 1)
 *         findings.violation(`vcpuPins of ${guest.name} has one CPU, expected two: add one.`, guest.urn);
 *   },
 * });
 */
export function labPolicy(policy: LabPolicy, clock: () => Date = () => new Date()): CataloguedPolicy {
  const { notApplicable, judge, level = "mandatory", excepting = true, configSchema, ...rest } = policy;
  const { concerns = [], checks = [], remediation, ...described } = rest;
  const properties = { ...configSchema?.properties, ...(excepting && { exceptions: exceptionsSchema }) };
  return {
    ...described,
    ...{ checks, excepting },
    ...(remediation !== undefined && {
      mending: mendingPolicy(remediation, {
        ...{ name: policy.name, description: policy.description },
        ...(configSchema !== undefined && { configSchema }),
      }),
    }),
    enforcementLevel: level,
    configSchema: { ...configSchema, properties },
    validateStack: (args, report) => {
      const exceptions = exceptionsOf(args, excepting, (message) => report(message));
      const unknowns = new UnknownValues(concerns);
      const lab = unknowns.reading(() => readLab(args.resources));
      if (concerns.length > 0) readWhole(lab.machines);
      const reason = unknowns.judging(() => notApplicable(lab, args));
      if (reason !== undefined && !unknowns.isAny(lab)) args.notApplicable(reason);
      const advised = new Set<string>();
      const advice = (message: string, urn: string) => {
        if (advised.has(message)) return;
        advised.add(message);
        advise(report, message, urn);
      };
      const findings: Findings = {
        violation: (finding, urn) => {
          const { message, holds } = judgedBy(exceptions, finding, urn, clock());
          if (holds) advice(message, urn);
          else report(message, urn);
        },
        advice,
        pending: (missing, undecided, urn) => {
          unknowns.said(missing, urn);
          advice(
            `${missing} isn't known yet, so ${undecided} can't be judged; it is judged once that is known.`,
            urn,
          );
        },
      };
      if (reason === undefined)
        unknowns.judging(() => {
          try {
            judge(lab, findings, args);
          } catch (error) {
            // An error would keep the engine from asking the other policies.
            if (!(error instanceof LabError)) throw error;
            report(
              `a value of this stack can't be read, so that nobody can say whether this holds: ${error.message}; run pulumi up where somebody changed it by hand.`,
            );
          }
        });
      unknowns.sayRest(lab, policy.name, findings.pending);
    },
  };
}

function exceptionsOf(
  args: StackValidationArgs,
  excepting: boolean,
  refuse: (message: string) => void,
): readonly Exception[] {
  const { exceptions: configured } = args.getConfig<{ readonly exceptions?: unknown }>();
  const { exceptions, wrong } = readExceptions(configured);
  for (const sentence of wrong) refuse(`${sentence}; mend the policy's configuration.`);
  if (excepting || exceptions.length === 0) return exceptions;
  refuse(
    `exceptions: observed ${exceptions.length}, expected none; nobody can answer for what this policy finds.`,
  );
  return [];
}

/** The pack's server takes a finding with a level of its own; its published type has plain texts only. */
function advise(report: ReportViolation, message: string, urn: string): void {
  const advice = { message, urn, enforcementLevel: "advisory" };
  (report as unknown as (finding: typeof advice) => void)(advice);
}
