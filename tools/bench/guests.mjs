import { join } from "node:path";
import { clone } from "../clone.mjs";
import { run } from "../command.mjs";
import { dialsDescription } from "./dials.mjs";

/** How many of each are on the one host. */
const ports = 100;
const guests = 20;
const mostRoundTrips = 2;

/** Times ports and guests on one emulated server, in a process of its own; its result as `guests-main.mjs` prints it. */
export async function timeGuests(options, note) {
  const program = join(clone, "tools/bench/guests-main.mjs");
  const asked = JSON.stringify({ ...options, ports, guests });
  const argv = [process.execPath, "--import", "tsx", program, asked];
  const lines = (await run(argv, { cwd: clone, note })).trim().split("\n");
  return JSON.parse(lines.at(-1));
}

/** Time, round trips and connections of each step, and whether they are few enough. */
export function guestsLines({ ports, guests, created, results }) {
  const rows = [
    { step: "first up", ...created, fastest: created.seconds, slowest: created.seconds },
    ...results,
  ].map(
    ({ step, seconds, fastest, slowest, sessions, connections }) =>
      `  ${step.padEnd(8)} ${seconds.toFixed(1)} s (${fastest.toFixed(1)} to ${slowest.toFixed(1)}); round trips ${sessions}, connections ${connections}`,
  );
  const looked = results.filter(({ step }) => step === "preview" || step === "refresh");
  const most = Math.max(...looked.map(({ sessions }) => sessions));
  return [
    `${ports} ports and ${guests} guests, defined and off, on one emulated server. Medians where nothing changes; round trips are sessions that its sshd logged, the most of any run.`,
    ...rows,
    `  Dials: ${dialsDescription}.`,
    `  Goal: preview and refresh in at most ${mostRoundTrips} round trips to the host: ${most <= mostRoundTrips ? "reached" : "not reached"} (${most}).`,
  ];
}
