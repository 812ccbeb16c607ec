import { formatNanoseconds } from "../units/duration.ts";
import type { ReportedHost, ReportedMetric, Role } from "./experiment.ts";

/** Text for HTML and SVG. */
export function escapeText(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

const CELL = 46;
const GAP = 8;
const WIDTH = 760;
const ROLE_NAMES: Readonly<Record<Role, string>> = {
  housekeeping: "house",
  isolated: "free",
  pmd: "PMD",
  vcpu: "vCPU",
  other: "",
};

/** A host with its nodes, who uses which CPU, and how guests hang on the switch. */
export function drawHost(host: ReportedHost): string {
  const nodeHeight = CELL + 62;
  const nodesWidth = (WIDTH - GAP * (host.nodes.length + 1)) / Math.max(1, host.nodes.length);
  const nodes = host.nodes.map((node, index) => {
    const x = GAP + index * (nodesWidth + GAP);
    const cells = node.cpus.map(({ cpu, role, detail }, position) => {
      const perRow = Math.max(1, Math.floor((nodesWidth - 24) / (CELL + 6)));
      const cx = x + 12 + (position % perRow) * (CELL + 6);
      const cy = 66 + Math.floor(position / perRow) * (CELL + 6);
      return `<g class="cpu ${role}"><title>CPU ${cpu}: ${escapeText(ROLE_NAMES[role])}${detail === undefined ? "" : ` of ${escapeText(detail)}`}</title><rect x="${cx}" y="${cy}" width="${CELL}" height="${CELL}" rx="5"/><text x="${cx + CELL / 2}" y="${cy + 20}">${cpu}</text><text class="small" x="${cx + CELL / 2}" y="${cy + 35}">${ROLE_NAMES[role]}</text></g>`;
    });
    return `<rect class="node" x="${x}" y="34" width="${nodesWidth}" height="${nodeHeight}" rx="7"/><text class="label" x="${x + 12}" y="54">NUMA node ${node.node}${node.hugepages.length === 0 ? "" : ` · ${escapeText(node.hugepages.join(", "))}`}</text>${cells.join("")}`;
  });
  const top = 34 + nodeHeight + 30;
  const boxes = (count: number) => (WIDTH - GAP * (count + 1)) / Math.max(1, count);
  const bridgeWidth = boxes(host.bridges.length);
  const bridges = host.bridges.map(({ name, addresses }, index) => {
    const x = GAP + index * (bridgeWidth + GAP);
    return `<rect class="bridge" x="${x}" y="${top}" width="${bridgeWidth}" height="40" rx="7"/><text class="label" x="${x + 12}" y="${top + 25}">${escapeText([name, ...addresses].join(" · "))}</text>`;
  });
  const guestTop = top + 96;
  const guestWidth = boxes(host.guests.length);
  const guests = host.guests.map((guest, index) => {
    const x = GAP + index * (guestWidth + GAP);
    const links = host.bridges.flatMap((bridge, bridgeIndex) =>
      bridge.ports
        .filter(({ socket }) => socket !== undefined && guest.sockets.includes(socket))
        .map(({ name, kind, up }, portIndex) => {
          const px = Math.max(x, GAP + bridgeIndex * (bridgeWidth + GAP)) + 60 + portIndex * 150;
          return `<line class="${up ? "link" : "link down"}" x1="${px}" y1="${top + 40}" x2="${px}" y2="${guestTop}"/><text class="small left" x="${px + 8}" y="${top + 72}">${escapeText(`${name} (${kind})`)}</text>`;
        }),
    );
    const text = `${guest.name} · ${guest.memory} on node ${guest.numaNode} · vCPUs on ${guest.vcpuPins.join(", ")}`;
    return `${links.join("")}<rect class="guest" x="${x}" y="${guestTop}" width="${guestWidth}" height="40" rx="7"/><text class="label" x="${x + 12}" y="${guestTop + 25}">${escapeText(text)}</text>`;
  });
  const height = host.guests.length > 0 ? guestTop + 52 : host.bridges.length > 0 ? top + 52 : top - 18;
  return `<svg class="topology" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeText(`Topology of ${host.name}`)}"><text class="label strong" x="${GAP}" y="20">${escapeText(host.name)}${host.emulated ? " (emulated)" : ""} · ${escapeText(host.description)}</text>${nodes.join("")}${bridges.join("")}${guests.join("")}</svg>`;
}

const PLOT = { left: 70, right: 20, top: 16, bottom: 44, width: WIDTH, height: 260 };
const TICKS = [50, 90, 99, 99.9, 99.99];

/** Latency over percentiles, both axes logarithmic: the tail is what matters, so it gets the room. */
export function drawCurve({ name, curve, maxNs, minNs, samples }: ReportedMetric): string {
  const values = curve.map(([, ns]) => Math.max(1, ns));
  const low = Math.log10(Math.max(1, Math.min(minNs, ...values)));
  const high = Math.log10(Math.max(10, maxNs, ...values));
  const from = Math.floor(low * 2) / 2;
  const to = Math.max(from + 0.5, Math.ceil(high * 2) / 2);
  const nines = (percentile: number) => -Math.log10(1 - Math.min(percentile, 99.9999) / 100);
  const last = Math.max(nines(99), ...curve.map(([percentile]) => nines(percentile)));
  const x = (percentile: number) =>
    PLOT.left + (nines(percentile) / last) * (PLOT.width - PLOT.left - PLOT.right);
  const y = (ns: number) =>
    PLOT.height -
    PLOT.bottom -
    ((Math.log10(Math.max(1, ns)) - from) / (to - from)) * (PLOT.height - PLOT.top - PLOT.bottom);
  const grid = Array.from(
    { length: Math.floor((to - from) * 2) + 1 },
    (_, step) => 10 ** (from + step / 2),
  ).map(
    (ns) =>
      `<line class="grid" x1="${PLOT.left}" x2="${PLOT.width - PLOT.right}" y1="${fixed(y(ns))}" y2="${fixed(y(ns))}"/><text class="tick end" x="${PLOT.left - 8}" y="${fixed(y(ns) + 4)}">${formatNanoseconds(Math.round(Number(ns.toPrecision(2))))}</text>`,
  );
  const ticks = TICKS.filter((tick) => nines(tick) <= last + 1e-9).map(
    (tick) =>
      `<line class="grid" x1="${fixed(x(tick))}" x2="${fixed(x(tick))}" y1="${PLOT.top}" y2="${PLOT.height - PLOT.bottom}"/><text class="tick" x="${fixed(x(tick))}" y="${PLOT.height - PLOT.bottom + 18}">p${tick}</text>`,
  );
  const path = curve
    .map(([percentile, ns], index) => `${index === 0 ? "M" : "L"}${fixed(x(percentile))} ${fixed(y(ns))}`)
    .join("");
  return `<svg class="curve" viewBox="0 0 ${PLOT.width} ${PLOT.height}" role="img" aria-label="${escapeText(`${name}: ${samples} samples by percentile`)}">${grid.join("")}${ticks.join("")}<path class="line" d="${path}"/><text class="tick" x="${(PLOT.left + PLOT.width - PLOT.right) / 2}" y="${PLOT.height - 6}">percentile of ${samples} samples</text></svg>`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}
