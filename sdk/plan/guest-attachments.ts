import type { GuestAttachments } from "../observe/guest-platform.ts";
import type { ObservedBridge, ObservedInterface } from "../observe/ovs.ts";
import type { Inputs } from "../schema/definition.ts";
import type { GuestNic, NicOf } from "../schema/guest-nic.ts";
import type { libvirtDomain } from "../schema/libvirt.ts";
import { type ErrorFacts, HostError } from "../units/errors.ts";

/** What a machine has that interfaces of guests can be joined to. */
export interface AttachmentHost {
  readonly attachments: GuestAttachments;
  readonly switch: {
    readonly bridges: readonly Pick<ObservedBridge, "name" | "datapath">[];
    readonly interfaces: readonly Pick<ObservedInterface, "type" | "options" | "status">[];
  };
  /** Where PCI functions point to, by path: driver, IOMMU group, physical function. */
  readonly pciLinks: ReadonlyMap<string, string>;
}

/** Type of the switch's port for each side that QEMU can be on. */
export const PORT_TYPE = { server: "dpdkvhostuserclient", client: "dpdkvhostuser" } as const;

/** @throws HostError where something that the guest is joined to is missing: QEMU would fail late, or wait for ever */
export function checkAttachments(
  { nics = {}, sharedMemory = {} }: Pick<Inputs<typeof libvirtDomain>, "nics" | "sharedMemory">,
  host: AttachmentHost,
): void {
  for (const [name, nic] of Object.entries(nics)) {
    const missing = missingFor(nic, host);
    if (missing !== undefined)
      throw new HostError({ ...missing, property: `nics.${name}.${missing.property}` });
  }
  for (const [name, memory] of Object.entries(sharedMemory)) {
    if (memory.kind !== "ivshmem-doorbell" || host.attachments.listening.has(memory.socket)) continue;
    throw new HostError({
      code: "ivshmem-server-missing",
      property: `sharedMemory.${name}.socket`,
      problem: "nobody listens on this socket, so QEMU would not start",
      observed: "no listener",
      expected: `an ivshmem-server on ${memory.socket}`,
      hint: "start one (it is in QEMU's sources under contrib, and in no package of Debian's), or share by ivshmem-plain",
    });
  }
}

type Missing = ErrorFacts & { readonly property: string };

function missingFor(nic: GuestNic, host: AttachmentHost): Missing | undefined {
  const { attachments } = host;
  switch (nic.kind) {
    case "vhost-user":
      return missingPort(nic, host.switch.interfaces);
    case "bridge":
      return oneOf(attachments.bridges, "bridge", nic.bridge, "bridge of the host's kernel");
    case "openvswitch":
      return oneOf(
        new Set(host.switch.bridges.filter(({ datapath }) => datapath !== "netdev").map(({ name }) => name)),
        "bridge",
        nic.bridge,
        "bridge of Open vSwitch with the kernel's datapath",
      );
    case "network":
      return oneOf(attachments.networks, "network", nic.network, "active network of libvirt's");
    case "tap":
      return oneOf(attachments.taps, "device", nic.device, "tap device");
    case "macvtap":
      return oneOf(attachments.devices, "device", nic.device, "network device");
    case "vdpa":
      return oneOf(attachments.vdpaDevices, "device", nic.device, "vhost-vDPA device");
    case "sr-iov":
      return missingFunction(nic.vf, "vf", nic.managed ?? true, host.pciLinks, true);
    case "pci":
      return missingFunction(nic.device, "device", nic.managed ?? true, host.pciLinks, false);
  }
}

function missingPort(
  { socketPath, mode = "server" }: NicOf<"vhost-user">,
  interfaces: AttachmentHost["switch"]["interfaces"],
): Missing | undefined {
  const type = PORT_TYPE[mode];
  const sockets = interfaces.flatMap((row) => (row.type === type ? (socketOf(row) ?? []) : []));
  if (sockets.includes(socketPath)) return undefined;
  return {
    code: "switch-port-missing",
    property: "socketPath",
    problem:
      mode === "server"
        ? "no port of the switch connects to this socket, so QEMU would wait for ever"
        : "no port of the switch serves this socket, so QEMU would not start",
    observed: sockets.join(", ") || `no ${type} port`,
    expected: socketPath,
    hint: "make the Port first and let the Domain depend on it",
  };
}

/** Socket of a vhost-user port: its option, or for a server what the switch says of itself. */
export function socketOf({
  options,
  status,
}: AttachmentHost["switch"]["interfaces"][number]): string | undefined {
  return options["vhost-server-path"] ?? status["socket"];
}

function oneOf(
  there: ReadonlySet<string>,
  property: string,
  wanted: string,
  what: string,
): Missing | undefined {
  if (there.has(wanted)) return undefined;
  return {
    code: "attachment-missing",
    property,
    problem: `the host has no ${what} of this name`,
    observed: [...there].join(", ") || "none",
    expected: wanted,
    hint: "make it first and let the Domain depend on it",
  };
}

function missingFunction(
  address: string,
  property: string,
  managed: boolean,
  links: ReadonlyMap<string, string>,
  virtual: boolean,
): Missing | undefined {
  const link = (name: string) => links.get(`/sys/bus/pci/devices/${address}/${name}`);
  const group = link("iommu_group");
  if (group === undefined) {
    return {
      code: "attachment-missing",
      property,
      problem: "the host has no such function behind an IOMMU, so it can't be passed through",
      observed: "no IOMMU group",
      expected: `${address} with an IOMMU group`,
      hint: "look at lspci -D; make virtual functions first; boot with intel_iommu=on or amd_iommu=on",
    };
  }
  if (virtual && link("physfn") === undefined) {
    return {
      code: "no-virtual-function",
      property,
      problem: "it is no virtual function, so nobody sets its MAC and VLAN for the guest",
      observed: address,
      expected: "a virtual function",
      hint: 'pass a whole card through as kind "pci"',
    };
  }
  const driver = link("driver");
  if (!managed && driver !== "vfio-pci") {
    return {
      code: "not-on-vfio",
      property,
      problem: "libvirt is told to leave its driver alone, and it is not on vfio-pci",
      observed: driver ?? "no driver",
      expected: "vfio-pci",
      hint: "leave `managed` out, or bind it first",
    };
  }
  return undefined;
}
