import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ObservedPool } from "../../sdk/observe/hugepages.ts";
import { planHugepages, poolOf, restoredCount, verifyHugepages } from "../../sdk/plan/hugepages.ts";
import { HostError, InputError, VerificationError } from "../../sdk/units/errors.ts";

const pool = (total: number): ObservedPool => ({
  numaNode: 0,
  sizeKib: 2048,
  total,
  free: total,
  surplus: 0,
});
const wanted = (count: number) => ({ numaNode: 0, size: "2MiB" as const, count });
const counts = fc.integer({ min: 0, max: 1e6 });

describe("planHugepages", () => {
  it("does nothing where the pool is as wanted", () => {
    fc.assert(fc.property(counts, (count) => planHugepages(wanted(count), pool(count)).length === 0));
  });

  it("brings any pool to any count, and back", () => {
    const apply = (start: ObservedPool, count: number) =>
      planHugepages(wanted(count), start).reduce(
        (state, { stdin }) => ({ ...state, total: Number(stdin) }),
        start,
      );
    fc.assert(
      fc.property(counts, counts, (before, after) => {
        const changed = apply(pool(before), after);
        expect(changed.total).toBe(after);
        expect(apply(changed, before).total).toBe(before);
      }),
    );
  });

  it("writes one file of the node", () => {
    expect(planHugepages(wanted(4), pool(0))).toEqual([
      {
        purpose: "set 4 pages of 2MiB on node 0, from 0",
        argv: ["tee", "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"],
        stdin: "4",
        timeoutMs: 600_000,
      },
    ]);
  });

  it("refuses a node and a size that are not there", () => {
    expect(() => poolOf({ numaNode: 3, size: "2MiB" }, [pool(0)])).toThrow(InputError);
    expect(() => poolOf({ numaNode: 0, size: "1GiB" }, [pool(0)])).toThrow(HostError);
  });

  it("goes back to what was found, but not over another's count", () => {
    fc.assert(
      fc.property(counts, counts, counts, (found, written, total) => {
        const { target, others } = restoredCount(found, written, total);
        expect(target).toBe(total === written && total !== found ? found : undefined);
        expect(others).toBe(total !== written && total !== found);
      }),
    );
  });

  it("finds a partial grant", () => {
    expect(() => verifyHugepages(wanted(9000), pool(1113))).toThrowErrorMatchingInlineSnapshot(
      `[VerificationError: count: node 0 granted fewer pages of 2MiB than asked: observed 1113 (1113 free), expected 9000; ask for fewer, free memory on the node, or reserve them at boot]`,
    );
    expect(() => verifyHugepages(wanted(2), pool(7))).toThrow(VerificationError);
  });
});
