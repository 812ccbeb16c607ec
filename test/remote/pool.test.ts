import { inspect } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TransportPool } from "../../sdk/remote/pool.ts";
import { type Sshd, startSshd } from "./sshd.ts";

let sshd: Sshd;
beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd.stop());

const logins = () => sshd.log().match(/Accepted publickey/g)?.length ?? 0;

test("equal connections share one transport and one login", async () => {
  const pool = new TransportPool();
  const { kind, ...rest } = sshd.connection();
  const before = logins();
  await pool.get(sshd.connection()).run({ argv: ["true"] });
  await pool.get({ ...rest, kind, proxy: undefined }).run({ argv: ["true"] });
  expect(pool.all).toHaveLength(1);
  expect(pool.all[0]?.roundTrips).toBe(2);
  expect(logins() - before).toBe(1);
  await pool.close();
});

test("changed credentials get a transport of their own", () => {
  const pool = new TransportPool();
  const transports = [
    pool.get(sshd.connection()),
    pool.get(sshd.connection({ password: "new" })),
    pool.get(sshd.connection({ proxy: sshd.connection() })),
    pool.get(sshd.connection({ proxy: sshd.connection({ password: "new" }) })),
    pool.get({ kind: "local" }),
    pool.get({ kind: "local", become: true }),
  ];
  expect(new Set(transports).size).toBe(6);
  expect(inspect(pool, { depth: 9, showHidden: true })).not.toContain("PRIVATE KEY");
});

test("close ends every connection, and what is asked for then is a new one", async () => {
  const pool = new TransportPool();
  const first = pool.get(sshd.connection());
  await first.run({ argv: ["true"] });
  await pool.close();
  await expect(first.run({ argv: ["true"] })).rejects.toMatchObject({ code: "closed" });
  const second = pool.get(sshd.connection());
  expect((await second.run({ argv: ["echo", "again"] })).stdout).toBe("again\n");
  await pool.close();
});
