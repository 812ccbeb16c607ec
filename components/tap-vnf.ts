import type * as pulumi from "@pulumi/pulumi";
import { GuestVnf, type GuestVnfArgs } from "./guest-vnf.ts";
import type {
  BridgeNicArgs,
  MacvtapNicArgs,
  NetworkNicArgs,
  OpenvswitchNicArgs,
  TapNicArgs,
} from "./vnf-nic.ts";

export interface TapVnfArgs
  extends GuestVnfArgs<BridgeNicArgs | OpenvswitchNicArgs | NetworkNicArgs | TapNicArgs | MacvtapNicArgs> {}

/**
 * A network function in a KVM guest whose packets the host's kernel carries, by taps: virtio with vhost-net or without, or a card that QEMU emulates. The slow end of every comparison.
 *
 * @property nics by name, each on a bridge, a tap or a device of the host's kernel, or on a network of libvirt's; `model` is the card that the guest sees, `vhost` who moves a virtio card's packets
 * @property pageSize `"4KiB"` will do: nothing outside of the guest maps its memory
 * @example
 * const vnf = new TapVnf("vnf", {
 *   host: dut, vcpus: "3", emulatorCpus: "0", memory: "256MiB", pageSize: "4KiB", numaNode: 1, forwards: true,
 *   nics: { east: { kind: "bridge", bridge: "lan0", model: "e1000" }, west: { kind: "bridge", bridge: "lan1", model: "e1000" } },
 * });
 */
export class TapVnf extends GuestVnf {
  constructor(name: string, args: TapVnfArgs, options?: pulumi.ComponentResourceOptions) {
    super("TapVnf", name, args, options);
  }
}
