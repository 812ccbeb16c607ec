import { readdir, readFile } from "node:fs/promises";
import type { Source } from "../plan/traffic-tool.ts";

/** The traffic program's source, which comes with the provider: beside its sources and beside the one file made of them. */
export async function trafficSource(): Promise<Source> {
  const folder = new URL("./traffic/", import.meta.url);
  const names = (await readdir(folder)).filter((name) => /\.[ch]$/.test(name));
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(new URL(name, folder), "utf8")])),
  ) as Source;
}
