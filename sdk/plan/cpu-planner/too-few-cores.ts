import type { Finding } from "./finding.ts";

/** One core, two cores. */
export const coreCount = (count: number): string => (count === 1 ? "one core" : `${count} cores`);

/** What to say where a role finds no room. */
export function tooFew(
  property: string,
  who: string,
  numaNode: number | undefined,
  needed: number,
  free: number,
  threads: number | undefined = 1,
): Finding {
  const unit = threads === undefined ? "CPU" : "physical core";
  return {
    rule: "cores",
    severity: "error",
    property,
    problem: `${who} finds too few ${unit}s on ${numaNode === undefined ? "any node" : `node ${numaNode}`}`,
    observed: `${free} free${threads !== undefined && threads > 1 ? ` with ${threads} hardware threads` : ""}`,
    expected: `${needed}`,
    hint: "ask for fewer, name another node, or take CPUs from another role",
  };
}
