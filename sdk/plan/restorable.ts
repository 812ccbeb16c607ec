type Texts = ReadonlyMap<string, string>;

/**
 * The one rule of undoing: what was found goes back, by key, but only where what was last written is still in force. What reads otherwise is somebody
 * else's; a key that is gone since needs nothing.
 */
export function restorable(
  found: Texts,
  written: Texts,
  now: Texts,
): { readonly target: Map<string, string>; readonly changedByOthers: string[] } {
  const target = new Map<string, string>();
  const changedByOthers: string[] = [];
  for (const [key, text] of found) {
    const current = now.get(key);
    if (current === undefined || current === text) continue;
    if (current === written.get(key)) target.set(key, text);
    else changedByOthers.push(key);
  }
  return { target, changedByOthers };
}

/** What an operation says of what it left alone. */
export function leftAlone(changedByOthers: readonly string[]): string {
  return `left alone, since somebody else has changed them: ${changedByOthers.join(", ")}`;
}

/** What an operation says of a service that runs beside what is set by hand. */
export function rivalRuns(service: string, host: string): string {
  return `${service} runs on ${host} and may set the same: stop it, or let it alone decide`;
}
