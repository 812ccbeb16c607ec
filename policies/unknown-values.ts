import type { PolicyResource } from "@pulumi/policy";
import { written } from "./claims.ts";
import type { Lab } from "./lab.ts";
import { noting, type Path } from "./property.ts";
import { fewOf } from "./sentence.ts";

/** What says where a resource is. Whether that is known, the lab tells. */
const PLACING = /^(host|reference)$/;

/** Says a value that isn't known: which, what hangs on it, and whose it is. */
type Pending = (missing: string, undecided: string, urn: string) => void;

/** What a policy met at its work and could not know, so that nothing of it passes in silence. */
export class UnknownValues {
  readonly #concerns: readonly string[];
  readonly #met = new Map<string, readonly [PolicyResource, Path]>();
  readonly #said = new Set<string>();
  #saidHost = false;

  /** @param concerns types of resources, without `nfvlab:`, whose values the policy takes from the lab */
  constructor(concerns: readonly string[]) {
    this.#concerns = concerns;
  }

  /** Reads the lab, of which each policy takes a part. */
  reading<T>(work: () => T): T {
    return noting((resource, path) => {
      if (this.#isConcern(resource) && !PLACING.test(String(path[0])))
        this.#met.set(resource.urn, [resource, path]);
    }, work);
  }

  /** Does the policy's own work, all of whose values count. */
  judging<T>(work: () => T): T {
    return noting((resource, path) => this.#met.set(resource.urn, [resource, path]), work);
  }

  /** Whether there are any. */
  isAny(lab: Lab): boolean {
    return this.#met.size > 0 || lab.unplaced.some((resource) => this.#isConcern(resource));
  }

  /** Notes that the policy has said something of a resource itself. */
  said(missing: string, urn: string): void {
    this.#said.add(urn);
    this.#saidHost ||= missing.startsWith("host of ");
  }

  /** Says what the policy has not. */
  sayRest(lab: Lab, policy: string, pending: Pending): void {
    const undecided = `whether ${policy} holds`;
    for (const [urn, [{ name }, path]] of this.#met)
      if (!this.#said.has(urn)) pending(`${written(path)} of ${name}`, undecided, urn);
    const unplaced = lab.unplaced.filter((resource) => this.#isConcern(resource));
    const [first] = unplaced;
    if (first !== undefined && !this.#saidHost)
      pending(`host of ${fewOf(unplaced.map(({ name }) => name))}`, undecided, first.urn);
  }

  #isConcern({ type }: PolicyResource): boolean {
    return this.#concerns.some((each) =>
      each.endsWith(":") ? type.startsWith(`nfvlab:${each}`) : type === `nfvlab:${each}`,
    );
  }
}
