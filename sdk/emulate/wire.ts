import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostError } from "../units/errors.ts";
import type { WireEnd } from "./machine.ts";
import { withLock } from "./owned-lock.ts";

/** A wire as its file in the stack's folder has it: a TCP port of loopback, on which the first server listens and to which the second one connects. */
interface Wire {
  readonly port: number;
  readonly servers: readonly string[];
}

const FILE = /^wire-(.+)\.json$/;

/**
 * Gives a server its end of a wire: the first that asks listens, the second connects, whichever of the two starts first. The same server gets the same end again.
 *
 * @throws HostError `wire-taken` where two other servers are on it
 */
export async function joinWire(
  stack: string,
  name: string,
  server: string,
  freePort: () => Promise<number>,
): Promise<WireEnd> {
  return withLock(join(stack, "wires.lock"), async () => {
    const wire = (await readWire(stack, name)) ?? { port: await freePort(), servers: [] };
    const servers = wire.servers.includes(server) ? wire.servers : [...wire.servers, server];
    if (servers.length > 2) {
      throw new HostError({
        code: "wire-taken",
        property: "wire",
        problem: `the wire ${name} has two ends, and both are in use`,
        observed: servers.join(", "),
        expected: "two servers of a stack that name the same wire",
      });
    }
    await writeWire(stack, name, { ...wire, servers });
    return { port: wire.port, listens: servers[0] === server };
  });
}

/** Takes a server off all wires; a wire without servers is gone. */
export async function leaveWires(stack: string, server: string): Promise<void> {
  const files = await readdir(stack).catch((): string[] => []);
  const names = files.flatMap((file) => FILE.exec(file)?.[1] ?? []);
  if (names.length === 0) return;
  await withLock(join(stack, "wires.lock"), async () => {
    for (const name of names) {
      const wire = await readWire(stack, name);
      if (wire?.servers.includes(server) !== true) continue;
      const servers = wire.servers.filter((other) => other !== server);
      if (servers.length === 0) await rm(fileOf(stack, name), { force: true });
      else await writeWire(stack, name, { ...wire, servers });
    }
  });
}

async function readWire(stack: string, name: string): Promise<Wire | undefined> {
  const text = await readFile(fileOf(stack, name), "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Wire);
}

async function writeWire(stack: string, name: string, wire: Wire): Promise<void> {
  await writeFile(`${fileOf(stack, name)}.part`, JSON.stringify(wire), { mode: 0o600 });
  await rename(`${fileOf(stack, name)}.part`, fileOf(stack, name));
}

function fileOf(stack: string, name: string): string {
  return join(stack, `wire-${name}.json`);
}
