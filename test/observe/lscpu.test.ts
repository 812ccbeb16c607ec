import { describe, expect, test } from "vitest";
import { parseLscpu } from "../../sdk/observe/lscpu.ts";
import { recorded, said } from "./recorded.ts";

describe("lscpu", () => {
  test.each([
    ["texts, util-linux 2.34", "lscpu/2.34/two-sockets.txt"],
    ["types and a bare -, util-linux 2.38", "lscpu/2.38.1/two-sockets.txt"],
  ])("two sockets with two threads a core and a CPU that is offline: %s", (_, path) => {
    const cpus = parseLscpu(recorded(path));
    expect(cpus).toHaveLength(16);
    expect(cpus[0]).toEqual({ cpu: 0, online: true, core: 0, package: 0, numaNode: 0 });
    expect(cpus[9]).toEqual({ cpu: 9, online: true, core: 4, package: 1, numaNode: 1 });
    expect(cpus[15]).toEqual({ cpu: 15, online: false });
  });

  test("both releases tell the same", () => {
    for (const machine of ["two-sockets", "many-caches"]) {
      expect(parseLscpu(recorded(`lscpu/2.34/${machine}.txt`))).toEqual(
        parseLscpu(recorded(`lscpu/2.38.1/${machine}.txt`)),
      );
    }
  });

  test("one node, a frequency that nobody knows", () => {
    expect(parseLscpu(recorded("lscpu/2.38.1/one-node.txt"))).toEqual([
      { cpu: 0, online: true, core: 0, package: 0, numaNode: 0 },
      { cpu: 1, online: true, core: 1, package: 0, numaNode: 0 },
    ]);
  });

  // Forms of lscpu(1) and of libsmartcols' JSON that no machine at hand shows.
  test.each([
    [
      "a frequency as a text",
      '{"cpu":"0","online":"yes","maxmhz":"3700.0000"}',
      { maxFrequencyKhz: 3_700_000 },
    ],
    ["a frequency as a number", '{"cpu":0,"online":true,"maxmhz":2933.3330}', { maxFrequencyKhz: 2_933_333 }],
    [
      "a kernel without NUMA: no such column",
      '{"cpu":0,"core":0,"socket":0,"online":true}',
      { core: 0, package: 0 },
    ],
    ["null for what is unknown", '{"cpu":0,"core":null,"node":null,"online":true,"maxmhz":null}', {}],
    ["columns that nobody asked for", '{"cpu":0,"online":true,"drawer":1,"model":"-"}', {}],
  ])("%s", (_, row, expected) => {
    expect(parseLscpu(said(`{"cpus": [${row}]}`))).toEqual([{ cpu: 0, online: true, ...expected }]);
  });

  test("carriage returns and blanks do no harm", () => {
    const { stdout } = recorded("lscpu/2.38.1/two-sockets.txt");
    const mangled = `${stdout.replaceAll("\n", " \r\n")} \r\n\r\n`;
    expect(parseLscpu(said(mangled))).toEqual(parseLscpu(said(stdout)));
  });

  test.each([
    [
      "no such program",
      { code: 127, stdout: "", stderr: "sh: 1: lscpu: not found\n" },
      "sh: 1: lscpu: not found",
    ],
    [
      "an older one without JSON",
      { code: 1, stdout: "", stderr: "lscpu: unrecognized option '--json'\n" },
      "--json",
    ],
    ["no CPU", said('{"cpus": []}'), '{\\"cpus\\": []}'],
    ["nothing", said(""), "nothing (exit code 0)"],
  ])("%s is an error with what was said", (_, answer, observed) => {
    expect(() => parseLscpu(answer)).toThrow(
      expect.objectContaining({ code: "parse", observed: expect.stringContaining(observed) }),
    );
  });
});
