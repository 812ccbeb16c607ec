import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { clone } from "../clone.mjs";

const sampleMs = 50;
const provider = join(clone, "sdk/provider");

/** One timing of a step: seconds, what sshd logged, and the plugin's peak memory where one ran. */
export async function measure(sshd, step) {
  const count = await sshd.counter();
  const plugin = watchPlugin();
  const start = performance.now();
  try {
    await step();
    const seconds = (performance.now() - start) / 1000;
    return { seconds, ...(await count()), pluginKiB: plugin.peak };
  } finally {
    plugin.stop();
  }
}

/** Times all steps `runs` times in turn, so that what else the machine does meets all of them alike. */
export async function rounds(runs, steps, sshd, tell) {
  const samples = new Map(Object.keys(steps).map((name) => [name, []]));
  for (let round = 1; round <= runs; round += 1) {
    for (const [name, step] of Object.entries(steps)) {
      tell(round, name);
      samples.get(name).push(await measure(sshd, step));
    }
  }
  return [...samples].map(([step, all]) => ({ step, ...summary(all) }));
}

/** The middle value; the mean of the two where there are two. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

function summary(samples) {
  const seconds = samples.map((sample) => sample.seconds);
  return {
    seconds: median(seconds),
    fastest: Math.min(...seconds),
    slowest: Math.max(...seconds),
    sessions: Math.max(...samples.map((sample) => sample.sessions)),
    connections: Math.max(...samples.map((sample) => sample.connections)),
    pluginKiB: Math.max(...samples.map((sample) => sample.pluginKiB)),
  };
}

function watchPlugin() {
  const watch = { peak: 0, stop: () => clearInterval(timer) };
  const timer = setInterval(() => {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      if (isPlugin(pid)) watch.peak = Math.max(watch.peak, peakMemory(pid));
    }
  }, sampleMs);
  return watch;
}

function isPlugin(pid) {
  const command = readProcess(pid, "cmdline");
  if (!/^([^\0]*\/)?node\0/.test(command)) return false;
  return command.includes(provider) || readProcess(parentOf(pid), "comm") === "pulumi\n";
}

function parentOf(pid) {
  return /^PPid:\s+(\d+)$/m.exec(readProcess(pid, "status"))?.[1];
}

function peakMemory(pid) {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readProcess(pid, "status"))?.[1] ?? 0);
}

function readProcess(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
