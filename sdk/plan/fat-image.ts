const SECTOR = 512;
const SECTORS = 2048;
const FAT_SECTORS = 6;
const ROOT_ENTRIES = 64;
const ENTRY = 32;
const RESERVED = 1;
const FATS = 2;
const ROOT_AT = (RESERVED + FATS * FAT_SECTORS) * SECTOR;
const DATA_AT = ROOT_AT + ROOT_ENTRIES * ENTRY;
const FREE = SECTORS - DATA_AT / SECTOR;
const END_OF_CHAIN = 0xfff;
const LABEL = 0x08;
const LONG_NAME = 0x0f;

/**
 * A file system of 1 MiB with these files in its root: FAT12 with long names and no time stamps, so equal files give equal bytes. Made here, since a machine
 * rarely has a program for it.
 *
 * @throws RangeError where the files do not fit
 * @see Microsoft, FAT: General Overview of On-Disk Format, 1.03
 */
export function fatImage(label: string, files: Readonly<Record<string, string>>): Buffer {
  const image = Buffer.alloc(SECTORS * SECTOR);
  bootSector(image, label);
  const entries: Buffer[] = [entry(label.padEnd(11), LABEL, 0, 0)];
  let next = 2;
  const chain: number[] = [0xff8, END_OF_CHAIN];
  for (const [index, [name, text]] of Object.entries(files).entries()) {
    const content = Buffer.from(text, "utf8");
    const clusters = Math.ceil(content.length / SECTOR);
    if (next - 2 + clusters > FREE)
      throw new RangeError(`${name} does not fit into ${SECTORS * SECTOR} bytes`);
    content.copy(image, DATA_AT + (next - 2) * SECTOR);
    const short = `FILE~${index + 1}`.padEnd(11);
    entries.push(...longName(name, short), entry(short, 0x20, clusters === 0 ? 0 : next, content.length));
    for (let cluster = 0; cluster < clusters; cluster++)
      chain.push(cluster === clusters - 1 ? END_OF_CHAIN : next + cluster + 1);
    next += clusters;
  }
  Buffer.concat(entries).copy(image, ROOT_AT);
  for (let copy = 0; copy < FATS; copy++) writeChain(image, (RESERVED + copy * FAT_SECTORS) * SECTOR, chain);
  return image;
}

function bootSector(image: Buffer, label: string): void {
  Buffer.from([0xeb, 0x3c, 0x90]).copy(image);
  image.write("nfvlab  ", 3, "ascii");
  image.writeUInt16LE(SECTOR, 11);
  image.writeUInt8(1, 13);
  image.writeUInt16LE(RESERVED, 14);
  image.writeUInt8(FATS, 16);
  image.writeUInt16LE(ROOT_ENTRIES, 17);
  image.writeUInt16LE(SECTORS, 19);
  image.writeUInt8(0xf8, 21);
  image.writeUInt16LE(FAT_SECTORS, 22);
  image.writeUInt16LE(32, 24);
  image.writeUInt16LE(64, 26);
  image.writeUInt8(0x80, 36);
  image.writeUInt8(0x29, 38);
  image.writeUInt32LE(0x6e667631, 39);
  image.write(label.padEnd(11), 43, "ascii");
  image.write("FAT12   ", 54, "ascii");
  image.writeUInt16LE(0xaa55, 510);
}

function entry(short: string, attributes: number, cluster: number, length: number): Buffer {
  const bytes = Buffer.alloc(ENTRY);
  bytes.write(short, 0, "ascii");
  bytes.writeUInt8(attributes, 11);
  // The first day that FAT knows: 1 January 1980.
  for (const at of [16, 18, 24]) bytes.writeUInt16LE(0x21, at);
  bytes.writeUInt16LE(cluster, 26);
  bytes.writeUInt32LE(length, 28);
  return bytes;
}

/** Entries with 13 characters each, the last of the name first, tied to the short name by its sum. */
function longName(name: string, short: string): Buffer[] {
  const sum = [...Buffer.from(short, "ascii")].reduce(
    (so, byte) => (((so & 1) << 7) + (so >> 1) + byte) & 0xff,
    0,
  );
  const count = Math.ceil(name.length / 13);
  return Array.from({ length: count }, (_, index) => {
    const order = count - index;
    const bytes = Buffer.alloc(ENTRY, 0xff);
    bytes.writeUInt8(order | (index === 0 ? 0x40 : 0), 0);
    bytes.writeUInt8(LONG_NAME, 11);
    bytes.writeUInt8(0, 12);
    bytes.writeUInt8(sum, 13);
    bytes.writeUInt16LE(0, 26);
    const part = [...name.slice((order - 1) * 13, order * 13)].map((character) => character.charCodeAt(0));
    if (part.length < 13) part.push(0);
    for (const [place, code] of part.entries())
      bytes.writeUInt16LE(
        code,
        place < 5 ? 1 + place * 2 : place < 11 ? 14 + (place - 5) * 2 : 28 + (place - 11) * 2,
      );
    return bytes;
  });
}

/** Twelve bits an entry, two entries in three bytes. */
function writeChain(image: Buffer, at: number, chain: readonly number[]): void {
  for (const [index, value] of chain.entries()) {
    const where = at + Math.floor((index * 3) / 2);
    const old = image.readUInt16LE(where);
    image.writeUInt16LE(index % 2 === 0 ? (old & 0xf000) | value : (old & 0x000f) | (value << 4), where);
  }
}
