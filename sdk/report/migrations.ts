import type { MigrationPhase } from "../measure/migration.ts";
import { formatNanoseconds } from "../units/duration.ts";
import { escapeText } from "./escape.ts";
import type { ReportedFigure, ReportedMigration } from "./experiment.ts";
import { latencyText } from "./figures.ts";
import { scrolling } from "./html-table.ts";
import { fixed, renderLegend, told } from "./plot.ts";

const WIDTH = 800;
const ROW = 28;
const BAR = 18;
const TOP = 6;
const AXIS = 26;
const LEFT = 100;
const STEPS = 5;
/** A phase that is shorter is drawn so wide all the same: a guest that stood still for a moment did stand still. */
const NARROWEST = 2;
/** Beyond them a timeline is a wall. */
const MOST = 20;

const KINDS: Readonly<Record<MigrationPhase["kind"], string>> = {
  setup: "making ready",
  pass: "pass over the guest's memory",
  stopped: "guest stopped",
  "post-copy": "runs at its destination, memory still on its way",
  cancelling: "being cancelled",
};

/** Who says how long the guest was away, and by what metric. */
const ACCOUNTS = [
  ["downtime", "QEMU: downtime"],
  ["standstill", "libvirt: standstill"],
  ["outage", "traffic: outage"],
] as const;

/** Each migration of a record from its beginning to its end, and how long the guest stood still by whoever told. */
export function renderMigrations(
  name: string,
  migrations: readonly ReportedMigration[],
  figures: readonly ReportedFigure[],
): string {
  return `${drawTimeline(name, migrations)}${drawAccounts(name, figures)}`;
}

function drawTimeline(name: string, migrations: readonly ReportedMigration[]): string {
  const shown = migrations.slice(0, MOST).filter(({ phases }) => phases.length > 0);
  if (shown.length === 0) return "";
  const { x, grid, bottom } = axes(Math.max(...shown.map(endOf)), shown.length, 150);
  const rows = shown.map((migration, row) => {
    const y = TOP + row * ROW;
    const said = `${latencyText(endOf(migration))}${migration.outcome === "completed" ? "" : `, ${migration.outcome}`}`;
    return [
      `<text class="small end" x="${LEFT - 10}" y="${y + 14}">${wayOf(row)}</text>`,
      ...migration.phases.map((phase) => drawPhase(phase, x, y)),
      `<text class="small" x="${fixed(x(endOf(migration)) + 8)}" y="${y + 14}">${escapeText(said)}</text>`,
    ].join("");
  });
  const kinds = (Object.keys(KINDS) as MigrationPhase["kind"][]).filter((kind) =>
    shown.some(({ phases }) => phases.some((phase) => phase.kind === kind)),
  );
  const left = migrations.length - shown.length;
  const title = `${name}: each migration from its beginning to its end`;
  const description = shown
    .map((migration, row) => {
      const stopped = migration.phases.find(({ kind }) => kind === "stopped");
      const still = stopped === undefined ? "" : `, stopped for ${lengthText(stopped)}`;
      return `${wayOf(row)}: ${migration.outcome} after ${latencyText(endOf(migration))}${still}.`;
    })
    .join(" ");
  return `<figure class="wide"><figcaption>Migrations by QEMU's events, time since each began${left > 0 ? `; ${left} more are in the record` : ""}</figcaption>${scrolling(
    title,
    `<svg class="timeline" viewBox="0 0 ${WIDTH} ${bottom + AXIS}" role="img">${told(title, description)}${grid}${rows.join("")}</svg>`,
  )}${renderLegend(kinds.map((kind) => ({ text: KINDS[kind], key: `phase ${kind}` })))}</figure>`;
}

