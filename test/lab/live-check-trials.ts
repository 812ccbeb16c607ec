import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { liveChecks, roundsOf } from "../policies/live-checks.ts";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

const pack = join(import.meta.dirname, "../../policies/pulumi-analyzer-nfvlab");

/** A tuned host with a switch, a guest behind it, and a card of which two containers have a function each. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import { OvsDpdkBridge, TunedHost, VhostUserVnf } from ${modulePath("components/index.ts")};
import { host, lxc, net, pci } from ${modulePath("sdk/index.ts")};

const dut = new TunedHost("dut", {
  connection: pulumi.secret(JSON.parse(process.env.CONNECTION)),
  cpus: { housekeeping: "0-1", isolated: "2-3" },
  lease: true,
  hugepages: [{ size: "2MiB", count: 272, numaNode: 1 }],
  sysctls: { "kernel.numa_balancing": 0 },
});
const on = { host: dut.reference };
new host.IrqAffinity("interrupts", { ...on, defaultCpus: "0-1", cpus: "0-1" });
new host.Workqueues("work", { ...on, cpus: "0-1" });
new host.CpuIdle("idle", { ...on, name: "isolated", cpus: "2-3", resumeLatency: "0us" });
new host.MemoryManagement("memory", { ...on, transparentHugepages: "never", ksm: false });

const link = new net.Veth("link", { ...on, name: "triallink0", peer: { name: "triallink1" } });
const bridge = new OvsDpdkBridge("br0", {
  host: dut, pmdCpus: "2", socketMemory: { 1: "256MiB" }, vhostUserPorts: ["vhu0"],
  ports: { triallink1: { kind: "system", dependsOn: [link] } },
  daemon: { restart: "allow", pmdSleepMax: "500us" },
});
new VhostUserVnf("vnf", {
  host: dut, vcpus: "3", emulatorCpus: "0-1", memory: "256MiB", pageSize: "2MiB", numaNode: 1,
  nics: { east: { kind: "vhost-user", bridge, port: "vhu0" } },
});

const functions = new pci.VirtualFunctions("functions", { ...on, pf: process.env.PF, count: 2, up: true });
for (const vf of [0, 1]) {
  const mac = \`02:00:00:00:07:0\${vf}\`;
  const set = new pci.VirtualFunction(\`vf\${vf}\`, { ...on, pf: functions.pf, vf, mac, spoofCheck: true, trust: false });
  new lxc.Container(\`tenant\${vf}\`, {
    ...on, name: \`trial-tenant\${vf}\`, root: { kind: "busybox" }, command: ["/bin/busybox", "sleep", "100000"],
    nics: [{ kind: "physical", name: "eth0", interface: functions.functions.apply((all) => all[vf].interface) }],
  }, { dependsOn: set });
}
`;

/** Live checks that somebody makes false: each turns its own policy red at the next refresh, and `up` makes it green again. */
export function describeLiveChecks(server: () => TrialServer): void {
  let project: TrialProject;
  let card: { readonly PF: string; readonly CARD: string };
  const shell = (script: string) => server().shell.run(`CARD=${card?.CARD ?? ""}\n${script}`);
  const run = (...args: readonly string[]) => project.pulumi(args, { ...server().environment, PF: card.PF });

  /** Findings that block, by policy and resource. */
  const refusals = () => {
    const { said } = run("policy", "analyze", "--stack", "trial", "--policy-pack", pack);
    expect(said).toContain("Policies:");
    expect(said).not.toContain("error: running policy analysis");
    const found = said.matchAll(/\[mandatory\](?: \[severity: \w+\])?\s+([\w-]+)\s+\(\S+: ([\w-]+)\)/g);
    return [...new Set([...found].map(([, policy, resource]) => `${policy} of ${resource}`))].sort();
  };

  beforeAll(() => {
    const [pf = "", name = ""] = server()
      .shell.run(
        `cd /sys/bus/pci/drivers/igb && pf=$(ls -d 0000:* | head -n 1) && echo "$pf" && ls "$pf/net"`,
      )
      .split("\n");
    card = { PF: pf, CARD: name };
    server().shell.run("modprobe kvm_amd 2>/dev/null || modprobe kvm_intel; modprobe igbvf");
    project = new TrialProject("live-checks", program);
    const up = run("up", "--yes", "--skip-preview");
    expect(up.code, up.said).toBe(0);
  });
  afterAll(() => {
    if (project === undefined) return;
    const gone = run("destroy", "--yes", "--skip-preview");
    project.remove();
    expect(gone.code, gone.said).toBe(0);
  });

  it("hold, as long as nobody touches anything", () => {
    const refresh = run("refresh", "--yes", "--skip-preview", "--expect-no-changes");
    expect(refresh.code, refresh.said).toBe(0);
    expect(refusals()).toEqual([]);
  });

  it.each(roundsOf(liveChecks).map((round) => [round.map(({ what }) => what).join("; "), round] as const))(
    "turn their own policies red, no others, and green again: %s",
    (_, round) => {
      shell(round.map(({ byHand }) => byHand).join("\n"));
      const refresh = run("refresh", "--yes", "--skip-preview");
      expect(refresh.code, refresh.said).toBe(0);
      expect(refusals(), refresh.said).toEqual(
        round.map(({ policy, about }) => `${policy} of ${about}`).sort(),
      );
      const undone = round.flatMap((check) => check.undone ?? []);
      if (undone.length > 0) shell(undone.join("\n"));
      const up = run("up", "--yes", "--skip-preview", ...(undone.length > 0 ? ["--refresh"] : []));
      expect(up.code, up.said).toBe(0);
      expect(refusals()).toEqual([]);
    },
  );

  it("hold on the machine as well, and not in the state alone", () => {
    const refresh = run("refresh", "--yes", "--skip-preview", "--expect-no-changes");
    expect(refresh.code, refresh.said).toBe(0);
    expect(refusals()).toEqual([]);
  });
}
