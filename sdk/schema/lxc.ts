import { z } from "zod";
import { hostReference } from "./connection.ts";
import { defineResource } from "./definition.ts";
import {
  cpuList,
  interfaceAddress,
  interfaceName,
  macAddress,
  name,
  path,
  size,
  wholeNumber,
} from "./fields.ts";

/** Where containers of ours are kept, one folder each: `config`, `command`, `rootfs`. */
export const CONTAINER_FOLDER = "/var/lib/nfvlab/lxc";

const ARGUMENT = /^[^\0\n]{0,4000}$/;

export const ContainerNic = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("veth"),
    name: interfaceName("Name inside the container."),
    bridge: interfaceName(
      "Bridge that the other end is a port of: one of the kernel, or of Open vSwitch. Default none.",
    ).optional(),
    hostName: interfaceName("Name of the other end, on the machine."),
    mac: macAddress("MAC address inside. The kernel makes one up where none is given.").optional(),
    mtu: wholeNumber("MTU in bytes. Default 1500.", { min: 68, max: 65535 }).optional(),
    addresses: z
      .array(interfaceAddress("An address inside."))
      .optional()
      .meta({ description: "IPv4 addresses inside." }),
  }),
  z.strictObject({
    kind: z.literal("physical"),
    name: interfaceName("Name inside the container."),
    interface: interfaceName(
      "Interface of the machine, a virtual function's for instance, that moves into the container for as long as it runs.",
    ),
    addresses: z
      .array(interfaceAddress("An address inside."))
      .optional()
      .meta({ description: "IPv4 addresses inside." }),
  }),
]);
export type ContainerNic = z.infer<typeof ContainerNic>;

export const container = defineResource({
  token: "nfvlab:lxc:Container",
  description:
    "A privileged LXC container that runs one command, on CPUs and memory of its own (cgroup v2), as the service nfvlab-lxc-NAME, which starts it at boot too. Its configuration and root " +
    "are under /var/lib/nfvlab/lxc/NAME. A change other than of CPUs and memory restarts it. Delete stops it (SIGTERM, after 10 s SIGKILL) and removes its service and folder; a root that the user named stays.",
  inputs: z.strictObject({
    host: hostReference,
    name: name("Name of the container.", { change: "recreate" }),
    root: z
      .discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("busybox") }),
        z.strictObject({ kind: z.literal("host") }),
        z.strictObject({
          kind: z.literal("folder"),
          path: path("Folder with a root file system, which stays as it is at delete."),
        }),
      ])
      .meta({
        description:
          "Its root file system: busybox alone (the machine's own, static), the machine's /usr and /etc read-only (so that every installed program runs inside), or a folder.",
        change: "recreate",
      }),
    command: z.array(z.string().regex(ARGUMENT, "expected an argument without line breaks")).min(1).meta({
      description: "What it runs, program and arguments. The container ends with it.",
      change: "restart",
    }),
    cpus: cpuList("CPUs that it may run on (cpuset.cpus). Default all.").optional(),
    memory: size(
      "Most memory that it may take, without huge pages (memory.max). Default no limit.",
    ).optional(),
    hugepages: z
      .boolean()
      .optional()
      .meta({ description: "Mount the machine's /dev/hugepages inside. Default false.", change: "restart" }),
    devices: z.array(path("A device file of the machine.")).optional().meta({
      description:
        "Device files that it has besides the usual ones, /dev/net/tun or /dev/vfio/vfio for instance.",
      change: "restart",
    }),
    mounts: z
      .array(
        z.strictObject({
          source: path("Folder of the machine; made where it is missing, and left."),
          target: path("Where it is inside; made where it is missing."),
          readOnly: z.boolean().optional().meta({ description: "Default false." }),
        }),
      )
      .optional()
      .meta({
        description: "Folders of the machine inside, a folder of vhost-user sockets for instance.",
        change: "restart",
      }),
    nics: z
      .array(ContainerNic)
      .optional()
      .meta({ description: "Its network interfaces besides loopback. Default none.", change: "restart" }),
  }),
  outputs: z.object({
    running: z.boolean().meta({ description: "Its command runs." }),
    configured: z.boolean().meta({ description: "Its files and its service are as they were written." }),
    effectiveCpus: z
      .string()
      .meta({ description: "CPUs that it really has (cpuset.cpus.effective); empty while it does not run." }),
    threadCpus: z.string().meta({
      description:
        "CPUs that its threads may run on, all of them together (Cpus_allowed_list); empty while it does not run.",
    }),
  }),
  expectations: { running: true, configured: true },
});
