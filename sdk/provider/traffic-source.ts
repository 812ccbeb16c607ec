import { readdir, readFile } from "node:fs/promises";
import type { Program, Source } from "../plan/traffic-tool.ts";

/** Files that a program takes from beside those of its own. */
const SHARED: Readonly<Record<Program, readonly string[]>> = {
  traffic: [],
  exchange: ["traffic/argument.c", "traffic/argument.h", "traffic/histogram.h"],
  exits: ["traffic/histogram.h"],
  trex: [],
};

/** A program's source, which comes with the provider: beside its sources and beside the one file made of them. */
export async function sourceOf(program: Program): Promise<Source> {
  const here = new URL("./", import.meta.url);
  const names = (await readdir(new URL(`${program}/`, here))).filter((name) => /\.(c|h|S|py)$/.test(name));
  const paths = [...names.map((name) => `${program}/${name}`), ...SHARED[program]];
  const texts = await Promise.all(
    paths.map(async (path) => [path.split("/").at(-1), await readFile(new URL(path, here), "utf8")] as const),
  );
  return Object.fromEntries(texts) as Source;
}
