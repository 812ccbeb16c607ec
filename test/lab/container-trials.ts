import { afterAll, beforeAll, expect, it } from "vitest";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

const program = `
import * as pulumi from "@pulumi/pulumi";
import { lxc, net } from ${modulePath("sdk/index.ts")};

const host = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const adopt = (id) => (process.env.ADOPT ? { import: id, retainOnDelete: true } : {});
const bridge = new net.LinuxBridge("bridge", { host, name: "trialcbr", mtu: 1400, addresses: ["198.18.2.254/24"] }, adopt("dut/bridge/trialcbr"));
const vnf = new lxc.Container("vnf", {
  host, name: "trial-vnf", root: { kind: "host" }, cpus: "3", memory: "96MiB", hugepages: true,
  command: ["sh", "-c", "echo 'ready $1' \\"it's\\" > /run/sockets/said; exec sleep 100000"],
  devices: ["/dev/net/tun"], mounts: [{ source: "/srv/trial-sockets", target: "/run/sockets" }],
  nics: [{ kind: "veth", name: "eth0", hostName: "trialc0", bridge: bridge.name, mac: "02:00:00:00:03:01", mtu: 1400, addresses: ["198.18.2.1/24"] }],
}, adopt("dut/lxc/trial-vnf"));
const small = new lxc.Container("small", {
  host, name: "trial-small", root: { kind: "busybox" }, command: ["/bin/busybox", "sleep", "100000"],
}, adopt("dut/lxc/trial-small"));
export const { effectiveCpus, threadCpus } = vnf;
`;

const GROUP = "/sys/fs/cgroup/lxc.payload.trial-vnf";
const FOLDER = "/var/lib/nfvlab/lxc/trial-vnf";

/** Changes by hand behind our back, by the property that shows them. */
const byHand: Readonly<Record<string, string>> = {
  cpus: `echo 1 > ${GROUP}/cpuset.cpus`,
  memory: `echo 64M > ${GROUP}/memory.max`,
  bridge: "ip link set trialc0 nomaster",
  configured: `sed -i s/mixed/rw/ ${FOLDER}/config`,
  running: "systemctl stop nfvlab-lxc-trial-small",
};

const SNAPSHOT = `ip -br link | sed 's/@.*//' | cut -d' ' -f1 | sort
ls -A /var/lib/nfvlab/lxc 2>/dev/null
find /var/lib/nfvlab/undo -type f 2>/dev/null
ls /etc/systemd/system /etc/systemd/system/multi-user.target.wants | grep -v '^$'
ls -d /sys/fs/cgroup/lxc.payload* /sys/fs/cgroup/lxc.monitor* 2>/dev/null
true`;

/** LXC containers: on CPUs of their own, reached over a bridge, changed by hand and put back, imported, gone without a trace. */
export function describeContainers(server: () => TrialServer): void {
  const projects: TrialProject[] = [];
  let project: TrialProject;
  let before = "";

  const shell = (script: string) => server().shell.run(script);
  const run = (of: TrialProject, environment: Record<string, string>, ...args: string[]) =>
    of.pulumi(args, { ...server().environment, ...environment });

  beforeAll(() => {
    shell("mkdir -p /srv/trial-sockets && touch /srv/trial-sockets/vhu0");
    before = shell(SNAPSHOT);
    project = new TrialProject("containers", program);
    projects.push(project);
  });
  afterAll(() => {
    shell("rm -r /srv/trial-sockets");
    for (const each of projects) each.remove();
  });

  const inForce = () => {
    expect(shell(`cat ${GROUP}/cpuset.cpus.effective ${GROUP}/memory.max`)).toBe(`3\n${96 * 1024 * 1024}`);
    const threads = shell(
      `for t in $(cat ${GROUP}/cgroup.threads); do grep Cpus_allowed_list /proc/$t/status; done | sort -u`,
    );
    expect(threads).toBe("Cpus_allowed_list:\t3");
    expect(shell("ping -q -c 2 -i 0.3 -W 5 198.18.2.1")).toContain("2 received");
  };

  it("run a command on their own CPUs, and answer over a bridge", () => {
    const up = run(project, {}, "up", "--yes", "--skip-preview");
    expect(up.code, up.said).toBe(0);
    inForce();
    const outputs = JSON.parse(run(project, {}, "stack", "output", "--json").said);
    expect(outputs).toEqual({ effectiveCpus: "3", threadCpus: "3" });
    const inside = (command: string) => shell(`lxc-attach -P /var/lib/nfvlab/lxc -n trial-vnf -- ${command}`);
    expect(inside("ls /run/sockets")).toBe("said\nvhu0");
    expect(
      inside("sh -c 'test -c /dev/net/tun && cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu'"),
    ).toBe("02:00:00:00:03:01\n1400");
    expect(inside("sh -c 'touch /usr/trial 2>/dev/null || echo kept'")).toBe("kept");
    expect(shell("cat /srv/trial-sockets/said")).toBe("ready $1 it's");
    const again = run(project, {}, "up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes");
    expect(again.code, again.said).toBe(0);
  });

  it("that drifted are shown, and put back", () => {
    shell(Object.values(byHand).join(" && "));
    const refresh = run(project, {}, "refresh", "--yes", "--skip-preview", "--diff");
    expect(refresh.code, refresh.said).toBe(0);
    for (const property of Object.keys(byHand))
      expect(refresh.said).toMatch(new RegExp(`[~-] ${property}\\s*:`));
    const up = run(project, {}, "up", "--yes", "--skip-preview");
    expect(up.code, up.said).toBe(0);
    inForce();
    expect(shell(`grep -c mixed ${FOLDER}/config; systemctl is-active nfvlab-lxc-trial-small`)).toBe(
      "1\nactive",
    );
  });

  it("are taken over by another stack, and left there", () => {
    const other = new TrialProject("containers-import", program);
    projects.push(other);
    other.pulumi(["config", "set", "--secret", "nfvlab:hosts", `{"dut":${server().environment.CONNECTION}}`]);
    const up = run(other, { ADOPT: "1" }, "up", "--yes", "--skip-preview");
    expect(up.code, up.said).toBe(0);
    expect(up.said).toMatch(/= 3 imported/);
    const gone = run(other, { ADOPT: "1" }, "destroy", "--yes", "--skip-preview");
    expect(gone.code, gone.said).toBe(0);
    inForce();
  });

  it("go, and leave nothing", () => {
    const gone = run(project, {}, "destroy", "--yes", "--skip-preview");
    expect(gone.code, gone.said).toBe(0);
    expect(gone.said).not.toMatch(/warning/);
    expect(shell(SNAPSHOT)).toBe(before);
  });
}
