import type { Inputs } from "../schema/definition.ts";
import type { TrafficPort, traffic } from "../schema/traffic.ts";
import type { TestpmdGenerator } from "../schema/traffic-generator.ts";
import { CpuSet } from "../units/cpuset.ts";
import { ealArguments, renderPort } from "../units/dpdk-arguments.ts";
import { exactDuration } from "../units/duration.ts";
import { InputError } from "../units/errors.ts";
import { exactly } from "../units/size.ts";
import { NO_PATH } from "./dead-path.ts";
import { BUFFERS_A_MIB, TESTPMD, testpmdCores } from "./testpmd.ts";
import type { TrafficPlan } from "./traffic-plan.ts";

type Way = Pick<Inputs<typeof traffic>, "from" | "to" | "directions" | "flows" | "addresses" | "settle"> & {
  readonly generator: TestpmdGenerator;
};

/** RFC 2544's addresses, and the port that throws away. */
const FROM_IP = "198.18.0.1";
const TO_IP = "198.18.0.2";
const FIRST_PORT = 1024;
const DISCARD = 9;

/** @throws InputError `testpmd-ends`, `testpmd-flows`, `testpmd-cpus` */
export function checkTestpmdTraffic({ generator, to, directions, flows, addresses }: Way): void {
  if (to === undefined || directions === "both")
    throw new InputError({
      code: "testpmd-ends",
      property: to === undefined ? "to" : "directions",
      problem: "one testpmd sends and another receives, each at a port of its own",
      observed: to === undefined ? "one port" : 'directions "both"',
      expected: "two ports and one direction",
      hint: "measure the way back by a second run",
    });
  if (flows !== undefined && flows > 1)
    throw new InputError({
      code: "testpmd-flows",
      property: "flows",
      problem: "testpmd sends one flow",
      observed: `${flows}`,
      expected: "1",
      hint: "use the traffic program, kind nfvlab, for more",
    });
  if (addresses?.fromMac !== undefined)
    throw new InputError({
      code: "testpmd-mac",
      property: "addresses.fromMac",
      problem: "what testpmd sends comes from the port's own address",
      observed: addresses.fromMac,
      expected: "none",
      hint: "give the port that address, where its kind has one",
    });
  const cpus = CpuSet.parse(generator.cpus).size;
  if (cpus < 2)
    throw new InputError({
      code: "testpmd-cpus",
      property: "generator.cpus",
      problem: "the testpmd that sends and the one that receives poll, each on a CPU of its own",
      observed: `${cpus} CPU`,
      expected: "two or more",
    });
}

/**
 * Two testpmd, told what to do as by a person at their prompts: one that sends what it can (txonly) and one that only receives (rxonly). Trials come as for the traffic
 * program, of which only the time counts. Each is answered in that program's words, with what the ports themselves counted.
 *
 * Prompts end no line, so that what was said is looked for anywhere in it; what is asked last is answered last.
 */
