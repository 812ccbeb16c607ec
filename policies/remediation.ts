import type { PolicyResource, ResourceValidationArgs, ResourceValidationPolicy } from "@pulumi/policy";
import type { Path } from "./property.ts";

/** One property of a resource with the only value that can be meant. */
export interface Mend {
  readonly path: Path;
  /** Undefined takes the property away, so that it has its default. */
  readonly value: string | number | boolean | undefined;
}

/**
 * How a policy mends a resource itself. Only where `mend-NAME` is configured at enforcement level `remediate`; then the engine shows what was changed, and the plan
 * goes on with it. It sees one resource and none beside it, so it is for properties of which that resource alone tells what is right.
 */
export interface Remediation {
  /** Types of resources, without `nfvlab:`. */
  readonly types: readonly string[];
  mends(resource: PolicyResource, args: Pick<ResourceValidationArgs, "getConfig">): readonly Mend[];
}

/** What mends, as the engine takes it: a policy of its own, since one that judges the whole stack is never asked to. */
export type MendingPolicy = ResourceValidationPolicy &
  Required<Pick<ResourceValidationPolicy, "remediateResource">>;

/** @param of the policy whose findings it mends */
export function mendingPolicy(
  { types, mends }: Remediation,
  of: Pick<ResourceValidationPolicy, "name" | "description" | "configSchema">,
): MendingPolicy {
  return {
    name: `mend-${of.name}`,
    description: of.description,
    enforcementLevel: "disabled",
    ...(of.configSchema !== undefined && { configSchema: of.configSchema }),
    remediateResource: (args) => {
      const { type, name, urn, opts, props } = args;
      if (!types.some((each) => type === `nfvlab:${each}`)) return undefined;
      const alone = { type, name, urn, opts, props, dependencies: [], propertyDependencies: {} };
      const found = mends({ ...alone, isType: () => false, asType: () => undefined } as PolicyResource, args);
      for (const mend of found) apply(props, mend);
      return found.length === 0 ? undefined : props;
    },
  };
}

/** In place, since a copy would have to read what isn't known. */
function apply(props: Record<string, unknown>, { path, value }: Mend): void {
  const last = path.at(-1);
  if (last === undefined) return;
  let holder = props as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) holder = holder[step] as typeof holder;
  if (value === undefined) delete holder[last];
  else holder[last] = value;
}
