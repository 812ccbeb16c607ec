import { container } from "../schema/lxc.ts";
import { resourceClass } from "./lab-resource.ts";

/**
 * A privileged LXC container that runs one command on CPUs of its own, under systemd. Delete stops it and removes what is ours of it.
 *
 * @property root `{ kind: "host" }` runs what the machine has installed, `{ kind: "busybox" }` next to nothing, `{ kind: "folder", path }` what is there
 * @property cpus CPUs that it may run on; what it really has is the output `effectiveCpus`, and `threadCpus` for its threads
 * @property nics `veth` on a bridge of the kernel or of Open vSwitch, or a `physical` interface that moves in
 * @property mounts folders of the machine, of vhost-user sockets for instance
 * @throws HostError `management`, `foreign`; VerificationError `container-not-running`, `cpus-not-in-force`
 * @see lxc.container.conf(5)
 * @example
 * new Container("dut-vnf", {
 *   host, name: "vnf", root: { kind: "host" }, cpus: "3", memory: "512MiB", command: ["sleep", "infinity"],
 *   nics: [{ kind: "veth", name: "eth0", hostName: "vnf0", bridge: bridge.name, addresses: ["198.18.0.3/24"] }],
 * });
 */
export class Container extends resourceClass(container) {}
