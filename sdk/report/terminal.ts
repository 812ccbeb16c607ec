import { formatNanoseconds } from "../units/duration.ts";
import { figure } from "../units/figure.ts";
import { lineOf } from "../units/packet-path.ts";
import { formatPacketRate } from "../units/rate.ts";
import { cpuMapLines } from "./cpu-map.ts";
import type { Experiment, ReportedHost, ReportedPath, ReportedRecord } from "./experiment.ts";
import { plain } from "./plain.ts";
import { policiesOf } from "./standing.ts";
import { verdictWord } from "./verdict-word.ts";
import { wrap } from "./wrap.ts";

const INDENT = "    ";

/** What a person wants to know after `up`, as plain text. Sentences are broken at 100 columns; names and paths are not. */
export function renderSummary(experiment: Experiment, places: { readonly report: string }): string {
  const { project, stack, hosts, inspections, paths, records, verdicts } = experiment;
  const { judged, held } = policiesOf(verdicts);
  const lines = [
    `${project}/${stack}`,
    ...hosts.flatMap(hostLines),
    ...inspections.flatMap(({ host, summary, settings }) =>
      settings.length === 0 ? [] : ["", "tuning", ...wrap(`${host}: ${summary}`)],
    ),
    ...(paths.length === 0 ? [] : ["", "paths", ...paths.flatMap(pathLines)]),
    "",
    records.length === 0 ? "measured   nothing" : "measured",
    ...records.flatMap(recordLines),
    ...(records.some(({ functional }) => functional)
      ? wrap("functional: taken on an emulated server. It shows that the path works, not how fast it is.")
      : []),
    "",
    judged === 0 ? "policies   none was judged" : `policies   ${held} of ${judged} hold`,
    ...verdicts
      .filter(({ passed }) => !passed)
      .flatMap((verdict) => wrap(`${verdictWord(verdict)} ${verdict.policy}: ${verdict.message}`)),
    "",
    `report     ${places.report}`,
    "",
    "go on",
    ...goOn(stack),
    "",
  ];
  return lines.map(plain).join("\n");
}

function goOn(stack: string): string[] {
  const next = [
    [`npm run pulumi -- preview --stack ${stack}`, "what would change: nothing"],
    [`npm run pulumi -- refresh --stack ${stack}`, "what has drifted on the machines"],
    [`npm run down -- --stack ${stack}`, "take it all away"],
    ["docs/first-stack.md", "a first stack of your own, and a real host"],
  ] as const;
  const width = Math.max(...next.map(([command]) => command.length));
  return next.map(([command, what]) => `${INDENT}${command.padEnd(width)}   ${what}`);
}

function pathLines({ name, path, frames, valid }: ReportedPath): string[] {
  const way = `${name}  ${lineOf(path)}`;
  if (frames === undefined) return wrap(`${way}: nothing sent yet`);
  const { sent, received, lost } = frames;
  return wrap(`${way}: ${sent} sent, ${received} received, ${lost} lost${valid ? "" : " (invalid)"}`);
}

function hostLines(host: ReportedHost): string[] {
  return [
    "",
    `host       ${host.name}${host.emulated ? " (emulated)" : ""}  ${host.description}`,
    ...cpuMapLines(host),
    ...host.bridges.flatMap(({ name, addresses, ports }) => [
      `${INDENT}bridge   ${[name, ...addresses].join(" ")}`,
      ...ports.map(
        (port) =>
          `${INDENT}port     ${port.name} (${[port.kind, port.peer].filter((part) => part !== "").join(", ")}) ${port.up ? "up" : "DOWN"}`,
      ),
    ]),
    ...host.guests.map(
      (guest) =>
        `${INDENT}guest    ${guest.name}: ${guest.running ? "running" : "STOPPED"}, ${guest.memory} on node ${guest.numaNode}, vCPUs on ${guest.vcpuPins.join(", ")}`,
    ),
  ];
}

function recordLines(record: ReportedRecord): string[] {
  const { name, metrics, losses, functional, valid, invalidReasons } = record;
  const marks = [...(functional ? ["functional"] : []), ...(valid ? [] : ["INVALID"])].join(", ");
  // Of a search its throughputs are what is asked first; latencies under load are in the report.
  const figures = (losses.length > 0 ? [] : metrics).map(({ percentiles, maxNs, samples }) => {
    const shown = percentiles.flatMap(([percentile, ns]) =>
      ns === null || Number(percentile) > 99 ? [] : [`p${percentile} ${formatNanoseconds(ns)}`],
    );
    return [...shown, `max ${formatNanoseconds(maxNs)}`, `${samples} samples`].join("   ");
  });
  const singles = (losses.length > 0 ? [] : record.figures).map((each) => {
    const text = (value: number) => figure(value, each.unit);
    const range = each.each.length > 1 ? ` (${text(each.min)} to ${text(each.max)})` : "";
    return `${INDENT}${INDENT}${each.name} ${text(each.median)}${range}`;
  });
  const throughputs = losses.flatMap(({ frame, found }) =>
    found.map(({ goal, throughputPps }) => {
      const rate = throughputPps === null ? "none" : formatPacketRate(throughputPps);
      return `${INDENT}${INDENT}${frame}, ${goal}: ${rate}`;
    }),
  );
  return [
    `${INDENT}${name.padEnd(16)} ${figures.join("; ")}${marks === "" ? "" : `   [${marks}]`}`.trimEnd(),
    ...throughputs,
    ...singles,
    ...invalidReasons.flatMap((reason) => wrap(`invalid: ${reason}`, 2 * INDENT.length)),
  ];
}
