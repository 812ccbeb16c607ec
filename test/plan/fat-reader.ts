/** Reads what a boot sector of FAT12 tells about itself, and the files of its root with their long names. */
export function readFat(image: Buffer): { label: string; files: Record<string, string> } {
  const sector = image.readUInt16LE(11);
  const cluster = image.readUInt8(13) * sector;
  const fatAt = image.readUInt16LE(14) * sector;
  const rootAt = fatAt + image.readUInt8(16) * image.readUInt16LE(22) * sector;
  const rootEntries = image.readUInt16LE(17);
  const dataAt = rootAt + rootEntries * 32;
  const next = (number: number) => {
    const pair = image.readUInt16LE(fatAt + number + (number >> 1));
    return number % 2 === 0 ? pair & 0xfff : pair >> 4;
  };
  const content = (first: number, length: number) => {
    const parts: Buffer[] = [];
    for (let at = first; at >= 2 && at < 0xff0; at = next(at))
      parts.push(image.subarray(dataAt + (at - 2) * cluster, dataAt + (at - 1) * cluster));
    return Buffer.concat(parts).subarray(0, length).toString("utf8");
  };
  let label = "";
  let long = "";
  const files: Record<string, string> = {};
  for (let index = 0; index < rootEntries; index++) {
    const entry = image.subarray(rootAt + index * 32, rootAt + index * 32 + 32);
    if (entry[0] === 0) break;
    const attributes = entry.readUInt8(11);
    if (attributes === 0x0f) {
      const places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
      const codes = places.map((place) => entry.readUInt16LE(place));
      const end = codes.indexOf(0);
      long = String.fromCharCode(...(end < 0 ? codes : codes.slice(0, end))) + long;
    } else if (attributes === 0x08) {
      label = entry.toString("ascii", 0, 11).trim();
    } else {
      files[long] = content(entry.readUInt16LE(26), entry.readUInt32LE(28));
      long = "";
    }
  }
  return { label, files };
}
