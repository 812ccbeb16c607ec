/** A structure of the SMBIOS table (DMTF DSP0134): its formatted part, and the strings that follow it. */
interface Structure {
  readonly type: number;
  readonly bytes: Buffer;
  readonly strings: readonly string[];
}

/** A memory module in its socket, as the firmware tells it (type 17). */
export interface MemoryModule {
  readonly slot: string;
  /** `DDR5`; what the firmware does not know is left out. */
  readonly type?: string;
  readonly sizeMib: number;
  /** Transfers a second in millions: what it can do, and what the firmware has it do. */
  readonly speed?: number;
  readonly configuredSpeed?: number;
  /** `registered`, `unbuffered`, `load-reduced`. */
  readonly buffering?: string;
  readonly ranks?: number;
}

export interface ObservedSmbios {
  /** Modules that are there. */
  readonly modules: readonly MemoryModule[];
  /** Sockets for modules, with those that are empty. */
  readonly sockets: number;
  /** What firmware calls the slot of a PCI device, by domain, bus and device: `0000:3b:00`. */
  readonly slots: ReadonlyMap<string, string>;
}

const MEMORY_DEVICE = 17;
const SYSTEM_SLOT = 9;
const END_OF_TABLE = 127;

// Section 7.18.2; ROM and flash are left out: they hold firmware.
const MEMORY_TYPES: Readonly<Record<number, string>> = {
  ...{ 3: "DRAM", 4: "EDRAM", 5: "VRAM", 6: "SRAM", 7: "RAM", 15: "SDRAM", 16: "SGRAM", 17: "RDRAM" },
  ...{ 18: "DDR", 19: "DDR2", 20: "DDR2 FB-DIMM", 24: "DDR3", 25: "FBD2", 26: "DDR4", 27: "LPDDR" },
  ...{ 28: "LPDDR2", 29: "LPDDR3", 30: "LPDDR4", 31: "non-volatile", 32: "HBM", 33: "HBM2", 34: "DDR5" },
  ...{ 35: "LPDDR5", 36: "HBM3" },
};
const FIRMWARE_MEMORY = new Set([8, 9, 10, 11, 12]);

/** What a table says of memory and slots; one that is cut off, or none at all, says as much as there is. Serial numbers are left out. */
export function smbiosOf(table: Buffer): ObservedSmbios {
  const all = structuresOf(table);
  const devices = all.filter(
    ({ type, bytes }) =>
      type === MEMORY_DEVICE && bytes.length >= 0x15 && !FIRMWARE_MEMORY.has(bytes[0x12] ?? 0),
  );
  return {
    modules: modulesOf(devices),
    sockets: devices.length,
    slots: new Map(all.flatMap(slotOf)),
  };
}

function structuresOf(table: Buffer): Structure[] {
  const all: Structure[] = [];
  for (let start = 0; start + 4 <= table.length; ) {
    const [type = END_OF_TABLE, length = 0] = table.subarray(start, start + 2);
    const end = table.indexOf("\0\0", start + length, "latin1");
    if (length < 4 || end < 0 || type === END_OF_TABLE) break;
    all.push({
      type,
      bytes: table.subarray(start, start + length),
      strings: table.toString("latin1", start + length, end).split("\0"),
    });
    start = end + 2;
  }
  return all;
}

function modulesOf(devices: readonly Structure[]): MemoryModule[] {
  const locators = devices.map(({ bytes, strings }) => text(strings, bytes[0x10]));
  return devices.flatMap(({ bytes, strings }, index) => {
    const sizeMib = sizeOf(bytes);
    if (sizeMib === undefined) return [];
    const locator = locators[index] ?? "";
    const isAmbiguous = locators.filter((other) => other === locator).length > 1;
    const type = MEMORY_TYPES[bytes[0x12] ?? 0];
    const speed = speedOf(bytes, 0x15, 0x54);
    const configuredSpeed = speedOf(bytes, 0x20, 0x58);
    const buffering = bufferingOf(bytes.readUInt16LE(0x13));
    const ranks = (bytes[0x1b] ?? 0) & 0x0f;
    return [
      {
        slot: (isAmbiguous ? [text(strings, bytes[0x11]), locator] : [locator]).join(" ").trim(),
        sizeMib,
        ...(type !== undefined && { type }),
        ...(speed !== undefined && { speed }),
        ...(configuredSpeed !== undefined && { configuredSpeed }),
        ...(buffering !== undefined && { buffering }),
        ...(ranks > 0 && { ranks }),
      },
    ];
  });
}

