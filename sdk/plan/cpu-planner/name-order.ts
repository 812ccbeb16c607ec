const collator = new Intl.Collator("en", { numeric: true });

/** Names in the one order that no map can lose: digits by value, so that `vnf2` comes before `vnf10`. */
export function compareNames(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}

/** Entries of a map in the order of their names. */
export function byName<T>(
  map: Readonly<Record<string, T>> | undefined,
): (readonly [name: string, value: T])[] {
  return Object.entries(map ?? {}).sort(([a], [b]) => compareNames(a, b));
}
