import { describe, expect, test } from "vitest";
import { wordsOnDevices } from "../../sdk/observe/switch-log.ts";
import { recorded } from "./recorded.ts";

const log = recorded("ovs/3.5.0/log-of-refused-devices.txt").stdout;

describe("what the switch's log says of devices", () => {
  test.each([
    [
      "tnowhere",
      ["EAL: Cannot find device (0000:99:00.0)", "EAL: Failed to attach device on primary process"],
    ],
    [
      "tnodriver",
      ['EAL: failed to parse device "net_nosuch0"', "EAL: Failed to attach device on primary process"],
    ],
  ])("is told of %s alone, though another failed at the same time", (name, expected) => {
    expect(wordsOnDevices(log, new Set([name]))).toEqual(expected);
  });
  test("is told of a bond's members, whichever failed", () => {
    expect(wordsOnDevices(log, new Set(["tgood", "tnodriver"]))).toContain(
      'EAL: failed to parse device "net_nosuch0"',
    );
  });
  test("is the latest of all where the log names nobody, or left it out", () => {
    const said = wordsOnDevices(log, new Set(["tother"]));
    expect(said).toEqual([
      "ETHDEV: Ethernet device with name net_memif_tmemif already allocated",
      "MEMIF: memif_create(): net_memif_tmemif: Unable to allocate device struct.",
      "EAL: Driver cannot attach the device (net_memif_tmemif)",
      "EAL: Failed to attach device on primary process",
    ]);
    expect(wordsOnDevices("", new Set(["tother"]))).toEqual([]);
  });
});
