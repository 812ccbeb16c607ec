import { inUnit, stopUnit, unitOf } from "../plan/benchmarks.ts";
import { HostError } from "../units/errors.ts";
import type { Host, Operation } from "./handler.ts";
import { type RawOutputs, runKept } from "./raw-outputs.ts";

/** A program of a machine, as a unit that ends by itself. */
export interface UnitProgram {
  readonly argv: readonly [string, ...string[]];
  /** Properties of its unit. */
  readonly properties?: readonly string[];
  /** How long it may take, s. */
  readonly seconds: number;
  /** How long it may take to end once it is told to, s. Default 60. */
  readonly endSeconds?: number;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program as the unit of a benchmark. What is left of an earlier run ends first; a program that is given up ends with its unit. */
export async function runUnit(
  { signal, tag }: Operation,
  host: Host,
  name: string,
  { argv, properties, seconds, endSeconds = 60 }: UnitProgram,
  raw: RawOutputs,
): Promise<Ran> {
  const unit = unitOf(tag, name);
  const stop = { ...stopUnit(unit), timeoutMs: endSeconds * 1000 };
  await host.execute([stop]);
  try {
    return await runKept(raw, host, {
      argv: inUnit(unit, seconds, argv, properties),
      timeoutMs: seconds * 1000,
      signal,
    });
  } catch (error) {
    await host.transport.execute(stop).catch(() => undefined);
    throw error;
  }
}

/** What a program printed, where it came to its end. */
export function printedBy(kind: string, where: string, { code, stdout, stderr }: Ran): string {
  if (code === 0) return stdout;
  const said = (stderr.trim() || stdout.trim()).split("\n").slice(-3).join(" | ");
  throw new HostError({
    code: "benchmark-failed",
    problem: `${kind} failed on ${where}`,
    observed: `exit code ${code}: ${said || "no word of why"}`,
    ...(code === 127 && { hint: "its program is not there: install the package that has it" }),
  });
}
