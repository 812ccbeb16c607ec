/**
 * What to ask a machine. `files` prints every line of the matching files behind its path, `links` every symlink with its target; patterns are
 * shell globs from this code base, never from a user. A command that has not ended after `limitS` seconds, 20 where that is not said, answers with code 124.
 */
export type Ask =
  | { readonly kind: "command"; readonly argv: readonly [string, ...string[]]; readonly limitS?: number }
  | { readonly kind: "files"; readonly patterns: readonly string[] }
  | { readonly kind: "links"; readonly patterns: readonly string[] };

export interface Answer {
  /** 127 where the program is not there. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
