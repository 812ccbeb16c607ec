import { bootImage, libvirtDomain } from "../schema/libvirt.ts";
import { resourceClass } from "./lab-resource.ts";

/**
 * A kernel and an initramfs made on a machine from its own packages, for guests that measure: busybox, guest agent, cyclictest, ping. Boots in
 * seconds, needs no disk. Delete removes both files.
 *
 * @throws HostError that names the packages which are missing
 * @example
 * const image = new BootImage("dut-guest", { host, name: "guest" });
 */
export class BootImage extends resourceClass(bootImage) {}

/**
 * A KVM guest: shared huge-page memory on one NUMA node, each vCPU on a CPU of its own, emulator threads elsewhere. Pins change live; anything else
 * shuts the guest down and defines it anew. Delete shuts it down and undefines it.
 *
 * @property vcpuPins the CPU of each vCPU, vCPU 0 first
 * @property emulatorCpus CPUs of QEMU's other threads, outside the isolated set
 * @property nics by name; `vhost-user` ones are served by QEMU, and the switch's port must exist first
 * @throws HostError where huge pages or the switch's port are missing; VerificationError where a pin, a link or the agent is not as wanted
 * @see https://libvirt.org/formatdomain.html
 * @example
 * const guest = new Domain("dut-vnf", {
 *   host, name: "vnf", memory: "256MiB", pageSize: "2MiB", numaNode: 1, vcpuPins: ["3"], emulatorCpus: "0",
 *   boot: { kind: "kernel", kernel: image.kernel, initramfs: image.initramfs },
 *   nics: { east: { kind: "vhost-user", socketPath: "/run/nfvlab-vhost/vhu0.sock", mac: "52:54:00:00:00:01", address: "198.18.0.2/24" } },
 * }, { dependsOn: port });
 */
export class Domain extends resourceClass(libvirtDomain) {}
