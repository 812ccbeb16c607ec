import type { PolicyResource } from "@pulumi/policy";
import { asking, sayUnplaced } from "../ask.ts";
import { where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import { property } from "../sentence.ts";

interface Share {
  readonly resource: PolicyResource;
  readonly cache: string;
  readonly property: string;
  readonly ways: bigint;
  readonly written: string;
}

/**
 * Groups of one machine have cache ways of their own, and leave alone those that devices write to.
 *
 * A way that two groups share is one that each evicts the other from, which is what the groups are made against. Into a few ways, by default the highest
 * two, cards write packets straight (DDIO): whose work is kept there is evicted by traffic. Which ones is told by `ioWays`, since no machine shows it.
 *
 * Change `schemata` of the CacheAllocation.
 *
 * @severity low
 * @see https://docs.kernel.org/filesystems/resctrl.html
 */
export const cacheSharesApart = labPolicy({
  name: "cache-shares-apart",
  description: "Groups of one machine have cache ways of their own, apart from those of devices.",
  severity: "low",
  checks: ["P35"],
  level: "advisory",
  remediationSteps: "Give each group a mask of its own, without ioWays.",
  url: "https://docs.kernel.org/filesystems/resctrl.html",
  configSchema: {
    properties: {
      ioWays: {
        type: "string",
        pattern: "^[0-9a-fA-F]{1,8}$",
        description: 'L3 ways that devices write to, a hexadecimal mask: "600". Default: not judged.',
      },
    },
  },
  notApplicable: ({ resources }) =>
    ofType(resources, "host:CacheAllocation").length === 0 ? "this stack shares out no cache" : undefined,
  judge: ({ machines, unplaced }, findings, args) => {
    const { ioWays } = args.getConfig<{ readonly ioWays?: string }>();
    const undecided = "whether its cache ways are its own";
    const ask = asking(findings, undecided);
    sayUnplaced(unplaced, ["host:CacheAllocation"], findings, undecided);
    for (const { members, name } of machines) {
      const shares = ofType(members, "host:CacheAllocation").flatMap((resource) =>
        ["L3", "L2"].flatMap((level) =>
          ask.keys(resource, "schemata", level).flatMap((id): Share[] => {
            const path = ["schemata", level, id];
            const written = ask.text(resource, ...path);
            if (written === undefined) return [];
            const at = where(resource, path);
            return [
              {
                resource,
                cache: `${level} ${id}`,
                property: property(at, written),
                ways: waysOf(written),
                written,
              },
            ];
          }),
        ),
      );
      for (const [index, one] of shares.entries()) {
        for (const other of shares.slice(index + 1)) {
          const shared = one.ways & other.ways;
          if (one.cache !== other.cache || one.resource === other.resource || shared === 0n) continue;
          findings.violation(
            `${one.property} and ${other.property} share ways ${shared.toString(16)} of cache ${one.cache} of ${name}, expected none: change one of the two.`,
            other.resource.urn,
          );
        }
        const written = ioWays !== undefined && one.cache.startsWith("L3") ? one.ways & waysOf(ioWays) : 0n;
        if (written === 0n) continue;
        findings.violation(
          `${one.property} has ways ${written.toString(16)} of cache ${one.cache} of ${name}, which devices write to (ioWays ${JSON.stringify(ioWays)}), expected none.`,
          one.resource.urn,
        );
      }
    }
  },
});

function waysOf(mask: string): bigint {
  return BigInt(mask.startsWith("0x") ? mask : `0x${mask}`);
}
