import { domains } from "../observe/domains.ts";
import { functionUsers } from "../observe/function-users.ts";
import { managementPath } from "../observe/management-path.ts";
import { ovsDatabase } from "../observe/ovs.ts";
import { type PciFunctions, pciFunctions, pciProbes } from "../observe/pci.ts";
import type { Observed } from "../observe/probe.ts";
import type { UseFacts } from "../plan/function-use.ts";
import { type ProtectedFunctions, protectedFunctions } from "../plan/protected-functions.ts";

/** What has to be known of a machine before one of its PCI functions is touched. */
export const touchProbes = {
  ...pciProbes,
  path: managementPath,
  users: functionUsers,
  domains,
  database: ovsDatabase,
};

export interface Ground {
  readonly functions: PciFunctions;
  readonly protection: ProtectedFunctions;
  readonly use: UseFacts;
}

export function groundOf(observed: Observed<typeof touchProbes>): Ground {
  const functions = pciFunctions(observed);
  const { path, database, users, domains: guests } = observed;
  const switchInterfaces = database.state === "answering" ? database.interfaces : [];
  return {
    functions,
    protection: protectedFunctions({ path, functions, switchInterfaces }),
    use: { functions, users, domains: guests },
  };
}
