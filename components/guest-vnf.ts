import * as pulumi from "@pulumi/pulumi";
import type { ArgsOf, Wired } from "../sdk/resources/lab-resource.ts";
import { BootImage, Domain } from "../sdk/resources/libvirt.ts";
import type { GuestBoot, libvirtDomain } from "../sdk/schema/libvirt.ts";
import { type CpuList, CpuSet } from "../sdk/units/cpuset.ts";
import type { Place } from "../sdk/units/packet-path.ts";
import type { Size } from "../sdk/units/size.ts";
import type { Attachment, ChainMember } from "./attachment.ts";
import { domainDisk, type VnfDiskArgs } from "./guest-disk.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent } from "./lab-component.ts";
import { checkMeasuringCpus } from "./measuring-cpus.ts";
import type { OvsDpdkBridge } from "./ovs-dpdk-bridge.ts";
import type { TunedHost } from "./tuned-host.ts";
import {
  attachmentOf,
  checkForwardingNics,
  checkNics,
  domainNic,
  neededBy,
  type VnfNicArgs,
} from "./vnf-nic.ts";

type DomainArgs = ArgsOf<typeof libvirtDomain>;

export interface GuestVnfArgs<N extends VnfNicArgs = VnfNicArgs> {
  /** The machine that it runs on. */
  readonly host: TunedHost;
  /** What it boots. Default: a boot image made on the host from its own packages. */
  readonly boot?: pulumi.Input<GuestBoot>;
  /** Boot arguments of its kernel as they stand on a line, for instance the `bootLine` of a plan for `realtimeGuest`; beside those of `boot`. */
  readonly bootLine?: pulumi.Input<string>;
  /** Programs of the host that the boot image made here brings, by name or path; an exchange program for instance. */
  readonly programs?: readonly pulumi.Input<string>[];
  /** Whether the guest's kernel bridges its NICs, so that it forwards in a service chain. Default false. By the boot image made here. */
  readonly forwards?: boolean;
  /** Routes by which its kernel forwards instead, where its NICs take no frames but their own, as virtual functions do. By the boot image made here. */
  readonly routes?: pulumi.Input<readonly GuestRoute[]>;
  /** CPUs of its vCPUs: a list, with vCPU 0 on the lowest, or one CPU for each vCPU in their order. */
  readonly vcpus: CpuList | readonly CpuList[];
  /** CPUs of QEMU's other threads, outside the isolated set. */
  readonly emulatorCpus: CpuList;
  /** Memory of the guest, a multiple of the page size. */
  readonly memory: Size;
  /** Size of the pages that back it: of a pool of huge pages that the host has on the node, or `4KiB`. */
  readonly pageSize: DomainArgs["pageSize"];
  /** NUMA node of its memory: that of its CPUs. */
  readonly numaNode: number;
  /** Network interfaces by name, of any kinds beside each other. Default none, for a guest that is only measured. */
  readonly nics?: Readonly<Record<string, N>>;
  /** Disks by target, `vda` to `vdz`: files, volumes of this SDK's, or volumes made with `@pulumi/libvirt`. */
  readonly disks?: Readonly<Record<string, VnfDiskArgs>>;
  /** For what is measured before something is changed on its host: not started again where it is found stopped. Default false. */
  readonly once?: boolean;
  /** Memory shared with other guests, by name: `{ ring: { kind: "ivshmem-plain", size: "4MiB" } }`. */
  readonly sharedMemory?: NonNullable<DomainArgs["sharedMemory"]>;
  /** Further fields of the guest's definition: clocks, a vIOMMU, real-time vCPUs. */
  readonly domain?: Partial<Omit<DomainArgs, OwnField>>;
}

/** A way for packets to one IPv4 address: the NIC that they leave by, and the MAC address that they are sent to. */
export type GuestRoute = NonNullable<Extract<GuestBoot, { kind: "kernel" }>["routes"]>[number];

type OwnField =
  | ("host" | "name" | "memory" | "pageSize" | "numaNode" | "vcpuPins" | "emulatorCpus")
  | ("boot" | "nics" | "disks" | "sharedMemory");

interface Built {
  readonly image: BootImage | undefined;
  readonly domain: Domain;
  readonly domainName: pulumi.Output<string>;
}

/**
 * A network function in a KVM guest, whatever its interfaces are: what the functions that users write with have in common.
 *
 * @example
 * class Firewall extends GuestVnf {
 *   constructor(name: string, args: GuestVnfArgs) {
 *     super("Firewall", name, { ...args, forwards: true });
 *   }
 * }
 */
export abstract class GuestVnf extends LabComponent<Built> implements ChainMember {
  declare readonly image: BootImage | undefined;
  declare readonly domain: Domain;
  declare readonly domainName: pulumi.Output<string>;
  readonly host: TunedHost;
  /** CPUs of the host that its vCPUs are pinned to, vCPU 0 first. */
  readonly vcpuPins: readonly number[];
  /** The bridges in user space that its NICs are on. */
  readonly bridges: readonly OvsDpdkBridge[];
  /** Node of its CPUs and memory. */
  readonly numaNode: number;
  readonly place: Place = "guest";
  /** What its NICs hang on, and memory that it shares, by name. */
  readonly attachments: Readonly<Record<string, Attachment>>;
  /** It forwards once these are there. */
  readonly ready: readonly pulumi.Resource[];

