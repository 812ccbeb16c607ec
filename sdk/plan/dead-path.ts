import type { ObservedInterface } from "../observe/ovs.ts";
import type { ObservedForwarder } from "../observe/traffic.ts";

/** What the traffic program ends with where no first frame came through. */
export const NO_PATH = 75;

/**
 * Where frames got to before they were lost: what forwarders and the ports of a switch in user space have counted, one sentence each. Those of a generator that has ended are gone with it.
 */
export function deadPath(
  forwarders: ReadonlyMap<string, ObservedForwarder>,
  interfaces: readonly ObservedInterface[],
): string[] {
  const guests = interfaces.filter(({ type }) => type.startsWith("dpdkvhostuser"));
  const alone = guests.filter(({ linkState }) => linkState !== "up").map(({ name }) => name);
  const ports = guests
    .filter(({ linkState }) => linkState === "up")
    .map(
      ({ name, statistics: { rx_packets: took = 0, tx_packets: gave = 0 } }) =>
        `${name} took ${took} and gave ${gave}`,
    );
  const withoutPeer =
    alone.length > 0 ? [`by now without a peer, as a generator's own are: ${alone.join(", ")}`] : [];
  return [
    ...[...forwarders].map(([unit, { active, ports: own }]) => {
      const each = own.map(({ name, linkUp, received, sent }) =>
        linkUp ? `${name} received ${received} and sent ${sent}` : `${name} has no link`,
      );
      return `${unit} ${active ? each.join(", ") || "has told nothing yet" : "does not run"}`;
    }),
    ...(ports.length > 0 ? [`of the switch's ports ${ports.join(", ")}`, ...withoutPeer] : []),
  ];
}
