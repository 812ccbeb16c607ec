import { HostError } from "../units/errors.ts";

/** Two resources that set one thing: the last one to write would win, and each would undo the other. */
export function setElsewhere(
  property: string | undefined,
  host: string,
  observed: readonly string[],
  own: string,
): HostError {
  return new HostError({
    code: "knob-elsewhere",
    ...(property !== undefined && { property }),
    problem: `another resource sets the same on ${host}`,
    observed: observed.join(", "),
    expected: `it in ${own} alone`,
    hint: "take it out of one of them, in an update of its own where it moves from one to the other; a file whose resource is no more can be removed",
  });
}

/** Two resources that are one thing on the machine, of whichever stacks: `owner` and `other` are their URNs, `entry` is the file that says so. */
export function ownedElsewhere(key: string, host: string, { owner, other, entry }: Owners): HostError {
  return new HostError({
    code: "knob-owned",
    problem: `another resource has ${key} on ${host}, and would undo what this one sets`,
    observed: other,
    expected: `${owner} alone`,
    hint: `keep one of them; give one that was renamed an alias; where the other is no more, remove ${entry} there`,
  });
}

export interface Owners {
  readonly owner: string;
  readonly other: string;
  readonly entry: string;
}
