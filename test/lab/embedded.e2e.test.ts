import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ResultRecord } from "../../sdk/schema/record.ts";
import { Engine, ended } from "./engine.ts";
import { modulePath, TrialProject } from "./trial-project.ts";

const policies = fileURLToPath(new URL("../../policies/", import.meta.url));
const withPolicies = [
  ...["--policy-pack", join(policies, "pulumi-analyzer-nfvlab")],
  ...["--policy-pack-config", join(policies, "config/embedded.json")],
];
const engine = new Engine("e2e");
const keys = mkdtempSync(join(tmpdir(), "nfvlab-e2e-"));

/** Adopts what the testbed made, and leaves it where it is. */
const importing = `
import * as pulumi from "@pulumi/pulumi";
import { host, ovs } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const adopt = (id) => ({ import: id, retainOnDelete: true });
new host.Hugepages("pool", { host: dut, numaNode: 1, size: "2MiB", count: 512 }, adopt("dut/node1/2MiB"));
new ovs.Bridge("bridge", { host: dut, name: "br0", addresses: ["198.18.0.1/24"] }, adopt("dut/ovs/br0"));
new ovs.Port("port", {
  host: dut, bridge: "br0", name: "vhu0", openflowPort: 1,
  interface: { kind: "dpdkvhostuserclient", socketPath: "/run/nfvlab-vhost/vhu0.sock" },
}, adopt("dut/ovs/br0/vhu0"));
`;

/** More huge pages than a node of 2 GiB can have. */
const pages4000 = `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
new host.Hugepages("pool", { host: dut, numaNode: 0, size: "2MiB", count: 4000 });
`;

/** Two settings that disturb measurements. */
const quiet = `
import * as pulumi from "@pulumi/pulumi";
import { host } from ${modulePath("sdk/index.ts")};

const dut = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
new host.Sysctls("quiet", { host: dut, name: "quiet", values: { "kernel.numa_balancing": 0, "vm.stat_interval": 10 } });
`;

