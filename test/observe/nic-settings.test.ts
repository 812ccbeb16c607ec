import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { nicKnobs, nicLinks, nicSettings } from "../../sdk/observe/nic-settings.ts";
import { recorded, said } from "./recorded.ts";

const recording = recorded("ethtool/6.14.2/nic-settings.txt").stdout;
const CARD = "0000:00:03.0";

/** The recording with texts in it replaced, each of which must be there. */
function changed(...changes: readonly (readonly [from: string | RegExp, to: string])[]) {
  const text = changes.reduce((all, [from, to]) => {
    const next = all.replace(from, to);
    expect(next).not.toBe(all);
    return next;
  }, recording);
  return nicSettings.parse(said(text));
}

const knobs = (cards: ReturnType<typeof nicSettings.parse>, slots = new Map<string, string>()) =>
  nicKnobs(cards, slots);

describe("settings of network cards", () => {
  it("are told by card and name, of cards alone", () => {
    const all = knobs(changed(), new Map([["0000:00:03", "Slot 1"]]));
    const offloads = Object.keys(all).filter((name) => name.startsWith(`${CARD} offload `));
    expect(Object.keys(all).every((name) => name.startsWith(`${CARD} `))).toBe(true);
    expect(Object.fromEntries(Object.entries(all).filter(([name]) => !offloads.includes(name)))).toEqual({
      [`${CARD} slot`]: "Slot 1",
      [`${CARD} revision`]: "0x01",
      [`${CARD} subsystem`]: "0x1af4:0x1041",
      [`${CARD} driver version`]: "1.0.0",
      [`${CARD} mtu`]: "1400",
      [`${CARD} queues`]: "rx 1, tx 1",
      [`${CARD} rings`]: "rx 256, tx 256, tx push off, rx push off",
      [`${CARD} interrupt coalescing`]: "rx-frames 1, tx-frames 1",
    });
    expect(all).toMatchObject({
      [`${CARD} offload generic-receive-offload`]: "on",
      [`${CARD} offload tx-checksumming`]: "on",
      [`${CARD} offload rx-gro-list`]: "off",
    });
    // Nobody can turn what is fixed.
    expect(all).not.toHaveProperty([`${CARD} offload rx-checksumming`]);
    expect(offloads.length).toBeGreaterThan(8);
  });

  it.each<[string, string | RegExp, string, string, string]>([
    [
      "firmware",
      "firmware-version: \n",
      "firmware-version: 5.04 0x800024d8\n",
      "firmware",
      "5.04 0x800024d8",
    ],
    [
      "rings",
      /(Current hardware settings:\nRX:\t+)256/,
      "$1512",
      "rings",
      "rx 512, tx 256, tx push off, rx push off",
    ],
    ["queues", "\nrx 1\n", "\nrx 4\n", "queues", "rx 4, tx 1"],
    [
      "an offload",
      /(Features for eth0:[\s\S]*?)large-receive-offload: off \[fixed\]/,
      "$1large-receive-offload: on",
      "offload large-receive-offload",
      "on",
    ],
    [
      "one that is not as asked for",
      /(Features for eth0:[\s\S]*?)\ntcp-segmentation-offload: on/,
      "$1\ntcp-segmentation-offload: off [requested on]",
      "offload tcp-segmentation-offload",
      "off",
    ],
    [
      "coalescing",
      "rx-usecs:\t0",
      "rx-usecs:\t8",
      "interrupt coalescing",
      "rx-usecs 8, rx-frames 1, tx-frames 1",
    ],
    [
      "its end",
      "frames:\t1\nrx-usecs-irq",
      "frames:\t0\nrx-usecs-irq",
      "interrupt coalescing",
      "tx-frames 1",
    ],
  ])("tell another value of %s", (_, from, to, name, value) => {
    expect(knobs(changed([from, to]))[`${CARD} ${name}`]).toBe(value);
  });

  it("leave out times that an adaptive card moves by itself", () => {
    const [one, other] = ["8", "50"].map((usecs) =>
      knobs(changed(["Adaptive RX: off", "Adaptive RX: on"], ["rx-usecs:\t0", `rx-usecs:\t${usecs}`])),
    );
    expect(one![`${CARD} interrupt coalescing`]).toBe("rx adaptive, tx-frames 1");
    expect(other).toEqual(one);
  });

  it("are what the kernel tells where there is no ethtool, or one that knows no list of interfaces", () => {
    const without = recording
      .replace(/^driver: (.*\n)+?(?=@configs)/m, "")
      .replace(/(@configs\n.*\n)[\s\S]*$/, "$1");
    expect(Object.keys(knobs(nicSettings.parse(said(without))))).toEqual(
      ["revision", "subsystem", "mtu", "queues"].map((name) => `${CARD} ${name}`),
    );
    expect(nicSettings.parse({ code: 127, stdout: "", stderr: "" })).toEqual([]);
  });

  it("are told by port where one function has several, and of a card that no driver of the kernel has as far as PCI shows them", () => {
    const port = (number: number) =>
      `@interface p${number}\nmtu 9000\ndev_port ${number}\nspeed ${number}0000\nduplex full\n`;
    const cards = nicSettings.parse(
      said(`@card 0000:3b:00.0\nrevision 0x02\n${port(0)}${port(1)}@card 0000:5e:00.0\nrevision 0x03\n`),
    );
    expect(knobs(cards)).toEqual({
      "0000:3b:00.0 revision": "0x02",
      "0000:3b:00.0 port 0 mtu": "9000",
      "0000:3b:00.0 port 1 mtu": "9000",
      "0000:5e:00.0 revision": "0x03",
    });
    // 0 Mb/s is no link.
    expect(nicLinks(cards, [])).toEqual({ "0000:3b:00.0 port 1": "10000 Mb/s, full duplex" });
  });

  it("tell the sizes that PCI Express is set to, where the configuration space is told whole", () => {
    const config = Buffer.alloc(256);
    config.writeUInt16LE(0x0010, 0x06);
    config[0x34] = 0x40;
    // Power management, then PCI Express with 256 bytes of payload (1) and 4096 of a read request (5).
    config.set([0x01, 0x70], 0x40);
    config.set([0x10, 0x00, 0, 0, 0, 0, 0, 0, 0x20, 0x50], 0x70);
    const hex = (bytes: Buffer) =>
      [...bytes].map((byte) => ` ${byte.toString(16).padStart(2, "0")}`).join("");
    const of = (bytes: Buffer) => knobs(nicSettings.parse(said(`@card ${CARD}\n@configs\n${hex(bytes)}\n`)));
    expect(of(config)).toEqual({
      [`${CARD} PCI Express payload`]: "256 bytes",
      [`${CARD} PCI Express read request`]: "4096 bytes",
    });
    expect(of(config.subarray(0, 64))).toEqual({});
    // A list that leads back to itself ends.
    config[0x70] = 0x01;
    config[0x71] = 0x40;
    expect(of(config)).toEqual({});
  });
});

describe("links", () => {
  it("are told where there is one, with the card's link to the machine", () => {
    expect(nicLinks(changed(), [])).toEqual({});
    const cards = changed(["speed -1", "speed 25000"], ["duplex unknown", "duplex full"]);
    const nic = {
      ...{ address: CARD, vendor: "", device: "", numaNode: 0, interfaces: [] },
      link: { speed: 8, lanes: 8, mostSpeed: 8, mostLanes: 16 },
    };
    expect(nicLinks(cards, [nic])).toEqual({
      [CARD]: "25000 Mb/s, full duplex",
      [`${CARD} PCI Express`]: "8 GT/s, 8 lanes",
    });
    expect(knobs(cards)).toEqual(knobs(changed()));
  });
});

it("asks in a shell's own words, also on a machine without any of the tools", () => {
  const { ask } = nicSettings;
  if (ask.kind !== "command") throw new Error("it is asked by a script");
  const [shell, ...rest] = ask.argv;
  const answered = execFileSync(shell, rest, { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
  expect(() => nicSettings.parse(said(answered))).not.toThrow();
});
