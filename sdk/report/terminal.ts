import { stripVTControlCharacters } from "node:util";
import { formatNanoseconds } from "../units/duration.ts";
import type { Experiment, ReportedHost, ReportedRecord } from "./experiment.ts";
import { ROLES } from "./roles.ts";
import { policiesOf } from "./standing.ts";
import { verdictWord } from "./verdict-word.ts";

const COLUMNS = 100;
const INDENT = "    ";

/** What a person wants to know after `up`, as plain text. Sentences are broken at 100 columns; names and paths are not. */
export function renderSummary(experiment: Experiment, places: { readonly report: string }): string {
  const { project, stack, hosts, inspections, records, verdicts } = experiment;
  const { judged, held } = policiesOf(verdicts);
  const lines = [
    `${project}/${stack}`,
    ...hosts.flatMap(hostLines),
    ...inspections.flatMap(({ host, summary }) => ["", "tuning", ...wrap(`${host}: ${summary}`)]),
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

function hostLines(host: ReportedHost): string[] {
  const roles = Object.values(ROLES).filter(({ letter }) => letter !== "?");
  return [
    "",
    `host       ${host.name}${host.emulated ? " (emulated)" : ""}  ${host.description}`,
    ...host.nodes.flatMap(({ node, cpus, hugepages }) => {
      const map = cpus.map(({ cpu, role }) => `${cpu}${ROLES[role].letter}`).join(" ");
      const [first = "", ...others] = wrap(map, INDENT.repeat(3).length);
      const pages = hugepages.length === 0 ? "" : `   ${hugepages.join(", ")}`;
      return [`${`${INDENT}node ${node}`.padEnd(13)}${first.trim()}${pages}`, ...others];
    }),
    `             ${roles.map(({ letter, phrase }) => `${letter} ${phrase}`).join("   ")}`,
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
  const { name, metrics, functional, valid, invalidReasons } = record;
  const marks = [...(functional ? ["functional"] : []), ...(valid ? [] : ["INVALID"])].join(", ");
  const figures = metrics.map(({ percentiles, maxNs, samples }) => {
    const shown = percentiles.flatMap(([percentile, ns]) =>
      ns === null || Number(percentile) > 99 ? [] : [`p${percentile} ${formatNanoseconds(ns)}`],
    );
    return [...shown, `max ${formatNanoseconds(maxNs)}`, `${samples} samples`].join("   ");
  });
  return [
    `${INDENT}${name.padEnd(16)} ${figures.join("; ")}${marks === "" ? "" : `   [${marks}]`}`,
    ...invalidReasons.flatMap((reason) => wrap(`invalid: ${reason}`, 2 * INDENT.length)),
  ];
}

/** Breaks at spaces; a word that is longer than a line stays whole, so that it can be copied. */
function wrap(text: string, indent = INDENT.length): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && indent + line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each) => `${" ".repeat(indent)}${each}`);
}

/** A name from outside must not steer the terminal that it is printed on. */
function plain(line: string): string {
  return stripVTControlCharacters(line).replace(/\p{Cc}/gu, "�");
}
