import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import { duration, macAddress, name, pciAddress, rate, wholeNumber } from "./fields.ts";

/** Services of ours that set something of PCI functions at boot. */
export const PCI_UNIT_PREFIX = "nfvlab-pci-";

const texts = (description: string) => z.record(z.string(), z.string()).meta({ description });

const persisted = z.boolean().meta({
  description:
    "Whether a service of ours sets it at boot as well, before networks, switches and guests start.",
});

export const virtualFunctions = defineResource({
  token: "nfvlab:pci:VirtualFunctions",
  description:
    "The virtual functions of a network card (SR-IOV): sriov_numvfs of one physical function, by way of 0, since the kernel changes no number that is not 0, and a service of our own that does it " +
    "at boot. Refused while a guest, a switch or a container uses one of them, and where management or the system's disks go through the card. Delete puts back the number found.",
  inputs: z.strictObject({
    host: hostReference,
    pf: pciAddress("PCI address of the physical function.", { change: "recreate" }),
    count: wholeNumber(
      "How many. Another number makes all of them anew, so what takes `pf` from this resource is made anew as well.",
      { min: 1, max: 65535 },
      { change: "recreate" },
    ),
    driversAutoprobe: z.boolean().optional().meta({
      description:
        "Whether the kernel looks for a driver for virtual functions as they come (sriov_drivers_autoprobe); false for those that guests or DPDK get. It counts for those made afterwards. Default: what is there.",
    }),
    up: z.boolean().optional().meta({
      description:
        "Whether the card's own network interface is set up: with it down the functions have no link, and libvirt gives none of them to a guest. Default: what is there.",
    }),
  }),
  outputs: z.object({
    total: z
      .number()
      .meta({ description: "How many the card can have; its firmware may say less than it could." }),
    functions: z
      .array(
        z.object({
          index: z.number().meta({ description: "Number by which ip-link(8) names it." }),
          address: z.string().meta({ description: "PCI address." }),
          iommuGroup: z
            .number()
            .nullable()
            .meta({ description: "IOMMU group; null where the machine has no IOMMU in force." }),
          interface: z.string().nullable().meta({
            description: "Network interface, as of when they were made; null without a network driver.",
          }),
        }),
      )
      .meta({ description: "The virtual functions, by index." }),
    found: texts("What create found, by file. Delete puts it back."),
    written: texts("What was written: where it reads otherwise since, delete leaves it alone."),
    persisted,
  }),
  expectations: { persisted: true },
});

const Vlan = z.strictObject({
  id: wholeNumber("VLAN id; 0 for none.", { max: 4095 }),
  qos: wholeNumber("Priority of its frames (802.1p). Default 0.", { max: 7 }).optional(),
  protocol: z
    .enum(["802.1Q", "802.1ad"])
    .optional()
    .meta({ description: "Kind of tag; few drivers take 802.1ad. Default 802.1Q." }),
});

export const virtualFunction = defineResource({
  token: "nfvlab:pci:VirtualFunction",
  description:
    "What the physical function says of one of its virtual functions: ip link set PF vf N. Only the properties given are set; what the card's driver does not take is refused with the kernel's words, and " +
    "nothing of the change stays. A service of our own sets them at boot as well. Delete puts back each property as create found it.",
  inputs: z.strictObject({
    host: hostReference,
    pf: pciAddress("PCI address of the physical function.", { change: "recreate" }),
    vf: wholeNumber("Number of the virtual function.", { max: 65534 }, { change: "recreate" }),
    mac: macAddress(
      "MAC address, which the guest can't change unless trusted. A driver that is bound already sees it once it is bound anew.",
    ).optional(),
    vlan: Vlan.optional().meta({
      description: "Tag that the card puts on and takes off; the guest does not see it.",
    }),
    spoofCheck: z.boolean().optional().meta({
      description: "Drop frames with another source than the MAC address (spoofchk).",
    }),
    trust: z.boolean().optional().meta({
      description:
        "Let the guest set its MAC address and promiscuous mode: for a card that only one tenant uses.",
    }),
    linkState: z
      .enum(["auto", "enable", "disable"])
      .optional()
      .meta({ description: "Link that the guest sees: that of the card, always up, or always down." }),
    maxTxRate: rate(
      "Most that it may send, 0Mbit/s for no limit. Keep it so while measuring throughput.",
    ).optional(),
    minTxRate: rate("What it may send at least while others send as well, 0Mbit/s for nothing.").optional(),
    queryRss: z.boolean().optional().meta({
      description: "Let the guest read the card's hash key and indirection table (query_rss).",
    }),
  }),
  outputs: z.object({
    address: z.string().meta({ description: "PCI address of the virtual function." }),
    found: texts("What create found, in the words of ip-link(8). Delete puts it back."),
    written: texts("What was set: where it reads otherwise since, delete leaves it alone."),
    persisted,
  }),
  expectations: { persisted: true },
});

