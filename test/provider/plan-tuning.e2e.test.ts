import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TuningPlan } from "../../sdk/schema/tuning-plan.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { modulePath, TrialProject } from "../lab/trial-project.ts";
import { type Sshd, startSshd } from "../remote/sshd.ts";

const program = `
import { TunedHost } from ${modulePath("components/index.ts")};
import { host } from ${modulePath("sdk/index.ts")};

const connection = JSON.parse(process.env.CONNECTION);
const request = JSON.parse(process.env.REQUEST);
export const tuning = await host.planTuning({ host: { name: "dut", connection }, ...request });
if (process.env.HOST !== undefined) new TunedHost("dut", { connection, lease: false, tuning, ...JSON.parse(process.env.HOST) });
`;

const one = { housekeeping: "0", isolated: "1" };

describe("a plan of the machine that the tests run on", () => {
  let sshd: Sshd;
  let project: TrialProject;

  beforeAll(async () => {
    sshd = await startSshd();
    project = new TrialProject("tuning", program);
  });
  afterAll(async () => {
    project.remove();
    await sshd.stop();
  });

  const trial = (request: object, command: readonly string[], host?: object) =>
    project.start(command, {
      CONNECTION: JSON.stringify(sshd.connection()),
      REQUEST: JSON.stringify(request),
      ...(host !== undefined && { HOST: JSON.stringify(host) }),
    });
  const sessions = () => sshd.log().match(/Starting session/g)?.length ?? 0;
  const golden = (name: string) => join(import.meta.dirname, "../golden/refusals", `${name}.txt`);
  /** The sentences of the failure, without what is another on another machine. */
  const refusal = (said: string) =>
    said
      .slice(said.indexOf("no machine can be tuned"))
      .split("\n")
      .filter((line) => /^(no machine| +- )/.test(line))
      .map((line) => line.replace(/\b(CPUs among )[\d,-]+/, "$1<online>").replace(/^ +/, "  "))
      .slice(0, 4)
      .join("\n");

  it("is plain data, from one round trip, and has only what is there", async () => {
    const before = sessions();
    const overrides = { sysctls: { "vm.swappiness": null, "vm.stat_interval": 120 } };
    const up = await trial({ profile: "nfv", cpus: one, overrides }, ["up", "--yes", "--skip-preview"]);
    expect(up.code, up.said).toBe(0);
    expect(sessions()).toBe(before + 1);
    const { tuning } = JSON.parse(project.pulumi(["stack", "output", "--json"]).said) as {
      tuning: TuningPlan;
    };
    expect(tuning.cpus).toEqual(one);
    expect(tuning.bootLine).toContain("isolcpus=domain,managed_irq,1");
    expect(tuning.explanation).toContain("profile nfv: ");
    const settings = tuning.settings.map(({ setting }) => setting);
    for (const { setting } of tuning.unapplied) expect(settings).toContain(setting);
    expect(tuning.overridden.map(({ setting, from, to }) => [setting, from, to]).sort()).toEqual([
      ["sysctls.vm.stat_interval", 10, 120],
      ["sysctls.vm.swappiness", 10, undefined],
    ]);
    expect(tuning.resources.sysctls?.values).not.toHaveProperty(["vm.swappiness"]);
  });

  it("is refused with everything that is wrong", async () => {
    const request = {
      profile: "realtime",
      cpus: { housekeeping: "0", isolated: CpuSet.parse("1000-1003").format() },
      overrides: { extraBootArguments: { pcie_asmp: "off" } },
    };
    const { code, said } = await trial(request, ["preview"]);
    expect(code, said).not.toBe(0);
    await expect(`${refusal(said)}\n`).toMatchFileSnapshot(golden("tuning-plan"));
  });

  it("is refused without a word to the machine where it is no request", async () => {
    const before = sessions();
    const { code, said } = await trial({ profile: "real-time", cpus: { housekeeping: "0", isolated: "x" } }, [
      "preview",
    ]);
    expect(code, said).not.toBe(0);
    expect(said).toContain('observed "real-time", expected "nfv" or "realtime" or "realtimeGuest"');
    expect(said).toContain('observed "x", expected a CPU list');
    expect(sessions()).toBe(before);
  });

  it("is not taken by a host that sets the same otherwise, nor in part", async () => {
    const host = { cpus: { housekeeping: "0", isolated: "" }, sysctls: { "vm.stat_interval": 1 } };
    const { code, said } = await trial({ profile: "nfv", cpus: one }, ["preview"], host);
    expect(code, said).not.toBe(0);
    expect(said).toMatch(/cpus\.isolated: the plan of profile nfv is for other CPUs/);
    expect(said).toMatch(/sysctls\["vm\.stat_interval"\]: the profile nfv sets it otherwise/);
  });

  it("shows in a preview what would be set, and that a reboot comes with it", async () => {
    const before = sessions();
    const preview = await trial({ profile: "nfv", cpus: one }, ["preview", "--diff"], {
      cpus: one,
      reboot: { allow: true },
    });
    expect(preview.code, preview.said).toBe(0);
    expect(preview.said).toMatch(/\+ nfvlab:host:BootArguments: \(create\)/);
    expect(preview.said).toMatch(/\+ nfvlab:host:Reboot: \(create\)/);
    expect(preview.said).toMatch(/rebootOnDelete: "allow"/);
    expect(sessions()).toBe(before + 1);
  });
});
