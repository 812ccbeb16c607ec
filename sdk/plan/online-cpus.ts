import { CpuSet } from "../units/cpuset.ts";
import { InputError } from "../units/errors.ts";

/**
 * Refuses CPUs that the machine does not have, or has switched off: the kernel and OVS would leave them out in silence.
 *
 * @throws InputError `cpu-unknown`
 */
export function requireOnline(
  lists: Readonly<Record<string, string | undefined>>,
  online: CpuSet,
  host: string,
): void {
  for (const [property, list] of Object.entries(lists)) {
    const wanted = CpuSet.parse(list ?? "");
    const missing = wanted.minus(online);
    if (missing.size === 0) continue;
    throw new InputError({
      code: "cpu-unknown",
      property,
      problem: `CPU ${missing.format()} is not online on ${host}`,
      observed: `${property} ${wanted.format()}`,
      expected: `CPUs among ${online.format()}`,
      hint: "name CPUs that lscpu lists as online there",
    });
  }
}
