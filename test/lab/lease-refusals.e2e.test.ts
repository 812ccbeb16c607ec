import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Sshd, startSshd } from "../remote/sshd.ts";
import { modulePath, TrialProject } from "./trial-project.ts";

const program = `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};

const { CONNECTION, LEASE } = process.env;
const dut = { name: "dut", connection: pulumi.secret(JSON.parse(CONNECTION)) };
if (LEASE) new host.Lease("share", { host: dut, ...JSON.parse(LEASE) });
export const text = host.getLeasesOutput({ host: dut }).text;
`;

describe("a lease that can't be", () => {
  let sshd: Sshd;
  let project: TrialProject;
  beforeAll(async () => {
    sshd = await startSshd();
    project = new TrialProject("leases", program);
  });
  afterAll(async () => {
    project?.remove();
    await sshd?.stop();
  });

  const run = (lease: object | undefined, ...args: string[]) =>
    project.start(args, {
      CONNECTION: JSON.stringify(sshd.connection()),
      LEASE: lease === undefined ? "" : JSON.stringify(lease),
    });
  const sentences = (said: string) =>
    [...said.slice(said.indexOf("Diagnostics:")).matchAll(/^ +(?:error: |\* )(.*)$/gm)]
      .map(([, sentence]) => (sentence as string).trim())
      .filter(
        (sentence) => !/^(update|preview) failed$|^\d+ errors? occurred|^Running program/.test(sentence),
      )
      .sort();
  const golden = (name: string) => join(import.meta.dirname, "../golden/lease", `${name}.txt`);

  it("is refused in preview where the program is wrong, all of it at once", async () => {
    const wrong = {
      parts: { cpus: "2-", vfs: ["5e:02.0"], llcWays: [{ cache: 0, mask: "f0" }] },
      term: "5 min",
    };
    const { code, said } = await run(wrong, "preview");
    expect(code, said).not.toBe(0);
    await expect(`${sentences(said).join("\n")}\n`).toMatchFileSnapshot(golden("inputs"));
    const short = await run({ parts: { cpus: "2" }, term: "1s" }, "preview");
    expect(short.said).toContain("not a time after which a lease may end");
  });

  it.skipIf(existsSync("/run/systemd/system"))(
    "is refused on a machine that systemd does not run, before anything is written [needs a machine without systemd]",
    async () => {
      const { code, said } = await run({ parts: { cpus: "0" } }, "up", "--yes", "--skip-preview");
      expect(code, said).not.toBe(0);
      await expect(`${sentences(said).join("\n")}\n`).toMatchFileSnapshot(golden("no-systemd"));
    },
  );

  it("is no reason not to say who has what, in preview too", async () => {
    const { code, said } = await run(undefined, "preview", "--diff");
    expect(code, said).toBe(0);
    const up = await run(undefined, "up", "--yes", "--skip-preview");
    expect(up.code, up.said).toBe(0);
    const { said: output } = project.pulumi(["stack", "output", "--json", "--show-secrets"]);
    expect(JSON.parse(output)).toEqual({ text: expect.any(Array) });
  });
});
