import { describe, expect, it } from "vitest";
import { hardware, memoryOf, processorsOf } from "../../sdk/observe/hardware.ts";
import { smbiosOf } from "../../sdk/observe/smbios.ts";
import { recorded, said } from "./recorded.ts";

const of = (fixture: string) => hardware.parse(recorded(`smbios/${fixture}.txt`));

/** Memory devices as dmidecode prints them, by the names that it gives their fields. */
function devicesOf(text: string): ReadonlyMap<string, string>[] {
  return text
    .split("\n\n")
    .filter((block) => block.includes("\nMemory Device\n"))
    .map(
      (block) =>
        new Map(
          [...block.matchAll(/^\t([^:\n]+): (.+)$/gm)].map(([, name = "", value = ""]) => [name, value]),
        ),
    );
}

describe("memory modules", () => {
  it.each(["registered", "older", "extended"])("are read as dmidecode reads them: %s", (fixture) => {
    const devices = devicesOf(recorded(`smbios/${fixture}.dmidecode.txt`).stdout).filter(
      (device) => device.get("Type") !== "Flash",
    );
    const { modules, sockets } = of(fixture).smbios;
    expect(sockets).toBe(devices.length);
    const told = devices.filter((device) => device.get("Size") !== "No Module Installed");
    expect(told.length).toBeGreaterThan(0);
    expect(
      modules.map(({ type, sizeMib, speed, configuredSpeed, ranks }) => ({
        ...{ type, size: `${sizeMib / 1024} GB`, speed, configuredSpeed, ranks },
      })),
    ).toEqual(
      told.map((device) => {
        const number = (name: string) => /^(\d+)/.exec(device.get(name) ?? "")?.[1];
        const [speed, set, ranks] = ["Speed", "Configured Memory Speed", "Rank"].map((name) =>
          number(name) === undefined ? undefined : Number(number(name)),
        );
        return {
          ...{ type: device.get("Type"), size: device.get("Size") },
          ...{ speed, configuredSpeed: set, ranks },
        };
      }),
    );
    expect(modules.every(({ slot }, index) => slot.endsWith(told[index]?.get("Locator") ?? "?"))).toBe(true);
  });

  it("are said by kind and by slot, with the memory of each node", () => {
    expect(memoryOf(of("registered"))).toEqual({
      dimms: "8 x 32 GiB DDR5 4800 of 5600 MT/s, registered, 2 ranks",
      slots:
        "8 of 16: CPU0_DIMM_A1, CPU0_DIMM_B1, CPU0_DIMM_C1, CPU0_DIMM_D1, CPU0_DIMM_E1, CPU0_DIMM_F1, CPU0_DIMM_G1, CPU0_DIMM_H1",
      node0: "128 GiB",
      node1: "128 GiB",
    });
    expect(memoryOf(of("older"))).toEqual({
      dimms: "2 x 2 GiB DDR3 1333 MT/s, unbuffered; 1 x 1 GiB DDR 400 MT/s, unbuffered, 1 rank",
      slots: "3 of 3: BANK 0 DIMM 1, BANK 1 DIMM 1, DIMM 3",
    });
    expect(memoryOf(of("extended"))["dimms"]).toBe(
      "1 x 256 GiB DDR5 66000 of 70000 MT/s, load-reduced, 4 ranks",
    );
  });

  it("are as many as a table has whole that is cut off anywhere, and none without one", () => {
    const [, text = ""] = /@smbios\n(\S+)/.exec(recorded("smbios/registered.txt").stdout) ?? [];
    const table = Buffer.from(text, "base64");
    const whole = smbiosOf(table);
    for (let length = 0; length < table.length; length += 1) {
      const { modules } = smbiosOf(table.subarray(0, length));
      expect(modules).toEqual(whole.modules.slice(0, modules.length));
    }
    expect(memoryOf(hardware.parse(said("@smbios\n")))).toEqual({});
    expect(memoryOf(hardware.parse({ code: 127, stdout: "", stderr: "sh: not found" }))).toEqual({});
  });

  it("come with the slots that the firmware names, by the place of what is in them", () => {
    expect([...of("registered").smbios.slots]).toEqual([["0000:3b:00", "PCIe Slot 1"]]);
  });
});

describe("processors", () => {
  const cpu = (number: number, online: boolean, socket: number, core: number) => ({
    ...{ cpu: number, online, package: socket, core, numaNode: socket },
    ...{ siblings: "", lastLevelCache: "" },
  });
  // Two sockets of two cores with two threads, of which one core is offline.
  const cpus = [0, 1, 2, 3].flatMap((core) =>
    [core, core + 4].map((number) =>
      core === 3 ? cpu(number, false, -1, -1) : cpu(number, true, core >> 1, core),
    ),
  );

  it.each([
    ["what the driver of the frequency tells", "Xeon @ 2.30GHz", "@khz 2100000\n@mhz 2000\n", "2.1 GHz"],
    ["what CPPC tells", "EPYC 9354", "@mhz 3250\n", "3.25 GHz"],
    ["the model's name", "Intel(R) Xeon(R) Gold 6230N CPU @ 2.30GHz", "", "2.3 GHz"],
    ["nothing", "AMD EPYC 9354 32-Core Processor", "", undefined],
  ])("are counted as they are online, with the nominal frequency by %s", (_, cpuModel, told, ghz) => {
    expect(processorsOf({ cpus, cpuModel }, hardware.parse(said(told)))).toEqual({
      ...{ sockets: "2", cores: "3", threads: "6" },
      ...(ghz !== undefined && { nominalFrequency: ghz }),
    });
  });
});
