import { ovsDatabase } from "../observe/ovs.ts";
import { forwarders, lastWords } from "../observe/traffic.ts";
import { deadPath, NO_PATH } from "../plan/dead-path.ts";
import { HostError } from "../units/errors.ts";
import type { Host } from "./handler.ts";

/** Why the traffic program ended otherwise than well, with what was counted on the way where no frame came through. */
export async function trafficFailed(
  host: Host,
  { code, stdout, stderr }: { readonly code: number; readonly stdout: string; readonly stderr: string },
): Promise<HostError> {
  return new HostError({
    code: "traffic-failed",
    problem: `the traffic program failed on ${host.name}`,
    observed: [
      `exit code ${code}: ${lastWords(stdout) || stderr.trim() || "no word of why"}`,
      ...(code === NO_PATH ? await whatWasCounted(host) : []),
    ].join("; "),
    hint: "a port without a link has no peer; a path that passes no first frame lacks flows or a forwarder",
  });
}

/** Nothing where it can't be read: the failure itself is what has to be told. */
async function whatWasCounted(host: Host): Promise<string[]> {
  const seen = await host.observeNow({ forwarders, database: ovsDatabase }).catch(() => undefined);
  if (seen === undefined) return [];
  return deadPath(seen.forwarders, seen.database.state === "answering" ? seen.database.interfaces : []);
}
