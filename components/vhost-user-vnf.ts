import * as pulumi from "@pulumi/pulumi";
import type { Wired } from "../sdk/resources/lab-resource.ts";
import { BootImage, Domain } from "../sdk/resources/libvirt.ts";
import type { PageSize } from "../sdk/schema/hugepages.ts";
import type { GuestBoot } from "../sdk/schema/libvirt.ts";
import { type CpuList, CpuSet } from "../sdk/units/cpuset.ts";
import type { Size } from "../sdk/units/size.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent } from "./lab-component.ts";
import { checkMeasuringCpus } from "./measuring-cpus.ts";
import { type OvsDpdkBridge, VHOST_SOCKET_FOLDER } from "./ovs-dpdk-bridge.ts";
import type { TunedHost } from "./tuned-host.ts";

type KernelBoot = Extract<GuestBoot, { kind: "kernel" }>;

export interface VnfNicArgs {
  /** A ring in shared memory that the switch polls. */
  readonly kind: "vhost-user";
  /** Bridge on the guest's own host. */
  readonly bridge: OvsDpdkBridge;
  /** Port of that bridge. */
  readonly port: string;
  /** MAC address the guest sees. Default: made from the names, stable. */
  readonly mac?: string;
  /** Address that the guest gives itself. */
  readonly address?: string;
  /** Queue pairs, 1 to 128, default 1. */
  readonly queues?: number;
}

export interface VhostUserVnfArgs {
  /** The machine that it runs on. */
  readonly host: TunedHost;
  /** What it boots. Default: a boot image made on the host from its own packages. */
  readonly boot?: pulumi.Input<KernelBoot>;
  /** Boot arguments of its kernel as they stand on a line, for instance the `bootLine` of a plan for `realtimeGuest`; beside those of `boot`. */
  readonly bootLine?: string;
  /** CPUs of its vCPUs: a list, with vCPU 0 on the lowest, or one CPU for each vCPU in their order. */
  readonly vcpus: CpuList | readonly CpuList[];
  /** CPUs of QEMU's other threads, outside the isolated set. */
  readonly emulatorCpus: CpuList;
  /** Memory of the guest, a multiple of the page size. */
  readonly memory: Size;
  /** Size of the huge pages that back it; the host has a pool of them on the node. */
  readonly pageSize: PageSize;
  /** NUMA node of its memory: that of its CPUs. */
  readonly numaNode: number;
  /** Network interfaces by name. */
  readonly nics: Readonly<Record<string, VnfNicArgs>>;
}

interface Built {
  readonly image: BootImage | undefined;
  readonly domain: Domain;
  readonly domainName: pulumi.Output<string>;
}

/**
 * A network function in a KVM guest with vhost-user interfaces: memory in shared huge pages, vCPUs pinned one to one, emulator threads apart.
 *
 * @property nics by name; each on a port of a bridge
 * @property bootLine what its kernel boots with, for instance to isolate its own CPUs
 * @example
 * const vnf = new VhostUserVnf("vnf", {
 *   host: dut, vcpus: "3", emulatorCpus: "0", memory: "256MiB", pageSize: "2MiB", numaNode: 1,
 *   nics: { east: { kind: "vhost-user", bridge, port: "vhu0", address: "198.18.0.2/24" } },
 * });
 */
export class VhostUserVnf extends LabComponent<Built> {
  declare readonly image: BootImage | undefined;
  declare readonly domain: Domain;
  declare readonly domainName: pulumi.Output<string>;
  readonly host: TunedHost;
  /** CPUs of the host that its vCPUs are pinned to, vCPU 0 first. */
  readonly vcpuPins: readonly number[];
  /** The bridges that its NICs are on. */
  readonly bridges: readonly OvsDpdkBridge[];

