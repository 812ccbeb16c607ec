import type { ObservedPool } from "../observe/hugepages.ts";
import { HostError, InputError, VerificationError } from "../units/errors.ts";
import { exactly } from "../units/size.ts";
import { restorable } from "./restorable.ts";
import { type Step, writeStep } from "./step.ts";

/** The kernel moves memory about to make room, page by page, before it answers: for the last pages of a full node, or thousands of a large one, that takes minutes. */
const GRANT_MS = 600_000;

export interface DesiredPool {
  readonly numaNode: number;
  readonly size: "2MiB" | "1GiB";
  readonly count: number;
}

/**
 * The pool of the desired node and size.
 *
 * @throws InputError `numa-node` where the machine has no such node, `page-size` where the node has no such pages
 */
export function poolOf(
  desired: Pick<DesiredPool, "numaNode" | "size">,
  pools: readonly ObservedPool[],
): ObservedPool {
  const onNode = pools.filter((pool) => pool.numaNode === desired.numaNode);
  if (onNode.length === 0) {
    const nodes = [...new Set(pools.map((pool) => pool.numaNode))];
    throw new InputError({
      code: "numa-node",
      property: "numaNode",
      problem: `the host has no NUMA node ${desired.numaNode} with huge pages`,
      observed: nodes.length === 0 ? "no node" : `nodes ${nodes.join(", ")}`,
      hint: "name one of its nodes",
    });
  }
  const sizeKib = exactly(desired.size, "KiB");
  const pool = onNode.find((candidate) => candidate.sizeKib === sizeKib);
  if (pool === undefined) {
    throw new HostError({
      code: "page-size",
      property: "size",
      problem: `node ${desired.numaNode} has no huge pages of ${desired.size}`,
      observed: onNode.map((candidate) => `${candidate.sizeKib} kB`).join(", "),
      expected: `${sizeKib} kB`,
      hint: "use a size that the CPU has (1GiB needs the flag pdpe1gb)",
    });
  }
  return pool;
}

/** What brings a pool to its count; nothing where it has it. */
export function planHugepages(desired: DesiredPool, pool: ObservedPool): Step[] {
  if (pool.total === desired.count) return [];
  const write = writeStep(
    `set ${desired.count} pages of ${desired.size} on node ${desired.numaNode}, from ${pool.total}`,
    `/sys/devices/system/node/node${desired.numaNode}/hugepages/hugepages-${pool.sizeKib}kB/nr_hugepages`,
    `${desired.count}`,
  );
  return [{ ...write, timeoutMs: GRANT_MS }];
}

/**
 * Refuses a pool that does not have what was asked for. The kernel grants what it can and reports success, so only the count read back tells.
 *
 * @throws VerificationError `partial-allocation`
 */
export function verifyHugepages(desired: DesiredPool, pool: ObservedPool, memoryFreeKib?: number): void {
  if (pool.total === desired.count) return;
  const fewer = pool.total < desired.count;
  const memory =
    memoryFreeKib === undefined ? "" : `; ${Math.floor(memoryFreeKib / 1024)} MiB are free on the node`;
  throw new VerificationError({
    code: "partial-allocation",
    property: "count",
    problem: `node ${desired.numaNode} ${fewer ? "granted fewer" : "keeps more"} pages of ${desired.size} than asked`,
    observed: `${pool.total} (${pool.free} free)`,
    expected: `${desired.count}`,
    hint: fewer
      ? `ask for fewer, free memory on the node, or reserve them at boot${memory}`
      : "pages in use can't be taken back: stop what uses them",
  });
}

/** What delete brings the pool back to, and whether it is somebody else's by now. */
export function restoredCount(
  found: number,
  written: number,
  total: number,
): { readonly target?: number; readonly others: boolean } {
  const only = (count: number) => new Map([["count", `${count}`]]);
  const { target, changedByOthers } = restorable(only(found), only(written), only(total));
  return { ...(target.size > 0 && { target: found }), others: changedByOthers.length > 0 };
}
