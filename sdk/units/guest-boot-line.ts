/** Boot argument of an address that the boot image gives an interface: `nfvlab.address=MAC,ADDRESS`. */
const ADDRESS_ARGUMENT = "nfvlab.address";

/**
 * Boot argument that makes a guest a forwarder: its interfaces with these MAC addresses become ports of one bridge of its kernel, `nfvlab.bridge=MAC,MAC`.
 */
export const BRIDGE_ARGUMENT = "nfvlab.bridge";

/** Boot argument of a route by which a guest forwards: the interface's MAC address, the IPv4 address, and the MAC address that packets for it go to. */
export const ROUTE_ARGUMENT = "nfvlab.route";

/** How a guest's kernel is started, and what the boot image does with its interfaces. */
export interface GuestBootLine {
  readonly arguments?: readonly string[] | undefined;
  readonly bridgedNics?: readonly string[] | undefined;
  readonly routes?:
    | readonly { readonly nic: string; readonly to: string; readonly nextHop: string }[]
    | undefined;
}

/** An interface as a boot line can name it. */
export interface BootLineNic {
  readonly kind: string;
  readonly mac?: string | undefined;
  readonly address?: string | undefined;
}

/** The boot line of a guest's kernel: console, the user's own arguments, and what the boot image reads. */
export function guestBootLine(
  boot: GuestBootLine,
  nics: Readonly<Record<string, BootLineNic>>,
  serial: boolean,
): string {
  const addresses = Object.values(nics).flatMap(({ mac, address }) =>
    address === undefined ? [] : [`${ADDRESS_ARGUMENT}=${mac},${address}`],
  );
  const bridged = (boot.bridgedNics ?? []).flatMap((name) => nics[name]?.mac ?? []);
  return [
    ...(serial ? ["console=ttyS0"] : []),
    ...["panic=-1", ...(boot.arguments ?? []), ...addresses],
    ...(bridged.length > 0 ? [`${BRIDGE_ARGUMENT}=${bridged.join(",")}`] : []),
    ...(boot.routes ?? []).map(
      ({ nic, to, nextHop }) => `${ROUTE_ARGUMENT}=${nics[nic]?.mac},${to},${nextHop}`,
    ),
  ].join(" ");
}
