#!/usr/bin/env node
// Speaks as the traffic program does where it is told trials, on a machine without DPDK. What goes over a ring comes back; what goes elsewhere is carried up to CAPACITY frames
// a second. A rate of DIES or more ends it.
import { createInterface } from "node:readline";

const capacity = Number(process.env.CAPACITY);
const alone = process.argv.some((word) => word.startsWith("--vdev=net_ring"));
const slow = alone && process.env.SLOW !== undefined;
const name = alone ? "net_ring0" : "net_af_packet0";

console.log("EAL: Selected IOVA mode 'VA'");
for await (const line of createInterface({ input: process.stdin })) {
  const [rate, planned, , sizes] = line.split(" ");
  if (sizes === undefined || Number(rate) >= Number(process.env.DIES ?? Infinity)) {
    console.error("nfvlab-traffic: port net_af_packet0: gone");
    process.exit(69);
  }
  const count = Number(planned);
  const ms = (count / Number(rate)) * 1000;
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.TAKES_MS ?? 0)));
  const sent = slow ? Math.floor(count / 2) : count;
  const received = alone ? sent : Math.min(sent, Math.floor((capacity * ms) / 1000));
  const ns = Math.round((ms * 1e6 * Math.max(0, sent - 1)) / count);
  console.error(`sent ${Math.floor(sent / 2)} of ${count}, received ${Math.floor(received / 2)}`);
  const latency = {
    samples: received,
    unstamped: 0,
    minNs: 900,
    meanNs: 950,
    maxNs: 1000,
    buckets: [[1000, received]],
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
