import { bytes } from "../../units/size.ts";
import type { Assignment, CpuPlan } from "./plan.ts";

/** A plan as text: why every CPU was chosen, node by node, what the huge pages are for, and what is advised. */
export function explain(plan: CpuPlan): string {
  return [
    `CPU plan ${plan.hash.slice(0, 12)}`,
    `isolated:     ${plan.isolated || "none"}`,
    `housekeeping: ${plan.housekeeping || "none"}`,
    ...(plan.switch === undefined
      ? []
      : [`switch:       pmd-cpu-mask ${plan.switch.pmdMask}, dpdk-lcore-mask ${plan.switch.lcoreMask}`]),
    ...plan.nodes.flatMap(({ numaNode, cpus, caches }) => [
      "",
      `node ${numaNode}: CPUs ${cpus}, ${caches.length === 1 ? "one last-level cache" : `last-level caches ${caches.join(" | ")}`}`,
      ...table(plan.assignments.filter((assignment) => assignment.numaNode === numaNode)),
      ...plan.hugepages
        .filter((pages) => pages.numaNode === numaNode)
        .map(
          ({ count, size, uses }) =>
            `  ${count} huge pages of ${size}: ${uses.map((use) => `${use.what} ${use.count}`).join(", ")}`,
        ),
    ]),
    ...memoryAlone(plan),
    ...(plan.advice.length === 0
      ? []
      : ["", "advice", ...plan.advice.map(({ rule, message }) => `  ${rule} ${message}`)]),
    "",
  ].join("\n");
}

function table(assignments: readonly Assignment[]): string[] {
  const rows = assignments.map(({ role, owner, cpus, reason }) => ({
    cpus,
    who: owner === undefined ? role : `${role} ${owner}`,
    reason,
  }));
  const width = (cells: readonly string[]) => Math.max(0, ...cells.map((cell) => cell.length));
  const [cpus, who] = [width(rows.map((row) => row.cpus)), width(rows.map((row) => row.who))];
  return rows.map((row) => `  ${row.cpus.padEnd(cpus)}  ${row.who.padEnd(who)}  ${row.reason}`);
}

/** Huge pages on nodes that have memory and no CPU. */
function memoryAlone({ nodes, hugepages }: CpuPlan): string[] {
  const alone = hugepages.filter(({ numaNode }) => !nodes.some((node) => node.numaNode === numaNode));
  return alone.length === 0
    ? []
    : [
        "",
        ...alone.map(
          ({ numaNode, count, size }) =>
            `node ${numaNode}, memory alone: ${count} huge pages of ${size}, ${(count * bytes(size)) / 2 ** 20} MiB`,
        ),
      ];
}
