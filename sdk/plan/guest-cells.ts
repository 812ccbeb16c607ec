import type { Inputs } from "../schema/definition.ts";
import type { libvirtDomain } from "../schema/libvirt.ts";
import { CpuSet } from "../units/cpuset.ts";
import { exactly } from "../units/size.ts";

/** A NUMA node of a guest, and where it lies. */
export interface PlacedCell {
  readonly vcpus: CpuSet;
  readonly memoryKib: number;
  readonly numaNode: number;
  readonly distances?: readonly number[];
}

/** The NUMA nodes of a guest; one with everything where none are given. */
export function guestCells({
  cells,
  vcpuPins,
  memory,
  numaNode,
}: Pick<Inputs<typeof libvirtDomain>, "cells" | "vcpuPins" | "memory" | "numaNode">): PlacedCell[] {
  if (cells === undefined)
    return [{ vcpus: CpuSet.of([...vcpuPins.keys()]), memoryKib: exactly(memory, "KiB"), numaNode }];
  return cells.map((cell) => ({
    vcpus: CpuSet.parse(cell.vcpus),
    memoryKib: exactly(cell.memory, "KiB"),
    numaNode: cell.numaNode,
    ...(cell.distances !== undefined && { distances: cell.distances }),
  }));
}
