import type { Step } from "../plan/step.ts";
import { TransportPool } from "../remote/pool.ts";
import type { Connection } from "../schema/connection.ts";
import { endingWithin } from "./time-limit.ts";

/**
 * Runs a step over a connection of its own, made now: what comes through shows that the machine can still be reached, which a connection that was there before
 * does not.
 */
export async function runAnew(
  connection: Connection,
  step: Step,
  { withinMs, signal }: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const pool = new TransportPool();
  try {
    await pool.get(connection).run({ ...step, signal: endingWithin(signal, withinMs) });
  } finally {
    await pool.close();
  }
}
