import { CpuSet } from "../units/cpuset.ts";
import { contestedLines } from "./cpu-map.ts";
import type { ReportedHost, Role } from "./experiment.ts";
import { ROLES } from "./roles.ts";

/** A machine in words, for those who don't see its drawing. */
export function describeHost(host: ReportedHost): string {
  const guests = host.guests.map(
    ({ name, running, memory, numaNode, vcpuPins }) =>
      `Guest ${name}, ${running ? "running" : "stopped"}: ${memory} on node ${numaNode}, vCPUs on ${vcpuPins.length === 0 ? "no CPU of their own" : `CPUs ${vcpuPins.join(",")}`}.`,
  );
  const bridges = host.bridges.map(({ name, ports }) => {
    const said = ports.map((port) => `${port.name} (${port.kind}, ${port.up ? "up" : "down"})`);
    return `Bridge ${name}: ${said.length === 0 ? "no port" : said.join(", ")}.`;
  });
  return [...guests, ...bridges, describeCpus(host)].join(" ");
}

/** Who has which CPUs, node by node. */
export function describeCpus(host: Pick<ReportedHost, "nodes">): string {
  const nodes = host.nodes.map(({ node, cpus, hugepages }) => {
    const roles = (Object.keys(ROLES) as Role[]).flatMap((role) => {
      const those = CpuSet.of(cpus.filter((cpu) => cpu.role === role).map(({ cpu }) => cpu));
      return those.size === 0 ? [] : [`${ROLES[role].phrase} ${those}`];
    });
    const pages = hugepages.length === 0 ? [] : [`${hugepages.join(", ")} pages`];
    return `Node ${node ?? "not known"}: ${[...roles, ...pages].join("; ")}.`;
  });
  return [...nodes, ...contestedLines(host).map((line) => `${line}.`)].join(" ");
}
