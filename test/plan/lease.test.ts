import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Ledger } from "../../sdk/observe/leases.ts";
import {
  checkLease,
  isStale,
  judge,
  leaseId,
  recordedLeases,
  recordOf,
  requireFree,
  requireNobodyElse,
  requireObtainable,
  requireReadable,
  seenLease,
  takenSince,
  takeOverWords,
} from "../../sdk/plan/lease.ts";
import { holderText, planHolder, planRelease, verifyHolder } from "../../sdk/plan/lease-holder.ts";
import { canonicalParts, isSameParts, partsWords, sharedParts } from "../../sdk/plan/lease-parts.ts";
import { systemdMissing } from "../../sdk/plan/systemd.ts";
import { LeaseParts, LeaseRecord } from "../../sdk/schema/lease.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { ledgerOf, NOW, recordOfLease } from "./lease-ledger.ts";
import { refusalOf } from "./refusal.ts";

const golden = (name: string) => join(import.meta.dirname, "../golden/lease", `${name}.txt`);
const messageOf = (act: () => void) => {
  try {
    act();
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}\n`;
  }
  throw new Error("nothing was refused");
};

const cpus = fc
  .uniqueArray(fc.nat({ max: 11 }), { minLength: 1, maxLength: 6 })
  .map((list) => CpuSet.of(list).format());
const pool = fc.record({
  numaNode: fc.nat({ max: 1 }),
  size: fc.constantFrom("2MiB" as const, "1GiB" as const),
});
const ways = fc.record({
  cache: fc.nat({ max: 1 }),
  mask: fc.integer({ min: 1, max: 0xff }).map((bits) => `0x${bits.toString(16)}`),
});
const anyParts: fc.Arbitrary<LeaseParts> = fc
  .record(
    {
      cpus,
      hugepages: fc.array(pool, { minLength: 1, maxLength: 3 }),
      vfs: fc.array(fc.constantFrom("0000:5e:02.0", "0000:5e:02.1", "0000:d8:0a.3"), {
        minLength: 1,
        maxLength: 3,
      }),
      llcWays: fc.array(ways, { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: [] },
  )
  .filter((parts) => Object.keys(parts).length > 0);

/** Each thing that parts hold, by a name of its own: what sharing means, said another way. */
function atoms({ cpus: list = "", hugepages = [], vfs = [], llcWays = [] }: LeaseParts): Set<string> {
  return new Set([
    ...[...CpuSet.parse(list)].map((cpu) => `cpu ${cpu}`),
    ...hugepages.map(({ numaNode, size }) => `pool ${numaNode} ${size}`),
    ...vfs,
    ...llcWays.flatMap(({ cache, mask }) =>
      Array.from({ length: 64 }, (_, bit) => bit)
        .filter((bit) => (BigInt(mask) >> BigInt(bit)) & 1n)
        .map((bit) => `way ${cache} ${bit}`),
    ),
  ]);
}

describe("parts of a machine", () => {
  it("share what is in both, whoever is asked first", () => {
    fc.assert(
      fc.property(anyParts, anyParts, (a, b) => {
        const inBoth = [...atoms(a)].filter((atom) => atoms(b).has(atom));
        expect([...atoms(sharedParts(a, b) ?? {})].sort()).toEqual(inBoth.sort());
        expect(sharedParts(a, b)).toEqual(sharedParts(b, a));
      }),
    );
  });

  it("are the same in any spelling, and in one spelling where they are the same", () => {
    fc.assert(
      fc.property(anyParts, anyParts, (a, b) => {
        const same = [...atoms(a)].sort().join() === [...atoms(b)].sort().join();
        expect(isSameParts(a, b)).toBe(same);
        expect(canonicalParts(canonicalParts(a))).toEqual(canonicalParts(a));
        expect(LeaseParts.safeParse(canonicalParts(a)).success).toBe(true);
      }),
    );
  });

  it("are told in words", () => {
    expect(
      partsWords({
        cpus: "3,2,6",
        hugepages: [
          { numaNode: 1, size: "1GiB" },
          { numaNode: 0, size: "2MiB" },
          { numaNode: 1, size: "1GiB" },
        ],
        vfs: ["0000:5e:02.1"],
        llcWays: [{ cache: 0, mask: "0x0f0" }],
      }),
    ).toBe("CPUs 2-3,6, 2MiB pages of node 0, 1GiB pages of node 1, VF 0000:5e:02.1, ways 0xf0 of cache 0");
    expect(partsWords({ cpus: "7" })).toBe("CPU 7");
  });

  it.each([
    [{}, "observed no part, expected cpus, hugepages, vfs or llcWays"],
    [{ hugepages: [] }, "observed no pool, expected at least one"],
    [
      { llcWays: [{ cache: 0, mask: "0x0" }] },
      'observed "0x0", expected a mask of cache ways, not empty, for instance "0xf0"',
    ],
    [
      { llcWays: [{ cache: 0, mask: "f0" }] },
      'observed "f0", expected a mask of cache ways, not empty, for instance "0xf0"',
    ],
  ])("that are none are refused: %j", (parts, sentence) => {
    expect(
      LeaseParts.safeParse(parts, { reportInput: true }).error?.issues.map(({ message }) => message),
    ).toEqual([sentence]);
  });
});

describe("any sequence of claims, releases, renewals and deaths", () => {
  const ids = ["a", "a-too", "b", "c", "d"];
  const stackOf = (id: string) => id.slice(0, 1);
  const event = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("claim" as const),
        id: fc.constantFrom(...ids),
        parts: anyParts,
      }),
    },
    fc.record({ kind: fc.constantFrom("release" as const, "kill" as const), id: fc.constantFrom(...ids) }),
    fc.record({ kind: fc.constant("wait" as const), seconds: fc.integer({ min: 1, max: 900 }) }),
  );

  it("leaves leases that share nothing, and takes none from a holder that runs or a term that runs", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let ledger = ledgerOf({});
        for (const each of events) {
          if (each.kind === "wait") ledger = later(ledger, each.seconds);
          else if (each.kind === "claim") ledger = claimed(ledger, each.id, each.parts);
          else if (each.kind === "release") ledger = without(ledger, [each.id]);
          else
            ledger = {
              ...ledger,
              holders: new Map(ledger.holders).set(each.id, { text: "", running: false }),
            };
          const standing = recordedLeases(ledger);
          for (const one of standing)
            for (const other of standing)
              if (stackOf(one.id) !== stackOf(other.id))
                expect(sharedParts(one.record.parts, other.record.parts)).toBeUndefined();
        }
      }),
    );
  });

  function claimed(ledger: Ledger, id: string, parts: LeaseParts): Ledger {
    const { owner } = recordOfLease(stackOf(id), parts);
    const claim = { id, owner, parts, term: "10min" as const };
    const judgement = judge(claim, ledger);
    for (const { lease } of judgement.stale) {
      expect(ledger.holders.get(lease.id)?.running).not.toBe(true);
      expect(lease.renewedAt + 600).toBeLessThanOrEqual(ledger.now);
    }
    if (judgement.standing.length > 0) {
      expect(() => requireFree(judgement, ledger, "dut")).toThrow("others have leased");
      return ledger;
    }
    requireFree(judgement, ledger, "dut");
    const rest = without(ledger, [id, ...judgement.stale.map(({ lease }) => lease.id)]);
    return {
      ...rest,
      leases: [...rest.leases, { id, sha256: "", renewedAt: ledger.now, record: recordOf(claim, ledger) }],
      holders: new Map(rest.holders).set(id, { text: "", running: true }),
    };
  }

  function without(ledger: Ledger, gone: readonly string[]): Ledger {
    return { ...ledger, leases: ledger.leases.filter(({ id }) => !gone.includes(id)) };
  }

  /** Time passes, and those that run renew. */
  function later(ledger: Ledger, seconds: number): Ledger {
    const now = ledger.now + seconds;
    const leases = ledger.leases.map((lease) =>
      ledger.holders.get(lease.id)?.running === true ? { ...lease, renewedAt: now } : lease,
    );
    return { ...ledger, now, leases };
  }
});

describe("a lease", () => {
  it("stands against every other stack, one of the same name elsewhere too, and not against its own", () => {
    const mine = recordOfLease("ada", { cpus: "2-3" });
    const ledger = ledgerOf({ a: { record: mine, renewed: 1, running: true } });
    const standing = (change: object) =>
      judge({ id: "b", owner: { ...mine.owner, ...change }, parts: { cpus: "3" } }, ledger).standing.length;
    expect(standing({ resource: "another" })).toBe(0);
    for (const change of [{ stack: "bob" }, { project: "other" }, { origin: "ada@desk:/elsewhere" }])
      expect(standing(change)).toBe(1);
  });

  const record = recordOfLease("ada", { cpus: "2-3" });
  it.each([
    [599, false, false],
    [600, false, true],
    [600, true, false],
    [1e6, true, false],
    [-3600, false, false], // the clock was set back
  ])("renewed %d s ago, its holder running: %s; stale: %s", (renewed, running, stale) => {
    const ledger = ledgerOf({ a: { record, renewed, running } });
    expect(isStale(recordedLeases(ledger)[0]!, ledger)).toBe(stale);
  });

  it("stands in a preview against every stack of another name, and against none of its own, wherever that was brought up", () => {
    const held = (stack: string) => ({
      record: recordOfLease(stack, { cpus: "2-3" }),
      renewed: 1,
      running: true,
    });
    const ledger = ledgerOf({ one: held("ada") });
    const want =
      (parts: LeaseParts, stack: string, project = "vnf") =>
      () =>
        requireObtainable(parts, { project, stack }, ledger, "dut");
    expect(want({ cpus: "3-4" }, "bob")).toThrow(
      /^wanted: others have leased parts of dut.*observed CPU 3 leased/,
    );
    expect(want({ cpus: "3-4" }, "ada", "other")).toThrow("others have leased");
    expect(want({ cpus: "3-4" }, "ada")).not.toThrow();
    expect(want({ cpus: "4" }, "bob")).not.toThrow();
    const expired = { ...held("ada"), renewed: 601, running: false };
    expect(() =>
      requireObtainable({ cpus: "3" }, { project: "vnf", stack: "bob" }, ledgerOf({ one: expired }), "dut"),
    ).not.toThrow();
  });

  it("without any service is one whose holder does not run", () => {
    const ledger = { ...ledgerOf({ a: { record, renewed: 600, running: true } }), holders: new Map() };
    expect(isStale(recordedLeases(ledger)[0]!, ledger)).toBe(true);
  });

  it("that goes on keeps its beginning, and a new one begins now", () => {
    const claim = { id: "a", owner: record.owner, parts: { cpus: "3,2,4" }, term: "1h" as const };
    expect(recordOf(claim, ledgerOf({ a: { record, renewed: 5, running: true } }))).toEqual({
      ...record,
      term: "1h",
      parts: { cpus: "2-4" },
    });
    expect(recordOf(claim, ledgerOf({})).since).toBe("2025-11-21T17:00:00Z");
  });

  it("has an id by resource and origin: two stacks of one name are two", () => {
    const urn = "urn:pulumi:dev::nfvlab::nfvlab:host:Lease::dut-lease";
    expect(leaseId(urn, "ada@desk:/a")).toMatch(/^[0-9a-f]{12}$/);
    expect(leaseId(urn, "ada@desk:/a")).not.toBe(leaseId(urn, "bob@desk:/a"));
    expect(leaseId(urn, "ada@desk:/a")).toBe(leaseId(urn, "ada@desk:/a"));
  });

  it.each(["2s", "1500ms", "25h"] as const)("of %s is refused", (term) =>
    expect(refusalOf(() => checkLease({ term }))).toBe(
      `term: not a time after which a lease may end: observed ${term}, expected whole seconds, 3s to 24h`,
    ),
  );
  it.each(["3s", "24h", "3000ms"] as const)("of %s is none too short or long", (term) =>
    checkLease({ term }),
  );

  it("is written as the parser reads it", () => {
    fc.assert(
      fc.property(anyParts, fc.string(), (parts, name) => {
        const owner = { project: name, stack: name, resource: name, origin: name };
        const written = recordOf({ id: "a", owner, parts, term: "90s" }, ledgerOf({}));
        expect(LeaseRecord.parse(JSON.parse(JSON.stringify(written)))).toEqual(written);
      }),
    );
  });
});

describe("what is said", () => {
  const ledger = ledgerOf({
    "0a0a0a0a0a0a": {
      record: recordOfLease("ada", { cpus: "2-5", hugepages: [{ numaNode: 0, size: "1GiB" }] }),
      renewed: 100,
      running: true,
    },
    "0b0b0b0b0b0b": {
      record: recordOfLease("bob", { cpus: "8-9", vfs: ["0000:5e:02.0"] }),
      renewed: 100,
      running: false,
    },
    "0c0c0c0c0c0c": { record: recordOfLease("cleo", { cpus: "12" }), renewed: 4000, running: false },
  });
  const { owner } = recordOfLease("dora", {});
  const wanted = { cpus: "4-12", hugepages: [{ numaNode: 0, size: "1GiB" as const }], vfs: ["0000:5e:02.0"] };
  const state = {
    host: { name: "dut", connection: { kind: "local" as const } },
    ...{ parts: wanted, lease: "0d0d0d0d0d0d", holder: "nfvlab-lease-0d0d0d0d0d0d.service" },
    ...{ since: "2025-11-21T15:00:00Z", held: true },
  };

  it("of a claim that others stand against: all at once", async () => {
    const judgement = judge({ id: "0d0d0d0d0d0d", owner, parts: wanted }, ledger);
    await expect(messageOf(() => requireFree(judgement, ledger, "dut"))).toMatchFileSnapshot(
      golden("locked"),
    );
  });

  it("of a reboot while others have leases that stand", async () => {
    const said = messageOf(() => requireNobodyElse(owner, ledger, "dut"));
    await expect(said).toMatchFileSnapshot(golden("reboot"));
    const alone = ledgerOf({
      a: { record: { ...recordOfLease("dora", { cpus: "2" }) }, renewed: 1, running: true },
      c: { record: recordOfLease("cleo", { cpus: "12" }), renewed: 4000, running: false },
    });
    requireNobodyElse(owner, alone, "dut");
    expect(
      messageOf(() => requireNobodyElse({ ...owner, origin: "dora@ci:/build/7" }, alone, "dut")),
    ).toContain(
      "; one that this very stack took from another folder is its own again once its term is changed",
    );
  });

  it("of a claim that takes over", async () => {
    const { standing, stale } = judge({ id: "0d0d0d0d0d0d", owner, parts: { cpus: "11-13" } }, ledger);
    expect(standing).toEqual([]);
    await expect(`${stale.map(takeOverWords).join("\n")}\n`).toMatchFileSnapshot(golden("taken-over"));
  });

  it("of a lease that is gone", async () => {
    const nobody = seenLease({ ...state, parts: { cpus: "14" } }, owner, ledger, "dut");
    const others = seenLease(state, owner, ledger, "dut");
    expect([nobody.state.held, others.state.held]).toEqual([false, false]);
    expect(others.state.parts).toBe(wanted);
    await expect(`${nobody.complaint}\n${others.complaint}\n`).toMatchFileSnapshot(golden("gone"));
    expect(takenSince(state, owner, ledger)).toHaveLength(3);
    expect(takenSince({ ...state, lease: "0a0a0a0a0a0a" }, owner, ledger)).toEqual([]);
  });

  it("of a lease whose holder died", async () => {
    const bobs = seenLease(
      { ...state, lease: "0b0b0b0b0b0b", parts: { cpus: "9,8", vfs: ["0000:5e:02.0"] } },
      owner,
      ledger,
      "dut",
    );
    const cleos = seenLease({ ...state, lease: "0c0c0c0c0c0c", parts: { cpus: "12" } }, owner, ledger, "dut");
    expect(bobs.state).toMatchObject({ held: false, parts: { cpus: "9,8" }, since: "2025-11-21T16:00:00Z" });
    await expect(`${bobs.complaint}\n${cleos.complaint}\n`).toMatchFileSnapshot(golden("unheld"));
  });

  it("of a lease that stands: nothing, and what somebody made of its file", () => {
    const adas = seenLease(
      { ...state, lease: "0a0a0a0a0a0a", parts: { cpus: "2" }, term: "600s" },
      owner,
      ledger,
      "dut",
    );
    expect(adas).toEqual({
      state: {
        parts: { cpus: "2-5", hugepages: [{ numaNode: 0, size: "1GiB" }] },
        term: "600s",
        since: "2025-11-21T16:00:00Z",
        held: true,
      },
    });
  });

  it("of a machine that can't lease", async () => {
    const broken = { ...ledger, leases: [{ id: "by-hand", sha256: "", renewedAt: NOW }] };
    const unheld = { ...ledger, holders: new Map([["0a0a0a0a0a0a", { text: "", running: false }]]) };
    const sentences = [
      messageOf(() => requireReadable(broken, "dut")),
      messageOf(() => {
        throw systemdMissing(
          "dut",
          "keep a lease alive",
          "lease parts of a machine that systemd runs, or go without: lease: false",
        );
      }),
      messageOf(() => verifyHolder("0a0a0a0a0a0a", unheld, "dut")),
      messageOf(() => verifyHolder("0e0e0e0e0e0e", unheld, "dut")),
    ];
    await expect(sentences.join("")).toMatchFileSnapshot(golden("unfit"));
  });
});

describe("the service that holds a lease", () => {
  const record = recordOfLease("ada", { cpus: "2-3" }, "30s");
  const text = holderText("0a0a0a0a0a0a", record);

  it("renews three times a term, and does not come back by itself from being killed", async () => {
    await expect(text).toMatchFileSnapshot(golden("holder"));
  });

  it("is one unit whatever its owner is called", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 8 }), (name) => {
        const owner = {
          project: name,
          stack: `${name}\\`,
          resource: `\n[Service]\nExecStart=${name}`,
          origin: "",
        };
        const named = holderText("0a0a0a0a0a0a", { ...record, owner }).split("\n");
        const plain = text.split("\n");
        expect(named.filter((line) => !line.startsWith("Description="))).toEqual(
          plain.filter((line) => !line.startsWith("Description=")),
        );
        const [description = ""] = named.filter((line) => line.startsWith("Description="));
        expect(description.replaceAll("%%", "")).toMatch(/^[\x20-\x24\x26-\x5b\x5d-\x7e]*$/);
      }),
    );
  });

  it("is left alone where it is right, and made anew where it is not", () => {
    expect(planHolder("0a0a0a0a0a0a", record, { text, running: true })).toEqual([]);
    for (const found of [undefined, { text, running: false }, { text: `${text}#\n`, running: true }])
      expect(planHolder("0a0a0a0a0a0a", record, found).at(-1)?.argv).toEqual([
        "systemctl",
        "restart",
        "nfvlab-lease-0a0a0a0a0a0a.service",
      ]);
  });

  it("goes with its lease, and nothing is asked of systemd where there is none", () => {
    const gone = planRelease("0e0e0e0e0e0e", ledgerOf({}));
    expect(gone.map(({ argv }) => argv)).toEqual([["rm", "-f", "/var/lib/nfvlab/leases/0e0e0e0e0e0e.json"]]);
    const held = planRelease(
      "0a0a0a0a0a0a",
      ledgerOf({ "0a0a0a0a0a0a": { record, renewed: 1, running: true } }),
    );
    expect(held.map(({ purpose }) => purpose)).toEqual([
      "remove /var/lib/nfvlab/leases/0a0a0a0a0a0a.json",
      "remove nfvlab-lease-0a0a0a0a0a0a.service",
    ]);
  });
});
