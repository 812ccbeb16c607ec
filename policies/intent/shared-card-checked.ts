import { type Card, tenantsOf } from "../cards.ts";
import { labPolicy } from "../lab-policy.ts";
import { flag, keys, number, text, UNKNOWN } from "../property.ts";
import { listed } from "../sentence.ts";

/**
 * Functions of a card that tenants share send with their own address alone: spoof checking is not off, and the card knows a MAC address or a VLAN for each.
 *
 * Without it one guest sends in another's name, and the card's own switch, which learns from it, hands it the other's frames.
 *
 * Change `spoofCheck`, `mac` or `vlan` of the VirtualFunction; a guest's card of kind `sr-iov` brings its address along.
 *
 * @severity high
 * @see https://man7.org/linux/man-pages/man8/ip-link.8.html (vf spoofchk)
 */
export const sharedCardChecked = labPolicy({
  name: "shared-card-checked",
  description: "Functions of a shared card are checked for spoofing and have an address or a VLAN.",
  severity: "high",
  checks: ["P13"],
  concerns: ["pci:VirtualFunctions", "pci:VirtualFunction", "libvirt:Domain", "ovs:Port", "lxc:Container"],
  remediationSteps:
    "Give each virtual function of a shared card a VirtualFunction with mac or vlan, and leave spoofCheck on.",
  url: "https://man7.org/linux/man-pages/man8/ip-link.8.html",
  notApplicable: ({ machines, unplaced }) =>
    machines.every(({ cards }) => cards.length === 0) &&
    !unplaced.some(({ type }) => /:VirtualFunctions?$/.test(type))
      ? "this stack has no virtual functions"
      : undefined,
  judge: ({ machines, unplaced }, { violation, pending }) => {
    for (const { name: machine, cards } of machines) {
      for (const card of cards) {
        const tenants = tenantsOf(card.uses);
        if (tenants.length < 2) {
          if (card.unknownUse !== undefined)
            pending(card.unknownUse.missing, `whether tenants share card ${card.pf}`, card.unknownUse.urn);
          continue;
        }
        const shared = `${listed(tenants)} share card ${card.pf} of ${machine}`;
        for (const setting of card.settings) {
          const check = flag(setting, "spoofCheck");
          if (check === UNKNOWN)
            pending(`spoofCheck of ${setting.name}`, "whether it is checked for spoofing", setting.urn);
          if (check !== false) continue;
          violation(`${shared}, but spoofCheck is false of ${setting.name}: leave it on.`, setting.urn);
        }
        for (const use of card.uses) {
          if (use.addressed || isAddressed(card, use.vf)) continue;
          violation(
            `${shared}, but virtual function ${use.vf}, which ${use.tenant} has (${use.resource.name}), gets neither a MAC address nor a VLAN from the card: ` +
              "declare a VirtualFunction of it with mac or vlan.",
            use.resource.urn,
          );
        }
      }
    }
    for (const { name, urn } of unplaced.filter(({ type }) => /:VirtualFunctions?$/.test(type)))
      pending(`host of ${name}`, "whether tenants share its card", urn);
  },
});

/** Whether the card is told an address or a VLAN for it; one that is not known yet counts, since it is said. */
function isAddressed({ settings }: Card, vf: number): boolean {
  return settings.some((setting) => {
    if (number(setting, "vf") !== vf) return false;
    const vlan = keys(setting, "vlan") === undefined ? 0 : number(setting, "vlan", "id");
    return text(setting, "mac") !== undefined || vlan !== 0;
  });
}
