import { join } from "node:path";
import { clone } from "../clone.mjs";
import { run } from "../command.mjs";

/** Times a whole tuned host on an emulated server, in a process of its own; its result as `tuning-main.mjs` prints it. */
export async function timeTuning(options, note) {
  const program = join(clone, "tools/bench/tuning-main.mjs");
  const argv = [process.execPath, "--import", "tsx", program, JSON.stringify(options)];
  const lines = (await run(argv, { cwd: clone, note })).trim().split("\n");
  return JSON.parse(lines.at(-1));
}

/** What was timed, each beside nfvlab. */
export function tuningLines({ resources, settings, tasks, tuned, times }) {
  const beside = (step, own, ...others) => {
    const ratios = others.map(
      ([name, seconds]) => `${name} ${seconds.toFixed(1)} s (${(seconds / own).toFixed(1)} x)`,
    );
    return `  ${step}: nfvlab ${own.toFixed(1)} s; ${ratios.join("; ")}`;
  };
  return [
    `Tuned host, profile nfv without its boot arguments, on an emulated server: ${resources} resources, ${settings} settings; Ansible ${tasks} tasks for the same settings; TuneD ${tuned} with cpu-partitioning. Medians where nothing changes.`,
    beside("first application", times.up, ["Ansible", times.ansibleUp], ["tuned-adm profile", times.tunedUp]),
    beside(
      "looking at the host, no change",
      times.refresh,
      ["Ansible", times.ansible],
      ["tuned-adm verify", times.tuned],
    ),
    beside("no-change up, which does not look", times.noChangeUp, ["Ansible", times.ansible]),
    `  taking all of it away: nfvlab ${times.destroy.toFixed(1)} s; tuned-adm off ${times.tunedDown.toFixed(1)} s; Ansible has none`,
  ];
}
