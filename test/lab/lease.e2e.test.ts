import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { buildImage } from "../../sdk/emulate/image.ts";
import { TESTBED_PACKAGES } from "../../sdk/emulate/recipe.ts";
import { removeServer, startServer } from "../../sdk/emulate/server.ts";
import { describeLeases } from "./lease-trials.ts";
import { describePackages } from "./packages-trials.ts";
import { Shell } from "./shell.ts";
import { describeTunedProfile } from "./tuned-profile-trials.ts";

describe("a host as it comes", () => {
  const folder = mkdtempSync(join(tmpdir(), "nfvlab-lease-"));
  const server = join(folder, "stack", "dut");
  let shell: Shell;
  let CONNECTION = "";

  beforeAll(async () => {
    const { folder: image } = await buildImage({
      suite: "trixie",
      packages: TESTBED_PACKAGES,
      diskMib: 6144,
    });
    const { connection } = await startServer(server, {
      ...{ name: "dut", image, igbCards: 1, bootArguments: [] },
      numaNodes: [{ cpus: "0-3", memory: "2GiB" }],
    });
    CONNECTION = JSON.stringify(connection);
    shell = new Shell(connection);
  });

  afterAll(async () => {
    await removeServer(server);
    rmSync(folder, { recursive: true, force: true });
    shell?.remove();
  });

  const parts = [
    ["its leases", describeLeases],
    ["its packages", describePackages],
    ["its tuning by TuneD", describeTunedProfile],
  ] as const;
  for (const [name, describePart] of parts) {
    describe(name, () =>
      describePart(
        () => ({ CONNECTION }),
        () => shell,
      ),
    );
  }
});