export const driverBinding = defineResource({
  token: "nfvlab:pci:DriverBinding",
  description:
    "The driver of one PCI function, by driver_override: vfio-pci for what a guest or DPDK gets, or back to one of the kernel's. Refused for what management or the system's disks go through, for what " +
    "is in use, for an IOMMU group that would be shared with the host, and for cards whose DPDK driver needs the kernel's. A timer on the machine puts the driver back unless a second, new connection confirms that the machine " +
    "can still be reached. Delete puts back the driver found; modules that were loaded stay.",
  inputs: z.strictObject({
    host: hostReference,
    address: pciAddress("PCI address of the function.", { change: "recreate" }),
    driver: name("Driver, for instance vfio-pci. Neither uio_pci_generic nor igb_uio."),
    groupWith: z.array(pciAddress("PCI address of another function of its IOMMU group.")).optional().meta({
      description:
        "Functions of its IOMMU group that resources of their own bind to VFIO as well. Any other one with a driver of the host's is refused.",
    }),
    confirmWithin: duration(
      "How long the machine waits for the new connection before it puts the driver back, whole seconds from 5s to 1h. Default 120s.",
    ).optional(),
  }),
  outputs: z.object({
    iommuGroup: z
      .number()
      .nullable()
      .meta({ description: "IOMMU group; null where the machine has no IOMMU in force." }),
    found: texts("Driver and driver_override as create found them; empty for none. Delete puts them back."),
    written: texts("What was set: where it reads otherwise since, delete leaves it alone."),
    persisted,
  }),
  expectations: { persisted: true },
});

export const eswitchMode = defineResource({
  token: "nfvlab:pci:EswitchMode",
  description:
    "The mode of the switch inside a network card, by devlink: legacy, a bridge by MAC address and VLAN, or switchdev, with an interface on the host for each virtual function (a representor), by which Open vSwitch " +
    "can hand flows to the card. Refused where the card's driver has no such switch, while its virtual functions are in use, and where management goes through it. Does not hold after a boot. Delete puts back the mode found. " +
    "Made to devlink's documented output: of the switchdev mode of a real card only the refusal by one without was tried.",
  inputs: z.strictObject({
    host: hostReference,
    pf: pciAddress("PCI address of the physical function.", { change: "recreate" }),
    mode: z.enum(["legacy", "switchdev"]).meta({
      description:
        "Mode of the switch. Changing it makes the card's interfaces anew, and on some cards its virtual functions.",
      change: "restart",
    }),
  }),
  outputs: z.object({
    representors: z
      .array(
        z.object({
          vf: z.number().meta({ description: "Number of the virtual function that it stands for." }),
          interface: z.string().meta({ description: "Network interface of the host." }),
          portName: z.string().meta({ description: "Port of the switch, for instance pf0vf3." }),
        }),
      )
      .meta({ description: "Interfaces that stand for virtual functions; none in legacy mode." }),
    found: texts("The mode that create found. Delete puts it back."),
    written: texts("What was set: where it reads otherwise since, delete leaves it alone."),
  }),
});
