import { createHash } from "node:crypto";
import type { Ledger, ObservedLease } from "../observe/leases.ts";
import type { Inputs, State } from "../schema/definition.ts";
import {
  LEASE_FOLDER,
  type LeaseOwner,
  type LeaseParts,
  type LeaseRecord,
  type lease,
} from "../schema/lease.ts";
import { nanoseconds } from "../units/duration.ts";
import { HostError, InputError } from "../units/errors.ts";
import { leaseService } from "./lease-holder.ts";
import { canonicalParts, isSameParts, partsWords, sharedParts } from "./lease-parts.ts";
import { ownerWords } from "./owner.ts";

export const DEFAULT_TERM = "10min";

/** @throws InputError `lease-term` */
export function checkLease({ term = DEFAULT_TERM }: Pick<Inputs<typeof lease>, "term">): void {
  const seconds = nanoseconds(term) / 1e9;
  if (Number.isInteger(seconds) && seconds >= 3 && seconds <= 24 * 3600) return;
  throw new InputError({
    code: "lease-term",
    property: "term",
    problem: "not a time after which a lease may end",
    observed: term,
    expected: "whole seconds, 3s to 24h",
  });
}

/** What somebody wants to have. */
export interface Claim {
  readonly id: string;
  readonly owner: LeaseOwner;
  readonly parts: LeaseParts;
  readonly term: LeaseRecord["term"];
}

/**
 * The id of a stack's lease. Two people may have stacks of one name, so where the program runs is part of it; state keeps the id, for whoever goes on from
 * there.
 */
export function leaseId(urn: string, origin: string): string {
  return createHash("sha256").update(`${urn}\n${origin}`).digest("hex").slice(0, 12);
}

type Recorded = ObservedLease & { readonly record: LeaseRecord };

/** Another stack's lease, and what of a claim it holds. */
export interface Overlap {
  readonly lease: Recorded;
  readonly parts: LeaseParts;
}

/** Leases of others that hold something of a claim: those that stand, and those that may be taken over. */
export interface Judgement {
  readonly standing: readonly Overlap[];
  readonly stale: readonly Overlap[];
}

/**
 * What stands against a claim. Leases of two stacks share nothing, and a claim against which nothing stands keeps that so; what the resources of one stack share among
 * them is that stack's own affair.
 */
export function judge({ id, owner, parts }: Omit<Claim, "term">, ledger: Ledger): Judgement {
  const overlaps = recordedLeases(ledger).flatMap((lease) => {
    const isOwn = lease.id === id || isSameStack(lease.record.owner, owner);
    const shared = isOwn ? undefined : sharedParts(parts, lease.record.parts);
    return shared === undefined ? [] : [{ lease, parts: shared }];
  });
  return {
    standing: overlaps.filter((overlap) => !isStale(overlap.lease, ledger)),
    stale: overlaps.filter((overlap) => isStale(overlap.lease, ledger)),
  };
}

function isSameStack(a: LeaseOwner, b: LeaseOwner): boolean {
  return a.project === b.project && a.stack === b.stack && a.origin === b.origin;
}

export function recordedLeases({ leases }: Ledger): Recorded[] {
  return leases.filter((lease): lease is Recorded => lease.record !== undefined);
}

/** Expired, and nobody is there to renew it: either alone is not enough. */
export function isStale(lease: Recorded, ledger: Ledger): boolean {
  return !isHeld(lease, ledger) && expiryOf(lease) <= ledger.now;
}

export function isHeld({ id }: Pick<ObservedLease, "id">, { holders }: Ledger): boolean {
  return holders.get(id)?.running === true;
}

/** Seconds of the machine's clock. */
export function expiryOf({ renewedAt, record }: Recorded): number {
  return renewedAt + nanoseconds(record.term) / 1e9;
}

/** The record of a claim that is granted; one that goes on keeps its beginning. */
export function recordOf({ id, owner, parts, term }: Claim, ledger: Ledger): LeaseRecord {
  const earlier = recordedLeases(ledger).find((lease) => lease.id === id);
  const since = earlier?.record.since ?? timeOf(ledger.now);
  return { format: 1, owner, since, term, parts: canonicalParts(parts) };
}

export function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

/** @throws HostError `ledger-unreadable`: what can't be read may be anybody's */
export function requireReadable({ leases }: Ledger, host: string): void {
  const broken = leases.filter(({ record }) => record === undefined);
  if (broken.length === 0) return;
  throw new HostError({
    code: "ledger-unreadable",
    problem: `${host} has leases that can't be read, and nothing is leased beside what nobody knows`,
    observed: broken.map(({ id }) => `${LEASE_FOLDER}/${id}.json`).join(", "),
    expected: "leases as nfvlab writes them",
    hint: "look at them there; one that nobody needs is to be removed by hand, with its nfvlab-lease service",
  });
}

/** @throws HostError `locked` that names everything which others have, and who they are */
export function requireFree(
  { standing }: Judgement,
  ledger: Ledger,
  host: string,
  property: "parts" | "wanted" = "parts",
): void {
  const [first] = standing;
  if (first === undefined) return;
  throw new HostError({
    code: "locked",
    property,
    problem: `others have leased parts of ${host} that this stack wants`,
    observed: standing.map((overlap) => overlapWords(overlap, ledger)).join("; "),
    expected: "parts that nobody has",
    hint:
      "ask for other parts, or have the owner destroy that lease or give them up; where nobody answers for it any more, " +
      `\`systemctl disable --now ${leaseService(first.lease.id)}\` there ends it after its term`,
  });
}

