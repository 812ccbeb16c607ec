import { asking, sayUnplaced } from "../ask.ts";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import { matches } from "../pattern.ts";
import { titleOf } from "../property.ts";
import { listed } from "../sentence.ts";

interface Configuration {
  readonly tenants?: readonly { readonly name: string; readonly guests: readonly string[] }[];
}

/**
 * Memory that guests share by ivshmem is shared by guests of one tenant.
 *
 * Both ends write there without a descriptor, a length or a check in between: who has it trusts the other as itself. Who belongs to whom is told by
 * `tenants`; a guest that it does not name is a tenant of its own.
 *
 * Change `sharedMemory` of one of the domains, or `tenants` in the configuration.
 *
 * @severity high
 * @see https://www.qemu.org/docs/master/specs/ivshmem-spec.html
 */
export const sharedMemoryOneTenant = labPolicy({
  name: "shared-memory-one-tenant",
  description: "Memory that guests share by ivshmem is one tenant's.",
  severity: "high",
  checks: ["P37"],
  remediationSteps: "Let guests of different tenants meet at a port of the switch instead.",
  url: "https://www.qemu.org/docs/master/specs/ivshmem-spec.html",
  configSchema: {
    properties: {
      tenants: {
        type: "array",
        description: "Whose the guests are. Default: all are one tenant's.",
        items: {
          type: "object",
          properties: {
            name: { type: "string", minLength: 1, description: "Who." },
            guests: {
              type: "array",
              items: { type: "string", minLength: 1 },
              description: "Names; * for any.",
            },
          },
          required: ["name", "guests"],
          additionalProperties: false,
        },
      },
    },
  },
  notApplicable: ({ resources }, args) =>
    args.getConfig<Configuration>().tenants === undefined
      ? "no tenants are configured, so all guests are one's"
      : ofType(resources, "libvirt:Domain").length === 0
        ? "this stack has no guest"
        : undefined,
  judge: ({ machines, unplaced }, findings, args) => {
    const { tenants = [] } = args.getConfig<Configuration>();
    const undecided = "who shares memory with whom";
    const ask = asking(findings, undecided);
    sayUnplaced(unplaced, ["libvirt:Domain"], findings, undecided);
    const tenantOf = (guest: string) =>
      tenants.find(({ guests }) => guests.some((pattern) => matches(pattern, guest)))?.name ?? guest;
    for (const { members, name } of machines) {
      const users = ofType(members, "libvirt:Domain").flatMap((domain) =>
        ask.keys(domain, "sharedMemory").map((memory) => ({ memory, domain, guest: titleOf(domain) })),
      );
      for (const memory of new Set(users.map((each) => each.memory))) {
        const here = users.filter((each) => each.memory === memory);
        const whose = [...new Set(here.map(({ guest }) => tenantOf(guest)))];
        const last = here.at(-1);
        if (whose.length < 2 || last === undefined) continue;
        findings.violation(
          `guests ${listed(here.map(({ guest }) => guest))} of ${name} share memory ${memory}, but belong to ${listed(whose)}, expected one tenant: ` +
            `change sharedMemory of ${last.domain.name}, or tenants in the pack's configuration.`,
          last.domain.urn,
        );
      }
    }
  },
});