/** Undefined of an empty socket, and of a size that the firmware does not know. */
function sizeOf(bytes: Buffer): number | undefined {
  const size = bytes.readUInt16LE(0x0c);
  if (size === 0 || size === 0xffff) return undefined;
  if (size === 0x7fff) return bytes.length >= 0x20 ? bytes.readUInt32LE(0x1c) & 0x7fffffff : undefined;
  return size & 0x8000 ? (size & 0x7fff) / 1024 : size;
}

/** Of fields that a table of an older version has not, undefined. */
function speedOf(bytes: Buffer, offset: number, extended: number): number | undefined {
  if (bytes.length < offset + 2) return undefined;
  const speed = bytes.readUInt16LE(offset);
  if (speed !== 0xffff) return speed === 0 ? undefined : speed;
  return bytes.length >= extended + 4 ? bytes.readUInt32LE(extended) & 0x7fffffff || undefined : undefined;
}

function bufferingOf(detail: number): string | undefined {
  if (detail & 0x8000) return "load-reduced";
  return detail & 0x2000 ? "registered" : detail & 0x4000 ? "unbuffered" : undefined;
}

/** Before version 2.6 a slot has no address; an empty one has all bits set. */
function slotOf({ type, bytes, strings }: Structure): (readonly [string, string])[] {
  if (type !== SYSTEM_SLOT || bytes.length < 0x11) return [];
  const [domain, bus = 0, device = 0] = [bytes.readUInt16LE(0x0d), bytes[0x0f], bytes[0x10]];
  const name = text(strings, bytes[0x04]);
  if (name === "" || (bus === 0xff && device === 0xff)) return [];
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  return [[`${hex(domain, 4)}:${hex(bus, 2)}:${hex(device >> 3, 2)}`, name]];
}

/** Strings have numbers from 1 on; 0 is none. */
function text(strings: readonly string[], number = 0): string {
  return number === 0 ? "" : printable(strings[number - 1] ?? "");
}

function printable(raw: string): string {
  return raw.replaceAll(/[^\x20-\x7e]/g, "").trim();
}

/**
 * Modules in words: `dimms` by kind, `8 x 32 GiB DDR5 4800 of 5600 MT/s, registered, 2 ranks`, and `slots`, those that hold one: `8 of 16: A1, B1, …`. Empty
 * where the firmware tells of none.
 */
export function memoryWords({ modules, sockets }: ObservedSmbios): Record<string, string> {
  if (modules.length === 0) return {};
  const kinds = new Map<string, number>();
  for (const module of modules) kinds.set(kindOf(module), (kinds.get(kindOf(module)) ?? 0) + 1);
  return {
    dimms: [...kinds].map(([kind, count]) => `${count} x ${kind}`).join("; "),
    slots: `${modules.length} of ${sockets}: ${modules.map(({ slot }) => slot).join(", ")}`,
  };
}

function kindOf({ type, sizeMib, speed, configuredSpeed, buffering, ranks }: MemoryModule): string {
  const kind = [sizeWords(sizeMib), type, transfers(speed, configuredSpeed)].filter(Boolean).join(" ");
  return [kind, buffering, ranks && `${ranks} ${ranks === 1 ? "rank" : "ranks"}`].filter(Boolean).join(", ");
}

function transfers(able: number | undefined, set: number | undefined): string | undefined {
  if (able === undefined && set === undefined) return undefined;
  return able === undefined || set === undefined || able === set
    ? `${set ?? able} MT/s`
    : `${set} of ${able} MT/s`;
}

export function sizeWords(mib: number): string {
  return mib >= 1024 && mib % 256 === 0 ? `${mib / 1024} GiB` : `${mib} MiB`;
}
