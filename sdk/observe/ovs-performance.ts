import type { PmdPerformance } from "../schema/ovs-datapath.ts";
import type { Probe } from "./probe.ts";

/** What each poll-mode thread has done, by its CPU; empty where none runs or the daemon does not say. */
export const pmdPerformance: Probe<ReadonlyMap<number, PmdPerformance>> = {
  name: "ovs-pmd-performance",
  ask: {
    kind: "command",
    argv: ["ovs-appctl", "--timeout=5", "--target=ovs-vswitchd", "dpif-netdev/pmd-perf-show", "-nh"],
  },
  parse: ({ stdout }) => parsePmdPerfShow(stdout),
};

/**
 * Reads `dpif-netdev/pmd-perf-show -nh`, which is there since 2.10. What a thread without packets, or a release, does not print is left out; the main thread,
 * which 4.0 shows too, is no poll-mode thread.
 */
export function parsePmdPerfShow(text: string): Map<number, PmdPerformance> {
  const [head = "", ...sections] = text.split(/^(?=(?:pmd|main) thread)/m);
  const durationS = Number(/^Measurement duration: (\d+(?:\.\d+)?) s/m.exec(head)?.[1] ?? 0);
  return new Map(
    sections.flatMap((section) => {
      const cpu = /^pmd thread numa_id -?\d+ core_id (\d+):/.exec(section)?.[1];
      return cpu === undefined ? [] : [[Number(cpu), performanceIn(section, durationS)] as const];
    }),
  );
}

function performanceIn(section: string, durationS: number): PmdPerformance {
  const rows = new Map(
    section.split(/\r?\n/).flatMap((line) => {
      const [, label, value, remark = ""] =
        /^\s*(?:- )?([A-Z][^:]*|[a-z][^:]*):\s*(\d+)(?:\s+\((.*)\))?\s*$/i.exec(line) ?? [];
      return label === undefined ? [] : [[label.toLowerCase(), { value: Number(value), remark }] as const];
    }),
  );
  const count = (label: string) => rows.get(label)?.value ?? 0;
  const within = (label: string, pattern: RegExp) => {
    const found = pattern.exec(rows.get(label)?.remark ?? "")?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const percent = (label: string) => {
    const found = within(label, /^\s*(\d+(?:\.\d+)?) %/);
    return found === undefined ? undefined : Number((found / 100).toFixed(4));
  };
  const hits = [...rows].filter(([label]) => label.endsWith(" hits"));
  return {
    durationS,
    iterations: count("iterations"),
    ...given("usedCyclesRatio", percent("used tsc cycles")),
    ...given("busyCyclesRatio", percent("busy iterations")),
    ...given("sleepIterationsRatio", percent("sleep iterations")),
    rxPackets: count("rx packets"),
    ...given("cyclesPerPacket", within("rx packets", /(\d+(?:\.\d+)?) cycles\/pkt/)),
    ...given("passesPerPacket", within("datapath passes", /^(\d+(?:\.\d+)?) passes\/pkt/)),
    hits: Object.fromEntries(
      hits.map(([label, { value }]) => [label.slice(0, -" hits".length).replaceAll(" ", "-"), value]),
    ),
    upcalls: count("upcalls"),
    lostUpcalls: count("lost upcalls"),
    txPackets: count("tx packets"),
    ...given("packetsPerBatch", within("tx batches", /^(\d+(?:\.\d+)?) pkts\/batch/)),
  };
}

function given<K extends string>(name: K, value: number | undefined): { [P in K]?: number } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]: number });
}
