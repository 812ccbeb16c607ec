import { describe, expect, it, test } from "vitest";
import { availableMemory } from "../../sdk/observe/available-memory.ts";
import { parseDensity } from "../../sdk/observe/density.ts";
import { recorded, said } from "./recorded.ts";

const text = (path: string) => recorded(path).stdout;

describe("instances beside each other", () => {
  it("are read as containers", () => {
    const { instances, lost, failed, lxc, cyclictest, beforeKib, afterKib } = parseDensity(
      text("lxc/6.0.4/density.txt"),
      2,
    );
    expect([lost, failed, lxc, cyclictest]).toEqual([[], undefined, "6.0.4", "2.60"]);
    expect([[...beforeKib.keys()], [...afterKib.keys()]]).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(instances.map(({ wakeUps, ...rest }) => ({ ...rest, cycles: wakeUps?.cycles }))).toMatchSnapshot();
  });

  it("are read as guests", () => {
    const { instances, lost, lxc, cyclictest } = parseDensity(text("libvirt/11.3.0/density.txt"), 2);
    expect([lost, lxc, cyclictest]).toEqual([[], undefined, "2.60"]);
    expect(instances.map(({ wakeUps, ...rest }) => ({ ...rest, cycles: wakeUps?.cycles }))).toMatchSnapshot();
    expect(instances.every(({ rssBytes }) => rssBytes > 128 * 1024 ** 2)).toBe(true);
  });

  it("of which one did not start are told by it", () => {
    const { instances, failed } = parseDensity(text("lxc/6.0.4/density-refused.txt"), 3);
    expect(instances).toEqual([]);
    expect(failed).toMatchObject({ instance: 3, how: "start" });
    expect(failed?.said).toMatch(
      /lxc_spawn: \d+ No space left on device - Failed to clone a new set of namespaces$/,
    );
  });

  it("that were gone before the end are lost", () => {
    const shortened = text("lxc/6.0.4/density.txt").replace(/^@cpu 2 .*$/m, "@gone 2");
    expect(parseDensity(shortened, 2).lost).toEqual([{ instance: 2, said: "" }]);
  });

  it.each([
    ["", 1],
    [text("lxc/6.0.4/density.txt").replace("@end", ""), 2],
    [text("lxc/6.0.4/density.txt"), 3],
    [text("lxc/6.0.4/density.txt").replace(/^@memory 1 .*$/m, ""), 2],
    [text("lxc/6.0.4/density-refused.txt"), 2],
    ["@failed 1 somehow\n", 1],
  ])("that came to no end, or are others than were started, are refused", (wrong, count) => {
    expect(() => parseDensity(wrong, count)).toThrow(expect.objectContaining({ code: "parse" }));
  });
});

describe("memory that could be taken", () => {
  test("is what is free and what is cached, of each node", () => {
    const nodes = availableMemory.parse(recorded("sysfs/6.12/two-sockets.txt"));
    expect([...nodes]).toMatchSnapshot();
    expect(nodes.get(0)).toBeGreaterThanOrEqual(446580);
    expect(nodes.get(0)).toBeLessThan(603380);
  });

  test("is not guessed", () => {
    for (const wrong of ["", "/sys/devices/system/node/node0/meminfo:Node 0 MemFree: 7 kB"])
      expect(() => availableMemory.parse(said(wrong))).toThrow(expect.objectContaining({ code: "parse" }));
  });
});
