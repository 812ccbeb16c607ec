import { emulatedImage, emulatedServer } from "../schema/emulate.ts";
import { resourceClass } from "./lab-resource.ts";

/**
 * The disk of emulated servers, and the QEMU that runs it, in a cache under a hash of what it is made of. Built once, even where two builds race.
 * Delete leaves the cache.
 *
 * @example
 * const image = new Image("image", {});
 */
export class Image extends resourceClass(emulatedImage) {}

/**
 * A server made of QEMU on the machine that the engine runs on: NUMA nodes, IOMMU, SR-IOV cards, nested KVM, its own boot loader. SSH on loopback with
 * a pinned host key. Its timings mean nothing: results are marked functional. Delete ends it and removes its disk.
 *
 * @property numaNodes CPUs and memory of each node
 * @property bootArguments kernel arguments of its first boot, `["isolcpus=2-3"]`
 * @example
 * const server = new Server("dut", {
 *   name: "dut", image: image.folder,
 *   numaNodes: [{ cpus: "0-1", memory: "2GiB" }, { cpus: "2-3", memory: "2GiB" }],
 * });
 */
export class Server extends resourceClass(emulatedServer) {}
