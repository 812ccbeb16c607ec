import type {
  PolicyConfigSchema,
  ReportViolation,
  Severity,
  StackValidationArgs,
  StackValidationPolicy,
} from "@pulumi/policy";
import { type Lab, readLab } from "./lab.ts";

/** What a policy has to say. */
export interface Findings {
  /** Something is wrong: blocks, at the policy's level. */
  violation(message: string, urn: string): void;
  /**
   * Something can't be judged yet: said as advice, at any level of the policy, and once for each value. `missing` names the value and
   * where it is, `undecided` what hangs on it.
   */
  pending(missing: string, undecided: string, urn: string): void;
}

export interface LabPolicy {
  readonly name: string;
  /** One sentence that says what holds where the policy passes. */
  readonly description: string;
  readonly severity: Severity;
  readonly remediationSteps: string;
  readonly url?: string;
  readonly configSchema?: PolicyConfigSchema;
  /** Why the policy has nothing to say about this stack; undefined where it has. */
  notApplicable(lab: Lab, args: StackValidationArgs): string | undefined;
  judge(lab: Lab, findings: Findings, args: StackValidationArgs): void;
}

/**
 * A mandatory policy over the whole testbed. It compares resources, so it is a stack policy; the engine runs it at the end of a preview too,
 * before anything is touched. There the engine would turn a policy that meets an unknown value into advice as a whole: so unknown values are
 * met on purpose, one by one, and the rest is judged.
 *
 * @example
 * export const exclusiveCpus = labPolicy({ name: "exclusive-cpus", …, judge: ({ machines }, { violation }) => { … } });
 */
export function labPolicy(policy: LabPolicy): StackValidationPolicy {
  const { notApplicable, judge, ...described } = policy;
  return {
    ...described,
    enforcementLevel: "mandatory",
    validateStack: (args, report) => {
      const lab = readLab(args.resources);
      const reason = notApplicable(lab, args);
      if (reason !== undefined) args.notApplicable(reason);
      const said = new Set<string>();
      judge(
        lab,
        {
          violation: (message, urn) => report(message, urn),
          pending: (missing, undecided, urn) => {
            const message = `${missing} isn't known yet, so ${undecided} can't be judged; it is judged once that is known.`;
            if (said.has(message)) return;
            said.add(message);
            advise(report, message, urn);
          },
        },
        args,
      );
    },
  };
}

/** The pack's server takes a finding with a level of its own; its published type has plain texts only. */
function advise(report: ReportViolation, message: string, urn: string): void {
  const advice = { message, urn, enforcementLevel: "advisory" };
  (report as unknown as (finding: typeof advice) => void)(advice);
}
