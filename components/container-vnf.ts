import { dirname } from "node:path/posix";
import type * as pulumi from "@pulumi/pulumi";
import type { ArgsOf, Wired } from "../sdk/resources/lab-resource.ts";
import { Container } from "../sdk/resources/lxc.ts";
import type { Tool } from "../sdk/resources/traffic.ts";
import type { ContainerNic, container } from "../sdk/schema/lxc.ts";
import type { CpuList } from "../sdk/units/cpuset.ts";
import { type DpdkPort, forwarderArguments, ownSockets } from "../sdk/units/dpdk-arguments.ts";
import type { Duration } from "../sdk/units/duration.ts";
import type { Place } from "../sdk/units/packet-path.ts";
import type { Size } from "../sdk/units/size.ts";
import type { Attachment, ChainMember } from "./attachment.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent } from "./lab-component.ts";
import { checkMeasuringCpus } from "./measuring-cpus.ts";
import { type OvsDpdkBridge, vhostSocket } from "./ovs-dpdk-bridge.ts";
import type { TunedHost } from "./tuned-host.ts";
import { checkBridgePort, checkForwardingNics, labelOf, type NamedDevice } from "./vnf-nic.ts";

type ContainerArgs = ArgsOf<typeof container>;

/** A veth pair: one end in the container, the other a port of a bridge of the host's kernel. */
export interface ContainerVethArgs {
  /** `veth`: the container's own kernel stack has the inner end. `af_packet`, `af_xdp`: a port of DPDK's takes it, by a packet socket or an XDP socket. */
  readonly kind: "veth" | "af_packet" | "af_xdp";
  /** The bridge. */
  readonly bridge: NamedDevice;
  /** Name of the end on the host. Default: the component's name and the interface's, which together have to fit 15 characters. */
  readonly hostName?: string;
  /** MAC address inside. Default: the kernel makes one up. */
  readonly mac?: string;
  /** MTU in bytes. Default 1500. */
  readonly mtu?: number;
  /** IPv4 addresses inside, for a function that is an end. */
  readonly addresses?: readonly string[];
}

/** A vhost-user port of a switch in user space, whose socket the container opens as virtio-user. */
export interface ContainerVirtioUserArgs {
  /** Rings in shared huge pages, without a kernel between. */
  readonly kind: "virtio-user";
  /** Bridge on the container's own host. */
  readonly bridge: OvsDpdkBridge;
  /** Port of that bridge. */
  readonly port: string;
}

/** A shared-memory interface between two programs of DPDK's, without a switch between. */
export interface ContainerMemifArgs {
  /** Rings that the server's memory holds. */
  readonly kind: "memif";
  /** Socket that both ends name, in a folder of its own: the folder is mounted into the container. */
  readonly socketPath: string;
  /** Which end makes the socket. */
  readonly role: "server" | "client";
  /** Number of the interface on the socket. Default 0. */
  readonly id?: number;
}

/** An interface of a container. */
export type ContainerNicArgs = ContainerVethArgs | ContainerVirtioUserArgs | ContainerMemifArgs;

/** Forwarding in user space, by the host's traffic program inside the container. */
export interface ContainerForwarding {
  /** The host's traffic program. */
  readonly tool: Tool;
  /** What becomes of a frame: `"io"` (default), `"mac"`, `"macswap"`, `"5tswap"`. */
  readonly mode?: "io" | "mac" | "macswap" | "5tswap";
  /** How long it sleeps with nothing to forward. Default 0us: it keeps its CPUs busy always. */
  readonly idle?: Duration;
  /** Memory that it takes, of huge pages where an interface is `virtio-user`. Default 64MiB. */
  readonly memory?: Size;
}

export interface ContainerVnfArgs extends Pick<ContainerArgs, "memory" | "hugepages" | "devices"> {
  /** The machine that it runs on. */
  readonly host: TunedHost;
  /** CPUs that it may run on. Packets of its veths are forwarded where they arrive, which no container's CPUs bound. */
  readonly cpus: CpuList;
  /** NUMA node of those CPUs, where chains are to be checked against it. */
  readonly numaNode?: number;
  /** Its root file system. Default: what the host has installed, read-only. */
  readonly root?: ContainerArgs["root"];
  /** What it runs. Default: nothing but its network interfaces. */
  readonly command?: readonly string[];
  /** Folders of the machine inside. */
  readonly mounts?: readonly {
    /** Folder of the machine; made where it is missing. */
    readonly source: string;
    /** Where it is inside. */
    readonly target: string;
    /** Default false. */
    readonly readOnly?: boolean;
  }[];
  /** Network interfaces by their names inside. */
  readonly nics: Readonly<Record<string, ContainerNicArgs>>;
  /** It forwards between its two interfaces, for a place in a service chain: `true` by its kernel, which is the host's; in user space by a program. Default false. */
  readonly forwards?: boolean | ContainerForwarding;
}

