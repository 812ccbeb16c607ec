/**
 * The variables of GRUB's environment block, which is filled up with `#`.
 *
 * @see https://www.gnu.org/software/grub/manual/grub/html_node/Environment-block.html
 */
export function environmentOf(block: string): Map<string, string> {
  return new Map(
    block
      .split("\n")
      .filter((line) => !line.startsWith("#") && line.includes("="))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const),
  );
}
