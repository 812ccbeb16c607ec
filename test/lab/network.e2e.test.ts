import { afterAll, beforeAll, describe } from "vitest";
import { describeChains } from "./chain-trials.ts";
import { describeContainerChains } from "./container-chain-trials.ts";
import { describeContainers } from "./container-trials.ts";
import { describeDefinitions, describeGuests } from "./guest-trials.ts";
import { describeLadder } from "./ladder-trials.ts";
import { describeLiveChecks } from "./live-check-trials.ts";
import { longTrials } from "./long-trials.ts";
import { describeOutages } from "./outage-trials.ts";
import { describeSwitch } from "./ovs-trials.ts";
import { describePaths } from "./paths-trials.ts";
import { describeSriov } from "./sriov-trials.ts";
import { describeThroughput } from "./throughput-trials.ts";
import { describeTraffic } from "./traffic-trials.ts";
import { TrialServer } from "./trial-server.ts";

const long = (what: string) => `(skipped unless NFVLAB_LONG_TRIALS is set: ${what})`;

/** What carries packets, on one server after another's trials: each group leaves the server as it found it. */
const everyday: readonly (readonly [string, (server: () => TrialServer) => void])[] = [
  ["definitions of guests", describeDefinitions],
  ["paths", describePaths],
  ["containers", describeContainers],
  ["sriov", describeSriov],
  ["chains", describeChains],
];

/** What takes too many minutes for every day. */
const rare: typeof everyday = [
  [`guests ${long("three guests on an emulated processor, which start at once")}`, describeGuests],
  [
    `live checks ${long("a switch, a guest, two containers, and three rounds of changes by hand")}`,
    describeLiveChecks,
  ],
  [`searches ${long("minutes of trials, and a program that is built first")}`, describeThroughput],
  [
    `outages ${long("a switch that restarts and a guest that is reset, under traffic, many minutes")}`,
    describeOutages,
  ],
  [`ladder ${long("five stacks with guests, many minutes")}`, describeLadder],
  [`container chains ${long("containers with programs of DPDK's, many minutes")}`, describeContainerChains],
  [`switch ${long("every property of a switch changed by hand, many minutes")}`, describeSwitch],
  [`traffic ${long("a program is compiled and DPDK started many times, many minutes")}`, describeTraffic],
];

describe("a server with network cards", () => {
  let server: TrialServer;

  beforeAll(async () => {
    server = await TrialServer.start({
      igbCards: 2,
      bootArguments: ["isolcpus=managed_irq,domain,2-3", "nohz_full=2-3", "rcu_nocbs=2-3", "irqaffinity=0-1"],
      numaNodes: [
        { cpus: "0-1", memory: "2GiB" },
        { cpus: "2-3", memory: "3GiB" },
      ],
    });
  });
  afterAll(() => server?.remove());

  for (const [name, describeGroup] of everyday) describe(name, () => describeGroup(() => server));
  for (const [name, describeGroup] of rare)
    describe.runIf(longTrials)(name, () => describeGroup(() => server));
});
