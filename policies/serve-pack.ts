import { PolicyPack } from "@pulumi/policy";
import type { CataloguedPolicy } from "./lab-policy.ts";
import { shareProperties } from "./shared-properties.ts";

/**
 * Makes a pack of policies, with what mends their findings, and serves it to the engine until that ends: the last line of a pack's `index.ts`.
 *
 * @param name of the pack, in letters, digits, hyphens, underscores and periods
 * @example
 * servePack("lab-policies", [guestWithinQuota]);
 */
export function servePack(name: string, policies: readonly CataloguedPolicy[]): void {
  shareProperties();
  // Its errors and its unknown values are of the same library as those that the kit meets.
  new PolicyPack(name, { policies: [...policies, ...policies.flatMap(({ mending }) => mending ?? [])] });
}