  protected constructor(
    type: string,
    name: string,
    args: GuestVnfArgs,
    options: pulumi.ComponentResourceOptions = {},
  ) {
    checkInputs(type, name, args);
    const vcpuPins = pinsOf(args.vcpus);
    const nics = Object.entries(args.nics ?? {});
    super(type, name, { ...args.host.lifetime(), ...options }, (scope) => {
      const host = args.host.reference;
      const image =
        args.boot === undefined
          ? scope.child(BootImage, "image", {
              host,
              name,
              ...(args.programs !== undefined && { programs: args.programs }),
            })
          : undefined;
      const boot =
        image === undefined
          ? (args.boot as pulumi.Input<GuestBoot>)
          : {
              kind: "kernel" as const,
              kernel: image.kernel,
              initramfs: image.initramfs,
              ...(args.forwards === true && { bridgedNics: nics.map(([nic]) => nic) }),
              ...(args.routes !== undefined && { routes: args.routes }),
            };
      const domain = scope.child(
        Domain,
        "domain",
        {
          ...args.domain,
          host,
          name,
          memory: args.memory,
          pageSize: args.pageSize,
          numaNode: args.numaNode,
          vcpuPins: vcpuPins.map(String),
          emulatorCpus: args.emulatorCpus,
          boot: args.bootLine === undefined ? boot : withArguments(boot, args.bootLine),
          ...(nics.length > 0 && {
            nics: Object.fromEntries(nics.map(([nic, nicArgs]) => [nic, domainNic(name, nic, nicArgs)])),
          }),
          ...(args.disks !== undefined && {
            disks: Object.fromEntries(
              Object.entries(args.disks).map(([target, disk]) => [target, domainDisk(disk)]),
            ),
          }),
          ...(args.sharedMemory !== undefined && { sharedMemory: args.sharedMemory }),
        },
        {
          ...(args.once === true && { ignoreChanges: ["running"] }),
          dependsOn: [...args.host.preparation, ...nics.flatMap(([, nic]) => neededBy(nic))],
        },
      );
      return { image, domain, domainName: domain.name };
    });
    this.host = args.host;
    this.vcpuPins = vcpuPins;
    this.numaNode = args.numaNode;
    this.bridges = [...new Set(nics.flatMap(([, nic]) => (nic.kind === "vhost-user" ? [nic.bridge] : [])))];
    this.attachments = {
      ...Object.fromEntries(
        nics.flatMap(([nic, nicArgs]) => {
          const attachment = attachmentOf(nicArgs);
          return attachment === undefined ? [] : [[nic, attachment]];
        }),
      ),
      ...Object.fromEntries(
        Object.keys(args.sharedMemory ?? {}).map((over) => [
          over,
          { kind: "ivshmem" as const, carrier: "memory" as const, over },
        ]),
      ),
    };
    this.ready = [this.domain];
  }
}

function withArguments(boot: Wired<GuestBoot>, line: pulumi.Input<string>): pulumi.Output<GuestBoot> {
  const known = pulumi.output(boot) as pulumi.Output<GuestBoot>;
  return pulumi.all([known, line]).apply(([given, text]) => {
    const words = text.split(/\s+/).filter((word) => word !== "");
    if (given.kind !== "kernel" || words.length === 0) return given;
    return { ...given, arguments: [...(given.arguments ?? []), ...words] };
  });
}

function pinsOf(vcpus: GuestVnfArgs["vcpus"]): number[] {
  return (typeof vcpus === "object" ? vcpus : [vcpus]).flatMap((list) => [...CpuSet.parse(list)]);
}

function checkInputs(
  type: string,
  name: string,
  { host, vcpus, emulatorCpus, nics = {}, forwards, routes, boot }: GuestVnfArgs,
): void {
  const check = new InputCheck(type, name);
  checkMeasuringCpus(check, "vcpus", typeof vcpus === "object" ? vcpus.join(",") : vcpus, host);
  check.someCpus("emulatorCpus", emulatorCpus);
  checkNics(check, host, nics);
  const asked = forwards === true ? "forwards" : "routes";
  if ((forwards === true || routes !== undefined) && boot !== undefined) {
    check.wrong({
      code: "forwards-image",
      property: asked,
      problem: "it is the boot image made here that forwards",
      observed: "a boot of your own",
      expected: `no boot, or no ${asked}`,
      hint: "let what you boot forward by itself",
    });
  }
  if (forwards === true && routes !== undefined) {
    check.wrong({
      code: "forwards-twice",
      property: "routes",
      problem: "its kernel would bridge the NICs and route between them",
      observed: "forwards and routes",
      expected: "one of them",
    });
  }
  if (forwards === true) checkForwardingNics(check, nics);
  check.done();
}
