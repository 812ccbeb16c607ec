import { join } from "node:path";
import { clone } from "../clone.mjs";
import { run } from "../command.mjs";

/** Times the CPU planner for one machine and for a thousand, in a process of its own; its result as `planner-main.mjs` prints it. */
export async function timePlanner(runs) {
  const program = join(clone, "tools/bench/planner-main.mjs");
  const stdout = await run([process.execPath, "--import", "tsx", program, `${runs}`], { cwd: clone });
  return JSON.parse(stdout);
}

const goalSeconds = 5;

/** What was timed, with its verdict. */
export function plannerLines({ hosts, cpus, vnfs, oneMs, allMs, kibEach }) {
  const seconds = allMs / 1000;
  const ratio = allMs / hosts / oneMs;
  return [
    `CPU planner: ${hosts} hosts of ${cpus} CPUs with ${vnfs} guests each in ${seconds.toFixed(2)} s, one host in ${oneMs.toFixed(1)} ms (medians); a host of many takes ${ratio.toFixed(2)} x one alone; ${kibEach.toFixed(0)} KiB a plan.`,
    `Goal: a plan for ${hosts} hosts in ${goalSeconds} s: ${seconds <= goalSeconds ? "reached" : "not reached"}.`,
  ];
}
