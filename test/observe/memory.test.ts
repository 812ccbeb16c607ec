import { expect, test } from "vitest";
import { numaNodes } from "../../sdk/observe/memory.ts";
import { recorded, said } from "./recorded.ts";

const nodes = () => numaNodes.parse(recorded("sysfs/6.12/two-sockets.txt"));

test("nodes with their CPUs, memory and distances; the third is memory alone", () => {
  expect(nodes().map((node) => ({ ...node, cpus: node.cpus.format() }))).toEqual([
    { node: 0, cpus: "0-7", memoryTotalKib: 603380, memoryFreeKib: 446580, distances: [10, 21, 17] },
    { node: 1, cpus: "8-14", memoryTotalKib: 642836, memoryFreeKib: 551288, distances: [21, 10, 28] },
    { node: 2, cpus: "", memoryTotalKib: 257556, memoryFreeKib: 251344, distances: [17, 28, 10] },
  ]);
});

test("carriage returns and blanks do no harm", () => {
  const { stdout } = recorded("sysfs/6.12/two-sockets.txt");
  expect(numaNodes.parse(said(stdout.replaceAll("\n", "  \r\n")))).toEqual(nodes());
});

test("nodes beyond nine keep their order", () => {
  const text = [10, 2, 0].map(
    (node) => `/sys/devices/system/node/node${node}/meminfo:Node ${node} MemTotal: 7 kB`,
  );
  expect(numaNodes.parse(said(text.join("\n"))).map(({ node }) => node)).toEqual([0, 2, 10]);
});

test("no node is no answer", () => {
  expect(() => numaNodes.parse(said(""))).toThrow(expect.objectContaining({ code: "parse" }));
});
