import type { PathCapability } from "../schema/path-capabilities.ts";
import { table } from "../units/table.ts";

/** A line for each path: what it is, whether it can be used, what was found, and what it still needs. */
export function capabilityTable(paths: readonly PathCapability[]): string {
  const rows = paths.map(({ path, state, found, needs }) => [
    ...[path, state],
    needs === null ? found : `${found}; needs ${needs}`,
  ]);
  return table(rows, { gap: 2 }).join("\n");
}
