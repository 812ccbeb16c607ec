import { afterAll, beforeAll, describe } from "vitest";
import { describeLeases } from "./lease-trials.ts";
import { longTrials } from "./long-trials.ts";
import { describePackages } from "./packages-trials.ts";
import { describeSwap } from "./swap-trials.ts";
import { TrialServer } from "./trial-server.ts";
import { describeTunedProfile } from "./tuned-profile-trials.ts";

const SWAP =
  "its swap (skipped unless NFVLAB_LONG_TRIALS is set: minutes of an emulated systemd that reads its units again)";

describe("a host as it comes", () => {
  let server: TrialServer;

  beforeAll(async () => {
    server = await TrialServer.start({ igbCards: 1, numaNodes: [{ cpus: "0-3", memory: "2GiB" }] });
  });
  afterAll(() => server?.remove());

  const parts = [
    ["its leases", describeLeases],
    ["its packages", describePackages],
    ["its tuning by TuneD", describeTunedProfile],
    [SWAP, describeSwap],
  ] as const;
  for (const [name, describePart] of parts) {
    describe.runIf(name !== SWAP || longTrials)(name, () =>
      describePart(
        () => server.environment,
        () => server.shell,
      ),
    );
  }
});
