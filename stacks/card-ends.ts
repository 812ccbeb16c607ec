import { functionEnd, type SriovVnfArgs, type TunedHost } from "../components/index.ts";
import { pci } from "../sdk/index.ts";

const roles = ["generator", "vnf-in", "vnf-out", "sink"] as const;
type Role = (typeof roles)[number];

const macs: Readonly<Record<Role, string>> = {
  generator: "02:00:00:00:10:00",
  "vnf-in": "02:00:00:00:10:01",
  "vnf-out": "02:00:00:00:10:02",
  sink: "02:00:00:00:10:03",
};

/**
 * Four virtual functions of a card: two for a generator's ends, and two for a guest between them, with how its kernel routes: a virtual function takes no frames but its own.
 *
 * @param pf the card; by default the first one with virtual functions where the memory is: DPDK takes a port's rings from the port's own NUMA node
 */
export function cardEnds(
  on: TunedHost,
  { pf, numaNode }: { readonly pf: string | undefined; readonly numaNode: number },
) {
  const host = on.reference;
  const card = new pci.VirtualFunctions("card", {
    host,
    pf:
      pf ??
      on.facts.nics.apply((nics) => {
        const cards = nics.filter(({ virtualFunctions }) => virtualFunctions !== undefined);
        return (cards.find((each) => each.numaNode === numaNode) ?? cards[0])?.address ?? "none";
      }),
    ...{ count: roles.length, driversAutoprobe: false, up: true },
  });
  const functionOf = (role: Role) =>
    new pci.VirtualFunction(role, {
      ...{ host, pf: card.pf, vf: roles.indexOf(role) },
      ...{ mac: macs[role], spoofCheck: true },
    });
  const end = (role: "generator" | "sink") => {
    const { address } = functionOf(role);
    const driver = new pci.DriverBinding(`${role}-driver`, { host, address, driver: "vfio-pci" });
    return functionEnd(role, "card", driver);
  };
  const nic = (role: "vnf-in" | "vnf-out") => ({
    ...{ kind: "sr-iov" as const, vf: functionOf(role), card: "card", mac: macs[role] },
  });
  return {
    from: end("generator"),
    to: end("sink"),
    function: {
      nics: { in: nic("vnf-in"), out: nic("vnf-out") },
      routes: [{ nic: "out", to: "198.18.0.2", nextHop: macs.sink }],
    } satisfies Pick<SriovVnfArgs, "nics" | "routes">,
    /** What the generator's frames bear, so that the guest's function takes them. */
    addresses: { toMac: macs["vnf-in"] },
  };
}
