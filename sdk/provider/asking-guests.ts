import pLimit from "p-limit";
import { domains, type ObservedDomain } from "../observe/domains.ts";
import { type GuestInside, insideQuestion, parseGuestInside } from "../observe/guest-inside.ts";
import { LabError } from "../units/errors.ts";
import { runInGuest } from "./guest-agent.ts";
import type { Host, Operation } from "./handler.ts";

type Asker = Pick<Operation, "signal" | "status">;

/** What the guests of a machine say of themselves, by their names. */
export interface ToldByGuests {
  readonly inside: ReadonlyMap<string, GuestInside>;
  /** Sentences on those of which nothing is known. */
  readonly remarks: readonly string[];
}

/** One guest that polls answers late; dozens of them must not keep a machine from being measured. */
const EACH_MS = 20_000;
const ALL_MS = 120_000;
const AT_ONCE = 4;

/** How many guests a remark names. */
const NAMED = 5;

/**
 * Asks each running guest once what is in force inside it, through its agent: never while something is measured. A guest without an agent that is connected is not asked; of one that does not
 * answer in time nothing is known, and a remark says so.
 */
export async function askGuests({ signal, status }: Asker, host: Host): Promise<ToldByGuests> {
  const seen = await host.observeNow({ domains });
  const guests = seen.domains.filter(({ state }) => state === "running");
  if (guests.some(({ agent }) => agent === "connected"))
    status(`asks the guests of ${host.name} what is in force inside them`);
  const within = AbortSignal.any([signal, AbortSignal.timeout(ALL_MS)]);
  const limit = pLimit(AT_ONCE);
  const answers = await Promise.all(
    guests.map((guest) => limit(async () => [guest.name, await ask(host, guest, within)] as const)),
  );
  signal.throwIfAborted();
  const inside = new Map<string, GuestInside>();
  const silent = new Map<string, string[]>();
  for (const [name, answer] of answers) {
    if (typeof answer === "string") silent.set(answer, [...(silent.get(answer) ?? []), name]);
    else inside.set(name, answer);
  }
  return {
    inside,
    remarks: [...silent].map(
      ([why, names]) => `what is in force inside ${listed(names)} is not known: ${why}`,
    ),
  };
}

/**
 * Asks guests that were measured again, afterwards: what they say now, beside what the others said. What boots again in between is another machine.
 *
 * @param names of guests; those that said nothing before are not asked
 */
export async function askAgain(
  { signal }: Asker,
  host: Host,
  names: readonly string[],
  { inside }: ToldByGuests,
): Promise<ToldByGuests & { readonly faults: readonly string[] }> {
  const after = new Map(inside);
  const [faults, remarks]: [string[], string[]] = [[], []];
  for (const name of new Set(names)) {
    const before = inside.get(name);
    if (before === undefined) continue;
    const now = await ask(host, { name, agent: "connected" }, signal);
    signal.throwIfAborted();
    if (typeof now === "string") {
      remarks.push(`whether guest ${name} booted again while it was measured is not known: ${now}`);
      continue;
    }
    after.set(name, now);
    if (now.bootId !== before.bootId) faults.push(`guest ${name} booted again while it was measured`);
  }
  return { inside: after, remarks, faults };
}

/** What a guest says, or why it says nothing. */
async function ask(
  host: Host,
  { name, agent }: Pick<ObservedDomain, "name" | "agent">,
  within: AbortSignal,
): Promise<GuestInside | string> {
  if (agent !== "connected") return SILENT[agent];
  const signal = AbortSignal.any([within, AbortSignal.timeout(EACH_MS)]);
  try {
    const { stdout } = await runInGuest(host, name, insideQuestion, { timeoutMs: EACH_MS, signal });
    return parseGuestInside(stdout);
  } catch (error) {
    if (within.aborted) return `all guests together are asked for ${ALL_MS / 1000} s at most`;
    if (signal.aborted) return `its agent did not answer within ${EACH_MS / 1000} s`;
    // What could not be read may hold the guest's whole boot line, and with it a secret.
    if (!(error instanceof LabError) || error.code === "parse") return "its agent's answer can't be read";
    return (error.observed ?? error.problem).replace(/^error: /, "");
  }
}

const SILENT = { disconnected: "its agent is not connected", absent: "it has no agent" } as const;

function listed(names: readonly string[]): string {
  const more = names.length - NAMED;
  const shown = names.slice(0, NAMED).join(", ");
  return `${names.length === 1 ? "guest" : "guests"} ${shown}${more > 0 ? ` and ${more} more` : ""}`;
}
