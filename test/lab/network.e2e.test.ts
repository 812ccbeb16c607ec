import { afterAll, beforeAll, describe } from "vitest";
import { describeChains } from "./chain-trials.ts";
import { describeContainers } from "./container-trials.ts";
import { describeGuests } from "./guest-trials.ts";
import { describeLadder } from "./ladder-trials.ts";
import { describeLiveChecks } from "./live-check-trials.ts";
import { longTrials } from "./long-trials.ts";
import { describePaths } from "./paths-trials.ts";
import { describeSriov } from "./sriov-trials.ts";
import { TrialServer } from "./trial-server.ts";

const LIVE =
  "live checks (skipped unless NFVLAB_LONG_TRIALS is set: a switch, a guest, two containers, and three rounds of changes by hand)";
const LADDER = "ladder (skipped unless NFVLAB_LONG_TRIALS is set: three stacks with guests, many minutes)";

/** What carries packets, on one server after another's trials: each group leaves the server as it found it. */
const groups: readonly (readonly [string, (server: () => TrialServer) => void])[] = [
  ["guests", describeGuests],
  ["paths", describePaths],
  ["containers", describeContainers],
  ["sriov", describeSriov],
  ["chains", describeChains],
  [LIVE, describeLiveChecks],
  [LADDER, describeLadder],
];

describe.skipIf(groups.length === 0)("a server with network cards", () => {
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

  for (const [name, describeGroup] of groups)
    describe.runIf((name !== LADDER && name !== LIVE) || longTrials)(name, () => describeGroup(() => server));
});
