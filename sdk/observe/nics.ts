import { filesOf, type Probe } from "./probe.ts";
import { wholeNumberOf } from "./understood.ts";

export interface ObservedNic {
  readonly address: string;
  readonly vendor: string;
  readonly device: string;
  readonly driver?: string;
  readonly numaNode: number;
  readonly iommuGroup?: number;
  readonly interfaces: readonly string[];
  readonly virtualFunctions?: { readonly total: number; readonly active: number };
  readonly physicalFunction?: string;
  readonly link?: ObservedLink;
}

/** How a card is joined to the machine: transfers in GT/s and lanes, as they are and as the card could. */
export interface ObservedLink {
  readonly speed: number;
  readonly lanes: number;
  readonly mostSpeed: number;
  readonly mostLanes: number;
}

const DEVICES = "/sys/bus/pci/devices";
const ETHERNET_CLASS = /^0x02/;

/** Numbers that PCI functions show of themselves; what is no network card is left out by `nicsOf`. */
export const pciFiles: Probe<ReadonlyMap<string, readonly string[]>> = {
  name: "pci-files",
  ask: {
    kind: "files",
    patterns: [
      "class",
      "vendor",
      "device",
      "numa_node",
      "sriov_totalvfs",
      "sriov_numvfs",
      ...["current_link_speed", "current_link_width", "max_link_speed", "max_link_width"],
      "net/*/address",
      // A virtio card holds its interface one device further down.
      "virtio[0-9]*/net/*/address",
    ].map((file) => `${DEVICES}/*/${file}`),
  },
  parse: filesOf,
};

/** Where PCI functions point to: driver, IOMMU group, physical function. */
export const pciLinks: Probe<ReadonlyMap<string, string>> = {
  name: "pci-links",
  ask: { kind: "links", patterns: ["driver", "iommu_group", "physfn"].map((link) => `${DEVICES}/*/${link}`) },
  parse: ({ stdout }) =>
    new Map(
      stdout
        .split("\n")
        .filter((line) => line.includes(" "))
        .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.lastIndexOf("/") + 1)]),
    ),
};

/** The network cards among the PCI functions, by address. */
export function nicsOf(
  files: ReadonlyMap<string, readonly string[]>,
  links: ReadonlyMap<string, string>,
): ObservedNic[] {
  const text = (address: string, file: string) => files.get(`${DEVICES}/${address}/${file}`)?.[0]?.trim();
  const addresses = [...files.keys()].flatMap((path) => /\/([0-9a-f:.]+)\/class$/.exec(path)?.[1] ?? []);
  return addresses
    .filter((address) => ETHERNET_CLASS.test(text(address, "class") ?? ""))
    .sort()
    .map((address) => {
      const link = (name: string) => links.get(`${DEVICES}/${address}/${name}`);
      const [driver, group, physicalFunction] = [link("driver"), link("iommu_group"), link("physfn")];
      const total = text(address, "sriov_totalvfs");
      const number = (file: string, otherwise: string) =>
        wholeNumberOf(`${file} of ${address}`, text(address, file) ?? otherwise);
      return {
        address,
        vendor: text(address, "vendor") ?? "",
        device: text(address, "device") ?? "",
        numaNode: number("numa_node", "-1"),
        interfaces: [...files.keys()]
          .filter((path) => path.startsWith(`${DEVICES}/${address}/`))
          .flatMap((path) => /\/net\/([^/]+)\/address$/.exec(path)?.[1] ?? [])
          .sort(),
        ...(driver !== undefined && { driver }),
        ...(group !== undefined && { iommuGroup: wholeNumberOf(`the IOMMU group of ${address}`, group) }),
        ...(physicalFunction !== undefined && { physicalFunction }),
        ...linkOf((file) => text(address, file)),
        ...(total !== undefined && {
          virtualFunctions: { total: number("sriov_totalvfs", "0"), active: number("sriov_numvfs", "0") },
        }),
      };
    });
}

/** Virtual functions and virtio cards have no link of their own, or say `Unknown` and 0. */
function linkOf(text: (file: string) => string | undefined): { link?: ObservedLink } {
  const [speed, mostSpeed] = ["current_link_speed", "max_link_speed"].map((file) =>
    Number(/^([\d.]+) GT\/s/.exec(text(file) ?? "")?.[1]),
  );
  const [lanes, mostLanes] = ["current_link_width", "max_link_width"].map((file) => Number(text(file)));
  return speed && mostSpeed && lanes && mostLanes ? { link: { speed, lanes, mostSpeed, mostLanes } } : {};
}