interface Built {
  readonly container: Container;
  readonly effectiveCpus: pulumi.Output<string>;
}

/** Waits for what ends it. */
const NOTHING = ["sleep", "infinity"];

/**
 * A network function in an LXC container. By veth the host's kernel carries its packets, without a copy and without an exit; by virtio-user or memif a program of DPDK's inside does, and no
 * kernel sees them.
 *
 * @property nics by their names inside: `veth` on a bridge of the kernel, `af_packet` and `af_xdp` the same for a port of DPDK's, `virtio-user` on a port of a switch, `memif` on a socket
 * @property forwards `true` where its kernel bridges its two interfaces, or `{ tool, mode, idle }` where a program of DPDK's forwards between them
 * @property command what runs inside; with `forwards: true`, beside the bridge
 * @throws InputError `component-inputs` where a function that forwards has not two sides, a name does not fit, or an interface of DPDK's has no program to open it
 * @example
 * const vnf = new ContainerVnf("fw", {
 *   host: dut, cpus: "3", memory: "256MiB", forwards: true,
 *   nics: { east: { kind: "veth", bridge: "lan0" }, west: { kind: "veth", bridge: "lan1" } },
 * });
 * @example
 * const l2 = new ContainerVnf("l2", {
 *   host: dut, cpus: "4", forwards: { tool, mode: "macswap", idle: "50us" },
 *   nics: { in: { kind: "virtio-user", bridge, port: "l2-in" }, out: { kind: "virtio-user", bridge, port: "l2-out" } },
 * });
 */
export class ContainerVnf extends LabComponent<Built> implements ChainMember {
  declare readonly container: Container;
  declare readonly effectiveCpus: pulumi.Output<string>;
  readonly host: TunedHost;
  readonly numaNode: number | undefined;
  readonly place: Place = "container";
  /** What its interfaces hang on, by their names inside. */
  readonly attachments: Readonly<Record<string, Attachment>>;
  readonly ready: readonly pulumi.Resource[];

  constructor(name: string, args: ContainerVnfArgs, options: pulumi.ComponentResourceOptions = {}) {
    checkInputs(name, args);
    const {
      host,
      cpus,
      numaNode,
      root = { kind: "host" },
      nics,
      forwards,
      command: _,
      mounts,
      ...rest
    } = args;
    const all = Object.entries(nics);
    super("ContainerVnf", name, { ...host.lifetime(), ...options }, (scope) => {
      const veths = all.flatMap(([nic, settings]) => (isVeth(settings) ? [vethOf(name, nic, settings)] : []));
      const folders = mountsOf(args);
      const inHugepages = all.some(([, { kind }]) => kind === "virtio-user");
      const made = scope.child(
        Container,
        "container",
        {
          ...rest,
          ...(inHugepages && { hugepages: true }),
          ...(folders.length > 0 && { mounts: folders }),
          host: host.reference,
          name,
          root,
          cpus,
          command: commandOf(args),
          ...(veths.length > 0 && { nics: veths }),
        },
        { dependsOn: [...host.preparation, ...all.flatMap(([, nic]) => portOf(nic))] },
      );
      return { container: made, effectiveCpus: made.effectiveCpus };
    });
    this.host = host;
    this.numaNode = numaNode;
    this.attachments = Object.fromEntries(all.map(([nic, settings]) => [nic, attachmentOf(settings)]));
    this.ready = [this.container];
  }
}

function isVeth(nic: ContainerNicArgs): nic is ContainerVethArgs {
  return nic.kind !== "virtio-user" && nic.kind !== "memif";
}

function vethOf(
  name: string,
  nic: string,
  { bridge, hostName, kind: _, ...settings }: ContainerVethArgs,
): Wired<ContainerNic> {
  return {
    kind: "veth" as const,
    ...settings,
    name: nic,
    hostName: hostName ?? `${name}-${nic}`,
    bridge: typeof bridge === "string" ? bridge : bridge.name,
  };
}

function portOf(nic: ContainerNicArgs): pulumi.Resource[] {
  const port = nic.kind === "virtio-user" ? nic.bridge.ports[nic.port] : undefined;
  return port === undefined ? [] : [port];
}

function attachmentOf(nic: ContainerNicArgs): Attachment {
  switch (nic.kind) {
    case "virtio-user":
      return { kind: "virtio-user", bridge: nic.bridge, port: nic.port };
    case "memif":
      return { kind: "memif", carrier: "memory", over: `${nic.socketPath} ${nic.id ?? 0}` };
    default:
      return { kind: nic.kind, carrier: "linux-bridge", over: labelOf(nic.bridge) };
  }
}

/** The interface as the program inside opens it; none that only a kernel has. */
function dpdkPortOf(nic: string, settings: ContainerNicArgs): DpdkPort[] {
  switch (settings.kind) {
    case "virtio-user":
      return [{ kind: "virtio-user", socketPath: vhostSocket(settings.port) }];
    case "memif": {
      const { kind, socketPath, role, id } = settings;
      return [{ kind, socketPath, role, id }];
    }
    case "veth":
      return [];
    default:
      return [{ kind: settings.kind, interface: nic }];
  }
}

