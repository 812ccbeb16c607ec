import { join } from "node:path";

/**
 * The QEMU that comes with an image: its program, libraries and firmware, run by its own dynamic loader. So neither the machine's QEMU (Debian 12's
 * has no igb) nor a chroot is needed, and server and QEMU are of one release.
 */
export class Hypervisor {
  readonly #folder: string;

  /** @param image cache folder of the image */
  constructor(image: string) {
    this.#folder = join(image, "hypervisor");
  }

  get folder(): string {
    return this.#folder;
  }

  /** argv that runs one of its programs. */
  argv(
    program: "qemu-system-x86_64" | "qemu-img" | "grub-mkimage",
    args: readonly string[],
  ): [string, ...string[]] {
    return [
      join(this.#folder, "lib/ld-linux-x86-64.so.2"),
      "--library-path",
      join(this.#folder, "lib"),
      join(this.#folder, "bin", program),
      ...(program === "qemu-system-x86_64" ? ["-L", join(this.#folder, "firmware")] : []),
      ...args,
    ];
  }

  get grubModules(): string {
    return join(this.#folder, "grub");
  }
}
