import { changesOfPlace, layersOf, lineOf } from "../units/packet-path.ts";
import { escapeText } from "./escape.ts";
import type { ReportedPath } from "./experiment.ts";
import { countText, latencyText } from "./figures.ts";
import { renderTable, scrolling } from "./html-table.ts";
import { renderMarks } from "./marks.ts";
import { drawPath } from "./packet-path.ts";

const HEAD = ["", "sent", "received", "lost", "p50", "p99", "max", "PDV", "layers", "changes"];

/** Every way that packets took: what was counted at both ends, and what lies between. */
export function renderPaths(paths: readonly ReportedPath[]): string {
  if (paths.length === 0) return "";
  const table = renderTable({
    kind: "figures",
    caption: "Frames by packet path",
    head: HEAD,
    rows: paths.map(renderRow),
  });
  return `<section id="paths"><h2>Packet paths</h2>
${table}
<p class="note">Frames counted at both ends; latency from end to end, of an exchange there and back; PDV: how far its p99.9 lies above the least (RFC 5481). Changes are those of place: each is a copy, an exit, an interrupt or a trip over the bus.</p>
${paths.map(renderDrawing).join("\n")}
</section>
`;
}

function renderRow({ name, path, frames, latency, functional, valid }: ReportedPath): string {
  const mark = frames === undefined ? "" : ` ${renderMarks({ functional, valid })}`;
  const counted = frames === undefined ? [] : [frames.sent, frames.received, frames.lost];
  const times = [latency?.medianNs, latency?.p99Ns, latency?.longestNs, latency?.variationNs];
  const figures = [
    ...["sent", "received", "lost"].map((_, index) => countOr(counted[index])),
    ...times.map((ns) => (ns === undefined || ns === null ? "–" : latencyText(ns))),
    countText(layersOf(path).length),
    countText(changesOfPlace(path)),
  ];
  const cells = figures.map((figure) => `<td>${figure}</td>`).join("");
  return `<tr><th scope="row">${escapeText(name)}${mark}<span class="note">${escapeText(lineOf(path))}</span></th>${cells}</tr>`;
}

function countOr(count: number | undefined): string {
  return count === undefined ? "–" : countText(count);
}

function renderDrawing({ name, path }: ReportedPath): string {
  return `<article><h3>${escapeText(name)}</h3>${scrolling(`What packets cross: ${name}`, drawPath(name, path))}</article>`;
}
