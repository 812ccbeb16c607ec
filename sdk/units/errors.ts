/**
 * The one family of errors. Subclasses say who can act; every message says what is wrong, what was observed against what
 * was expected, and what to do. `code` is stable and kebab-case: tools may match on it, never on the message.
 *
 * @example
 * throw new InputError({
 *   code: "cpu-unknown", property: "pmdCpus", problem: "CPU 9 is not in this host",
 *   expected: "CPUs among 0-3", observed: "9", hint: "name CPUs that `lscpu` lists as online",
 * });
 */
export interface ErrorFacts {
  readonly code: string;
  /** What is wrong, in one clause without a full stop. */
  readonly problem: string;
  readonly resource?: string;
  /** Property path in the user's program, for instance `nics.east.bridge`. */
  readonly property?: string;
  readonly expected?: string;
  readonly observed?: string;
  readonly hint?: string;
  readonly cause?: unknown;
}

export abstract class LabError extends Error {
  readonly code: string;
  readonly problem: string;
  readonly resource?: string;
  readonly property?: string;
  readonly expected?: string;
  readonly observed?: string;
  readonly hint?: string;

  constructor(facts: ErrorFacts) {
    super(sentence(facts), facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = new.target.name;
    this.code = facts.code;
    this.problem = facts.problem;
    if (facts.resource !== undefined) this.resource = facts.resource;
    if (facts.property !== undefined) this.property = facts.property;
    if (facts.expected !== undefined) this.expected = facts.expected;
    if (facts.observed !== undefined) this.observed = facts.observed;
    if (facts.hint !== undefined) this.hint = facts.hint;
  }

  /**
   * Its stack as it is, with what caused it. Node 20's own way of showing an error marks `node_modules` in the stack and never ends on paths such as `node_modules/@pulumi/resource.ts`,
   * which Pulumi's source maps make: the engine would wait minutes for a sentence.
   */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    // What an AggregateError gathers, the message has said already.
    const cause =
      this.cause instanceof Error && !(this.cause instanceof AggregateError)
        ? `\n  caused by ${this.cause.stack ?? this.cause.message}`
        : "";
    return `${this.stack ?? `${this.name}: ${this.message}`}${cause}`;
  }
}

/** The user's program is wrong; found before anything is touched. */
export class InputError extends LabError {}

/** The machine refuses or lacks something; the lab's owner can act. */
export class HostError extends LabError {}

/** The connection failed; nothing is known about what the machine did after the last answer. */
export class TransportError extends LabError {}

/** A change was applied, but the machine reads back otherwise. */
export class VerificationError extends LabError {}

function sentence(facts: ErrorFacts): string {
  const comparison = [
    facts.observed === undefined ? undefined : `observed ${facts.observed}`,
    facts.expected === undefined ? undefined : `expected ${facts.expected}`,
  ].filter((part) => part !== undefined);
  const where = facts.property === undefined ? "" : `${facts.property}: `;
  const detail = comparison.length === 0 ? "" : `: ${comparison.join(", ")}`;
  const advice = facts.hint === undefined ? "" : `; ${facts.hint}`;
  return `${where}${facts.problem}${detail}${advice}`;
}
