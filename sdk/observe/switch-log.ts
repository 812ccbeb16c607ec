/** A device that ovs-vswitchd could not make: `…|netdev|WARN|NAME: could not set configuration (…)`, after what DPDK said of it. */
const REFUSED = /\|netdev\|WARN\|(\S+): could not set configuration/;
const ERROR = /\|dpdk(?:\([^)]*\))?\|ERR\|(.*)$/;
/** What follows from every device that is not there. */
const CONSEQUENCE = /Invalid port_id/;
/** What was said at the start, of devices that nobody asked for, is not of the one that is refused first. */
const LATEST = 4;

/**
 * What DPDK said of devices, each sentence once, from the log of ovs-vswitchd: what stands before the line that refuses one of them, since other ports may fail at the same time. Without such a line,
 * since the log leaves out what comes too often, the latest of all.
 */
export function wordsOnDevices(log: string, interfaces: ReadonlySet<string>): string[] {
  const all: string[] = [];
  let pending: string[] = [];
  let theirs: string[] = [];
  for (const line of log.split("\n")) {
    const [, said = ""] = ERROR.exec(line) ?? [];
    if (said !== "" && !CONSEQUENCE.test(said)) {
      all.push(said);
      pending.push(said);
    }
    const [, refused] = REFUSED.exec(line) ?? [];
    if (refused === undefined) continue;
    if (interfaces.has(refused) && pending.length > 0) theirs = pending.slice(-LATEST);
    pending = [];
  }
  return [...new Set(theirs.length > 0 ? theirs : all.slice(-LATEST))];
}