/** The whole embedded testbed on the real engine: each test goes on from where the one before it ended. */
describe("the embedded testbed", () => {
  beforeAll(async () => {
    await engine.clear();
    expect((await engine.run("stack", "init", "--no-select")).code).toBe(0);
  });

  afterAll(async () => {
    await engine.clear();
    rmSync(keys, { recursive: true, force: true });
  });

  it("converges after engine and plugin were killed in the middle", async () => {
    const child = engine.start("up", "--yes", "--skip-preview");
    const end = ended(child);
    await new Promise<void>((resolve) => {
      let seen = "";
      child.stdout?.on("data", (chunk: Buffer) => {
        seen += chunk.toString("utf8");
        if (/dut-machine boots: \d+ s/.test(seen)) resolve();
      });
      child.on("close", () => resolve());
    });
    const killed = killTree(child.pid as number);
    expect(killed).toBeGreaterThan(2);
    await end;

    await engine.run("cancel", "--yes");
    const second = await engine.run("up", "--yes", ...withPolicies);
    expect(second.text).not.toMatch(/error:/);
    expect(second.code).toBe(0);
    expect(serversRunning()).toBe(1);
    expect(onServer("virsh -q list --name | grep -c . ; ovs-vsctl list-br | wc -l")).toBe("1\n1");
  });

  it("measured three things, validly, and marked them functional", async () => {
    const records = recordsIn((await engine.run("stack", "export")).text);
    expect(Object.keys(records).sort()).toEqual(["guest-timers-run", "host-timers-run", "vnf-to-bridge-run"]);
    for (const record of Object.values(records)) {
      expect(record.invalidReasons).toEqual([]);
      expect(record.functional).toBe(true);
      expect(record.metrics[0]?.samples).toBeGreaterThan(100);
      expect(record.fingerprint.isolatedCpus).toBe("2-3");
    }
    // The guest boots the machine's own kernel, and says so itself.
    for (const name of ["guest-timers-run", "vnf-to-bridge-run"]) {
      const { kernel, guests } = records[name]?.fingerprint ?? {};
      expect(kernel).toMatch(/^\d/);
      expect(guests?.["vnf"]).toMatchObject({ "inside.kernel": kernel, "inside.onlineCpus": "0" });
    }
  });

  it("changes nothing the second time", async () => {
    const up = await engine.run("up", "--yes", "--expect-no-changes");
    expect(up.code, up.text).toBe(0);
  });

  it("can be imported elsewhere, and left there", () => {
    const project = new TrialProject("import", importing);
    try {
      project.pulumi(["config", "set", "--secret", "nfvlab:hosts", JSON.stringify({ dut: connection() })]);
      const environment = { CONNECTION: JSON.stringify(connection()) };
      const up = project.pulumi(["up", "--yes", "--skip-preview", "--diff"], environment);
      expect(up.code, up.said).toBe(0);
      expect(up.said).toMatch(/= 3 imported/);
      const again = project.pulumi(["preview", "--expect-no-changes"], environment);
      expect(again.code, again.said).toBe(0);
      const destroy = project.pulumi(["destroy", "--yes", "--skip-preview"]);
      expect(destroy.code, destroy.said).toBe(0);
    } finally {
      project.remove();
    }
    expect(onServer("cat /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages")).toBe(
      "512",
    );
    expect(onServer("ovs-vsctl list-br")).toBe("br0");
  });

  it("names a node that grants fewer huge pages than asked for, and gives back what it had", () => {
    const pages = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages";
    const before = onServer(`cat ${pages}`);
    const project = new TrialProject("pages", pages4000);
    try {
      const environment = { CONNECTION: JSON.stringify(connection()) };
      const up = project.pulumi(["up", "--yes", "--skip-preview"], environment);
      expect(up.code).not.toBe(0);
      expect(up.said).toMatch(/observed \d+.*expected 4000/);
      expect(Number(onServer(`cat ${pages}`))).toBeGreaterThan(Number(before));
      const destroy = project.pulumi(["destroy", "--yes", "--skip-preview"], environment);
      expect(destroy.code, destroy.said).toBe(0);
    } finally {
      project.remove();
    }
    expect(onServer(`cat ${pages}; ls /var/lib/nfvlab/undo | grep -c node0 || true`)).toBe(`${before}\n0`);
  });

  it("sets kernel parameters, finds exactly what drifted, and puts back what was there", () => {
    const observed = () =>
      onServer("sysctl kernel.numa_balancing vm.stat_interval; ls /etc/sysctl.d | grep -c nfvlab");
    const before = observed();
    const project = new TrialProject("sysctls", quiet);
    const environment = { CONNECTION: JSON.stringify(connection()) };
    try {
      const up = project.pulumi(["up", "--yes", "--skip-preview"], environment);
      expect(up.code, up.said).toBe(0);
      const quieted = "kernel.numa_balancing = 0\nvm.stat_interval = 10\n1";
      expect(observed()).toBe(quieted);
      onServer("sysctl -qw vm.stat_interval=3");
      const refresh = project.pulumi(["refresh", "--yes", "--skip-preview", "--diff"], environment);
      expect(refresh.said).toMatch(/~ vm\.stat_interval: 10 => 3/);
      expect(refresh.said).not.toMatch(/numa_balancing: /);
      onServer("rm /etc/sysctl.d/90-nfvlab-quiet.conf");
      const again = project.pulumi(["up", "--yes", "--skip-preview", "--refresh"], environment);
      expect(again.code, again.said).toBe(0);
      expect(observed()).toBe(quieted);
      const destroy = project.pulumi(["destroy", "--yes", "--skip-preview"], environment);
      expect(destroy.code, destroy.said).toBe(0);
    } finally {
      project.remove();
    }
    expect(observed()).toBe(before);
  });

  it("names a switch that hangs, in bounded time", async () => {
    onServer("kill -STOP $(pidof ovs-vswitchd)");
    try {
      const begun = performance.now();
      const refresh = await engine.run("refresh", "--yes", "--skip-preview");
      expect(refresh.code).not.toBe(0);
      expect(refresh.text).toMatch(/ovs-vswitchd did not answer within 5 s/);
      expect(performance.now() - begun).toBeLessThan(120_000);
    } finally {
      onServer("kill -CONT $(pidof ovs-vswitchd)");
    }
  });

  it("finds exactly what was changed by hand, and puts exactly that back", async () => {
    onServer("echo 0 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages || true");
    onServer("ovs-vsctl set Open_vSwitch . other_config:pmd-cpu-mask=0x8");
    onServer("virsh -q vcpupin vnf 0 2 --live");
    const refresh = await engine.run("refresh", "--yes", "--diff");
    expect(changesIn(refresh.text)).toEqual(["count", "intact", "pmdCpus", "vcpuPins[0]"]);
    const up = await engine.run("up", "--yes", "--skip-preview", "--diff");
    expect(up.code).toBe(0);
    expect(changesIn(up.text)).toEqual(["count", "intact", "pmdCpus", "vcpuPins[0]"]);
    // Nor did the refresh of the switch that hung take anything out of state.
    expect(up.text).not.toMatch(/\d+ (created|replaced|deleted)/);
    expect(onServer("ovs-vsctl get Open_vSwitch . other_config:pmd-cpu-mask")).toBe('"0x4"');
    expect(onServer("cat /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages")).toBe(
      "512",
    );
    expect((await engine.run("preview", "--expect-no-changes")).code).toBe(0);
  });

  it.each([
    ["the guest's vCPU on the other node", "vcpus", "1", /one-numa-node-per-chain/],
    ["the guest's memory on the other node", "numaNode", "0", /one-numa-node-per-chain/],
    ["a poll-mode thread on the vCPU's CPU", "pmdCpus", "3", /exclusive-cpus/],
    ["emulator threads on an isolated CPU", "emulatorCpus", "2", /emulator-outside-isolated/],
  ])("refuses %s in preview, by name", async (_, property, value, policy) => {
    await engine.run("config", "set", property, value);
    try {
      const preview = await engine.run("preview", ...withPolicies);
      expect(preview.code).not.toBe(0);
      expect(preview.text).toMatch(policy);
    } finally {
      await engine.run("config", "rm", property);
    }
    expect(onServer("virsh -q list --name | grep -c .")).toBe("1");
  });

  it("keeps the stack's private key out of state, output and process list", async () => {
    const { privateKey } = clientKey();
    const body = privateKey.split("\n")[2] as string;
    expect(body.length).toBeGreaterThan(40);
    const state = await engine.run("stack", "export");
    const refresh = await engine.run("refresh", "--yes", "--diff");
    const processes = execFileSync("ps", ["-eo", "args", "-ww"]).toString();
    for (const text of [state.text, refresh.text, processes]) expect(text).not.toContain(body);
  });

  it("finds a server that died, and starts it again with its disk and identity", async () => {
    const before = onServer("cat /etc/machine-id; touch /root/kept; sync; ls /root/kept");
    process.kill(serverPid(), "SIGKILL");
    const refresh = await engine.run("preview", "--refresh", "--diff", "--target", serverUrn());
    expect(refresh.text).toMatch(/running/);
    const up = await engine.run("up", "--yes", "--skip-preview", "--refresh", "--target", serverUrn());
    expect(up.code).toBe(0);
    expect(onServer("cat /etc/machine-id; ls /root/kept")).toBe(before);
  });

  it("leaves nothing behind", async () => {
    const destroy = await engine.run("destroy", "--yes", "--skip-preview");
    expect(destroy.code).toBe(0);
    expect(serversRunning()).toBe(0);
    expect(existsSync(engine.servers)).toBe(false);
  });
});

