import { readFile } from "node:fs/promises";

/** The compiled redirect program, which comes with the provider beside its source, in base64. `xdp/redirect.bpf.c` says how it is compiled. */
export async function xdpObject(): Promise<string> {
  return (await readFile(new URL("./xdp/redirect.bpf.o", import.meta.url))).toString("base64");
}