function drawPhase(phase: MigrationPhase, x: (ns: number) => number, y: number): string {
  const { kind, pass, fromNs, toNs } = phase;
  const width = Math.max(NARROWEST, x(toNs) - x(fromNs));
  const what = pass === undefined ? KINDS[kind] : `pass ${pass}`;
  const number =
    pass === undefined || width < 22
      ? ""
      : `<text class="small middle" x="${fixed(x(fromNs) + width / 2)}" y="${y + 14}">${pass}</text>`;
  return `<g><title>${escapeText(what)}: ${lengthText(phase)}</title><rect class="phase ${kind}" x="${fixed(x(fromNs))}" y="${y}" width="${fixed(width)}" height="${BAR}"/>${number}</g>`;
}

/** The same standstill as QEMU, libvirt and the traffic saw it, a mark for each migration. */
function drawAccounts(name: string, figures: readonly ReportedFigure[]): string {
  const accounts = ACCOUNTS.flatMap(([metric, who]) => {
    const figure = figures.find((each) => each.name === `guest.migration.${metric}`);
    return figure === undefined ? [] : [{ who, figure }];
  });
  if (accounts.length < 2) return "";
  const left = 150;
  const { x, grid, bottom } = axes(
    Math.max(...accounts.map(({ figure }) => figure.max)),
    accounts.length,
    90,
    left,
  );
  const rows = accounts.map(({ who, figure }, row) => {
    const y = TOP + row * ROW + BAR / 2;
    return [
      `<text class="small end" x="${left - 10}" y="${y + 5}">${who}</text>`,
      `<line class="range" x1="${fixed(x(figure.min))}" x2="${fixed(x(figure.max))}" y1="${y}" y2="${y}"/>`,
      ...figure.each.map(
        (ns, index) =>
          `<circle class="dot s0" cx="${fixed(x(ns))}" cy="${y}" r="3.5"><title>${wayOf(index)}: ${latencyText(ns)}</title></circle>`,
      ),
      `<text class="small" x="${fixed(x(figure.max) + 10)}" y="${y + 5}">${latencyText(figure.max)}</text>`,
    ].join("");
  });
  const title = `${name}: how long the guest stood still, by who told`;
  const description = accounts
    .map(
      ({ who, figure }) =>
        `${who} ${latencyText(figure.min)} to ${latencyText(figure.max)} over ${figure.each.length} migrations.`,
    )
    .join(" ");
  return `<figure class="wide"><figcaption>How long the guest stood still, by who told; the longest in figures</figcaption>${scrolling(
    title,
    `<svg class="timeline" viewBox="0 0 ${WIDTH} ${bottom + AXIS}" role="img">${told(title, description)}${grid}${rows.join("")}</svg>`,
  )}</figure>`;
}

/** A linear axis from 0 to at least `most`, in round steps. */
function axes(most: number, rows: number, right: number, left = LEFT) {
  const step = roundUp(most / STEPS);
  const steps = Math.max(1, Math.ceil(most / step));
  const x = (ns: number) => left + (ns / (step * steps)) * (WIDTH - left - right);
  const bottom = TOP + rows * ROW;
  const grid = Array.from({ length: steps + 1 }, (_, index) => index * step).map(
    (ns) =>
      `<line class="grid" x1="${fixed(x(ns))}" x2="${fixed(x(ns))}" y1="0" y2="${bottom}"/><text class="tick" x="${fixed(x(ns))}" y="${bottom + 16}">${ns === 0 ? "0" : formatNanoseconds(ns)}</text>`,
  );
  return { x, grid: grid.join(""), bottom };
}

/** The next of 1, 2 and 5 times a power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [1, 2, 5, 10].map((digit) => digit * power).find((round) => round >= value) ?? 10 * power;
}

function endOf({ phases }: ReportedMigration): number {
  return phases.at(-1)?.toNs ?? 0;
}

function lengthText({ fromNs, toNs }: MigrationPhase): string {
  return latencyText(toNs - fromNs);
}

function wayOf(index: number): string {
  return `${index + 1}, ${index % 2 === 0 ? "there" : "back"}`;
}
