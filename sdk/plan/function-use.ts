import type { ObservedDomain } from "../observe/domains.ts";
import type { FunctionUsers } from "../observe/function-users.ts";
import type { ObservedFunction, PciFunctions } from "../observe/pci.ts";
import { HostError } from "../units/errors.ts";

export interface UseFacts {
  readonly functions: PciFunctions;
  readonly users: FunctionUsers;
  readonly domains: readonly Pick<ObservedDomain, "name" | "state" | "xml">[];
}

/** Who uses a function, for people; empty where nobody does. */
export function usersOf(address: string, { functions, users, domains }: UseFacts): string[] {
  const observed = functions.get(address);
  if (observed === undefined) return [];
  const group = observed.iommuGroup;
  const holders = isVfio(observed) && group !== undefined ? (users.groups.get(group) ?? []) : [];
  return [
    ...domains
      .filter(({ xml }) => givenAddresses(xml).includes(address))
      .map(({ name, state }) => `the guest ${name} (${state}) is given it`),
    ...holders.map((process) => `${process} has its VFIO group ${group} open`),
    ...observed.interfaces.flatMap((name) => {
      const upper = users.uppers.get(name);
      return upper === undefined ? [] : [`its interface ${name} belongs to ${upper}`];
    }),
    ...(isElsewhere(observed) ? ["its interface is in another network namespace"] : []),
  ];
}

/**
 * @param action what was to be done, `remove the virtual functions of 0000:5e:00.0`
 * @throws HostError `function-in-use`
 */
export function requireUnused(
  addresses: readonly string[],
  facts: UseFacts,
  { property, action, host }: { readonly property: string; readonly action: string; readonly host: string },
): void {
  const used = addresses.flatMap((address) => {
    const users = usersOf(address, facts);
    return users.length === 0 ? [] : [`${address}: ${users.join(", ")}`];
  });
  if (used.length === 0) return;
  throw new HostError({
    code: "function-in-use",
    property,
    problem: `refused to ${action} on ${host} under those who use it`,
    observed: used.join("; "),
    expected: "functions that nobody uses",
    hint: "stop those first; resources that depend on this one go before it",
  });
}

/** PCI addresses of the host that a definition gives to its guest; those that the guest sees are not in a `source`. */
export function givenAddresses(xml: string): string[] {
  return [...xml.matchAll(/<source\b[^>]*>([\s\S]*?)<\/source>/g)].flatMap(([, source = ""]) =>
    [...source.matchAll(/<address\b([^>]*)\/?>/g)].flatMap(([, attributes = ""]) => {
      const hex = (name: string) => new RegExp(`\\b${name}=['"]0x([0-9a-f]+)['"]`).exec(attributes)?.[1];
      const [domain, bus, slot, digit] = [hex("domain"), hex("bus"), hex("slot"), hex("function")];
      if (bus === undefined || slot === undefined || digit === undefined) return [];
      return [`${(domain ?? "").padStart(4, "0")}:${bus.padStart(2, "0")}:${slot.padStart(2, "0")}.${digit}`];
    }),
  );
}

function isVfio({ driver }: ObservedFunction): boolean {
  return driver !== undefined && /^vfio|_vfio_/.test(driver);
}

/** A network driver that shows no interface has it in the namespace of a container. */
function isElsewhere(observed: ObservedFunction): boolean {
  const { class: code, driver, interfaces } = observed;
  const isNetwork = code.startsWith("0x02") && driver !== undefined && !isVfio(observed);
  return isNetwork && interfaces.length === 0 && !/^(uio_pci_generic|igb_uio|pci-stub)$/.test(driver);
}
