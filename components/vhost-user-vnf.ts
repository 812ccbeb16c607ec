import type * as pulumi from "@pulumi/pulumi";
import { GuestVnf, type GuestVnfArgs } from "./guest-vnf.ts";

export interface VhostUserVnfArgs extends GuestVnfArgs {}

/**
 * A network function in a KVM guest: memory in shared pages, vCPUs pinned one to one, emulator threads apart. Its interfaces are rings that a switch in user space polls,
 * and any others beside them.
 *
 * @property nics by name; a `vhost-user` one on a port of a bridge, others on what the host has
 * @property forwards the guest's kernel bridges its two NICs, for a place in a service chain
 * @property bootLine what its kernel boots with, for instance to isolate its own CPUs
 * @property once whether it stays stopped where it is found so, as before a change of its host
 * @example
 * const vnf = new VhostUserVnf("vnf", {
 *   host: dut, vcpus: "3", emulatorCpus: "0", memory: "256MiB", pageSize: "2MiB", numaNode: 1, forwards: true,
 *   nics: {
 *     east: { kind: "vhost-user", bridge, port: "vhu0" },
 *     west: { kind: "sr-iov", vf: "0000:5e:02.1", vlan: 100 },
 *   },
 * });
 */
export class VhostUserVnf extends GuestVnf {
  constructor(name: string, args: VhostUserVnfArgs, options?: pulumi.ComponentResourceOptions) {
    super("VhostUserVnf", name, args, options);
  }
}
