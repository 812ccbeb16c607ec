import type { Inputs } from "../schema/definition.ts";
import type { TrafficPort, traffic } from "../schema/traffic.ts";
import { CpuSet } from "../units/cpuset.ts";
import { exactDuration } from "../units/duration.ts";
import { InputError } from "../units/errors.ts";
import { NO_PATH } from "./dead-path.ts";
import type { TrafficPlan } from "./traffic-plan.ts";

type TrafficInputs = Inputs<typeof traffic>;

const START_MS = 15_000;
/** RFC 2544's addresses, and the port that throws away. */
const FROM_IP = "198.18.0.1";
const TO_IP = "198.18.0.2";
const FIRST_PORT = 1024;
const DISCARD = 9;
/** Place of the counting filter among those of the interface. */
const PREFERENCE = 49;

/** @throws InputError `pktgen-ports`, `pktgen-cpus`, `pktgen-both` */
export function checkPktgen({ generator, from, to, directions }: TrafficInputs): void {
  if (generator.kind !== "pktgen") return;
  const kinds = [from, to].map((port) => port?.kind ?? "none");
  if (kinds.some((kind) => kind !== "af_packet"))
    throw new InputError({
      code: "pktgen-ports",
      property: "generator.kind",
      problem: "pktgen sends at an interface of the kernel, and is counted at another",
      observed: kinds.join(" to "),
      expected: "af_packet to af_packet",
      hint: "use the traffic program, kind nfvlab, for other ports",
    });
  if (directions === "both")
    throw new InputError({
      code: "pktgen-both",
      property: "directions",
      problem: "pktgen sends one way",
      observed: "both",
      expected: "forward",
      hint: "measure the way back by a second run",
    });
  if (CpuSet.parse(generator.cpus).size !== 1)
    throw new InputError({
      code: "pktgen-cpus",
      property: "generator.cpus",
      problem: "pktgen sends from a thread of the kernel's, which has one CPU",
      observed: generator.cpus,
      expected: "one CPU",
    });
}

// Frames are told from all others where they arrive by a filter that lets everything pass, and counts.
const CLEAN = `tc filter del dev "$2" ingress pref ${PREFERENCE} 2>/dev/null
[ ! -e "/run/nfvlab-pktgen-$2" ] || { rm -f "/run/nfvlab-pktgen-$2"; tc qdisc del dev "$2" clsact 2>/dev/null; }
echo rem_device_all > "/proc/net/pktgen/kpktgend_$3" 2>/dev/null
true`;

