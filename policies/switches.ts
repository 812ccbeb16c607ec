import type { PolicyResource } from "@pulumi/policy";
import { bytes } from "../sdk/units/size.ts";
import { type CpuClaim, cpus, type Know, type MemoryDemand, where } from "./claims.ts";
import { keys, type Reading, text, UNKNOWN } from "./property.ts";

export interface Switch {
  readonly resource: PolicyResource;
  readonly pmd: CpuClaim | undefined;
  /** Bytes by NUMA node; undefined where the daemon takes memory as it needs it. */
  readonly socketMemory: ReadonlyMap<number, Reading<number>> | undefined;
}

export function switchFrom(daemon: PolicyResource, know: Know): Switch {
  const [pmd] = cpus(know, daemon, "pmd", ["pmdCpus"], "the poll-mode threads", "switch");
  const nodes = know(daemon, "memory", ["socketMemory"], keys(daemon, "socketMemory"));
  const socketMemory = nodes?.map((node) => {
    const size = know(daemon, "memory", ["socketMemory", node], text(daemon, "socketMemory", node));
    return [Number(node), size === undefined ? UNKNOWN : bytes(size)] as const;
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
