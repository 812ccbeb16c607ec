import { createRequire } from "node:module";

/** A part of the pack's server that it has no public way to: how it unpacks the properties of a resource. */
interface Unpacking {
  deserializeProperties(packed: object, proxySecrets: boolean): object;
}

/**
 * Has the pack's server unpack a resource once for all its policies. It does so for each policy anew otherwise, which is nearly all of the time that a large stack takes. Policies
 * only read what they judge; what mends a resource is given a copy of its own, with secrets, and is left alone.
 *
 * @returns what undoes it
 */
export function shareProperties(): () => void {
  const server: Unpacking = createRequire(import.meta.url)("@pulumi/policy/deserialize");
  const unpack = server.deserializeProperties;
  const unpacked = new WeakMap<object, object>();
  server.deserializeProperties = (packed, proxySecrets) => {
    const known = proxySecrets ? undefined : unpacked.get(packed);
    if (known !== undefined) return known;
    const properties = unpack(packed, proxySecrets);
    if (!proxySecrets) unpacked.set(packed, properties);
    return properties;
  };
  return () => {
    server.deserializeProperties = unpack;
  };
}
