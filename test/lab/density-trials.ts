import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ResultRecord } from "../../sdk/schema/record.ts";
import { longTrials } from "./long-trials.ts";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

/** Containers, or guests, beside each other until a goal breaks. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import { bench, libvirt } from ${modulePath("sdk/index.ts")};

const host = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const { kind, judged = true, ...more } = JSON.parse(process.env.DENSITY ?? "{}");
const common = {
  host, name: "trial", cpus: "2-3", duration: "6s", repetitions: 1,
  ...(judged && { latency: { percentile: "50", limit: "1s", interval: "500ms" } }), ...more,
};
const cut = process.env.CUT ? { customTimeouts: { create: "30s" } } : {};
if (kind === "container") new bench.Density("density", { ...common, instances: { kind } }, cut);
if (kind === "guest") {
  const { kernel, initramfs } = new libvirt.BootImage("image", { host, name: "trial-density" });
  const instances = { kind, kernel, initramfs, numaNode: 1, emulatorCpus: "0" };
  new bench.Density("density", { ...common, startTimeout: "400s", limit: "2h", instances }, cut);
}
`;

const SNAPSHOT = `systemctl list-units --all --plain --no-legend 'nfvlab-*' | cut -d' ' -f1
pgrep -a lxc; pgrep -a cyclictest; pgrep -a qemu-system; virsh -q list --all --name; ls -d /run/nfvlab-* /sys/fs/cgroup/lxc.monitor* /sys/fs/cgroup/lxc.payload* /run/lxc/lock/run /run/lock/lxc/run 2>/dev/null
ls /var/log/libvirt/qemu | grep instance; true`;

/** Room for two more UTS namespaces: of containers beside each other, the third does not start. */
const TWO_MORE = `cat /proc/sys/user/max_uts_namespaces
others=$(readlink /proc/[0-9]*/ns/uts | sort -u | wc -l)
echo $((others - 1 + 2)) > /proc/sys/user/max_uts_namespaces`;

/** How many of them a server carries. */
export function describeDensity(server: () => TrialServer): void {
  let project: TrialProject;
  let before = "";
  const shell = (script: string) => server().shell.run(script);
  const run = (environment: Record<string, string>, ...args: string[]) =>
    project.pulumi(args, { ...server().environment, ...environment });
  const up = (density: object, environment: Record<string, string> = {}) => {
    const { code, said } = run(
      { DENSITY: JSON.stringify(density), ...environment },
      "up",
      "--yes",
      "--skip-preview",
    );
    return { code, said: said.replaceAll(/\s+/g, " ") };
  };
  const record = (): ResultRecord | undefined => {
    const { said } = run({}, "stack", "export");
    const { deployment } = JSON.parse(said) as {
      deployment: { resources?: { type: string; outputs?: { record?: ResultRecord } }[] };
    };
    return deployment.resources?.find(({ type }) => type === "nfvlab:bench:Density")?.outputs?.record;
  };
  const metric = (name: string) => record()?.metrics.find((each) => each.name === name);

  beforeAll(() => {
    project = new TrialProject("density", program);
    before = shell(SNAPSHOT);
  });
  afterEach(() => {
    const { code, said } = run({}, "destroy", "--yes", "--skip-preview");
    expect(code, said).toBe(0);
    expect(shell(SNAPSHOT)).toBe(before);
  });
  afterAll(() => project?.remove());

  it("is the number of containers before the one that does not start", () => {
    const [most] = shell(TWO_MORE).split("\n");
    const { code, said } = up({ kind: "container", perCpu: 8, most: 4 });
    shell(`echo ${most} > /proc/sys/user/max_uts_namespaces`);
    expect(code, said).toBe(0);
    const seen = record();
    expect(seen).toMatchObject({
      ...{ kind: "density", functional: true, invalidReasons: [] },
      subject: "containers beside each other on dut, CPUs 2-3, 8 on each",
    });
    expect(seen?.remarks).toEqual([
      expect.stringMatching(/^repetition 1: 2 held; with 3 a goal broke: instance 3 did not start: .+/),
    ]);
    expect(seen?.tool.version).toMatch(/^LXC \d.*, cyclictest \d/);
    expect(seen?.metrics.map(({ name, unit }) => [name, unit])).toEqual([
      ["container.density", "count"],
      ["container.density.boot", "ms"],
      ["container.density.rss", "bytes"],
      ["container.density.pss", "bytes"],
      // What the machine had less may be nothing beside what others gave back meanwhile.
      ...(metric("container.density.host-memory") ? [["container.density.host-memory", "bytes"]] : []),
      ["container.density.cpu", "ratio"],
      ["container.density.latency", "ns"],
    ]);
    expect(metric("container.density")?.median).toBe(2);
    const [rss, pss] = [metric("container.density.rss"), metric("container.density.pss")];
    expect(rss?.samples).toBe(2);
    expect(pss?.max).toBeGreaterThan(64 * 1024);
    expect(pss?.max).toBeLessThanOrEqual(rss?.max ?? 0);
    expect(metric("container.density.latency")?.samples).toBeGreaterThanOrEqual(20);
  });

  it("is a lower bound where there is no room for more, and nothing where there is no room at all", () => {
    const { code, said } = up({ kind: "container", cpus: "3", judged: false });
    expect(code, said).toBe(0);
    expect(record()?.remarks).toEqual([
      "repetition 1: 1 held; no goal broke: there is room for no more (CPUs, 1 to each of 1)",
    ]);
    const none = up({ kind: "container", keepFree: "1TiB" });
    expect(none.code, none.said).not.toBe(0);
    expect(none.said).toContain("dut has no room for a single container");
  });

  it("is given up with all that it started", () => {
    const { code, said } = up({ kind: "container", duration: "600s", perCpu: 8 }, { CUT: "1" });
    expect(code, said).not.toBe(0);
    expect(record()).toBeUndefined();
    shell("sleep 6");
    expect(shell(SNAPSHOT)).toBe(before);
  });

  describe.runIf(longTrials)(
    "of guests (skipped unless NFVLAB_LONG_TRIALS is set: an image is built, and guests are started on an emulated processor)",
    () => {
      it("is as many as are asked for, each with its memory and its wake-ups", () => {
        shell("modprobe kvm_amd 2>/dev/null || modprobe kvm_intel");
        const { code, said } = up({ kind: "guest", most: 2 });
        expect(code, said).toBe(0);
        const seen = record();
        expect(seen).toMatchObject({ kind: "density", functional: true, invalidReasons: [] });
        expect(seen?.remarks).toEqual([
          "repetition 1: 2 held; no goal broke: there is room for no more (instances that are asked for)",
        ]);
        expect(seen?.tool.version).toMatch(/^libvirt \d.*, cyclictest \d/);
        expect(metric("guest.density")?.median).toBe(2);
        expect(metric("guest.density.rss")?.min).toBeGreaterThan(128 * 1024 ** 2);
        expect(metric("guest.density.rss")?.max).toBeLessThan(512 * 1024 ** 2);
        expect(metric("guest.density.host-memory")?.max).toBeGreaterThan(100 * 1024 ** 2);
        expect(metric("guest.density.latency")?.samples).toBeGreaterThanOrEqual(20);
        expect(metric("guest.density.boot")?.samples).toBe(2);
      });

      it("is given up with all that it started", () => {
        const { code, said } = up({ kind: "guest", duration: "600s" }, { CUT: "1" });
        expect(code, said).not.toBe(0);
        expect(record()).toBeUndefined();
      });
    },
  );
}
