import { afterAll, beforeAll, expect, it } from "vitest";
import type { Shell } from "./shell.ts";
import { modulePath, TrialProject } from "./trial-project.ts";

const program = `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};

const { CONNECTION, PARTS, TERM, AFTER, REBOOT, ASK } = process.env;
const dut = { name: "dut", connection: pulumi.secret(JSON.parse(CONNECTION)) };
const share = new host.Lease("share", { host: dut, parts: JSON.parse(PARTS), term: TERM });
const after = { dependsOn: share };
if (AFTER) new host.Sysctls("after", { host: dut, name: "after", values: { "vm.stat_interval": 7 } }, after);
if (REBOOT) {
  const boot = new host.BootArguments("boot", { host: dut, name: "apart", arguments: { skewTick: true } }, after);
  new host.Reboot("reboot", { host: dut, allow: true, triggers: [boot.arguments], reason: "ticks apart" });
}
export const { leases, text } = host.getLeasesOutput({ host: share.host });
if (ASK) await host.getLeases({ host: { name: "dut", connection: JSON.parse(CONNECTION) }, wanted: JSON.parse(PARTS) });
`;

const TERM_S = 6;

/** All of ours that a lease leaves on a machine. */
const SNAPSHOT = `ls -A /var/lib/nfvlab/leases
ls /etc/systemd/system /etc/systemd/system/multi-user.target.wants | grep nfvlab-lease || true
systemctl list-units --all --plain --no-legend 'nfvlab-lease-*'`;

