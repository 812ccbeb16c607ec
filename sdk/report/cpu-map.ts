import type { ReportedHost } from "./experiment.ts";
import { ROLES } from "./roles.ts";
import { wrap } from "./wrap.ts";

const INDENT = "    ";

/** A line for each CPU that several claim for themselves: `CPU 2 is claimed by housekeeping and poll-mode thread`. */
export function contestedLines({ nodes }: Pick<ReportedHost, "nodes">): string[] {
  return nodes.flatMap(({ cpus }) =>
    cpus.flatMap(({ cpu, contenders }) =>
      contenders === undefined ? [] : [`CPU ${cpu} is claimed by ${contenders.join(" and ")}`],
    ),
  );
}

/** A machine's CPUs as text, a line a NUMA node: `2P 3V`, with `!` behind one that several claim for themselves. Below it what the letters mean. */
export function cpuMapLines({ nodes }: Pick<ReportedHost, "nodes">): string[] {
  const roles = Object.values(ROLES).filter(({ letter }) => letter !== "?");
  const contested = contestedLines({ nodes });
  const legend = roles.map(({ letter, phrase }) => `${letter} ${phrase}`).join("   ");
  return [
    ...nodes.flatMap(({ node, cpus, hugepages }) => {
      const map = cpus.map(
        ({ cpu, role, contenders }) => `${cpu}${ROLES[role].letter}${contenders === undefined ? "" : "!"}`,
      );
      const [first = "", ...others] = wrap(map.join(" "), INDENT.repeat(3).length);
      const pages = hugepages.length === 0 ? "" : `   ${hugepages.join(", ")}`;
      return [`${`${INDENT}node ${node ?? "?"}`.padEnd(13)}${first.trim()}${pages}`, ...others];
    }),
    `             ${legend}${contested.length > 0 ? "   ! contested" : ""}`,
    ...contested.flatMap((line) => wrap(line, INDENT.length)),
  ];
}
