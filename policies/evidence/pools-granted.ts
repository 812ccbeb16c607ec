import { asking } from "../ask.ts";
import { where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import { property } from "../sentence.ts";

/**
 * Each pool has the pages that it was asked for.
 *
 * The kernel gives what it finds in one piece, and counts fewer without an error. Who comes last then fails at its start, long after the cause. So it does where
 * somebody took pages away since, which a refresh shows.
 *
 * Change `count`, or take the pages at boot (`hugepages` of the boot arguments), before memory is in pieces.
 *
 * @severity high
 * @see https://docs.kernel.org/admin-guide/mm/hugetlbpage.html
 */
export const poolsGranted = labPolicy({
  name: "pools-granted",
  description: "Each pool of huge pages has the pages that it was asked for.",
  severity: "high",
  checks: ["P17"],
  remediationSteps: "Lower count, or take the pages at boot.",
  url: "https://docs.kernel.org/admin-guide/mm/hugetlbpage.html",
  notApplicable: ({ resources }) =>
    ofType(resources, "host:Hugepages").length === 0 ? "this stack has no pool of huge pages" : undefined,
  judge: ({ resources }, findings) => {
    const ask = asking(findings, "whether the pool is as asked for");
    for (const pool of ofType(resources, "host:Hugepages")) {
      if (ask.flag(pool, "intact") !== false) continue;
      const [size, node] = [ask.text(pool, "size"), ask.number(pool, "numaNode")];
      const [count, granted] = [ask.number(pool, "count"), ask.number(pool, "written")];
      if (count === undefined || granted === undefined) continue;
      findings.violation(
        count === granted
          ? `the kernel granted ${granted} pages of ${size} on node ${node} (intact false of ${pool.name}), expected those that the program asks for: ` +
              "lower count, or take them at boot."
          : `node ${node} has ${count} pages of ${size} (${property(where(pool, ["count"]), count)}), expected ${granted}, as they were granted: ` +
              "somebody changed their number since; pulumi up asks for them again.",
        pool.urn,
      );
    }
  },
});
