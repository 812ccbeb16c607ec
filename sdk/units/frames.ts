/** Bytes of a frame with its checksum, or a mix of sizes. */
export type FrameSize = number | "imix";

/** Simple IMIX: 7 frames of 64 bytes, 4 of 570, 1 of 1518, as far apart from their like as twelve frames allow. */
const IMIX: readonly number[] = [64, 570, 64, 64, 570, 64, 1518, 64, 570, 64, 64, 570];

/** The sizes that frames have in turn. */
export function sizesOf(frame: FrameSize): readonly number[] {
  return frame === "imix" ? IMIX : [frame];
}

/** Bytes of a frame on average. */
export function meanBytes(frame: FrameSize): number {
  const sizes = sizesOf(frame);
  return sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
}

/** For people: `64 bytes`, `imix`. */
export function frameText(frame: FrameSize): string {
  return frame === "imix" ? frame : `${frame} bytes`;
}
