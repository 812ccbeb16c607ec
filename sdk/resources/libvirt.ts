import { bootImage, libvirtDomain } from "../schema/libvirt.ts";
import { volume } from "../schema/volume.ts";
import { resourceClass } from "./lab-resource.ts";

/**
 * A kernel and an initramfs made on a machine from its own packages, for guests that measure: busybox, guest agent, cyclictest, oslat, ping. Boots in
 * seconds, needs no disk. Delete removes both files.
 *
 * @throws HostError that names the packages which are missing
 * @example
 * const image = new BootImage("dut-guest", { host, name: "guest" });
 */
export class BootImage extends resourceClass(bootImage) {}

/**
 * A disk image for a guest, under /var/lib/nfvlab/volumes: a copy whose sum is checked, an overlay, an empty disk, or a seed for cloud-init. What a guest writes stays until
 * delete removes the file.
 *
 * @property source of kind `copy`, `overlay`, `empty` or `cloud-init`
 * @property size what the guest sees; an empty disk needs it
 * @throws HostError where the sum is another or the name somebody else's; InputError where kind, format and size contradict each other
 * @see https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html
 * @example
 * const root = new Volume("dut-root", {
 *   host, name: "vnf-root", size: "8GiB", source: { kind: "overlay", path: "/srv/images/debian-13.qcow2", baseFormat: "qcow2" },
 * });
 * const seed = new Volume("dut-seed", { host, name: "vnf-seed", source: { kind: "cloud-init", userData: "#cloud-config\nhostname: vnf\n" } });
 */
export class Volume extends resourceClass(volume) {}

/**
 * A KVM guest: shared huge-page memory on one NUMA node, each vCPU on a CPU of its own, emulator threads elsewhere. Pins change live; anything else
 * shuts the guest down and defines it anew. Delete shuts it down and undefines it.
 *
 * @property vcpuPins the CPU of each vCPU, vCPU 0 first
 * @property emulatorCpus CPUs of QEMU's other threads, outside the isolated set
 * @property nics by name, of any kinds beside each other; with `vhost-user` ones the switch's port must exist first
 * @property cells NUMA nodes of the guest; `cpu`, `features`, `timers`, `iommu` what it is shown; `disks`, `sharedMemory`, `watchdog` what it has beside
 * @throws HostError where huge pages, or what a NIC hangs on, are missing; VerificationError where a pin, a link or the agent is not as wanted
 * @see https://libvirt.org/formatdomain.html
 * @example
 * const guest = new Domain("dut-vnf", {
 *   host, name: "vnf", memory: "256MiB", pageSize: "2MiB", numaNode: 1, vcpuPins: ["3"], emulatorCpus: "0",
 *   boot: { kind: "kernel", kernel: image.kernel, initramfs: image.initramfs },
 *   nics: { east: { kind: "vhost-user", socketPath: "/run/nfvlab-vhost/vhu0.sock", mac: "52:54:00:00:00:01", address: "198.18.0.2/24" } },
 * }, { dependsOn: port });
 */
export class Domain extends resourceClass(libvirtDomain) {}
