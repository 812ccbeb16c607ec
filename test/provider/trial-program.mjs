#!/usr/bin/env node
// Speaks as the traffic program does where it is told trials, on a machine without DPDK. What goes over a ring comes back; what goes elsewhere is carried up to CAPACITY frames
// a second. A rate of DIES or more ends it. Where the rate changes, frames are lost for LOSES_MS more, whatever the rate is then.
// Of a trial that no probe goes before LOSES_FIRST frames are lost, and the others take FIRST_NS.
import { createInterface } from "node:readline";

const capacity = Number(process.env.CAPACITY);
const alone = process.argv.some((word) => word.startsWith("--vdev=net_ring"));
const slow = alone && process.env.SLOW !== undefined;
const name = alone ? "net_ring0" : "net_af_packet0";

/** What becomes of frames that are sent at one rate: all are lost for a while, then those beyond the capacity. */
function stepOf(rate, planned, losesMs) {
  const [pps, count] = [Number(rate), Number(planned)];
  const sendingNs = Math.round((1e9 * Math.max(0, count - 1)) / pps);
  const at = Math.min(count, Math.round((pps * losesMs) / 1000));
  const beyond = Math.max(0, count - Math.max(at, Math.floor((capacity * count) / pps)));
  const last = beyond > 0 ? count - 1 : at - 1;
  return {
    ...{ rate: pps, planned: count, sent: count, sentInTime: count, refused: 0, sendingNs, lagMaxNs: 0 },
    lost: beyond + at,
    ...(last >= 0 && { lastLostNs: Math.floor((last * 1e9) / pps) }),
  };
}

console.log("EAL: Selected IOVA mode 'VA'");
for await (const line of createInterface({ input: process.stdin })) {
  const [rate, planned, , sizes, ...then] = line.split(" ");
  if (sizes === undefined || Number(rate) >= Number(process.env.DIES ?? Infinity)) {
    console.error("nfvlab-traffic: port net_af_packet0: gone");
    process.exit(69);
  }
  const steps = [
    stepOf(rate, planned, 0),
    ...(then.length === 2 ? [stepOf(...then, Number(process.env.LOSES_MS ?? 0))] : []),
  ];
  const sum = (of) => steps.reduce((all, step) => all + of(step), 0);
  const count = sum((step) => step.planned);
  const ms = sum((step) => (step.planned / step.rate) * 1000);
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.TAKES_MS ?? 0)));
  const sent = slow ? Math.floor(count / 2) : count;
  const first = !alone && then[0] === "unprobed";
  const lost = sum((step) => step.lost) + (first ? Number(process.env.LOSES_FIRST ?? 0) : 0);
  const received = alone ? sent : sent - lost;
  const took = first ? Number(process.env.FIRST_NS ?? 1000) : 1000;
  const ns = Math.round((ms * 1e6 * Math.max(0, sent - 1)) / count);
  console.error(`sent ${Math.floor(sent / 2)} of ${count}, received ${Math.floor(received / 2)}`);
  const latency = {
    samples: received,
    unstamped: 0,
    minNs: 0.9 * took,
    meanNs: 0.95 * took,
    maxNs: took,
    buckets: [[took, received]],
  };
  const stream = {
    ...{ planned: count, sent, sentInTime: sent, refused: 0, starved: 0, sendingNs: ns, lagMaxNs: 0 },
    ...{
      received,
      lost: sent - received,
      duplicated: 0,
      reordered: 0,
      misdelivered: 0,
      receivingNs: ns,
      latency,
      ...(steps.length > 1 && { steps }),
    },
  };
  const counters = { opackets: sent, ipackets: received, imissed: 0, rxNombuf: 0 };
  const port = { name, linkUp: true, sent, received, foreign: 0, dropped: 0, counters };
  const report = {
    nfvlabTraffic: 1,
    dpdk: "DPDK 24.11.3",
    ended: "complete",
    streams: [stream],
    ports: [port],
  };
  console.log(JSON.stringify(report));
}
