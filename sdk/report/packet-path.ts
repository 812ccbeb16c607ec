import {
  type CrossedLayer,
  changesOfPlace,
  layersOf,
  type PacketPath,
  PLACES,
} from "../units/packet-path.ts";
import { escapeText } from "./escape.ts";
import { fitText } from "./fit.ts";
import { fixed, told } from "./plot.ts";

const WIDTH = 800;
const GAP = 10;
const HEAD = 28;
const ROW = { height: 30, box: 22 };
/** Pixels of a letter in the widest of the usual fonts. */
const LETTER = { strong: 7.6, plain: 7.2 };

interface Box {
  readonly layer: CrossedLayer;
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/**
 * A packet's way from top to bottom, a row for each layer, in columns for the places that the layers run in: each step to the side is a copy, an exit, an interrupt
 * or a trip over the bus.
 */
export function drawPath(title: string, path: PacketPath): string {
  const layers = layersOf(path);
  const places = PLACES.filter((place) => layers.some((layer) => layer.place === place));
  const width = (WIDTH - GAP * (places.length - 1)) / places.length;
  const left = (place: CrossedLayer["place"]) => places.indexOf(place) * (width + GAP);
  const height = HEAD + layers.length * ROW.height;
  const boxes = layers.map(
    (layer, row): Box => ({ layer, x: left(layer.place), y: HEAD + row * ROW.height, width }),
  );
  const text = `${title}: ${layers.length} layers, ${changesOfPlace(path)} changes of place`;
  return [
    `<svg class="path" viewBox="-2 0 ${WIDTH + 4} ${height}" role="img">${told(text, layers.map(crossed).join(", "))}`,
    ...places.map((place) => drawColumn(place, left(place), width, height)),
    drawWay(boxes),
    ...boxes.map(drawLayer),
    "</svg>",
  ].join("");
}

/** `guest: virtio-net driver`, in the order of the packet. */
function crossed({ place, name, of }: CrossedLayer): string {
  return `${place}: ${of === "" ? name : `${of}, ${name}`}`;
}

function drawColumn(place: string, x: number, width: number, height: number): string {
  return [
    `<rect class="column" x="${fixed(x)}" y="0" width="${fixed(width)}" height="${height}" rx="6"/>`,
    `<text class="small head" x="${fixed(x + width / 2)}" y="18">${escapeText(place)}</text>`,
  ].join("");
}

/** From box to box through their middles; the boxes lie on it. */
function drawWay(boxes: readonly Box[]): string {
  const points = boxes.map(({ x, y, width }) => `${fixed(x + width / 2)},${y + ROW.box / 2}`);
  return `<polyline class="link" points="${points.join(" ")}"/>`;
}

function drawLayer({ layer: { name, of }, x, y, width }: Box): string {
  const isStation = of !== "";
  const text = isStation ? `${of}: ${name}` : name;
  const perLetter = isStation ? LETTER.strong : LETTER.plain;
  return [
    `<g class="layer${isStation ? " station" : ""}"><title>${escapeText(text)}</title>`,
    `<rect x="${fixed(x + 4)}" y="${y}" width="${fixed(width - 8)}" height="${ROW.box}" rx="5"/>`,
    `<text class="small" x="${fixed(x + width / 2)}" y="${y + 15}">${escapeText(fitText(text, width - 16, perLetter))}</text></g>`,
  ].join("");
}
