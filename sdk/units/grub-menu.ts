/** Where the kernel of our menu entries is kept. Sorts before the sets of arguments, which may keep to a kernel of their own. */
export const KERNEL_FILE = "/etc/default/grub.d/89-nfvlab-kernel.cfg";

/** What a menu of grub-mkconfig takes for its default. */
export function menuDefaultOf(menu: string): string | undefined {
  return /^else\s+set default="([^"]*)"/m.exec(menu)?.[1];
}
