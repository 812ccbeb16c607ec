import { blocking, type CostKind, type Review } from "./review.ts";

/** How each kind of cost is called. */
export const COST_WORDS: Readonly<Record<CostKind, string>> = {
  reboot: "reboot",
  "next boot": "waits for a reboot",
  "switch restart": "restart of ovs-vswitchd",
  "switch threads": "poll-mode threads anew",
  guest: "guest stopped or restarted",
  driver: "driver unbound",
  process: "process stopped or restarted",
  package: "packages",
  measurement: "measured again",
  recreate: "made anew",
};

/** What the review comes to, in one sentence. */
export function outcomeOf(review: Review): string {
  const { outcome, policies, findings } = review;
  if (outcome === "failed") return "The preview failed, so nothing is judged as a whole.";
  const violated = policies.filter(({ verdict }) => verdict === "violated").length;
  const advice = findings.length - blocking(review).length;
  const rest = advice === 0 ? "" : ` ${advice} ${advice === 1 ? "finding is" : "findings are"} advice.`;
  if (outcome === "passes") return `Nothing blocks.${rest}`;
  const count = blocking(review).length;
  return (
    `Blocked: ${violated} mandatory ${violated === 1 ? "policy is" : "policies are"} violated, ` +
    `in ${count} ${count === 1 ? "finding" : "findings"}.${rest}`
  );
}

/** `ovs:Daemon` of `nfvlab:ovs:Daemon`; other providers' types as they are. */
export function shortType(type: string): string {
  return type.replace(/^nfvlab:/, "");
}
