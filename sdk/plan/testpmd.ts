import type { Inputs } from "../schema/definition.ts";
import type { trafficForwarder } from "../schema/traffic.ts";
import { CpuSet } from "../units/cpuset.ts";
import { ealArguments, renderPort } from "../units/dpdk-arguments.ts";
import { exactDuration } from "../units/duration.ts";
import { InputError } from "../units/errors.ts";
import { exactly } from "../units/size.ts";

type ForwarderInputs = Inputs<typeof trafficForwarder>;

/** Where Debian, Fedora and their kin have it. */
export const TESTPMD = "dpdk-testpmd";

/** Buffers that a MiB holds, with room for what DPDK needs beside them. */
export const BUFFERS_A_MIB = 128;

/** @throws InputError `testpmd-idle`, `testpmd-queues`, `forwarder-program` */
export function checkTestpmd({ by = "nfvlab", program, idle = "0us", ports }: ForwarderInputs): void {
  if (by === "nfvlab") {
    if (program !== undefined) return;
    throw new InputError({
      code: "forwarder-program",
      property: "program",
      problem: "the traffic program is where a Tool has built it",
      observed: "no program",
      expected: "the `path` of a nfvlab:traffic:Tool, or by testpmd",
    });
  }
  if (exactDuration(idle, "us") > 0)
    throw new InputError({
      code: "testpmd-idle",
      property: "idle",
      problem: "testpmd never sleeps",
      observed: idle,
      expected: "no idle, or by nfvlab",
    });
  const queues = ports.map((port) => renderPort(port, 0).queues);
  if (new Set(queues).size > 1)
    throw new InputError({
      code: "testpmd-queues",
      property: "ports",
      problem: "testpmd gives all ports as many queues",
      observed: queues.join(" and "),
      expected: "one number for both",
    });
}

/** testpmd needs a thread that only waits beside those that forward: the two share a CPU where there is one. */
export function testpmdCores([first = 0, ...rest]: readonly number[]): {
  readonly lcores: string;
  readonly workers: number;
} {
  const workers = rest.length === 0 ? [first] : rest;
  const lcores = [first, ...workers].map((cpu, lcore) => `${lcore}@${cpu}`);
  return { lcores: `--lcores=${lcores.join(",")}`, workers: workers.length };
}

/**
 * testpmd on these ports, told by words alone.
 *
 * @see https://doc.dpdk.org/guides/testpmd_app_ug/run_app.html
 */
export function testpmdArguments(inputs: ForwarderInputs): string[] {
  const { mode = "io", peers = [], memory = "64MiB" } = inputs;
  const ports = inputs.ports.map(renderPort);
  const [queues = 1] = ports.map((port) => port.queues);
  const { lcores, workers } = testpmdCores([...CpuSet.parse(inputs.cpus)]);
  // The first two are the CPUs.
  const [, , ...eal] = ealArguments(inputs, ports);
  return [
    lcores,
    ...eal,
    "--",
    ...[`--nb-cores=${workers}`, `--forward-mode=${mode}`, `--rxq=${queues}`, `--txq=${queues}`],
    `--total-num-mbufs=${exactly(memory, "MiB") * BUFFERS_A_MIB}`,
    ...peers.map((peer, port) => `--eth-peer=${port},${peer}`),
    // Without a terminal it would end at once, but for this.
    ...["--auto-start", "--stats-period=1"],
  ];
}

/**
 * Each round of statistics becomes the counters of a forwarder, in the file that refresh reads; what else it says goes on to the journal. A shell's `read` takes a line
 * as soon as it is there, and a line is written as soon as it is whole.
 */
const KEEP = `status=$1 expected=$2; shift 2
escape=$(printf '\\033')
tell() {
  text= at=0
  while [ $at -lt $expected ]; do
    eval "sent=\\$sent_$at received=\\$received_$at missed=\\$missed_$at nombuf=\\$nombuf_$at"
    [ $at -eq 0 ] || text="$text,"
    text="$text$(printf '{"name":"port %d","linkUp":true,"sent":%d,"received":%d,"foreign":0,"dropped":0,' "$at" "$sent" "$received")"
    text="$text$(printf '"counters":{"opackets":%d,"ipackets":%d,"imissed":%d,"rxNombuf":%d}}' "$sent" "$received" "$missed" "$nombuf")"
    at=$((at + 1))
  done
  printf '{"nfvlabTraffic":1,"role":"forward","ports":[%s]}\\n' "$text" > "$status.part" && mv "$status.part" "$status"
}
set -f
stdbuf -oL "$@" 2>&1 | while IFS= read -r line; do
  set -- $line
  case $line in
    *'NIC statistics for port '*) port=$6 ;;
    *RX-packets:*) eval "received_$port=$2 missed_$port=$4" ;;
    *RX-nombuf:*) eval "nombuf_$port=$2" ;;
    *TX-packets:*) eval "sent_$port=$2"; [ $((port + 1)) -lt $expected ] || tell ;;
    *RX-errors:* | *Throughput* | *Rx-pps:* | *Tx-pps:* | *'Port statistics'* | *'####'* | "$escape"* | '') ;;
    *) echo "$line" ;;
  esac
done`;

/** testpmd in a shell that keeps its counters; both end together. */
export function testpmdCommand(inputs: ForwarderInputs, status: string): readonly [string, ...string[]] {
  return [
    ...(["sh", "-c", KEEP, "nfvlab-testpmd", status, String(inputs.ports.length)] as const),
    ...[inputs.program ?? TESTPMD, ...testpmdArguments(inputs)],
  ];
}
