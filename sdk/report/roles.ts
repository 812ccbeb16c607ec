import type { Role } from "./experiment.ts";

/**
 * How a role is named: a letter where there is room for no more, a word in a cell, a phrase in a legend. In drawings each has its own outline
 * too, so that it is told apart in print and by those who see colours otherwise.
 */
export const ROLES: Readonly<Record<Role, { letter: string; word: string; phrase: string }>> = {
  housekeeping: { letter: "h", word: "house", phrase: "housekeeping" },
  pmd: { letter: "P", word: "PMD", phrase: "poll-mode thread" },
  vcpu: { letter: "V", word: "vCPU", phrase: "vCPU of a guest" },
  isolated: { letter: ".", word: "free", phrase: "isolated, free" },
  other: { letter: "?", word: "", phrase: "no role declared" },
};
