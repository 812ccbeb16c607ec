import { join } from "node:path";
import { clone } from "../clone.mjs";
import { run } from "../command.mjs";

const sizes = [1000, 10_000];
const goalSeconds = 30;
const shown = 5;

/** Times the policies on testbeds of a thousand and of ten thousand resources, in a process of its own; its result as `policies-main.mjs` prints it. */
export async function timePolicies(runs) {
  const program = join(clone, "tools/bench/policies-main.mjs");
  const argv = [process.execPath, "--import", "tsx", program, `${runs}`, ...sizes.map(String)];
  return JSON.parse(await run(argv, { cwd: clone }));
}

/** What was timed, with its verdict. */
export function policiesLines({ parts, pack }) {
  const [small, large] = parts;
  const [one, many] = parts.map(({ times }) => times.reduce((sum, { ms }) => sum + ms, 0) / 1000);
  const growth = many / large.count / (one / small.count);
  const slowest = [...large.times].sort((a, b) => b.ms - a.ms);
  const listed = (times) => times.map(({ name, ms }) => `${name} ${ms.toFixed(0)} ms`).join(", ");
  const seconds = pack.ms / 1000;
  return [
    `Policies: ${large.count} resources by ${large.times.length} policies in ${seconds.toFixed(1)} s (median), as the engine asks the packs, in one call of ${pack.mib.toFixed(1)} MiB.`,
    `By themselves, without that call, ${many.toFixed(1)} s; a resource of ${large.count} takes ${growth.toFixed(2)} x one of ${small.count}.`,
    `  slowest: ${listed(slowest.slice(0, shown))}`,
    `  others:  ${listed(slowest.slice(shown))}`,
    `Goal: ${large.count} resources in ${goalSeconds} s: ${seconds <= goalSeconds ? "reached" : "not reached"}.`,
  ];
}