function recordsIn(exported: string): Record<string, ResultRecord> {
  const { deployment } = JSON.parse(exported.slice(exported.indexOf("{"))) as {
    deployment: { resources: { urn: string; type: string; outputs?: { record?: ResultRecord } }[] };
  };
  return Object.fromEntries(
    deployment.resources.flatMap(({ urn, type, outputs }) =>
      type.startsWith("nfvlab:bench:") && outputs?.record !== undefined
        ? [[urn.slice(urn.lastIndexOf(":") + 1), outputs.record]]
        : [],
    ),
  );
}

/** Property paths that a `--diff` output shows as changed. */
function changesIn(text: string): string[] {
  const scalar = [...text.matchAll(/~ (count|pmdCpus)\s*: .* => /g)].map(([, name]) => name as string);
  const pins = [...text.matchAll(/~ vcpuPins\s*: \[\s*~ \[(\d+)\]: .* => /g)].map(
    ([, index]) => `vcpuPins[${index}]`,
  );
  const others = [...text.matchAll(/^\s+~ ([a-z]\w*)\s*: /gm)]
    .map(([, name]) => name as string)
    .filter((name) => !["count", "pmdCpus", "vcpuPins"].includes(name));
  return [...new Set([...scalar, ...pins, ...others])].sort();
}

function serverUrn(): string {
  return `urn:pulumi:${engine.stack}::nfvlab::nfvlab:components:EmulatedServer$nfvlab:emulate:Server::dut-machine-server`;
}

function serverPid(): number {
  return Number(readFileSync(join(engine.servers, "dut-machine", "pid"), "utf8"));
}

function serversRunning(): number {
  const listing = execFileSync("ps", ["-eo", "stat,args", "-ww"]).toString().split("\n");
  return listing.filter(
    (line) => !line.startsWith("Z") && line.includes("qemu-system-x86_64") && line.includes(ownUuid()),
  ).length;
}

let uuid = "";
function ownUuid(): string {
  if (existsSync(join(engine.servers, "dut-machine", "identity.json"))) uuid = `uuid=${identity().uuid}`;
  return uuid;
}

function clientKey() {
  return JSON.parse(readFileSync(join(engine.servers, "client-key.json"), "utf8")) as { privateKey: string };
}

/** How a program of the user's would reach the server. */
function connection() {
  const { sshPort: port, hostKey } = identity();
  const { privateKey } = clientKey();
  return { kind: "ssh", host: "127.0.0.1", port, user: "root", privateKey, hostKey: hostKey.publicKey };
}

function identity() {
  return JSON.parse(readFileSync(join(engine.servers, "dut-machine", "identity.json"), "utf8")) as {
    uuid: string;
    sshPort: number;
    hostKey: { publicKey: string };
  };
}

/** By the system's own ssh, so that nothing of ours stands between the test and the server. */
function onServer(command: string): string {
  const { sshPort, hostKey } = identity();
  const [key, known] = [join(keys, "key"), join(keys, "known")];
  writeFileSync(key, clientKey().privateKey, { mode: 0o600 });
  writeFileSync(known, `[127.0.0.1]:${sshPort} ${hostKey.publicKey}\n`);
  const options = [`UserKnownHostsFile=${known}`, "StrictHostKeyChecking=yes", "BatchMode=yes"];
  const { status, stdout, stderr } = spawnSync(
    "ssh",
    [
      ...["-i", key, ...options.flatMap((option) => ["-o", option])],
      ...["-p", `${sshPort}`, "root@127.0.0.1", command],
    ],
    { encoding: "utf8" },
  );
  if (status === 255) throw new Error(stderr);
  return stdout.trim();
}

/** Ends a process and all below it as a crash would; a server made by them leads a session of its own and lives on. Returns how many were ended. */
function killTree(root: number): number {
  const rows = execFileSync("ps", ["-eo", "pid=,ppid="])
    .toString()
    .trim()
    .split("\n")
    .map((row) => row.trim().split(/\s+/).map(Number));
  const below = (pid: number): number[] => [
    pid,
    ...rows.filter(([, parent]) => parent === pid).flatMap(([child]) => below(child as number)),
  ];
  const all = below(root);
  for (const pid of all) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended on its own.
    }
  }
  return all.length;
}
