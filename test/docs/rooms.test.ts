import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { directions } from "../tools/imports.ts";
import { root } from "./examples.ts";

const SURFACE = "index"; // sdk/index.ts is a file, not a folder
const rooms = Object.keys(directions).filter((room) => room !== SURFACE);
const folderOf = (room: string) => (existsSync(join(root, "sdk", room)) ? `sdk/${room}` : room);
const readme = (folder: string) => readFileSync(join(root, folder, "README.md"), "utf8");

/** What a README has to say about its room, by the directions that imports are tested against. */
function sentenceOf(room: string): string {
  const quoted = (names: readonly string[]) => names.map((name) => `\`${name}\``);
  const { rooms: imported = [], types = [] } = directions[room] ?? {};
  const imports = [
    ...quoted(imported),
    ...quoted(types).map((name, index) => (index === 0 ? `types of ${name}` : name)),
  ];
  const others = Object.entries(directions);
  const whole = others.filter(([, reach]) => reach.rooms.includes(room)).map(([name]) => name);
  const typed = others.filter(([, reach]) => reach.types?.includes(room)).map(([name]) => name);
  const importers =
    whole.length === others.length - 1
      ? "every room"
      : [...quoted(whole), ...quoted(typed).map((name) => `${name} (types)`)].join(", ");
  return `Imports ${imports.join(", ") || "nothing"}. Imported by ${importers || "nothing"}.`;
}

describe("the README of a room", () => {
  it.each(rooms)("%s says who may import it, as the directions have it", (room) => {
    expect(readme(folderOf(room)).split("\n")).toContain(sentenceOf(room));
  });

  it.each([...rooms.filter((room) => room !== "policies").map(folderOf), "test"])(
    "%s is at most 15 lines, and names files that are there",
    (folder) => {
      const text = readme(folder);
      expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(15);
      const files = [...text.matchAll(/`([\w./-]+\.(?:ts|md))`/g)].map(([, name]) => name as string);
      for (const name of files) {
        expect([join(root, folder, name), join(root, name)].some(existsSync), `${folder}: ${name}`).toBe(
          true,
        );
      }
    },
  );

  it("is there for each folder of the SDK", () => {
    const folders = readdirSync(join(root, "sdk"), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    expect(folders.map(({ name }) => name).filter((name) => !rooms.includes(name))).toEqual([]);
  });
});