/**
 * Refuses what a stack means to lease, before it has a lease of which state could tell that it is its own: leases of its name are, wherever it was brought up.
 *
 * @throws HostError `locked`
 */
export function requireObtainable(
  parts: LeaseParts,
  { project, stack }: Pick<LeaseOwner, "project" | "stack">,
  ledger: Ledger,
  host: string,
): void {
  const others = recordedLeases(ledger).filter(
    ({ record: { owner } }) => owner.project !== project || owner.stack !== stack,
  );
  const claim = { id: "", owner: { project, stack, resource: "", origin: "" }, parts };
  requireFree(judge(claim, { ...ledger, leases: others }), ledger, host, "wanted");
}

/** @throws HostError `locked` where other stacks have leases that stand: what takes the whole machine away takes theirs */
export function requireNobodyElse(owner: LeaseOwner, ledger: Ledger, host: string): void {
  requireReadable(ledger, host);
  const others = recordedLeases(ledger).filter(
    (lease) => !isSameStack(lease.record.owner, owner) && !isStale(lease, ledger),
  );
  if (others.length === 0) return;
  const isNamesake = others.some(
    ({ record }) => record.owner.project === owner.project && record.owner.stack === owner.stack,
  );
  throw new HostError({
    code: "locked",
    problem: `others have leased parts of ${host}, and a reboot would take them away`,
    observed: others.map((lease) => overlapWords({ lease, parts: lease.record.parts }, ledger)).join("; "),
    expected: "a machine that is this stack's alone",
    hint:
      "ask them to destroy their leases, or wait until they have" +
      (isNamesake
        ? "; one that this very stack took from another folder is its own again once its term is changed"
        : ""),
  });
}

function overlapWords({ lease, parts }: Overlap, ledger: Ledger): string {
  return `${partsWords(parts)} leased to ${standingWords(lease, ledger)}`;
}

/** Whose a lease is, since when and until when. */
export function standingWords(lease: Recorded, ledger: Ledger): string {
  const until = timeOf(expiryOf(lease));
  const end = isHeld(lease, ledger)
    ? `renewed until ${until} and again by ${leaseService(lease.id)}`
    : `${isStale(lease, ledger) ? "expired" : "ends"} at ${until}, its holder does not run`;
  return `${whose(lease)} since ${lease.record.since}, ${end}`;
}

function whose({ record: { owner } }: Recorded): string {
  return `${ownerWords(owner)} (${owner.origin})`;
}

/** What is said when a stale lease goes to somebody else. */
export function takeOverWords({ lease, parts }: Overlap): string {
  return (
    `took over ${partsWords(parts)} from ${whose(lease)}: leased since ${lease.record.since}, expired at ${timeOf(expiryOf(lease))}, ` +
    `and ${leaseService(lease.id)} was not running`
  );
}

/** A lease as it is on the machine, in the user's spelling where it means the same, and what is to be said where it does not stand. */
export interface Seen {
  readonly state: Pick<State<typeof lease>, "parts" | "term" | "since" | "held">;
  readonly complaint?: string;
}

export function seenLease(
  state: Omit<State<typeof lease>, "strangers">,
  owner: LeaseOwner,
  ledger: Ledger,
  host: string,
): Seen {
  const { lease: id, parts, term, since } = state;
  const found = recordedLeases(ledger).find((lease) => lease.id === id);
  if (found === undefined) {
    const { standing, stale } = judge({ id, owner, parts }, ledger);
    const others = [...standing, ...stale].map((overlap) => overlapWords(overlap, ledger));
    const complaint =
      others.length > 0
        ? `the lease of ${partsWords(parts)} is gone from ${host}, and others came: ${others.join("; ")}`
        : `the lease of ${partsWords(parts)} is gone from ${host}; nobody has leased them since`;
    return { state: { parts, ...(term !== undefined && { term }), since, held: false }, complaint };
  }
  const { record } = found;
  const held = isHeld(found, ledger);
  const isSameTerm = nanoseconds(record.term) === nanoseconds(term ?? DEFAULT_TERM);
  return {
    state: {
      parts: isSameParts(record.parts, parts) ? parts : record.parts,
      ...(isSameTerm ? term !== undefined && { term } : { term: record.term }),
      since: record.since,
      held,
    },
    ...(!held && {
      complaint:
        `${leaseService(id)} does not run on ${host}, so the lease of ${partsWords(record.parts)} ` +
        `${isStale(found, ledger) ? "expired" : "ends"} at ${timeOf(expiryOf(found))}; \`pulumi up\` renews it`,
    }),
  };
}

/** At delete: who has had the parts since, where ours was not there any more. */
export function takenSince(
  { lease: id, parts }: Pick<State<typeof lease>, "lease" | "parts">,
  owner: LeaseOwner,
  ledger: Ledger,
): readonly string[] {
  if (ledger.leases.some((lease) => lease.id === id)) return [];
  const { standing, stale } = judge({ id, owner, parts }, ledger);
  return [...standing, ...stale].map((overlap) => overlapWords(overlap, ledger));
}
