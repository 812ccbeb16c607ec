import { expect, it } from "vitest";
import type { Shell } from "./shell.ts";
import { modulePath, TrialProject } from "./trial-project.ts";

const program = (tuned: string) => `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const tuned = new host.TunedProfile("tuned", { host: dut, ${tuned} });
export const { pendingArguments, unapplied, verified } = tuned;
`;

/** Files that TuneD and its plugins write, its service, and what the profile below sets in the kernel. */
const SNAPSHOT = `cd /
find etc/tuned etc/modprobe.d etc/systemd/system.conf.d etc/default boot/grub/grub.cfg -type f 2>/dev/null | sort | xargs md5sum
systemctl is-active tuned; systemctl is-enabled tuned
sysctl kernel.timer_migration kernel.sched_rt_runtime_us kernel.numa_balancing vm.stat_interval net.core.busy_read
cat /sys/kernel/mm/ksm/run
ls -A /var/lib/nfvlab/undo 2>/dev/null
true`;

/** A profile of TuneD: selected, verified, changed by hand, put back, taken away. */
export function describeTunedProfile(
  machine: () => { readonly CONNECTION: string },
  server: () => Shell,
): void {
  const selected = program(`profile: "realtime-virtual-host", variables: { isolated_cores: "2-3" }`);
  const unknown = program(`profile: "realtime-virtual-hots"`);
  const trialOf = (text: string) => {
    const project = new TrialProject("tuned", text);
    return {
      project,
      pulumi: (...args: string[]) => project.pulumi(args, machine()),
    };
  };

  it("a profile that TuneD has not got is refused with those that it has", () => {
    const { project, pulumi } = trialOf(unknown);
    const { code, said } = pulumi("up", "--yes", "--skip-preview");
    project.remove();
    expect(code).not.toBe(0);
    expect(said).toMatch(
      /no profile of that name: observed realtime-virtual-hots, expected .*realtime-virtual-host/,
    );
    expect(server().run("systemctl is-active tuned || true")).toBe("inactive");
  });

  it("a profile of TuneD is in force with its variables, comes back after a change by hand, and goes without a trace", () => {
    const shell = server();
    const before = shell.run(SNAPSHOT);
    const { project, pulumi } = trialOf(selected);
    try {
      const up = pulumi("up", "--yes", "--skip-preview");
      expect(up.code, up.said).toBe(0);
      expect(shell.run("cat /etc/tuned/active_profile; sysctl -n kernel.timer_migration")).toBe(
        "realtime-virtual-host\n0",
      );
      expect(shell.run("cat /etc/tuned/realtime-virtual-host-variables.conf")).toContain(
        "isolated_cores=2-3",
      );
      const outputs = JSON.parse(pulumi("stack", "output", "--json").said) as Record<string, unknown>;
      expect(outputs["pendingArguments"]).toEqual(expect.arrayContaining(["skew_tick=1", "irqaffinity=0,1"]));
      expect(outputs["verified"]).toBe(true);

      const again = pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes");
      expect(again.code, again.said).toBe(0);

      shell.run("sysctl -q kernel.timer_migration=1");
      const seen = pulumi("refresh", "--yes", "--skip-preview", "--diff");
      expect(seen.code, seen.said).toBe(0);
      expect(seen.said).toMatch(/verified\s*: true => false/);
      expect(differencesIn(pulumi("stack", "export").said)).toEqual(
        expect.arrayContaining([expect.stringContaining("timer_migration")]),
      );
      const back = pulumi("up", "--yes", "--skip-preview");
      expect(back.code, back.said).toBe(0);
      expect(shell.run("sysctl -n kernel.timer_migration")).toBe("0");

      const gone = pulumi("destroy", "--yes", "--skip-preview");
      expect(gone.code, gone.said).toBe(0);
      expect(shell.run(SNAPSHOT)).toBe(before);
    } finally {
      project.remove();
    }
  });
}

function differencesIn(exported: string): unknown {
  const { deployment } = JSON.parse(exported) as {
    deployment: { resources: { type: string; outputs?: { differences?: unknown } }[] };
  };
  return deployment.resources.find(({ type }) => type === "nfvlab:host:TunedProfile")?.outputs?.differences;
}