const SCRIPT = `say() { echo "nfvlab-traffic: $1" >&2; }
from=$1 to=$2 cpu=$3 count=$4 rate=$5 size=$6 flows=$7 settle=$8 frommac=$9
shift 9
tomac=$1 fromip=$2 toip=$3
modprobe pktgen 2>/dev/null
thread=/proc/net/pktgen/kpktgend_$cpu
[ -w "$thread" ] || { say "the kernel has no pktgen, or no thread of it on CPU $cpu"; exit 69; }
for interface in "$from" "$to"; do
  [ -e "/sys/class/net/$interface" ] || { say "there is no interface $interface"; exit 69; }
  [ $(($(cat "/sys/class/net/$interface/flags") & 1)) = 1 ] || { say "$interface is not up"; exit 69; }
done
[ -n "$frommac" ] || frommac=$(cat "/sys/class/net/$from/address")
[ -n "$tomac" ] || tomac=$(cat "/sys/class/net/$to/address")
echo rem_device_all > "$thread"
device=/proc/net/pktgen/$from@$cpu
echo "add_device $from@$cpu" > "$thread" || { say "$from can't send by pktgen"; exit 69; }
for setting in "count $count" "ratep $rate" "pkt_size $((size - 4))" "clone_skb 0" "dst_mac $tomac" "src_mac $frommac" "dst_min $toip" "dst_max $toip" "src_min $fromip" "src_max $fromip" \\
    "udp_src_min ${FIRST_PORT}" "udp_src_max $((${FIRST_PORT} + flows))" "udp_dst_min ${DISCARD}" "udp_dst_max ${DISCARD}"; do
  echo "$setting" > "$device" || { say "pktgen refuses $setting: $(sed -n 's/^Result: //p' "$device")"; exit 69; }
done
tc filter del dev "$to" ingress pref ${PREFERENCE} 2>/dev/null
tc qdisc show dev "$to" clsact | grep -q clsact || { tc qdisc add dev "$to" clsact && : > "/run/nfvlab-pktgen-$to"; }
tc filter add dev "$to" ingress pref ${PREFERENCE} protocol ip flower ip_proto udp dst_ip "$toip" dst_port ${DISCARD} action pass || { say "no filter counts at $to"; exit 69; }
echo start > /proc/net/pktgen/pgctrl
sleep "$settle"
received=$(tc -s filter show dev "$to" ingress pref ${PREFERENCE} | sed -n 's/.*Sent [0-9]* bytes \\([0-9]*\\) pkt.*/\\1/p' | head -n 1)
sent=$(sed -n 's/.*pkts-sofar: \\([0-9]*\\) .*/\\1/p' "$device")
microseconds=$(sed -n 's/^Result: OK: \\([0-9]*\\)(.*/\\1/p' "$device")
[ -n "$sent" ] && [ -n "$microseconds" ] && [ -n "$received" ] || { say "pktgen says: $(sed -n 's/^Result: //p' "$device")"; exit 70; }
[ "$received" -gt 0 ] || { say "no frame came to $to"; exit ${NO_PATH}; }
lost=$((sent > received ? sent - received : 0))
printf '{"nfvlabTraffic":1,"dpdk":"%s","ended":"complete","streams":[{"planned":%d,"sent":%d,"sendingNs":%d000,"lagMaxNs":0,"received":%d,"lost":%d,"duplicated":0,"reordered":0,"misdelivered":0,"receivingNs":%d000,"latency":{"samples":0,"unstamped":0,"buckets":[]}}],"ports":[]}\\n' \\
  "$(sed -n 's/.*Version: *\\([0-9.]*\\).*/pktgen \\1/p' /proc/net/pktgen/pgctrl)" "$count" "$sent" "$microseconds" "$received" "$lost" "$microseconds"`;

/** One run of the kernel's own packet generator: paced, counted where it arrives, and not stamped. */
export function planPktgen(inputs: TrafficInputs & { readonly rate: number }, frames: number): TrafficPlan {
  const { generator, from, to = from, rate, frameSize = 64, flows = 1, addresses, repetitions = 1 } = inputs;
  const settleMs = exactDuration(inputs.settle ?? "2s", "ms");
  const milliseconds = Math.ceil((frames / rate) * 1100) + 1000 + settleMs + START_MS;
  const [source, sink] = [interfaceOf(from), interfaceOf(to)];
  const cpu = CpuSet.parse(generator.cpus).format();
  const values = [
    ...[source, sink, cpu, frames, rate, frameSize, flows, settleMs / 1000],
    ...[addresses?.fromMac ?? "", addresses?.toMac ?? ""],
    ...[addresses?.fromIp ?? FROM_IP, addresses?.toIp ?? TO_IP],
  ].map(String);
  return {
    argv: ["sh", "-c", SCRIPT, "nfvlab-pktgen", ...values],
    prepare: [],
    // However it ends, its filter and its device are gone.
    properties: [`ExecStopPost=-/bin/sh -c '${escaped(CLEAN)}' sh ${source} ${sink} ${cpu}`],
    seconds: Math.ceil(milliseconds / 1000),
    repetitions,
  };
}

function interfaceOf(port: TrafficPort): string {
  return port.kind === "af_packet" ? port.interface : "";
}

/** Dollars and percent signs are systemd's, and so are line breaks. */
function escaped(script: string): string {
  return script.replaceAll("$", "$$$$").replaceAll("%", "%%").replaceAll("\n", "; ");
}
