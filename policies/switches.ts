import type { PolicyResource } from "@pulumi/policy";
import { bytes } from "../sdk/units/size.ts";
import { type CpuClaim, cpus, type Know, type MemoryDemand, where } from "./claims.ts";
import { keys, type Reading, text, UNKNOWN } from "./property.ts";

export interface Switch {
  readonly resource: PolicyResource;
  readonly pmd: CpuClaim | undefined;
  /** Bytes by NUMA node that it may take, as far as it says; undefined where the daemon takes memory as it needs it. */
  readonly socketMemory: ReadonlyMap<number, Reading<number>> | undefined;
}

export function switchFrom(daemon: PolicyResource, know: Know): Switch {
  const [pmd] = cpus(know, daemon, "pmd", ["pmdCpus"], "the poll-mode threads", "switch");
  const taken = (property: "socketMemory" | "socketLimit", node: string) => {
    const size = know(daemon, "memory", [property, node], text(daemon, property, node));
    return size === undefined ? UNKNOWN : bytes(size);
  };
  const limited = know(daemon, "memory", ["socketLimit"], keys(daemon, "socketLimit"));
  const nodes = know(daemon, "memory", ["socketMemory"], keys(daemon, "socketMemory"));
  const socketMemory = nodes?.map((node) => {
    const [start, most] = [
      taken("socketMemory", node),
      limited?.includes(node) ? taken("socketLimit", node) : 0,
    ];
    const isKnown = typeof start === "number" && typeof most === "number";
    return [Number(node), isKnown ? Math.max(start, most) : UNKNOWN] as const;
  });
  return { resource: daemon, pmd, socketMemory: socketMemory && new Map(socketMemory) };
}

export function switchDemand(daemon: PolicyResource, socketMemory: Switch["socketMemory"]): MemoryDemand[] {
  return [...(socketMemory ?? [])].flatMap(([numaNode, amount]) =>
    typeof amount === "number"
      ? [
          {
            ...where(daemon, ["socketMemory", String(numaNode)]),
            bytes: amount,
            numaNode,
            holder: "the switch",
          },
        ]
      : [],
  );
}
