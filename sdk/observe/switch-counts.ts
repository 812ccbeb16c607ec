import type { Probe } from "./probe.ts";

/** What the switch has counted since its datapath was made. */
export interface SwitchCounts {
  /** When it was read: time since the machine booted, ms. */
  readonly uptimeMs: number;
  /** Packets of new flows that its datapath could not ask about, and dropped. */
  readonly lostUpcalls: number;
  /** Packets that its datapath had no entry for, and asked about; the kernel's counts those that were lost among them. */
  readonly misses: number;
  /** Counters of each port by name, those alone that tell of drops and of attempts to send again. */
  readonly ports: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Cycles of each poll-mode thread by its CPU; empty of releases from 4.0 on, which tell shares and no cycles. */
  readonly cycles: ReadonlyMap<number, { readonly busy: number; readonly used: number }>;
}

// Statistics in the database are as old as five seconds: the ports are asked by OpenFlow, where 1.4 tells the switch's own counters as well.
const COUNT = `command -v ovs-appctl >/dev/null || exit 0
asked="--timeout=5 --target=ovs-vswitchd"
echo "@uptime $(cut -d " " -f 1 /proc/uptime)"
ovs-appctl $asked dpctl/show || exit 0
for bridge in $(ovs-vsctl --timeout=5 list-br); do
  ovs-ofctl --timeout=5 --names -O OpenFlow10,OpenFlow13,OpenFlow14 dump-ports "$bridge"
done
ovs-appctl $asked dpif-netdev/pmd-stats-show
true`;

/** Undefined where no switch answers. */
export const switchCounts: Probe<SwitchCounts | undefined> = {
  name: "ovs-counters",
  ask: { kind: "command", argv: ["sh", "-c", COUNT] },
  parse: ({ stdout }) => parseSwitchCounts(stdout),
};

const TOLD = /^(?:ovs_\w+_drops|ovs_tx_retries|rx_missed_errors|rx_mbuf_allocation_errors)$/;

/** Reads what the probe prints, of every release since 2.17. */
export function parseSwitchCounts(text: string): SwitchCounts | undefined {
  const uptime = /^@uptime (\d+(?:\.\d+)?)$/m.exec(text)?.[1];
  const lookups = [...text.matchAll(/^ {2}lookups: hit:\d+ missed:(\d+) lost:(\d+)/gm)];
  if (uptime === undefined || lookups.length === 0) return undefined;
  return {
    uptimeMs: Math.round(Number(uptime) * 1000),
    lostUpcalls: lookups.reduce((sum, [, , lost]) => sum + Number(lost), 0),
    misses: lookups.reduce((sum, [, missed]) => sum + Number(missed), 0),
    ports: portsIn(text),
    cycles: cyclesIn(text),
  };
}

/** Blocks of `ovs-ofctl dump-ports`, each with `name=value` pairs over several lines. */
function portsIn(text: string): SwitchCounts["ports"] {
  const blocks = text.split(/^ {2}port +/m).slice(1);
  return Object.fromEntries(
    blocks.flatMap((block) => {
      const name = /^("?)([^":]+)\1: rx pkts=/.exec(block)?.[2];
      if (name === undefined) return [];
      const pairs = [...block.matchAll(/(\w+)=(\d+)(?=[,\s]|$)/g)].filter(([, key = ""]) => TOLD.test(key));
      return [[name, Object.fromEntries(pairs.map(([, key, value]) => [key, Number(value)]))] as const];
    }),
  );
}

/** Rows of `dpif-netdev/pmd-stats-show`; the main thread is no poll-mode thread. */
function cyclesIn(text: string): SwitchCounts["cycles"] {
  const sections = text.split(/^(?=(?:pmd thread numa_id|main thread:))/m);
  return new Map(
    sections.flatMap((section) => {
      const cpu = /^pmd thread numa_id -?\d+ core_id (\d+):/.exec(section)?.[1];
      const cycles = (kind: string) => new RegExp(`^ {2}${kind} cycles: (\\d+)`, "m").exec(section)?.[1];
      const [idle, busy] = [cycles("idle"), cycles("processing")];
      return cpu === undefined || idle === undefined || busy === undefined
        ? []
        : [[Number(cpu), { busy: Number(busy), used: Number(idle) + Number(busy) }] as const];
    }),
  );
}
