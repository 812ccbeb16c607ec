import type * as pulumi from "@pulumi/pulumi";
import type { ArgsOf } from "../sdk/resources/lab-resource.ts";
import { Container } from "../sdk/resources/lxc.ts";
import type { container } from "../sdk/schema/lxc.ts";
import type { CpuList } from "../sdk/units/cpuset.ts";
import type { Place } from "../sdk/units/packet-path.ts";
import type { Attachment, ChainMember } from "./attachment.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent } from "./lab-component.ts";
import { checkMeasuringCpus } from "./measuring-cpus.ts";
import type { TunedHost } from "./tuned-host.ts";
import { checkForwardingNics, labelOf, type NamedDevice } from "./vnf-nic.ts";

type ContainerArgs = ArgsOf<typeof container>;

/** A veth pair: one end in the container, the other a port of a bridge of the host's kernel. */
export interface ContainerNicArgs {
  /** The kernel's own wire between network namespaces. */
  readonly kind: "veth";
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

export interface ContainerVnfArgs extends Pick<ContainerArgs, "memory" | "hugepages" | "devices" | "mounts"> {
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
  /** Network interfaces by their names inside. */
  readonly nics: Readonly<Record<string, ContainerNicArgs>>;
  /** Its kernel, which is the host's, bridges its two interfaces, for a place in a service chain. Default false. */
  readonly forwards?: boolean;
}

interface Built {
  readonly container: Container;
  readonly effectiveCpus: pulumi.Output<string>;
}

/** Waits for what ends it. */
const NOTHING = ["sleep", "infinity"];

/**
 * A network function in an LXC container: the host's kernel carries its packets, by veth, without a copy and without an exit.
 *
 * @property nics by their names inside, each on a bridge of the kernel
 * @property forwards the kernel bridges its two interfaces inside, for a place in a service chain
 * @property command what runs inside; with `forwards`, beside the bridge
 * @throws InputError `component-inputs` where a function that forwards has not two sides, or a name does not fit
 * @example
 * const vnf = new ContainerVnf("fw", {
 *   host: dut, cpus: "3", memory: "256MiB", forwards: true,
 *   nics: { east: { kind: "veth", bridge: "lan0" }, west: { kind: "veth", bridge: "lan1" } },
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
    const { host, cpus, numaNode, root = { kind: "host" }, command, nics, forwards, ...rest } = args;
    super("ContainerVnf", name, { ...host.lifetime(), ...options }, (scope) => {
      const made = scope.child(
        Container,
        "container",
        {
          ...rest,
          host: host.reference,
          name,
          root,
          cpus,
          command:
            forwards === true ? bridging(Object.keys(nics), command ?? NOTHING) : [...(command ?? NOTHING)],
          nics: Object.entries(nics).map(([nic, { bridge, hostName, ...settings }]) => ({
            ...settings,
            name: nic,
            hostName: hostName ?? `${name}-${nic}`,
            bridge: typeof bridge === "string" ? bridge : bridge.name,
          })),
        },
        { dependsOn: [...host.preparation] },
      );
      return { container: made, effectiveCpus: made.effectiveCpus };
    });
    this.host = host;
    this.numaNode = numaNode;
    this.attachments = Object.fromEntries(
      Object.entries(nics).map(([nic, { bridge }]) => [
        nic,
        { kind: "veth" as const, carrier: "linux-bridge" as const, over: labelOf(bridge) },
      ]),
    );
    this.ready = [this.container];
  }
}

/** A bridge inside, which goes with the container's network namespace, and then the command. */
function bridging(nics: readonly string[], command: readonly string[]): string[] {
  const steps = [
    "ip link add forward type bridge",
    ...nics.map((nic) => `ip link set ${nic} master forward`),
  ];
  return ["sh", "-c", `${[...steps, "ip link set forward up"].join(" && ")} && exec "$@"`, "sh", ...command];
}

function checkInputs(name: string, { host, cpus, nics, forwards, root }: ContainerVnfArgs): void {
  const check = new InputCheck("ContainerVnf", name);
  checkMeasuringCpus(check, "cpus", cpus, host);
  for (const [nic, { hostName = `${name}-${nic}` }] of Object.entries(nics)) {
    if (hostName.length <= 15) continue;
    check.wrong({
      code: "name-long",
      property: `nics.${nic}.hostName`,
      problem: "the name of the end on the host does not fit",
      observed: `${hostName} (${hostName.length} characters)`,
      expected: "at most 15 characters",
      hint: "give it a hostName",
    });
  }
  if (forwards === true) checkForwardingNics(check, nics);
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
