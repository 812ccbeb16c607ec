import type { PolicyResource } from "@pulumi/policy";
import { labPolicy } from "../lab-policy.ts";
import type { Machine } from "../machine.ts";
import { knownPositions, number, text } from "../property.ts";

const PCI = /^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]/;

/**
 * A card that this stack uses has the PCI Express link that it could have: all its lanes, at its highest speed.
 *
 * A card in a narrower slot, or one that came up with fewer lanes after a bad contact, works and is slower: small frames cost the link most, so throughput ends there
 * before it ends anywhere else. A link may also rest at a lower speed until there is traffic; facts taken then show that.
 *
 * Put the card into another slot, seat it anew, or say in the configuration's `exceptions` until when it stays so.
 *
 * @severity low
 * @see https://docs.kernel.org/admin-guide/abi-testing.html (current_link_speed, max_link_width)
 */
export const linksAtFull = labPolicy({
  name: "links-at-full",
  description: "Cards have all lanes of their PCI Express link, at the highest speed.",
  severity: "low",
  checks: ["P45"],
  level: "advisory",
  concerns: ["host:Facts", "ovs:Port", "pci:VirtualFunctions"],
  remediationSteps: "Put the card into another slot, or seat it anew.",
  url: "https://docs.kernel.org/admin-guide/abi-testing.html",
  notApplicable: ({ machines }) =>
    machines.every((machine) => machine.facts.length === 0 || usedCards(machine).size === 0)
      ? "this stack uses no card, or knows none"
      : undefined,
  judge: ({ machines }, { violation, pending }) => {
    for (const machine of machines) {
      const used = usedCards(machine);
      for (const facts of used.size === 0 ? [] : machine.facts) {
        const cards = knownPositions(facts, "nics");
        if (cards.length === 0) pending(`nics of ${facts.name}`, "whether links are at full", facts.urn);
        for (const index of cards) {
          const address = text(facts, "nics", index, "address");
          const link = linkOf(facts, index);
          if (typeof address !== "string" || !used.has(address) || link === undefined) continue;
          const { speed, lanes, mostSpeed, mostLanes } = link;
          if (speed >= mostSpeed && lanes >= mostLanes) continue;
          violation(
            `card ${address} of ${machine.name} has ${lanes} lanes at ${speed} GT/s (${facts.name}), expected ${mostLanes} at ${mostSpeed}, ` +
              "which it could have: put it into another slot, or seat it anew.",
            facts.urn,
          );
        }
      }
    }
  },
});

/** Physical cards by PCI address: those that the switch polls, and those whose functions are made or set. */
function usedCards({ ports, cards }: Machine): ReadonlySet<string> {
  const polled = ports.flatMap(({ devargs }) =>
    typeof devargs === "string" ? (PCI.exec(devargs)?.[0] ?? []) : [],
  );
  return new Set([...polled, ...cards.map(({ pf }) => pf)]);
}

function linkOf(facts: PolicyResource, index: number) {
  const of = (field: string) => number(facts, "nics", index, "link", field);
  const [speed, lanes, mostSpeed, mostLanes] = ["speed", "lanes", "mostSpeed", "mostLanes"].map(of);
  return typeof speed === "number" &&
    typeof lanes === "number" &&
    typeof mostSpeed === "number" &&
    typeof mostLanes === "number"
    ? { speed, lanes, mostSpeed, mostLanes }
    : undefined;
}
