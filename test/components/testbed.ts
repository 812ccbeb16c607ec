import { join } from "node:path";
import { OvsDpdkBridge, type OvsDpdkBridgeArgs } from "../../components/ovs-dpdk-bridge.ts";
import { TunedHost, type TunedHostArgs } from "../../components/tuned-host.ts";
import { VhostUserVnf, type VhostUserVnfArgs } from "../../components/vhost-user-vnf.ts";

/** What the provider adds to the inputs of each type, as far as components read it. */
export const answers = {
  "nfvlab:host:Facts": { identity: { bootId: "boot-1" } },
  "nfvlab:libvirt:BootImage": {
    kernel: "/var/lib/nfvlab/images/vnf/vmlinuz",
    initramfs: "/var/lib/nfvlab/images/vnf/initrd",
  },
};

export const host = { name: "dut", connection: { kind: "local" } };
const image = answers["nfvlab:libvirt:BootImage"];
export const boot = { kind: "kernel", kernel: image.kernel, initramfs: image.initramfs };

export const aHost = (args: Partial<TunedHostArgs> = {}, name = "dut") =>
  new TunedHost(name, {
    connection: { kind: "local" },
    cpus: { housekeeping: "0-1", isolated: "2-7" },
    hugepages: [{ size: "2MiB", count: 512, numaNode: 1 }],
    lease: false,
    ...args,
  });

export const aBridge = (on: TunedHost, args: Partial<OvsDpdkBridgeArgs> = {}, name = "br0") =>
  new OvsDpdkBridge(name, {
    host: on,
    pmdCpus: "2",
    socketMemory: { 1: "256MiB" },
    vhostUserPorts: ["vhu0", "vhu1"],
    flows: ["in_port=1,actions=output:2"],
    ...args,
  });

export const aGuest = (bridge: OvsDpdkBridge, args: Partial<VhostUserVnfArgs> = {}, name = "vnf") =>
  new VhostUserVnf(name, {
    host: bridge.host,
    vcpus: "3-4",
    emulatorCpus: "0",
    memory: "256MiB",
    pageSize: "2MiB",
    numaNode: 1,
    nics: { east: { kind: "vhost-user", bridge, port: "vhu0" } },
    ...args,
  });

export const golden = (name: string) => join(import.meta.dirname, "../golden/components", `${name}.txt`);

/** The text of what a call throws, as a golden file holds it. */
export function thrown(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return `${String(error)}\n`;
  }
  throw new Error("nothing was thrown");
}