const SCRIPT = `say() { echo "nfvlab-traffic: $1" >&2; }
settle=$1 start=$2 trial=$3 sink=$4; shift 4
work=$(mktemp -d)
trap 'exec 3>&- 4>&-; kill $sink_pid $source_pid 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 143' TERM INT
mkfifo "$work/sink" "$work/source"
: > "$work/sink.log"; : > "$work/source.log"
set -f
stdbuf -oL $sink < "$work/sink" > "$work/sink.log" 2>&1 & sink_pid=$! source_pid=$!
set +f
exec 3> "$work/sink"
why() { for end in sink source; do say "$end: $(grep -v '^ *$' "$work/$end.log" | tail -n 6 | tr '\\n' ' ')"; done; }
said() { tail -c +$(($2 + 1)) "$work/$1.log"; }
until_said() {
  tries=$(($4 / 50))
  until said "$1" "$2" | grep -q -- "$3"; do
    [ -d "/proc/$sink_pid" ] && [ -d "/proc/$source_pid" ] || { say "a testpmd ended"; why; exit 69; }
    tries=$((tries - 1)); [ $tries -gt 0 ] || { say "the testpmd of the $1 does not answer"; why; exit 69; }
    sleep 0.05
  done
}
ask() {
  at=$(wc -c < "$work/$1.log")
  case $1 in sink) echo "$2" >&3 ;; *) echo "$2" >&4 ;; esac
  until_said "$1" "$at" "$3" 20000
}
# received, missed, nombuf, sent, as the port itself counts.
counts() {
  ask "$1" "show port stats 0" "Tx-pps:"
  eval "$(said "$1" "$at" | sed -n 's/.*RX-packets: *\\([0-9]*\\) *RX-missed: *\\([0-9]*\\).*/received=\\1 missed=\\2/p; s/.*RX-nombuf: *\\([0-9]*\\).*/nombuf=\\1/p; s/.*TX-packets: *\\([0-9]*\\).*/sent=\\1/p')"
}
until_said sink 0 'testpmd> ' "$start"
# Packet sockets of two processes may fall into one fanout group, which is made of their ids: another process has another one.
attempts=4
while :; do
  stdbuf -oL "$@" < "$work/source" > "$work/source.log" 2>&1 & source_pid=$!
  exec 4> "$work/source"
  left=$((start / 50))
  until said source 0 | grep -q 'testpmd> '; do
    left=$((left - 1)); [ -d "/proc/$source_pid" ] && [ $left -gt 0 ] || break
    sleep 0.05
  done
  ! said source 0 | grep -q 'testpmd> ' || break
  attempts=$((attempts - 1))
  [ $attempts -gt 0 ] && grep -q PACKET_FANOUT "$work/source.log" || { say "the testpmd of the source does not come up"; why; exit 69; }
done
for end in sink source; do
  left=$((start / 500))
  until ask $end "show port info 0" "Link status:"; said $end "$at" | grep -q 'Link status: up'; do
    left=$((left - 1)); [ $left -gt 0 ] || { say "the port of the $end has no link"; exit 69; }
    sleep 0.5
  done
done
version=$(sed -n "s/.*RTE Version: '\\(.*\\)'.*/\\1/p" "$work/source.log" | head -n 1)
ask sink start "packet forwarding"
run() {
  case $4 in *,*) say "testpmd sends frames of one size: observed $4"; exit 64 ;; esac
  milliseconds=$(($2 * 1000 / $1)); [ $milliseconds -gt 0 ] || milliseconds=1
  ask source "set txpkts $(($4 - 4))" "testpmd> "
  for end in sink source; do ask $end "clear port stats 0" "statistics for port 0 cleared"; done
  begun=$(date +%s%N) next=1
  ask source start "packet forwarding"
  while past=$((($(date +%s%N) - begun) / 1000000)); [ $past -lt $milliseconds ]; do
    if [ $past -ge $((next * 1000)) ]; then
      next=$((next + 1))
      counts source; so_far=$sent
      counts sink
      echo "sent $so_far of $((so_far + 1)), received $received" >&2
    fi
    sleep 0.02
  done
  ask source stop "Done[.]"
  took=$(($(date +%s%N) - begun))
  refused=$(said source "$at" | sed -n 's/.*TX-dropped: *\\([0-9]*\\).*/\\1/p' | head -n 1)
  # Frames may still be on their way.
  left=$((settle / 100 + 1)) before=-1
  while counts sink; [ "$received" != "$before" ] && [ $left -gt 0 ]; do
    before=$received; left=$((left - 1)); sleep 0.1
  done
  [ "$received" -gt 0 ] || { say "no frame came to the sink"; exit ${NO_PATH}; }
  counts source; all=$sent back=$received
  counts sink
  # A port counts whatever comes to it, so that what is more than was sent was not sent by this.
  foreign=$((received > all ? received - all : 0)) came=$received
  received=$((came - foreign))
  printf '{"nfvlabTraffic":1,"dpdk":"testpmd of %s","unpaced":true,"ended":"complete","streams":[{"planned":%d,"sent":%d,"refused":%d,"sendingNs":%d,"lagMaxNs":0,"received":%d,"lost":%d,' \\
    "$version" "$all" "$all" "\${refused:-0}" "$took" "$received" $((all - received))
  printf '"duplicated":0,"reordered":0,"misdelivered":0,"receivingNs":%d,"latency":{"samples":0,"unstamped":0,"buckets":[]}}],"ports":[' "$took"
  port='{"name":"%s","linkUp":true,"sent":%d,"received":%d,"foreign":%d,"dropped":0,"counters":{"opackets":%d,"ipackets":%d,"imissed":%d,"rxNombuf":%d}}'
  printf "$port," source "$all" "$back" 0 "$all" "$back" 0 0
  printf "$port]}\\n" sink "$sent" "$came" "$foreign" "$sent" "$came" "$missed" "$nombuf"
}
if [ -n "$trial" ]; then run $trial; else while read -r line; do run $line; done; fi
echo quit >&3; echo quit >&4
wait $sink_pid $source_pid`;

/**
 * Two testpmd on a way, and what their unit needs.
 *
 * @param trial `RATE COUNT OVERRUN_MS SIZE`, of which the time counts; without one trials come on standard input
 */
export function planTestpmdTraffic(
  { generator, from, to = from, settle = "2s", addresses }: Way,
  startMs: number,
  trial = "",
): Pick<TrafficPlan, "argv"> {
  const [first = 0, ...rest] = CpuSet.parse(generator.cpus);
  const source = [
    "--forward-mode=txonly",
    `--tx-ip=${addresses?.fromIp ?? FROM_IP},${addresses?.toIp ?? TO_IP}`,
    `--tx-udp=${FIRST_PORT},${DISCARD}`,
    ...(addresses?.toMac === undefined ? [] : [`--eth-peer=0,${addresses.toMac}`]),
  ];
  return {
    argv: [
      ...([
        "sh",
        "-c",
        SCRIPT,
        "nfvlab-testpmd",
        `${exactDuration(settle, "ms")}`,
        `${startMs}`,
        trial,
      ] as const),
      commandOf(generator, to, [first], ["--forward-mode=rxonly"]).join(" "),
      ...commandOf(generator, from, rest, source),
    ],
  };
}

/** One testpmd at one port, which waits for what it is told. */
function commandOf(
  generator: TestpmdGenerator,
  port: TrafficPort,
  cpus: readonly number[],
  own: readonly string[],
): string[] {
  const rendered = renderPort(port, 0);
  const { lcores, workers } = testpmdCores(cpus);
  const [, , ...eal] = ealArguments({ ...generator, cpus: cpus.join(",") }, [rendered]);
  return [
    generator.program ?? TESTPMD,
    ...[lcores, "-v", ...eal, "--", "-i", `--nb-cores=${workers}`],
    ...[`--rxq=${rendered.queues}`, `--txq=${rendered.queues}`],
    `--total-num-mbufs=${exactly(generator.memory ?? "64MiB", "MiB") * BUFFERS_A_MIB}`,
    ...own,
  ];
}
