import type * as pulumi from "@pulumi/pulumi";
import type { ArgsOf } from "../sdk/resources/lab-resource.ts";
import { Forwarder, type Tool } from "../sdk/resources/traffic.ts";
import type { trafficForwarder } from "../sdk/schema/traffic.ts";
import type { CpuList } from "../sdk/units/cpuset.ts";
import type { Place } from "../sdk/units/packet-path.ts";
import type { ChainMember, SwitchedAttachment } from "./attachment.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent } from "./lab-component.ts";
import { checkMeasuringCpus } from "./measuring-cpus.ts";
import { type OvsDpdkBridge, vhostSocket } from "./ovs-dpdk-bridge.ts";
import type { TunedHost } from "./tuned-host.ts";
import { checkBridgePort } from "./vnf-nic.ts";

export interface ForwarderVnfArgs
  extends Pick<ArgsOf<typeof trafficForwarder>, "mode" | "peers" | "memory" | "hugepages" | "idle"> {
  /** The switch whose ports it is on; it runs on that switch's host. */
  readonly bridge: OvsDpdkBridge;
  /** Port that packets come in by; its socket is opened as virtio-user. */
  readonly in: string;
  /** Port that they go out by. */
  readonly out: string;
  /** What forwards: the host's traffic program; or DPDK's own testpmd, which never sleeps. */
  readonly tool: Tool | "testpmd";
  /** CPU that it polls on. */
  readonly cpus: CpuList;
  /** NUMA node of that CPU, where chains are to be checked against it. */
  readonly numaNode?: number;
}

interface Built {
  readonly forwarder: Forwarder;
}

/**
 * The smallest network function: a DPDK process on the host that forwards between two vhost-user ports of a switch, by virtio-user. What a guest costs beside it is what the guest
 * adds. It starts in a moment, so chains of any length are tried with it first.
 *
 * @property tool the traffic program, or `"testpmd"`, to have DPDK's own beside it
 * @property mode what becomes of a frame: `"io"` (default), `"mac"`, `"macswap"`, `"5tswap"`
 * @property idle how long it sleeps with nothing to forward; without it, it keeps its CPU busy always
 * @throws InputError `component-inputs` where the switch has no such port, or both are the same
 * @example
 * const l2 = new ForwarderVnf("l2", { bridge, in: "vnf0", out: "vnf1", tool, cpus: "5", mode: "macswap" });
 * const pvp = new ServiceChain("pvp", { from: switchedEnd("generator", bridge, "gen0"), through: [l2], to: switchedEnd("sink", bridge, "gen1") });
 */
export class ForwarderVnf extends LabComponent<Built> implements ChainMember {
  declare readonly forwarder: Forwarder;
  readonly host: TunedHost;
  readonly numaNode: number | undefined;
  readonly place: Place = "user space";
  /** `in` and `out`. */
  readonly attachments: Readonly<Record<"in" | "out", SwitchedAttachment>>;
  readonly ready: readonly pulumi.Resource[];

  constructor(name: string, args: ForwarderVnfArgs, options: pulumi.ComponentResourceOptions = {}) {
    checkInputs(name, args);
    const { bridge, in: into, out, tool, numaNode, ...rest } = args;
    const { host } = bridge;
    super("ForwarderVnf", name, { ...host.lifetime(), ...options }, (scope) => {
      const port = (each: string) => ({ kind: "virtio-user" as const, socketPath: vhostSocket(each) });
      const forwarder = scope.child(
        Forwarder,
        "forwarder",
        {
          ...rest,
          host: host.reference,
          name,
          ...(tool === "testpmd" ? { by: tool } : { program: tool.path }),
          ports: [port(into), port(out)],
        },
        {
          dependsOn: [...host.preparation, ...[into, out].flatMap((each) => bridge.ports[each] ?? [])],
        },
      );
      return { forwarder };
    });
    this.host = host;
    this.numaNode = numaNode;
    const attachment = (port: string): SwitchedAttachment => ({ kind: "virtio-user", bridge, port });
    this.attachments = { in: attachment(into), out: attachment(out) };
    this.ready = [this.forwarder];
  }
}

function checkInputs(name: string, { bridge, in: into, out, cpus }: ForwarderVnfArgs): void {
  const check = new InputCheck("ForwarderVnf", name);
  checkMeasuringCpus(check, "cpus", cpus, bridge.host);
  for (const [property, port] of [
    ["in", into],
    ["out", out],
  ] as const) {
    checkBridgePort(check, property, bridge, port);
  }
  if (into === out) {
    check.wrong({
      code: "port-taken",
      property: "out",
      problem: "packets would go out where they come in",
      observed: `${out}, as in`,
      expected: "two ports",
    });
  }
  check.done();
}