/** Two stacks that share a machine, Ada's and Bob's. */
export function describeLeases(machine: () => { readonly CONNECTION: string }, shell: () => Shell): void {
  let ada: TrialProject;
  let bob: TrialProject;

  beforeAll(() => {
    ada = new TrialProject("ada", program);
    bob = new TrialProject("bob", program);
  });
  afterAll(() => {
    ada?.remove();
    bob?.remove();
  });

  const run = (project: TrialProject, parts: object, args: readonly string[], more = {}) => {
    const environment = { ...machine(), PARTS: JSON.stringify(parts), TERM: `${TERM_S}s`, ...more };
    const { code, said } = project.pulumi(args, environment);
    return { code, said, words: said.replaceAll(/\s+/g, " ") };
  };
  const up = (project: TrialProject, parts: object, more = {}) =>
    run(project, parts, ["up", "--yes", "--skip-preview"], more);
  const refresh = (project: TrialProject, parts: object) =>
    run(project, parts, ["refresh", "--yes", "--skip-preview", "--diff"]);
  const destroy = (project: TrialProject) => run(project, {}, ["destroy", "--yes", "--skip-preview"]);
  const holderOf = (project: TrialProject) =>
    /"holder": "([^"]+)"/.exec(project.pulumi(["stack", "export"]).said)?.[1] ?? "none";
  const kill = (project: TrialProject) =>
    shell().run(`kill -9 $(systemctl show --property=MainPID --value ${holderOf(project)})`);
  const leases = () => shell().run("cat /var/lib/nfvlab/leases/*.json");

  const adas = { cpus: "2-3", hugepages: [{ numaNode: 0, size: "2MiB" }] };

  it("stand side by side where their parts are disjoint, longer than their terms", () => {
    for (const { code, said } of [up(ada, adas), up(bob, { cpus: "1" })]) expect(code, said).toBe(0);
    shell().run(`sleep ${TERM_S + 2}`);
    for (const holder of [holderOf(ada), holderOf(bob)])
      expect(shell().run(`systemctl is-active ${holder}; systemctl is-enabled ${holder}`)).toBe(
        "active\nenabled",
      );
    const again = run(ada, adas, ["up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes"]);
    expect(again.code, again.said).toBe(0);
    expect(again.said).not.toContain("warning");
    const { said } = bob.pulumi(["stack", "output", "--json", "--show-secrets"]);
    const { text } = JSON.parse(said) as { text: string[] };
    const lineOf = (project: string) => text.find((line) => line.includes(`share of stack ${project}/trial`));
    expect(lineOf("ada")).toMatch(
      /^CPUs 2-3, 2MiB pages of node 0: share of stack ada\/trial \(.+@.+:.+\) since \S+Z, renewed until \S+Z/,
    );
    expect(lineOf("bob")).toMatch(/^CPU 1: /);
  });

  it("are refused with the owner's name where they overlap, before anything else is touched", () => {
    const before = leases();
    const wanted = { cpus: "1,3", hugepages: [{ numaNode: 0, size: "2MiB" }] };
    const { code, words } = up(bob, wanted, { AFTER: "1" });
    expect(code).not.toBe(0);
    expect(words).toMatch(
      /parts: others have leased parts of dut that this stack wants: observed CPU 3, 2MiB pages of node 0 leased to share of stack ada\/trial \(\S+@[^:]+:.+\) since \S+Z, renewed until \S+Z and again by nfvlab-lease-\w+\.service, expected parts that nobody has;/,
    );
    const asked = run(bob, wanted, ["preview"], { ASK: "1" });
    expect(asked.code).not.toBe(0);
    expect(asked.words).toMatch(
      /wanted: others have leased parts of dut that this stack wants: observed CPU 3, 2MiB pages of node 0 leased to share of stack ada\/trial/,
    );
    expect(run(ada, adas, ["preview", "--expect-no-changes"], { ASK: "1" }).code).toBe(0);
    expect(leases()).toBe(before);
    expect(shell().run("ls /etc/sysctl.d; cat /proc/sys/vm/stat_interval")).not.toMatch(/after|^7$/m);
  });

  it("keep others from rebooting the machine", () => {
    const boot = shell().run("cat /proc/sys/kernel/random/boot_id");
    const { code, words } = up(bob, { cpus: "1" }, { REBOOT: "1" });
    expect(code).not.toBe(0);
    expect(words).toMatch(
      /others have leased parts of dut, and a reboot would take them away: observed CPUs 2-3, 2MiB pages of node 0 leased to share of stack ada\/trial/,
    );
    expect(shell().run("cat /proc/sys/kernel/random/boot_id")).toBe(boot);
  });

  it("grow while they stand; one whose holder was killed is shown so, and held again by up", () => {
    const grown = up(ada, { cpus: "0,2-3" });
    expect(grown.code, grown.said).toBe(0);
    expect(leases()).toContain('"parts":{"cpus":"0,2-3"}');
    kill(ada);
    const shown = refresh(ada, adas);
    expect(shown.said).toMatch(/~ held\s*: true => false/);
    expect(shown.words).toMatch(
      /warning: nfvlab-lease-\w+\.service does not run on dut, so the lease of CPUs 0,2-3 (ends|expired) at \S+Z; `pulumi up` renews it/,
    );
    const { code, said } = up(ada, adas);
    expect(code, said).toBe(0);
    expect(shell().run(`systemctl is-active ${holderOf(ada)}`)).toBe("active");
    expect(leases()).toContain('"parts":{"cpus":"2-3","hugepages":');
  });

  it("are taken over when their holder was killed and their term is over, and their owner is told who did", () => {
    kill(ada);
    shell().run(`sleep ${TERM_S + 1}`);
    const taken = up(bob, { cpus: "1,3" });
    expect(taken.code, taken.said).toBe(0);
    expect(taken.words).toMatch(
      /warning: took over CPU 3 from share of stack ada\/trial \(.+\): leased since \S+Z, expired at \S+Z, and nfvlab-lease-\w+\.service was not running/,
    );
    const shown = refresh(ada, adas);
    expect(shown.said).toMatch(/~ held\s*: true => false/);
    expect(shown.words).toMatch(
      /warning: the lease of CPUs 2-3, 2MiB pages of node 0 is gone from dut, and others came: CPU 3 leased to share of stack bob\/trial/,
    );
    const refused = up(ada, adas);
    expect(refused.code).not.toBe(0);
    expect(refused.words).toMatch(/CPU 3 leased to share of stack bob\/trial \(.+\) since/);
  });

  it("go with their stacks: what others took is left alone, and nothing stays behind", () => {
    const without = destroy(ada);
    expect(without.code, without.said).toBe(0);
    expect(without.words).toContain(
      "warning: left alone what others have had since: CPU 3 leased to share of stack bob",
    );
    expect(leases()).toContain('"parts":{"cpus":"1,3"}');
    const { code, said } = destroy(bob);
    expect(code, said).toBe(0);
    expect(said).not.toContain("warning");
    expect(shell().run(SNAPSHOT)).toBe("");
  });
}
