import type { PolicyResource } from "@pulumi/policy";
import { where } from "./claims.ts";
import type { Findings } from "./lab-policy.ts";
import { noting, type Path, textsOf, UNKNOWN } from "./property.ts";

/** A text that a program wrote. */
export interface ProgramText {
  readonly resource: PolicyResource;
  readonly path: Path;
  readonly text: string;
}

/** What a command said, not what it is. */
const ANSWERS = /^(stdout|stderr|id|urn)$/;

/** Resources that say what a program wrote: a stack and its components only hand on, facts are a machine's words, and records are long. */
export function isWritten({ type }: PolicyResource): boolean {
  return !/^(pulumi:|nfvlab:(components|bench|emulate):|nfvlab:host:Facts$)/.test(type);
}

/** What of all these isn't known, the ones that count say below. */
const leaveOut = () => {};

/** Every text of a stack's program; of resources of others, one that isn't known yet is said. */
export function programTexts(
  resources: readonly PolicyResource[],
  { pending }: Findings,
  undecided: string,
): readonly ProgramText[] {
  return resources.filter(isWritten).flatMap((resource) =>
    noting(leaveOut, () => textsOf(resource)).flatMap(([path, text]) => {
      if (ANSWERS.test(String(path[0]))) return [];
      if (text !== UNKNOWN) return [{ resource, path, text }];
      // What resources of ours get from each other are paths and addresses.
      if (!resource.type.startsWith("nfvlab:"))
        pending(`${where(resource, path).property} of ${resource.name}`, undecided, resource.urn);
      return [];
    }),
  );
}
