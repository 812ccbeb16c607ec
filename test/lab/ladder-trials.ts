import { afterAll, beforeAll, expect, it } from "vitest";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

const SNAPSHOT = `virsh -q list --all --name | sort
ip -br link | sed 's/@.*//' | cut -d' ' -f1 | sort
cat /sys/bus/pci/drivers/igb/*/sriov_numvfs
cat /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
ls -A /var/lib/nfvlab/lxc /var/lib/nfvlab/traffic /var/lib/nfvlab/images 2>/dev/null
systemctl list-units --plain --no-legend 'nfvlab-*'
true`;

const counted = { sent: 1000, received: 1000, lost: 0, duplicated: 0 };

/** The stacks that compare paths, on a machine that is there: each frame counted at both ends. */
export function describeLadder(server: () => TrialServer): void {
  const projects: TrialProject[] = [];
  let before = "";

  beforeAll(() => {
    server().shell.run("modprobe kvm_amd 2>/dev/null || modprobe kvm_intel");
    before = server().shell.run(SNAPSHOT);
  });
  afterAll(() => {
    const { CONNECTION: _, ...environment } = server().environment;
    for (const project of projects) {
      // What a stack leaves that failed would be in the way of the next.
      project.pulumi(["destroy", "--yes", "--skip-preview"], environment);
      project.remove();
    }
  });

  const stand = (stack: string, settings: Readonly<Record<string, string>>) => {
    const project = new TrialProject(stack, `export * from ${modulePath(`stacks/${stack}.ts`)};`);
    projects.push(project);
    const { CONNECTION = "", ...environment } = server().environment;
    const pulumi = (...args: string[]) => {
      const { code, said } = project.pulumi(args, environment);
      expect(code, said).toBe(0);
      return said;
    };
    pulumi("config", "set", "--secret", "connection", CONNECTION);
    const all = { rate: "100", count: "1000", numaNode: "1", isolatedCpus: "2-3", ...settings };
    pulumi(
      "config",
      "set-all",
      ...Object.entries(all).flatMap(([key, value]) => ["--plaintext", `${key}=${value}`]),
    );
    pulumi("up", "--yes", "--skip-preview");
    const outputs = JSON.parse(pulumi("stack", "output", "--json"));
    pulumi("up", "--yes", "--skip-preview", "--expect-no-changes");
    pulumi("destroy", "--yes", "--skip-preview");
    expect(server().shell.run(SNAPSHOT)).toBe(before);
    return outputs;
  };

  it("carry every frame through a container, and through guests by vhost-net and an emulated card", () => {
    const cpus = JSON.stringify({ lxc: "3", vhost: "3", e1000: "3" });
    const { frames } = stand("lxc-or-kvm", { cpus, starts: "0" });
    expect(frames).toMatchObject({
      lxc: { forward: counted },
      vhost: { forward: counted },
      e1000: { forward: counted },
    });
  });

  it("carry the same frames over every rung from an emulated card to a virtual function, and to a container", () => {
    const rungs = ["e1000", "rtl8139", "vhost-net", "vhost-user", "sr-iov", "veth"];
    const vnfCpus = JSON.stringify(Object.fromEntries(rungs.map((name) => [name, "3"])));
    const { frames, ladder } = stand("packet-paths", { generatorCpus: "3", vnfCpus });
    expect(frames).toEqual(
      Object.fromEntries(
        rungs.map((name) => [name, { forward: expect.objectContaining(counted), reverse: null }]),
      ),
    );
    expect(ladder.map(({ name }: { name: string }) => name)).toEqual(rungs);
    for (const { lost, medianNs, longestNs } of ladder) {
      expect(lost).toBe(0);
      expect(medianNs).toBeGreaterThan(0);
      expect(longestNs).toBeGreaterThanOrEqual(medianNs);
    }
  });

  it("carry every frame through two guests in a row on a switch in user space", () => {
    const { frames, deployment } = stand("pvvp", { generatorCpus: "3", vnfCpus: '["3","3"]' });
    expect(deployment).toBe("PVVP");
    expect(frames).toMatchObject({ forward: counted });
  });

  it("carry every frame from one guest to another and back, by a switch, a bridge and shared memory", () => {
    const { frames, drawings } = stand("vm-to-vm", { vnfCpus: '["3","3"]' });
    expect(drawings).toEqual({
      "vhost-user": "east ─ br0 ─ west",
      "vhost-net": "east ─ lan ─ west",
      ivshmem: "east ─ ring ─ west",
    });
    const ways = { forward: counted, reverse: counted };
    expect(frames).toMatchObject({ "vhost-user": ways, "vhost-net": ways, ivshmem: ways });
  });

  it("carry every frame from function to function of a card, through a guest that has two", () => {
    const { frames, deployment } = stand("sr-iov", {});
    expect(deployment).toBe("PVP");
    expect(frames).toMatchObject({ forward: counted });
  });

  it("time what a guest's exits take, and count those of a guest that does nothing", () => {
    const lengths = { samples: "100", repetitions: "1", limit: "10min", duration: "5s" };
    const { operations, results, table } = stand("exit-cost", lengths);
    const timed = operations.map(({ operation }: { operation: string }) => operation);
    expect(timed.slice(0, 5)).toEqual([
      ...["host.getppid", "guest.exit.none", "guest.exit.hypercall", "guest.exit.cpuid"],
      "guest.exit.user-space",
    ]);
    for (const { cycles } of operations) expect(cycles).toBeGreaterThan(0);
    expect(table).toContain("KVM Forum 2014");
    for (const { functional, valid, invalidReasons } of [results.cost, results.rate])
      expect([functional, valid], invalidReasons.join("; ")).toEqual([true, true]);
    expect(Object.keys(results.rate.metrics)).toContain("guest.exits");
  });
}
