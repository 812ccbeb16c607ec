import { bytes } from "../../sdk/units/size.ts";
import { type Findings, labPolicy } from "../lab-policy.ts";
import type { Machine } from "../machine.ts";

const SHARE = 0.1;

/**
 * Every NUMA node keeps memory that is not in huge pages: 4 GiB or a tenth of the node, whichever is more.
 *
 * Huge pages are nobody else's: what is left has to hold the kernel, page tables, QEMU's own memory and every process. With too little the machine kills
 * processes, libvirtd or ovs-vswitchd among them, hours after the pages were taken. An emulated server is small, and not judged.
 *
 * Change `count` of the pools, or the pools of the boot arguments.
 *
 * @severity high
 * @see https://docs.kernel.org/admin-guide/mm/hugetlbpage.html
 */
export const memoryLeftForSystem = labPolicy({
  name: "memory-left-for-system",
  description: "Every NUMA node keeps 4 GiB, or a tenth, that is not in huge pages.",
  severity: "high",
  checks: ["P16"],
  concerns: ["host:Hugepages", "host:BootArguments", "host:Facts"],
  remediationSteps: "Lower the counts of the node's pools.",
  url: "https://docs.kernel.org/admin-guide/mm/hugetlbpage.html",
  configSchema: {
    properties: {
      keep: {
        type: "string",
        pattern: "^[1-9]\\d*(KiB|MiB|GiB|TiB)$",
        default: "4GiB",
        description: "Least memory that a node keeps; a tenth of it where that is more.",
      },
    },
  },
  notApplicable: ({ machines }) =>
    machines.every((machine) => !isJudged(machine)) ? "no real machine of this stack has pools" : undefined,
  judge: ({ machines }, findings, args) => {
    const least = bytes(args.getConfig<{ readonly keep?: string }>().keep ?? "4GiB");
    for (const machine of machines.filter(isJudged)) {
      for (const { property, resource, urn } of machine.gaps.filter(({ about }) => about === "pages"))
        findings.pending(`${property} of ${resource}`, "how much memory is left", urn);
      for (const node of new Set(machine.pools.map(({ numaNode }) => numaNode)))
        judgeNode(node, machine, least, findings);
    }
  },
});

function isJudged({ emulated, pools, gaps }: Machine): boolean {
  return !emulated && (pools.length > 0 || gaps.some(({ about }) => about === "pages"));
}

function judgeNode(node: number, machine: Machine, least: number, { violation, pending }: Findings): void {
  const pools = machine.pools.filter(({ numaNode }) => numaNode === node);
  const [first] = pools;
  if (first === undefined) return;
  const total = machine.topology?.memoryOf(node);
  if (total === undefined) {
    pending(`the memory of node ${node} of ${machine.name}`, "how much of it is left", first.resource.urn);
    return;
  }
  // Two that declare one pool declare the same pages.
  const taken = [...new Set(pools.map(({ size: page }) => page))].reduce((sum, page) => {
    const counts = pools.filter((pool) => pool.size === page).map(({ count }) => count);
    return sum + Math.max(...counts) * bytes(page);
  }, 0);
  const needed = Math.max(least, Math.ceil(total * SHARE));
  if (total - taken >= needed) return;
  violation(
    `node ${node} of ${machine.name} keeps ${gibibytes(Math.max(0, total - taken))} of ${gibibytes(total)} beside its huge pages ` +
      `(${pools.map(({ count, size: page, resource }) => `${count} x ${page}, ${resource.name}`).join("; ")}), expected ${gibibytes(needed)}: lower count.`,
    first.resource.urn,
  );
}

/** Memory of a node is no whole number of anything: `62.8 GiB`. */
function gibibytes(count: number): string {
  return `${(count / 2 ** 30).toFixed(1)} GiB`;
}
