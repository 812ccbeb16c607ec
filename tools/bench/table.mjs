import { cpus } from "node:os";
import { ansibleDescription } from "./ansible.mjs";
import { dialsDescription } from "./dials.mjs";

const goals = { roundTrips: 2, ratio: 30, ratioSize: 100 };

/** Prints the table, what was compared, and the goals with their verdicts. */
export function printResults(results, { runs, engine, ansible, loads }) {
  console.log(
    [
      "",
      tableOf(results),
      "",
      `Runs: ${runs}, the steps in turn; all on this machine (${cpus().length} CPUs) and its loopback; its load was ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}. Sessions and connections as sshd logged them, the most of any run.`,
      `Pulumi ${engine.version}: no-change preview, refresh and up, the latter two without a preview before them; only refresh looks at the host.`,
      `Dials: ${dialsDescription}.`,
      `Ansible ${ansible.version}: ${ansibleDescription}.`,
      "",
      ...verdicts(results),
    ].join("\n"),
  );
}

function tableOf(results) {
  const header = [
    "resources",
    "step",
    "median",
    "fastest",
    "slowest",
    "sessions",
    "connections",
    "plugin",
    "Ansible takes",
  ];
  const rows = results.map((result) => [
    String(result.size),
    result.step,
    ...[result.seconds, result.fastest, result.slowest].map((seconds) => `${seconds.toFixed(2)} s`),
    String(result.sessions),
    String(result.connections),
    result.pluginKiB === 0 ? "" : `${Math.round(result.pluginKiB / 1024)} MiB`,
    result.step === "ansible" ? "" : `${ratioOf(result, results).toFixed(1)} x`,
  ]);
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column].length)));
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column], column))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function pad(cell, width, column) {
  return column === 1 ? cell.padEnd(width) : cell.padStart(width);
}

/** How many times as long Ansible takes for as many resources. */
function ratioOf({ size, seconds }, results) {
  return find(results, size, "ansible").seconds / seconds;
}

function verdicts(results) {
  const refreshes = results.filter(({ step }) => step === "refresh");
  const most = Math.max(...refreshes.map(({ sessions }) => sessions));
  const large = refreshes.find(({ size }) => size === goals.ratioSize);
  const ratio = large && ratioOf(large, results);
  return [
    `Goal: a refresh in at most ${goals.roundTrips} round trips to a host, whatever the number of resources: ${verdict(most <= goals.roundTrips)} (${most}).`,
    large === undefined
      ? `Goal: at ${goals.ratioSize} resources a refresh ${goals.ratio} times faster than Ansible: not measured.`
      : `Goal: at ${goals.ratioSize} resources a refresh ${goals.ratio} times faster than Ansible: ${verdict(ratio >= goals.ratio)} (${ratio.toFixed(1)} times).`,
  ];
}

function verdict(isReached) {
  return isReached ? "reached" : "not reached";
}

function find(results, size, step) {
  return results.find((result) => result.size === size && result.step === step);
}
