import type { ObservedDatabase, Polling } from "../observe/ovs.ts";
import type { Datapath, PmdPerformance } from "../schema/ovs-datapath.ts";

/** The switch as it runs, from what its database and its poll-mode threads say. */
export function datapathOf(
  { version, dpdkVersion, initialized, interfaces }: ObservedDatabase,
  pmds: { readonly polling: Polling; readonly performance: ReadonlyMap<number, PmdPerformance> },
): Datapath {
  const threads = pmds.polling.state === "answering" ? pmds.polling.threads : [];
  return {
    ...{ version, dpdkVersion, initialized },
    threads: threads.map(({ queues, ...thread }) => ({
      ...thread,
      queues: queues.map(({ port, queue, enabled, usagePercent }) => ({
        ...{ port, queue, enabled },
        ...(usagePercent !== undefined && { usagePercent }),
      })),
      ...(pmds.performance.has(thread.cpu) && { performance: pmds.performance.get(thread.cpu) }),
    })),
    ports: interfaces.flatMap((row) => {
      const { bridge, port, name, type, ofport, linkState, error, status, statistics } = row;
      if (bridge === undefined || port === undefined) return [];
      return [
        {
          ...{ bridge, port, interface: name, kind: type, status, statistics },
          ...(ofport !== undefined && { openflowPort: ofport }),
          ...(linkState !== undefined && { linkState }),
          ...(error !== undefined && { error }),
        },
      ];
    }),
  };
}
