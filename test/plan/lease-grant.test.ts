import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Ledger, leaseLedger } from "../../sdk/observe/leases.ts";
import { judge, recordOf } from "../../sdk/plan/lease.ts";
import { grantStep, LEDGER_CHANGED } from "../../sdk/plan/lease-holder.ts";
import { sharedParts } from "../../sdk/plan/lease-parts.ts";
import { LEASE_FOLDER, type LeaseParts } from "../../sdk/schema/lease.ts";
import { eventually } from "../remote/sshd.ts";
import { recordOfLease } from "./lease-ledger.ts";

// The scripts as a machine runs them, on a folder of their own, by processes that know nothing of one another.
describe("the leases of a machine", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "nfvlab-leases-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const start = (argv: readonly string[]) => {
    const [program = "", ...args] = argv.map((word) => (word === LEASE_FOLDER ? folder : word));
    return spawn(program, args, { env: { ...process.env, LC_ALL: "C" }, stdio: ["pipe", "pipe", "pipe"] });
  };
  const run = async (argv: readonly string[], stdin = "") => {
    const child = start(argv);
    child.stdin?.on("error", () => undefined).end(stdin); // who asks for nothing may have ended
    return ended(child);
  };
  const look = async (): Promise<Ledger> => {
    const { ask, parse } = leaseLedger;
    if (ask.kind !== "command") throw new Error("not a command");
    return parse(await run(ask.argv));
  };

  /** One try, as the provider makes them. */
  const attempt = async (id: string, parts: LeaseParts, ledger: Ledger) => {
    const { owner } = recordOfLease(id, parts);
    const { standing, stale } = judge({ id, owner, parts }, ledger);
    if (standing.length > 0) return "refused";
    const record = recordOf({ id, owner, parts, term: "10min" }, ledger);
    const step = grantStep(
      id,
      record,
      ledger,
      stale.map(({ lease }) => lease),
    );
    const { code, stderr } = await run(step.argv, step.stdin);
    if (code !== 0 && code !== LEDGER_CHANGED) throw new Error(`exit code ${code}: ${stderr}`);
    return code === 0 ? "granted" : "changed";
  };
  const claim = async (id: string, parts: LeaseParts): Promise<"granted" | "refused"> => {
    for (;;) {
      const outcome = await attempt(id, parts, await look());
      if (outcome !== "changed") return outcome;
    }
  };
  const ids = Array.from({ length: 20 }, (_, index) => index.toString(16).padStart(12, "0"));

  it("go to one of twenty that want the same at once", async () => {
    const outcomes = await Promise.all(ids.map((id, index) => claim(id, { cpus: `1,${index + 2}` })));
    expect(outcomes.filter((outcome) => outcome === "granted")).toHaveLength(1);
    const { leases } = await look();
    expect(leases.map(({ id }) => id)).toEqual([ids[outcomes.indexOf("granted")]]);
    expect(readdirSync(folder).sort()).toEqual([`${leases[0]?.id}.json`]);
  });

  it("go to one even where all twenty have looked before anybody wrote", async () => {
    const empty = await look();
    const outcomes = await Promise.all(ids.map((id) => attempt(id, { vfs: ["0000:5e:02.0"] }, empty)));
    expect(outcomes.filter((outcome) => outcome === "granted")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "changed")).toHaveLength(19);
  });

  it("go to all eight that want what nobody else wants", async () => {
    const eight = ids.slice(0, 8);
    const outcomes = await Promise.all(eight.map((id, index) => claim(id, { cpus: `${index}` })));
    expect(outcomes).toEqual(eight.map(() => "granted"));
    expect((await look()).leases.map(({ id }) => id)).toEqual(eight);
  });

  it("that stand share nothing, whoever wants what", async () => {
    const parts = ids.map((_, index) => ({ cpus: `${index % 7}-${(index % 7) + (index % 3)}` }));
    const outcomes = await Promise.all(ids.map((id, index) => claim(id, parts[index]!)));
    const granted = parts.filter((_, index) => outcomes[index] === "granted");
    expect(granted.length).toBeGreaterThan(1);
    for (const [index, one] of granted.entries())
      for (const other of granted.slice(index + 1)) expect(sharedParts(one, other)).toBeUndefined();
    expect((await look()).leases).toHaveLength(granted.length);
  });

  it("that are stale are taken over by one of twenty, and are gone", async () => {
    await claim("ffffffffffff", { cpus: "4-7" });
    expire("ffffffffffff");
    const outcomes = await Promise.all(ids.map((id) => claim(id, { cpus: "5" })));
    expect(outcomes.filter((outcome) => outcome === "granted")).toHaveLength(1);
    expect((await look()).leases.map(({ id }) => id)).not.toContain("ffffffffffff");
  });

  it("that were renewed since they were found stale are not taken", async () => {
    await claim("ffffffffffff", { cpus: "4-7" });
    expire("ffffffffffff");
    const seen = await look();
    utimesSync(join(folder, "ffffffffffff.json"), new Date(), new Date());
    expect(await attempt(ids[0]!, { cpus: "5" }, seen)).toBe("changed");
    expect(await claim(ids[0]!, { cpus: "5" })).toBe("refused");
    expect((await look()).leases.map(({ id }) => id)).toEqual(["ffffffffffff"]);
  });

  it("change whole: to more, to less, and not at all where somebody has a part of it", async () => {
    await claim(ids[0]!, { cpus: "2-3" });
    await claim(ids[1]!, { cpus: "6" });
    expect(await claim(ids[0]!, { cpus: "2-5" })).toBe("granted");
    expect(await claim(ids[0]!, { cpus: "2-6" })).toBe("refused");
    const partsOf = async (id: string) =>
      (await look()).leases.find((lease) => lease.id === id)?.record?.parts;
    expect(await partsOf(ids[0]!)).toEqual({ cpus: "2-5" });
    expect(await claim(ids[0]!, { cpus: "2" })).toBe("granted");
    expect(await claim(ids[1]!, { cpus: "3-6" })).toBe("granted");
  });

  it("are not held up by a grant that gets no text, nor torn by one that is killed", async () => {
    const step = grantStep(ids[0]!, recordOfLease("ada", { cpus: "1" }), await look(), []);
    const hanging = start(step.argv);
    expect(await claim(ids[1]!, { cpus: "1" })).toBe("granted");
    hanging.kill("SIGKILL");
    await ended(hanging);
    expect((await look()).leases.map(({ id }) => id)).toEqual([ids[1]]);
  });

  it("wait for a lock that somebody has, and get it when its owner is killed", async () => {
    const keeper = spawn("sh", ["-c", `exec 9< "$1"; flock 9; touch "$1/held"; exec sleep 60`, "sh", folder]);
    await eventually("the lock is held", () => existsSync(join(folder, "held")));
    const waiting = claim(ids[0]!, { cpus: "1" });
    await sleep(300);
    expect((await look()).leases).toEqual([]);
    keeper.kill("SIGKILL");
    expect(await waiting).toBe("granted");
  });

  it("beside a file that is none: it is seen as what nobody can read", async () => {
    writeFileSync(join(folder, "by hand.json"), "cpus 2-3");
    await claim(ids[0]!, { cpus: "1" });
    const { leases } = await look();
    expect(leases.map(({ id, record }) => [id, record === undefined])).toEqual([
      [ids[0], false],
      ["by hand", true],
    ]);
  });

  it("are written for everybody to read", async () => {
    await claim(ids[0]!, { cpus: "1" });
    expect(
      (await run(["stat", "-c", "%a", LEASE_FOLDER.concat(`/${ids[0]}.json`).replace(LEASE_FOLDER, folder)]))
        .stdout,
    ).toBe("644\n");
  });

  function expire(id: string): void {
    const before = new Date(Date.now() - 11 * 60_000);
    utimesSync(join(folder, `${id}.json`), before, before);
  }
});

function ended(child: ChildProcess): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ["", ""];
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("utf8");
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code: code ?? -1, stdout, stderr })));
}
