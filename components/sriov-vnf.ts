import type * as pulumi from "@pulumi/pulumi";
import { GuestVnf, type GuestVnfArgs } from "./guest-vnf.ts";
import type { SriovNicArgs } from "./vnf-nic.ts";

export interface SriovVnfArgs extends GuestVnfArgs<SriovNicArgs> {}

/**
 * A network function in a KVM guest whose interfaces are virtual functions: packets pass neither the host's kernel nor a switch in user space.
 *
 * @property nics by name; each a virtual function, whose MAC and VLAN libvirt sets through the card
 * @example
 * const vnf = new SriovVnf("vnf", {
 *   host: dut, vcpus: "3", emulatorCpus: "0", memory: "256MiB", pageSize: "2MiB", numaNode: 1,
 *   nics: { east: { kind: "sr-iov", vf: "0000:5e:02.1", card: "0000:5e:00.0", address: "198.18.0.2/24" } },
 * });
 */
export class SriovVnf extends GuestVnf {
  constructor(name: string, args: SriovVnfArgs, options?: pulumi.ComponentResourceOptions) {
    super("SriovVnf", name, args, options);
  }
}