  constructor(name: string, args: VhostUserVnfArgs, options: pulumi.ComponentResourceOptions = {}) {
    checkInputs(name, args);
    const vcpuPins = pinsOf(args.vcpus);
    super("VhostUserVnf", name, { ...args.host.lifetime(), ...options }, (scope) => {
      const host = args.host.reference;
      const image = args.boot === undefined ? scope.child(BootImage, "image", { host, name }) : undefined;
      const boot =
        image === undefined
          ? (args.boot as pulumi.Input<KernelBoot>)
          : { kind: "kernel" as const, kernel: image.kernel, initramfs: image.initramfs };
      const words = (args.bootLine ?? "").split(/\s+/).filter((word) => word !== "");
      const nics = Object.entries(args.nics);
      const domain = scope.child(
        Domain,
        "domain",
        {
          host,
          name,
          memory: args.memory,
          pageSize: args.pageSize,
          numaNode: args.numaNode,
          vcpuPins: vcpuPins.map(String),
          emulatorCpus: args.emulatorCpus,
          boot: words.length === 0 ? boot : withArguments(boot, words),
          nics: Object.fromEntries(nics.map(([nic, nicArgs]) => [nic, guestNic(name, nic, nicArgs)])),
        },
        {
          dependsOn: [
            ...args.host.preparation,
            ...nics.flatMap(([, { bridge, port }]) => bridge.ports[port] ?? []),
          ],
        },
      );
      return { image, domain, domainName: domain.name };
    });
    this.host = args.host;
    this.vcpuPins = vcpuPins;
    this.bridges = [...new Set(Object.values(args.nics).map(({ bridge }) => bridge))];
  }
}

function withArguments(boot: Wired<KernelBoot>, words: readonly string[]): pulumi.Output<KernelBoot> {
  const known = pulumi.output(boot) as pulumi.Output<KernelBoot>;
  return known.apply((given) => ({ ...given, arguments: [...(given.arguments ?? []), ...words] }));
}

function pinsOf(vcpus: VhostUserVnfArgs["vcpus"]): number[] {
  return (typeof vcpus === "object" ? vcpus : [vcpus]).flatMap((list) => [...CpuSet.parse(list)]);
}

function guestNic(vnf: string, nic: string, { port, mac, address, queues }: VnfNicArgs) {
  return {
    kind: "vhost-user" as const,
    socketPath: `${VHOST_SOCKET_FOLDER}/${port}.sock`,
    mac: mac ?? stableMac(`${vnf}/${nic}`),
    ...(address !== undefined && { address }),
    ...(queues !== undefined && { queues }),
  };
}

function checkInputs(name: string, { host, vcpus, emulatorCpus, nics }: VhostUserVnfArgs): void {
  const check = new InputCheck("VhostUserVnf", name);
  checkMeasuringCpus(check, "vcpus", typeof vcpus === "object" ? vcpus.join(",") : vcpus, host);
  check.someCpus("emulatorCpus", emulatorCpus);
  const entries = Object.entries(nics);
  for (const [index, [nic, { bridge, port }]] of entries.entries()) {
    if (bridge.host !== host) {
      check.wrong({
        code: "bridge-elsewhere",
        property: `nics.${nic}.bridge`,
        problem: "the bridge is on another host, and a vhost-user socket joins two processes of one",
        observed: `a bridge on ${bridge.host.name}`,
        expected: `a bridge on ${host.name}`,
      });
    }
    if (!Object.hasOwn(bridge.ports, port)) {
      check.wrong({
        code: "port-unknown",
        property: `nics.${nic}.port`,
        problem: "the bridge has no such port",
        observed: port,
        expected: Object.keys(bridge.ports).join(" or ") || "a port in its vhostUserPorts",
        hint: "add it to the bridge's vhostUserPorts",
      });
    }
    const taken = entries.slice(0, index).find(([, other]) => other.bridge === bridge && other.port === port);
    if (taken !== undefined) {
      check.wrong({
        code: "port-taken",
        property: `nics.${nic}.port`,
        problem: "another NIC of this guest is on that port, and a port serves one",
        observed: `${port}, as in nics.${taken[0]}.port`,
        expected: "a port for each NIC",
      });
    }
  }
  check.done();
}

/** QEMU's own prefix, and three bytes of a hash of the name (FNV-1a). */
function stableMac(text: string): string {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  const tail = [16, 8, 0].map((shift) => ((hash >>> shift) & 0xff).toString(16).padStart(2, "0"));
  return ["52", "54", "00", ...tail].join(":");
}
