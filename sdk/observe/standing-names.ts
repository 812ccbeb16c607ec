/**
 * What things of one kind are set to, by what they are and their names without numbers: `thread ksoftirqd/*` with `other`, or with
 * `ksoftirqd/0: fifo 2, ksoftirqd/1: other` where they differ. Numbers that a boot gives anew then make no difference as long as all are alike.
 */
export function byStandingName(
  what: string,
  values: Iterable<readonly [name: string, value: string]>,
): Record<string, string> {
  const kinds = new Map<string, [string, string][]>();
  for (const [name, value] of values) {
    const kind = name.replaceAll(/\d+/g, "*");
    kinds.set(kind, [...(kinds.get(kind) ?? []), [name, value]]);
  }
  return Object.fromEntries(
    [...kinds].map(([kind, all]) => [
      `${what} ${kind}`,
      new Set(all.map(([, value]) => value)).size === 1 ? (all[0]?.[1] ?? "") : apart(all),
    ]),
  );
}

function apart(all: readonly (readonly [string, string])[]): string {
  return [...all]
    .sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))
    .map(([name, value]) => `${name}: ${value}`)
    .join(", ");
}
