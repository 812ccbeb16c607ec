import { escapeText } from "./escape.ts";
import type { ReportedHost } from "./experiment.ts";
import { fitText } from "./fit.ts";
import { describeCpus } from "./host-words.ts";
import { told } from "./plot.ts";
import type { Review } from "./review.ts";
import { PICTURE_STYLE } from "./style.ts";
import { drawCpus } from "./topology.ts";

const MARGIN = 20;
const WIDTH = 800;
const TITLE = 34;
const GAP = 26;

/** The CPUs of each machine before and after a plan, as one SVG that stands alone; once where the plan leaves them as they are. */
export function drawCpuMaps({ before, after }: Pick<Review, "before" | "after">): string {
  const names = [...new Set([...before, ...after].map(({ name }) => name))].sort();
  let y = MARGIN;
  let svg = "";
  const put = (title: string, host: ReportedHost | undefined, absent: string) => {
    const drawn =
      host === undefined
        ? { svg: `<text class="soft" x="0" y="16">${escapeText(absent)}</text>`, height: 22 }
        : drawCpus(host);
    const heading = escapeText(fitText(title, WIDTH, 10.5));
    svg += `<g transform="translate(${MARGIN} ${y})"><text class="title" x="0" y="18">${heading}</text><g class="topology" transform="translate(0 ${TITLE})">${drawn.svg}</g></g>`;
    y += TITLE + drawn.height + GAP;
  };
  for (const name of names) {
    const was = before.find((host) => host.name === name);
    const will = after.find((host) => host.name === name);
    if (was !== undefined && will !== undefined && drawCpus(was).svg === drawCpus(will).svg)
      put(`${name}, before and after`, will, "");
    else {
      put(`${name}, before`, was, "not in this stack");
      put(`${name}, after`, will, "not in this stack any more");
    }
  }
  const height = Math.ceil(y - (names.length === 0 ? 0 : GAP) + MARGIN);
  const width = WIDTH + 2 * MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">${told("CPUs before and after", describe(before, after))}`,
    `<style>${PICTURE_STYLE}</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    svg,
    "</svg>",
    "",
  ].join("\n");
}

function describe(before: readonly ReportedHost[], after: readonly ReportedHost[]): string {
  const said = (when: string, hosts: readonly ReportedHost[]) =>
    hosts.map((host) => `${host.name}, ${when}: ${describeCpus(host)}`);
  return [...said("before", before), ...said("after", after)].join(" ");
}