const portsOf = ({ nics }: ContainerVnfArgs) =>
  Object.entries(nics).flatMap(([nic, settings]) => dpdkPortOf(nic, settings));

function commandOf(args: ContainerVnfArgs): pulumi.Input<string>[] {
  const { forwards = false, command = NOTHING, nics, cpus } = args;
  if (forwards === false) return [...command];
  if (forwards === true) return bridging(Object.keys(nics), command);
  const { tool, ...forwarding } = forwards;
  const ports = portsOf(args);
  const hugepages = ports.some(({ kind }) => kind === "virtio-user");
  const words = [tool.path, ...forwarderArguments({ ...forwarding, cpus, hugepages, ports })];
  const sockets = ownSockets(ports);
  // What was killed leaves a socket that its next start would find in its way.
  return sockets.length === 0
    ? words
    : ["sh", "-c", `rm -f ${sockets.join(" ")} && exec "$@"`, "sh", ...words];
}

/** Those that were given, and where the program and its sockets are. */
function mountsOf(args: ContainerVnfArgs) {
  const { mounts = [], forwards } = args;
  const sockets = portsOf(args).flatMap((port) => ("socketPath" in port ? [dirname(port.socketPath)] : []));
  const own = [...new Set(sockets)].map((folder) => ({ source: folder, target: folder }));
  if (typeof forwards !== "object") return [...mounts, ...own];
  const folder = forwards.tool.path.apply((path) => dirname(path));
  return [...mounts, ...own, { source: folder, target: folder, readOnly: true }];
}

/** A bridge inside, which goes with the container's network namespace, and then the command. */
function bridging(nics: readonly string[], command: readonly string[]): string[] {
  const steps = [
    "ip link add forward type bridge",
    ...nics.map((nic) => `ip link set ${nic} master forward`),
  ];
  return ["sh", "-c", `${[...steps, "ip link set forward up"].join(" && ")} && exec "$@"`, "sh", ...command];
}

function checkInputs(name: string, { host, cpus, nics, forwards, root, command }: ContainerVnfArgs): void {
  const check = new InputCheck("ContainerVnf", name);
  checkMeasuringCpus(check, "cpus", cpus, host);
  for (const [nic, settings] of Object.entries(nics)) checkNic(check, name, host, nic, settings, forwards);
  if (forwards !== undefined && forwards !== false) checkForwardingNics(check, nics);
  if (typeof forwards === "object" && command !== undefined) {
    check.wrong({
      code: "forwards-command",
      property: "command",
      problem: "the program that forwards is what the container runs",
      observed: command.join(" "),
      expected: "no command, or no program that forwards",
    });
  }
  if (forwards === true && root !== undefined && (root as { kind?: string }).kind === "busybox") {
    check.wrong({
      code: "forwards-root",
      property: "root",
      problem: "the ip of busybox makes no bridge",
      observed: "busybox",
      expected: "the host's files, or a folder with iproute2",
    });
  }
  check.done();
}

function checkNic(
  check: InputCheck,
  name: string,
  host: TunedHost,
  nic: string,
  settings: ContainerNicArgs,
  forwards: ContainerVnfArgs["forwards"],
): void {
  const { kind } = settings;
  if (isVeth(settings)) {
    const { hostName = `${name}-${nic}` } = settings;
    if (hostName.length > 15) {
      check.wrong({
        code: "name-long",
        property: `nics.${nic}.hostName`,
        problem: "the name of the end on the host does not fit",
        observed: `${hostName} (${hostName.length} characters)`,
        expected: "at most 15 characters",
        hint: "give it a hostName",
      });
    }
  }
  if (settings.kind === "virtio-user") {
    if (settings.bridge.host !== host) {
      check.wrong({
        code: "bridge-elsewhere",
        property: `nics.${nic}.bridge`,
        problem: "the bridge is on another host, and a vhost-user socket joins two processes of one",
        observed: `a bridge on ${settings.bridge.host.name}`,
        expected: `a bridge on ${host.name}`,
      });
    }
    checkBridgePort(check, `nics.${nic}.port`, settings.bridge, settings.port);
  }
  const byKernel = kind === "veth";
  if (forwards === true && !byKernel) {
    check.wrong({
      code: "forwards-kernel",
      property: `nics.${nic}.kind`,
      problem: "the kernel does not see this interface, or leaves it to a program",
      observed: kind,
      expected: "veth, or forwards: { tool }",
    });
  }
  if (typeof forwards === "object" && byKernel) {
    check.wrong({
      code: "forwards-program",
      property: `nics.${nic}.kind`,
      problem: "the program that forwards does not open this interface",
      observed: kind,
      expected: "virtio-user, memif, af_packet or af_xdp",
    });
  }
}
