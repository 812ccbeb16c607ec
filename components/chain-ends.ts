import type { LinuxBridge, Veth } from "../sdk/resources/net.ts";
import type { DriverBinding } from "../sdk/resources/pci.ts";
import { type OvsDpdkBridge, vhostSocket } from "./ovs-dpdk-bridge.ts";
import type { ChainEnd } from "./service-chain.ts";
import { labelOf } from "./vnf-nic.ts";

/**
 * An end of a chain on a vhost-user port of a switch, for a generator or a sink on the host: it opens the port's socket as virtio-user.
 *
 * @example
 * const generator = switchedEnd("generator", bridge, "gen0");
 */
export function switchedEnd(name: string, bridge: OvsDpdkBridge, port: string): ChainEnd {
  return {
    name,
    attachment: { kind: "virtio-user", bridge, port },
    trafficPort: { kind: "virtio-user", socketPath: vhostSocket(port) },
  };
}

/**
 * An end of a chain on a bridge of the host's kernel, for a generator or a sink there: it opens the free end of a veth pair, whose other end is a port of the bridge.
 *
 * @param pair its `bridge` is the bridge, its peer stays in the host's own network namespace and has no address
 * @example
 * const pair = new Veth("gen", { host, name: "gen-port", bridge: lan.name, peer: { name: "gen", offloads: { tx: false } } });
 * const generator = bridgedEnd("generator", lan, pair);
 */
export function bridgedEnd(name: string, bridge: LinuxBridge, pair: Veth): ChainEnd {
  return {
    name,
    attachment: { kind: "af_packet", carrier: "linux-bridge", over: labelOf(bridge) },
    trafficPort: { kind: "af_packet", interface: pair.peer.name },
    ready: [pair],
  };
}

/**
 * An end of a chain on a function of a card that is bound to vfio-pci, for a generator or a sink on the host: DPDK drives it, past the host's kernel.
 *
 * @param card name of the card, as the chain's functions give it: the card forwards between those that give the same
 * @example
 * const binding = new DriverBinding("generator", { host, address: "0000:5e:02.0", driver: "vfio-pci" });
 * const generator = functionEnd("generator", "card", binding);
 */
export function functionEnd(name: string, card: string, binding: DriverBinding): ChainEnd {
  return {
    name,
    attachment: { kind: "sr-iov", carrier: "nic", over: card },
    trafficPort: { kind: "pci", address: binding.address },
    ready: [binding],
  };
}
