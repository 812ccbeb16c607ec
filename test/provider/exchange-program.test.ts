import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exchangeFaults, exchangeFrames } from "../../sdk/measure/exchange.ts";
import { type ExchangeReport, parseExchangeReport } from "../../sdk/observe/exchange.ts";
import { sourceOf } from "../../sdk/provider/traffic-source.ts";

const here = spawnSync("gcc", ["--version"]).status === 0;
const namespaces =
  here && spawnSync("unshare", ["--net", "ip", "link", "add", "ea", "type", "veth"]).status === 0;
const unless = (can: boolean, what: string) => (can ? "" : ` (not tried: needs ${what})`);

let folder: string;
let program: string;

beforeAll(async () => {
  if (!here) return;
  folder = mkdtempSync(join(tmpdir(), "nfvlab-exchange-"));
  const source = Object.entries(await sourceOf("exchange"));
  for (const [name, code] of source) writeFileSync(join(folder, name), code);
  program = join(folder, "nfvlab-exchange");
  const files = source.flatMap(([name]) => (name.endsWith(".c") ? [join(folder, name)] : []));
  execFileSync("gcc", ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", program, ...files]);
}, 120_000);
afterAll(() => {
  if (here) rmSync(folder, { recursive: true });
});

/** Both ends at once; what each reports. */
async function exchanged(
  send: readonly string[],
  answer: readonly string[],
): Promise<{ send: ExchangeReport; answer: ExchangeReport }> {
  const start = (role: string, args: readonly string[]) =>
    spawn(program, [`--role=${role}`, "--idle-us=50", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ends = [start("answer", answer), start("send", send)];
  const [answered = "", sent = ""] = await Promise.all(ends.map(({ stdout }) => text(stdout)));
  return { send: parseExchangeReport(sent), answer: parseExchangeReport(answered) };
}

describe("the exchange program", () => {
  it.skipIf(!here)(
    `takes frames over rings in memory and back, whatever was there before${unless(here, "gcc")}`,
    { timeout: 60_000 },
    async () => {
      const memory = join(folder, "memory");
      writeFileSync(memory, "left over from another run");
      truncateSync(memory, 2 ** 20);
      const args = [`--file=${memory}`, "--count=5000"];
      for (const run of [7, 8]) {
        const counted = await exchanged([...args, `--run=${run}`, "--rate=2500"], [...args, `--run=${run}`]);
        expect(exchangeFrames([counted])).toMatchObject({
          forward: { planned: 5000, sent: 5000, received: 5000, lost: 0, duplicated: 0, reordered: 0 },
          reverse: { planned: 5000, sent: 5000, received: 5000, lost: 0, duplicated: 0, reordered: 0 },
        });
        const { roundTrip, sendingNs } = counted.send;
        expect(counted.send.ended).toBe("complete");
        expect(roundTrip.samples).toBe(5000);
        expect(roundTrip.buckets.reduce((sum, [, count]) => sum + count, 0)).toBe(5000);
        expect(roundTrip.minNs).toBeGreaterThan(0);
        expect(roundTrip.minNs).toBeLessThanOrEqual(roundTrip.maxNs);
        expect(sendingNs).toBeGreaterThan(1.9e9);
      }
    },
  );

  it.skipIf(!namespaces)(
    `takes frames over interfaces of the kernel and back${unless(namespaces, "root and unshare")}`,
    { timeout: 60_000 },
    async () => {
      const [one, other] = ["02:00:00:00:00:01", "02:00:00:00:00:02"];
      // Both ends in one namespace, which goes with the shell: the machine's own has none of it.
      const script = `ip link add ea address ${one} type veth peer name eb address ${other}
        ip link set ea up && ip link set eb up || exit 1
        "$1" --role=answer --interface=${other} --run=9 --count=2000 --frame-size=512 --idle-us=50 &
        "$1" --role=send --interface=${one} --peer=${other} --run=9 --count=2000 --frame-size=512 --idle-us=50 --rate=1000
        wait`;
      const inside = spawn("unshare", ["--net", "sh", "-c", script, "sh", program], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const lines = (await text(inside.stdout)).trim().split("\n");
      const of = (role: string) => lines.find((line) => line.includes(`"role":"${role}"`)) ?? "";
      const counted = { send: parseExchangeReport(of("send")), answer: parseExchangeReport(of("answer")) };
      expect(exchangeFrames([counted])).toMatchObject({
        forward: { sent: 2000, received: 2000, lost: 0 },
        reverse: { sent: 2000, received: 2000, lost: 0 },
      });
      expect(exchangeFaults(counted, 1)).toEqual([]);
    },
  );

  it.skipIf(!here)("says what it does not understand, and that nobody answers", () => {
    const said = (...args: string[]) => {
      const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
      return [status, stderr.trim()];
    };
    expect(said("--role=send", "--run=1")).toEqual([
      64,
      "nfvlab-exchange: expected --role=send or answer, --run, and one of --interface, --device and --file",
    ]);
    expect(said("--role=send", "--run=1", "--interface=02:00:00:00:00")).toEqual([
      64,
      "nfvlab-exchange: --interface: observed 02:00:00:00:00, expected a MAC address",
    ]);
    expect(said("--role=send", "--run=1", "--rate=0", "--device=1048576")).toEqual([
      64,
      "nfvlab-exchange: --rate: observed 0, expected a whole number from 1 to 100000000",
    ]);
    expect(said("--role=sink")).toEqual([
      64,
      "nfvlab-exchange: --role: observed sink, which is none of its words",
    ]);
    expect(said("--role=send", "--run=1", "--device=1048576")).toEqual([
      69,
      "nfvlab-exchange: there are 0 shared-memory devices of 1048576 bytes, and a guest sees no names: give each a size of its own",
    ]);
    const memory = join(folder, "nobody");
    writeFileSync(memory, "");
    truncateSync(memory, 2 ** 20);
    expect(said("--role=send", "--run=1", `--file=${memory}`, "--probe-ms=50")).toEqual([
      75,
      "nfvlab-exchange: nobody answered within 50 ms",
    ]);
  });
});
