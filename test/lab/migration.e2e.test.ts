import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { longTrials } from "./long-trials.ts";
import { modulePath, TrialProject } from "./trial-project.ts";
import { TrialServer } from "./trial-server.ts";

/** The stack itself, told by the environment what its configuration would say. */
const program = `
import * as pulumi from "@pulumi/pulumi";
for (const [key, value] of Object.entries(JSON.parse(process.env.CONFIGURATION)))
  pulumi.runtime.setConfig("migration:" + key, value);
const stack = await import(${modulePath("stacks/live-migration.ts")});
export const { table, caveats, results, frames, drawing } = stack;
`;

/** What a machine has that a migration could leave behind. */
const SNAPSHOT = `virsh -q list --all; ip -br link | grep -v '^lo' | sed 's/@.*//; s/ .*//' | sort
sha256sum /root/.ssh/authorized_keys; ls -d /run/nfvlab-* /var/lib/nfvlab/away/* 2>/dev/null
systemctl list-units --plain --no-legend 'nfvlab-*'; pgrep -ac '^ssh$'; true`;

/** Settings of one that does not converge. */
const NEVER = JSON.stringify({ maxBandwidth: "1MiB", downtimeLimit: "1ms" });

interface Results {
  readonly valid: boolean;
  readonly functional: boolean;
  readonly invalidReasons: readonly string[];
  readonly metrics: Readonly<Record<string, { readonly max: number; readonly samples: number }>>;
}

const TITLE =
  "a guest that routes, migrated between two servers (skipped unless NFVLAB_LONG_TRIALS is set: two servers at once, ten minutes)";

describe.runIf(longTrials)(TITLE, () => {
  let servers: readonly [TrialServer, TrialServer];
  let project: TrialProject;
  let before: readonly string[];

  beforeAll(async () => {
    project = new TrialProject("migration", program);
    servers = await TrialServer.startPair({
      ...{ igbCards: 1, numaNodes: [{ cpus: "0-3", memory: "2GiB" }] },
      bootArguments: ["isolcpus=managed_irq,domain,2-3", "nohz_full=2-3", "irqaffinity=0-1"],
    });
    before = snapshots();
  });
  afterAll(async () => {
    project?.remove();
    for (const server of servers ?? []) await server.remove();
  });

  const snapshots = () => servers.map(({ shell }) => shell.run(SNAPSHOT));
  const configured = (more: Readonly<Record<string, string>>) => {
    const [here, there] = servers.map(({ connection }) => JSON.stringify(connection));
    const length = { rate: "100", repetitions: "2", limit: "240s", settle: "2s" };
    const CONFIGURATION = JSON.stringify({
      hereConnection: here,
      thereConnection: there,
      ...length,
      ...more,
    });
    return { CONFIGURATION };
  };
  const run = (more: Readonly<Record<string, string>>, ...args: string[]) =>
    project.pulumi(args, configured(more));
  const up = (more: Readonly<Record<string, string>> = {}) => run(more, "up", "--yes", "--skip-preview");
  const resultsOf = (more: Readonly<Record<string, string>> = {}) =>
    (
      JSON.parse(run(more, "stack", "output", "--json").said) as {
        results: Record<"baseline" | "tuned", Results>;
      }
    ).results;
  const states = () => servers.map(({ shell }) => shell.run("virsh -q list --all | awk '{print $2, $3}'"));

  it("is measured by QEMU, by libvirt and by the traffic through it, as it is and tuned", () => {
    const { code, said } = up();
    expect(code, said).toBe(0);
    const { baseline, tuned } = resultsOf();
    for (const { valid, functional, invalidReasons, metrics } of [baseline, tuned]) {
      expect([valid, functional], invalidReasons.join("; ")).toEqual([true, true]);
      const of = (name: string) => metrics[`guest.migration.${name}`];
      for (const name of ["total", "downtime", "standstill", "outage", "transferred", "iterations"])
        expect(of(name), name).toMatchObject({ samples: 2 });
      // The guest has 256 MiB, of which little is not zero.
      expect(of("transferred")?.max).toBeGreaterThan(10e6);
      expect(of("total")?.max).toBeGreaterThan(of("downtime")?.max ?? 0);
      // What traffic saw is no shorter than what QEMU says, but for a frame that waited for the guest.
      expect(of("outage")?.max).toBeGreaterThan(0);
    }
  });

  it("runs at home again, once, and nothing else is left", () => {
    expect(states()).toEqual(["vnf running", ""]);
    expect(
      servers[0].shell.run("virsh -q domblklist vnf >/dev/null && virsh -q dominfo vnf | grep Persistent"),
    ).toMatch(/yes/);
    for (const { shell } of servers) {
      expect(
        shell.run("ls -d /run/nfvlab-*-out /run/nfvlab-*-back /var/lib/nfvlab/away/* 2>/dev/null; true"),
      ).toBe("");
      expect(shell.run("grep -c nfvlab- /root/.ssh/authorized_keys; true")).toBe("0");
    }
  });

  it("is not measured again by a second up", () => {
    const again = run({}, "preview", "--diff");
    expect(again.said).not.toMatch(/^\s+[+~-]+ /m);
  });

  it("that does not converge is cancelled, makes the record invalid, and runs at home, once", () => {
    // Of which a slow machine takes a good part, or all, to make the guest ready at its destination.
    const slow = { limit: "180s", settings: NEVER };
    const { code, said } = up(slow);
    expect(code, said).toBe(0);
    const { tuned } = resultsOf(slow);
    expect(tuned.valid).toBe(false);
    expect(tuned.invalidReasons).toEqual([
      expect.stringMatching(
        /^migration 1, there: it did not (converge|begin) within 180 s and was cancelled: iteration \d+, [^;]*$/,
      ),
    ]);
    expect(states()).toEqual(["vnf running", ""]);
  });

  it("that is killed on its way is cancelled behind that, is told, and runs at home, once", async () => {
    // The same limit, so that the baseline stays what it is.
    const other = JSON.stringify({ maxBandwidth: "1MiB", downtimeLimit: "2ms" });
    const going = project.start(
      ["up", "--yes", "--skip-preview"],
      configured({ limit: "180s", settings: other }),
    );
    const killed = servers[0].shell.run(
      `for try in $(seq 1200); do
  unit=$(systemctl list-units --plain --no-legend 'nfvlab-*-tuned.service' | cut -d' ' -f1)
  [ -n "$unit" ] && virsh domjobinfo --rawstats vnf 2>/dev/null | grep -q '^memory_iteration: [1-9]' && break
  sleep 0.5
done
systemctl kill --kill-whom=all --signal=KILL "$unit"; echo "$unit"`,
    );
    expect(killed).toMatch(/^nfvlab-\S+-tuned\.service$/);
    const { code, said } = await going;
    expect(code).not.toBe(0);
    expect(said.replaceAll(/\s+/g, " ")).toContain("was ended from outside, and nothing is measured");
    expect(states()).toEqual(["vnf running", ""]);
    for (const { shell } of servers)
      expect(
        shell.run("ls -d /run/nfvlab-*-out /run/nfvlab-*-back /var/lib/nfvlab/away/* 2>/dev/null; true"),
      ).toBe("");
  });

  it("leaves nothing when it is destroyed", () => {
    const { code, said } = run({}, "destroy", "--yes", "--skip-preview");
    expect(code, said).toBe(0);
    expect(snapshots()).toEqual(before);
  });
});
