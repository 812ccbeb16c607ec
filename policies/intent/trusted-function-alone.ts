import { tenantsOf } from "../cards.ts";
import { where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { flag, number, UNKNOWN } from "../property.ts";
import { listed } from "../sentence.ts";

/**
 * A virtual function is trusted only on a card that one tenant has to itself.
 *
 * Who is trusted may set its own MAC address, leave its VLAN and listen promiscuously: on a shared card it takes its neighbours' frames, and nothing on the host shows it.
 *
 * Change `trust` of the VirtualFunction, or give the others functions of another card.
 *
 * @severity high
 * @see https://man7.org/linux/man-pages/man8/ip-link.8.html (vf trust)
 */
export const trustedFunctionAlone = labPolicy({
  name: "trusted-function-alone",
  description: "A virtual function is trusted only where its card has one tenant.",
  severity: "high",
  checks: ["P12"],
  concerns: ["pci:VirtualFunctions", "pci:VirtualFunction", "libvirt:Domain", "ovs:Port", "lxc:Container"],
  remediationSteps: "Set trust to false, or give each tenant a card of its own.",
  url: "https://man7.org/linux/man-pages/man8/ip-link.8.html",
  notApplicable: ({ machines, unplaced }) =>
    machines.every(({ cards }) => cards.every(({ settings }) => settings.length === 0)) &&
    !unplaced.some(({ type }) => type.endsWith(":VirtualFunction"))
      ? "this stack sets up no virtual function"
      : undefined,
  judge: ({ machines, unplaced }, { violation, pending }) => {
    for (const { name: machine, cards } of machines) {
      for (const card of cards) {
        for (const setting of card.settings) {
          const trust = flag(setting, "trust");
          if (trust === UNKNOWN)
            pending(`trust of ${setting.name}`, "whether its card may be shared", setting.urn);
          if (trust !== true) continue;
          const vf = number(setting, "vf");
          if (vf === UNKNOWN) continue;
          const others = tenantsOf(card.uses.filter((use) => use.vf !== vf));
          const own = tenantsOf(card.uses.filter((use) => use.vf === vf));
          const neighbours = others.filter((tenant) => !own.includes(tenant));
          if (neighbours.length > 0) {
            const { property, resource } = where(setting, ["trust"]);
            violation(
              `virtual function ${typeof vf === "number" ? vf : "?"} of ${card.pf} on ${machine} is trusted (${property} true of ${resource}), ` +
                `but ${listed(neighbours)} ${neighbours.length === 1 ? "has" : "have"} functions of the same card: ` +
                "set trust to false, or give them functions of another card.",
              setting.urn,
            );
          } else if (card.unknownUse !== undefined) {
            const { missing, urn } = card.unknownUse;
            pending(missing, `whether card ${card.pf}, of which a function is trusted, has one tenant`, urn);
          }
        }
      }
    }
    for (const { name, urn } of unplaced.filter(({ type }) => type.endsWith(":VirtualFunction")))
      pending(`host of ${name}`, "whether its card has one tenant", urn);
  },
});
