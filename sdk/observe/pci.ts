import { pciFiles, pciLinks } from "./nics.ts";
import { filesOf, type Probe } from "./probe.ts";
import { wholeNumberOf } from "./understood.ts";

const DEVICES = "/sys/bus/pci/devices";

/** Virtual functions that a physical function can have, and has. */
export interface ObservedSriov {
  readonly total: number;
  readonly active: number;
  /** Whether the kernel looks for a driver for virtual functions as they come. */
  readonly autoprobe: boolean;
  /** Its own network interface, where a driver of the kernel's has it, and whether that is set up. */
  readonly link?: { readonly name: string; readonly up: boolean };
  /** Addresses of those that it has; the index is the number in `ip link`. */
  readonly functions: readonly string[];
}

/** A PCI function as the kernel shows it. */
export interface ObservedFunction {
  readonly address: string;
  /** `0x020000`: base class, subclass, programming interface. */
  readonly class: string;
  readonly driver?: string;
  /** The one driver that the kernel may bind to it. */
  readonly driverOverride?: string;
  readonly iommuGroup?: number;
  /** Address of its physical function, where it is a virtual one. */
  readonly physicalFunction?: string;
  /** Network interfaces of it in the namespace of the first process. */
  readonly interfaces: readonly string[];
  readonly sriov?: ObservedSriov;
}

/** What may be written of PCI functions. */
const pciSettings: Probe<ReadonlyMap<string, readonly string[]>> = {
  name: "pci-settings",
  ask: {
    kind: "files",
    patterns: ["driver_override", "sriov_drivers_autoprobe", "net/*/flags"].map(
      (file) => `${DEVICES}/*/${file}`,
    ),
  },
  parse: filesOf,
};

/** Virtual functions by the link that their physical function has to them. */
const virtualFunctionLinks: Probe<ReadonlyMap<string, string>> = {
  name: "pci-virtual-functions",
  ask: { kind: "links", patterns: [`${DEVICES}/*/virtfn[0-9]*`] },
  parse: (answer) => pciLinks.parse(answer),
};

/** Every PCI function of a machine: what to ask, and `pciFunctions` makes of it. */
export const pciProbes = { pciFiles, pciLinks, pciSettings, virtualFunctionLinks };

export type PciFunctions = ReadonlyMap<string, ObservedFunction>;

/** Functions by address. */
export function pciFunctions(observed: {
  readonly pciFiles: ReadonlyMap<string, readonly string[]>;
  readonly pciLinks: ReadonlyMap<string, string>;
  readonly pciSettings: ReadonlyMap<string, readonly string[]>;
  readonly virtualFunctionLinks: ReadonlyMap<string, string>;
}): PciFunctions {
  const interfaces = new Map<string, string[]>();
  const addresses: string[] = [];
  for (const path of observed.pciFiles.keys()) {
    const [, address = "", file = ""] = /^\/sys\/bus\/pci\/devices\/([^/]+)\/(.+)$/.exec(path) ?? [];
    if (file === "class") addresses.push(address);
    const name = /(?:^|\/)net\/([^/]+)\/address$/.exec(file)?.[1];
    if (name !== undefined) interfaces.set(address, [...(interfaces.get(address) ?? []), name].sort());
  }
  return new Map(
    addresses.sort().map((address) => {
      const text = (file: string, files = observed.pciFiles) =>
        files.get(`${DEVICES}/${address}/${file}`)?.[0]?.trim();
      const link = (name: string) => observed.pciLinks.get(`${DEVICES}/${address}/${name}`);
      const override = text("driver_override", observed.pciSettings);
      const [driver, group, physicalFunction] = [link("driver"), link("iommu_group"), link("physfn")];
      const total = text("sriov_totalvfs");
      const [name] = interfaces.get(address) ?? [];
      const flags = name === undefined ? undefined : text(`net/${name}/flags`, observed.pciSettings);
      return [
        address,
        {
          address,
          class: text("class") ?? "",
          interfaces: interfaces.get(address) ?? [],
          ...(driver !== undefined && { driver }),
          ...(override !== undefined && override !== "(null)" && { driverOverride: override }),
          ...(group !== undefined && { iommuGroup: wholeNumberOf(`the IOMMU group of ${address}`, group) }),
          ...(physicalFunction !== undefined && { physicalFunction }),
          ...(total !== undefined && {
            sriov: {
              total: wholeNumberOf(`sriov_totalvfs of ${address}`, total),
              active: wholeNumberOf(`sriov_numvfs of ${address}`, text("sriov_numvfs") ?? "0"),
              autoprobe: text("sriov_drivers_autoprobe", observed.pciSettings) !== "0",
              // IFF_UP is the lowest bit.
              ...(name !== undefined &&
                flags !== undefined && { link: { name, up: Number(flags) % 2 === 1 } }),
              functions: virtualFunctionsOf(address, observed.virtualFunctionLinks),
            },
          }),
        },
      ];
    }),
  );
}

function virtualFunctionsOf(address: string, links: ReadonlyMap<string, string>): string[] {
  const functions: string[] = [];
  for (let index = 0; ; index += 1) {
    const target = links.get(`${DEVICES}/${address}/virtfn${index}`);
    if (target === undefined) return functions;
    functions.push(target);
  }
}
