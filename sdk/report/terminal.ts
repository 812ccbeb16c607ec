import { formatNanoseconds } from "../units/duration.ts";
import type { Experiment, ReportedHost, ReportedRecord, Role } from "./experiment.ts";

const SIGN: Readonly<Record<Role, string>> = {
  housekeeping: "h",
  isolated: ".",
  pmd: "P",
  vcpu: "V",
  other: "?",
};

/** What a person wants to know after `up`, as plain text of at most 100 columns. */
export function renderSummary(experiment: Experiment, places: { readonly report: string }): string {
  const { hosts, records, verdicts } = experiment;
  const held = verdicts.filter(({ passed }) => passed).length;
  const broken = verdicts.filter(({ passed }) => !passed);
  return [
    `${experiment.project}/${experiment.stack}`,
    ...hosts.flatMap(hostLines),
    ...(records.length === 0 ? [] : ["", "measured"]),
    ...records.map(recordLine),
    ...records.flatMap(({ name, invalidReasons }) =>
      invalidReasons.map((reason) => `    ${name} is invalid: ${reason}`),
    ),
    ...(records.some(({ functional }) => functional)
      ? ["    functional: taken on an emulated server. It shows that the path works, not how fast it is."]
      : []),
    ...(verdicts.length === 0 ? [] : ["", `policies   ${held} of ${verdicts.length} hold`]),
    ...broken.map(({ policy, level, message }) => `    ${level} ${policy}: ${message}`),
    "",
    `report     ${places.report}`,
    "",
    "go on",
    "    npm run pulumi -- preview        what would change: nothing",
    "    npm run pulumi -- refresh        what has drifted on the machines",
    "    npm run down                     take it all away",
    "    docs/first-stack.md              a first stack of your own, and a real host",
    "",
  ].join("\n");
}

function hostLines(host: ReportedHost): string[] {
  return [
    "",
    `host       ${host.name}${host.emulated ? " (emulated)" : ""}  ${host.description}`,
    ...host.nodes.map(({ node, cpus, hugepages }) => {
      const map = cpus.map(({ cpu, role }) => `${cpu}${SIGN[role]}`).join(" ");
      return `    node ${node}   ${map.padEnd(40)} ${hugepages.join(", ")}`.trimEnd();
    }),
    "             h housekeeping   P poll-mode thread   V vCPU   . isolated, free",
    ...host.bridges.flatMap(({ name, addresses, ports }) => [
      `    bridge   ${name} ${addresses.join(" ")}`.trimEnd(),
      ...ports.map((port) => `    port     ${port.name} (${port.kind}) ${port.up ? "up" : "DOWN"}`),
    ]),
    ...host.guests.map(
      (guest) =>
        `    guest    ${guest.name}: ${guest.running ? "running" : "STOPPED"}, ${guest.memory} on node ${guest.numaNode}, vCPUs on ${guest.vcpuPins.join(", ")}`,
    ),
  ];
}

function recordLine({ name, metrics, functional, valid }: ReportedRecord): string {
  const marks = [functional ? "functional" : "", valid ? "" : "INVALID"]
    .filter((mark) => mark !== "")
    .join(", ");
  const figures = metrics.map(({ percentiles, maxNs, samples }) => {
    const shown = percentiles.flatMap(([percentile, ns]) =>
      ns === null || Number(percentile) > 99 ? [] : [`p${percentile} ${formatNanoseconds(ns)}`],
    );
    return [...shown, `max ${formatNanoseconds(maxNs)}`, `${samples} samples`].join("   ");
  });
  return `    ${name.padEnd(16)} ${figures.join("; ")}${marks === "" ? "" : `   [${marks}]`}`;
}
