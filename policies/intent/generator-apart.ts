import { sayUnplaced } from "../ask.ts";
import { labPolicy } from "../lab-policy.ts";
import { GENERATING, type Machine, ofType } from "../machine.ts";
import { listed } from "../sentence.ts";

const FORWARDING = [
  ["ovs:Daemon", "a switch"],
  ["libvirt:Domain", "a guest"],
  ["traffic:Forwarder", "a forwarder"],
  ["lxc:Container", "a container"],
] as const;

/**
 * Traffic comes from another machine than the one whose forwarding is measured.
 *
 * A generator on the system under test takes memory bandwidth, cache and power from it, and its timestamps come from the clock that it loads: RFC 2544
 * puts the tester outside. On an emulated server results are functional anyway, and nothing is published.
 *
 * Change `host` of the benchmark to the machine of a generator, connected by cards.
 *
 * @severity high
 * @see https://www.rfc-editor.org/rfc/rfc2544#section-6 (test set up)
 */
export const generatorApart = labPolicy({
  name: "generator-apart",
  description: "Traffic comes from another machine than the one whose forwarding is measured.",
  severity: "high",
  checks: ["P44"],
  remediationSteps:
    "Run the generator on a host of its own, or except the benchmark where nothing is published.",
  url: "https://www.rfc-editor.org/rfc/rfc2544#section-6",
  notApplicable: ({ resources }) =>
    ofType(resources, ...GENERATING).length === 0 ? "this stack generates no traffic" : undefined,
  judge: ({ machines, unplaced }, findings) => {
    sayUnplaced(unplaced, GENERATING, findings, "whether its generator is apart");
    for (const machine of machines.filter(({ emulated }) => !emulated)) {
      const forwarding = whatForwards(machine);
      for (const benchmark of ofType(machine.members, ...GENERATING)) {
        if (forwarding.length === 0) continue;
        findings.violation(
          `${benchmark.name} generates its traffic on ${machine.name}, which has ${listed(forwarding)} under test, expected a machine of its own: ` +
            "change host of the benchmark.",
          benchmark.urn,
        );
      }
    }
  },
});

function whatForwards({ members }: Machine): string[] {
  return FORWARDING.flatMap(([type, what]) => (ofType(members, type).length > 0 ? [what] : []));
}
