import { ovsLiveness } from "../../observe/ovs.ts";
import { wordsOnDevices } from "../../observe/switch-log.ts";
import { hungDaemon, withdrawPort } from "../../plan/ovs-port.ts";
import type { Step } from "../../plan/step.ts";
import { CommandError } from "../../remote/command-error.ts";
import type { Host } from "../handler.ts";

/** How long a busy daemon may take to answer at all, after ovs-vsctl has waited for it: with that, an error is there within a minute. */
const PATIENCE_MS = 12_000;

/** What ovs-vsctl says of a change that is in the database while the daemon has not carried it out: not yet (SIGALRM), or not without error (since 3.6). */
const COMMITTED: ReadonlySet<number> = new Set([142, 65]);

/**
 * Carries out what adds or changes a port, one after another on a machine. What the daemon has not done yet, or refuses, is for the caller to see in the port's row. A device
 * that does not let go of the daemon's main thread is taken out of the database again, so that a restart brings everything else back.
 *
 * @throws HostError `ovs-hangs`
 */
export function executeOrWithdraw(
  host: Host,
  steps: readonly Step[],
  port: { readonly bridge: string; readonly name: string },
  property: string,
): Promise<void> {
  return host.inTurn("ovs-port", async () => {
    try {
      await host.execute(steps);
    } catch (error) {
      const { live } = await host.waitFor({ live: ovsLiveness }, (facts) => facts.live, {
        timeoutMs: PATIENCE_MS,
      });
      if (live && error instanceof CommandError && COMMITTED.has(error.result.code)) return;
      if (live) throw error;
      await host.execute(withdrawPort(port.bridge, port.name));
      throw hungDaemon(port, property, error);
    }
  });
}

const LOG = "/var/log/openvswitch/ovs-vswitchd.log";

/** What DPDK said of interfaces that do not come up, which is more than their rows say. */
export async function lastWordsOn(host: Host, interfaces: Iterable<string>): Promise<string> {
  const { stdout } = await host.transport.execute({
    argv: ["sh", "-c", 'tail -n 400 "$1" | grep -E "dpdk.*\\|ERR\\||netdev\\|WARN"', "sh", LOG],
  });
  return wordsOnDevices(stdout, new Set(interfaces)).join(" | ");
}
