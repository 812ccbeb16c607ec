import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import {
  duration,
  type FieldFacts,
  interfaceAddress,
  interfaceName,
  macAddress,
  name,
  wholeNumber,
} from "./fields.ts";

/** What an interface's alias says of whose it is: `nfvlab:1f0c22aa`. The only mark that every kind of link can carry. */
export const OWNER_ALIAS = "nfvlab:";

/** Said of everything here: links are the running kernel's, and no file brings them back. */
const UNTIL_REBOOT =
  "It lives until the machine's next boot: a refresh then shows it gone, and the next `up` makes it again.";

const flag = (description: string, facts: FieldFacts = {}) =>
  z
    .boolean()
    .optional()
    .meta({ description, ...facts });

const mtu = (most: number) =>
  wholeNumber("MTU in bytes. Not looked at where it is not given; the kernel starts with 1500.", {
    min: 68,
    max: most,
  }).optional();

const mac = macAddress("MAC address. The kernel makes one up where none is given.").optional();

const bridge = interfaceName("Linux bridge that it is a port of. Default none.").optional();

const addresses = z
  .array(interfaceAddress("An address of the interface."))
  .optional()
  .meta({ description: "IPv4 addresses, all that it has. Default none." });

const namespace = name("Network namespace that it is in. Default that of the machine itself.", {
  change: "recreate",
}).optional();

const up = z.boolean().meta({
  description:
    "It, and every interface that it stands on, is set up (IFF_UP), whether or not anybody is at the other end.",
});

const offloads = z
  .strictObject({
    rx: flag("Receive checksums (ethtool -K rx)."),
    tx: flag(
      "Transmit checksums (ethtool -K tx). A switch in user space that can't complete them loses TCP where this is on.",
    ),
    tso: flag("TCP segmentation (ethtool -K tso). The kernel turns it off where tx is off."),
    gro: flag("Generic receive offload (ethtool -K gro)."),
  })
  .optional()
  .meta({ description: "Offloads by ethtool -K. Those that are not given are left as they are." });

export const networkNamespace = defineResource({
  token: "nfvlab:net:NetworkNamespace",
  description:
    `A named network namespace (ip netns), with its loopback interface up. ${UNTIL_REBOOT} ` +
    "Delete removes it where it is still ours (the alias of its loopback interface says so) and no process runs in it; physical interfaces in it go back to the machine.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the namespace.", { change: "recreate" }),
  }),
  outputs: z.object({
    path: z.string().meta({
      description: "File that stands for it, for nsenter and for NetworkNamespacePath= of systemd.",
    }),
    up: z.boolean().meta({ description: "Its loopback interface is up." }),
  }),
  expectations: { up: true },
});

export const linuxBridge = defineResource({
  token: "nfvlab:net:LinuxBridge",
  description:
    "A bridge of the kernel, without Open vSwitch. Ports that are made elsewhere and join it themselves (veth, tap, a guest's vnet0) are left alone; `members` are " +
    `for interfaces that are there already. The interface of the management connection is refused. ${UNTIL_REBOOT} ` +
    "Delete removes the bridge where it is still ours (its alias says so) and sets members down that were down before they joined.",
  inputs: z.strictObject({
    host: hostReference,
    name: interfaceName("Name of the bridge.", { change: "recreate" }),
    stp: flag("Spanning tree. Default false: with it a port forwards nothing for its first 30 s."),
    vlanFiltering: flag("Tell VLANs apart (vlan_filtering). Default false."),
    ageing: duration(
      "How long a learned MAC address is kept, whole hundredths of a second (ageing_time). Default 300s; 0s floods everything.",
    ).optional(),
    members: z.array(interfaceName("An interface to make a port of the bridge.")).optional().meta({
      description:
        "Interfaces that are there already, set up and made ports. They may have neither an address nor another master.",
    }),
    mtu: mtu(65535),
    addresses,
  }),
  outputs: z.object({
    ports: z.array(z.string()).meta({ description: "All ports that it has, by whoever made them." }),
    foundDown: z
      .array(z.string())
      .meta({ description: "Members that were down before they joined; delete sets them down." }),
    up,
  }),
  expectations: { up: true },
});

const vethEnd = {
  name: interfaceName("Name of this end.", { change: "recreate" }),
  namespace,
  bridge,
  mtu: mtu(65535),
  mac,
  addresses,
  offloads,
};

export const veth = defineResource({
  token: "nfvlab:net:Veth",
  description:
    "A pair of virtual Ethernet interfaces, each the other's wire, each in a network namespace or in the machine's own. Both ends are set up. " +
    `${UNTIL_REBOOT} Delete removes the pair where it is still ours (the alias of each end says so).`,
  inputs: z.strictObject({
    host: hostReference,
    name: vethEnd.name,
    namespace: vethEnd.namespace,
    bridge: vethEnd.bridge,
    mtu: vethEnd.mtu,
    mac: vethEnd.mac,
    addresses: vethEnd.addresses,
    offloads: vethEnd.offloads,
    peer: z.strictObject(vethEnd).meta({ description: "The other end." }),
  }),
  outputs: z.object({ up }),
  expectations: { up: true },
});

export const tap = defineResource({
  token: "nfvlab:net:Tap",
  description:
    "A persistent tap interface, which a virtual machine or a program opens by its name through /dev/net/tun. " +
    `${UNTIL_REBOOT} Delete removes it where it is still ours (its alias says so).`,
  inputs: z.strictObject({
    host: hostReference,
    name: interfaceName("Name of the interface.", { change: "recreate" }),
    multiQueue: flag("Several queues (IFF_MULTI_QUEUE); who opens it has to say the same. Default false.", {
      change: "recreate",
    }),
    vnetHeader: flag(
      "Packets carry a virtio-net header (IFF_VNET_HDR), which offloads need. Default false.",
      {
        change: "recreate",
      },
    ),
    owner: name("User that may open it without privilege. Default nobody but root.", {
      change: "recreate",
    }).optional(),
    bridge,
    mtu: mtu(65521),
    mac,
    addresses,
  }),
  outputs: z.object({ up }),
  expectations: { up: true },
});

export const macvtap = defineResource({
  token: "nfvlab:net:Macvtap",
  description:
    "A macvtap: a character device whose frames go straight out of a lower interface, without a bridge. The lower interface is set up; that of the management " +
    `connection is refused. ${UNTIL_REBOOT} Delete removes it where it is still ours (its alias says so) and sets the lower interface down where it was down before.`,
  inputs: z.strictObject({
    host: hostReference,
    name: interfaceName("Name of the interface.", { change: "recreate" }),
    lower: interfaceName("Interface that its frames go through: a physical one or a virtual function's.", {
      change: "recreate",
    }),
    mode: z.enum(["private", "vepa", "bridge", "passthru"]).optional().meta({
      description:
        "Who may talk to whom on one lower interface: nobody (private), by way of the switch outside (vepa), all (bridge); passthru takes the lower interface whole. Default bridge.",
      change: "recreate",
    }),
    mtu: mtu(65535),
    mac,
  }),
  outputs: z.object({
    device: z.string().meta({ description: "The character device, /dev/tap and the interface's number." }),
    lowerFoundDown: z
      .boolean()
      .meta({ description: "The lower interface was down before; delete sets it down." }),
    up,
  }),
  expectations: { up: true },
});
