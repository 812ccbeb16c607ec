/** The file of a key: dots part, and a slash in the name of an interface stands for a dot in it. */
export function sysctlPath(key: string): string {
  return `/proc/sys/${key.replaceAll(/[./]/g, (part) => (part === "." ? "/" : "."))}`;
}

/** Values of several numbers are parted by tabs, those of several lines by line ends: written by people they have spaces. */
export function oneLine(value: string): string {
  return value.trim().replaceAll(/\s+/g, " ");
}
