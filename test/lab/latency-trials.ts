import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ResultRecord } from "../../sdk/schema/record.ts";
import { longTrials } from "./long-trials.ts";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

/** What of a host takes time from a thread, and of a guest on it. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import { bench, libvirt, lxc, traffic } from ${modulePath("sdk/index.ts")};

const host = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const asked = process.env.ASKED.split(",");
const short = { host, duration: "3s", repetitions: 1 };
const lasting = (name) => (name === process.env.CUT ? { duration: "300s" } : {});
const cut = (name) => (name === process.env.CUT ? { customTimeouts: { create: "20s" } } : {});
const onHost = { kind: "host", cpus: "3" };
const inGuest = { kind: "guest", domain: "trial-latency", cpus: "0" };

const made = {
  polling: () => new bench.Oslat("polling", { ...short, ...lasting("polling"), name: "polling", subject: onHost }, cut("polling")),
  "real-time": () => new bench.Oslat("real-time", { ...short, name: "real-time", subject: onHost, priority: 1 }),
  hardware: () => new bench.Hwlatdetect("hardware", { ...short, name: "hardware", cpus: "3" }),
  "exit-cost": () => {
    const { path } = new traffic.Tool("exits", { host, name: "exits", program: "exits" });
    const samples = process.env.CUT === "exit-cost" ? 10_000_000 : 200;
    new bench.ExitCost(
      "exit-cost",
      { host, name: "exit-cost", cpus: "2-3", program: path, samples, limit: "10min", repetitions: 1 },
      cut("exit-cost"),
    );
  },
  "container-start": () => {
    const { name } = new lxc.Container("container", { host, name: "trial-start", root: { kind: "busybox" }, command: ["/bin/busybox", "sleep", "100000"] });
    new bench.BootTime("container-start", { host, name: "container-start", container: name, repetitions: 2 });
  },
  timerlat: () => new bench.Rtla("timerlat", { ...short, name: "timerlat", subject: onHost, tracer: { kind: "timerlat" } }),
};
const ofGuest = {
  "guest-polling": (after) =>
    new bench.Oslat("guest-polling", { ...short, ...lasting("guest-polling"), name: "guest-polling", subject: inGuest }, { ...cut("guest-polling"), dependsOn: after }),
  exits: (after) => new bench.ExitRate("exits", { ...short, name: "exits", domain: "trial-latency", settle: "1s" }, { dependsOn: after }),
  boot: (after) => new bench.BootTime("boot", { host, name: "boot", domain: "trial-latency", repetitions: 1 }, { dependsOn: after }),
};
if (process.env.GUEST) {
  const image = new libvirt.BootImage("image", { host, name: "trial-latency" });
  const guest = new libvirt.Domain("guest", {
    host, name: "trial-latency", memory: "128MiB", pageSize: "4KiB", numaNode: 1, vcpuPins: ["2", "3"], emulatorCpus: "0", shutdownTimeout: "10s",
    boot: { kind: "kernel", kernel: image.kernel, initramfs: image.initramfs },
  });
  asked.flatMap((name) => ofGuest[name] ?? []).reduce((after, make) => [...after, make(after)], [guest]);
}
for (const name of asked) made[name]?.();
`;

const SNAPSHOT = `systemctl list-units --all --plain --no-legend 'nfvlab-*' | cut -d' ' -f1
pgrep -a oslat; pgrep -a qemu-system; virsh -q list --all --name | grep trial-latency; ls -d /run/nfvlab-* /var/lib/nfvlab/images/trial-latency 2>/dev/null; ls /tmp/tmp.* 2>/dev/null
true`;

const GUEST =
  "of a guest (skipped unless NFVLAB_LONG_TRIALS is set: it is built, started and shut down again)";

/** A loop that polls on a CPU, what is refused where a kernel can't do it, and what is measured in and of a guest. */
export function describeLatency(server: () => TrialServer): void {
  let project: TrialProject;
  let before = "";
  const shell = (script: string) => server().shell.run(script);
  const run = (environment: Record<string, string>, ...args: string[]) =>
    project.pulumi(args, { ...server().environment, ...environment });
  const up = (environment: Record<string, string>) => {
    const { code, said } = run(environment, "up", "--yes", "--skip-preview", "--continue-on-error");
    return { code, said: said.replaceAll(/\s+/g, " ") };
  };
  const records = (): Record<string, ResultRecord> => {
    const { said } = run({ ASKED: "" }, "stack", "export");
    const { deployment } = JSON.parse(said) as {
      deployment: { resources: { urn: string; outputs?: { record?: ResultRecord } }[] };
    };
    return Object.fromEntries(
      deployment.resources.flatMap(({ urn, outputs }) =>
        outputs?.record === undefined ? [] : [[urn.split("::").at(-1), outputs.record]],
      ),
    );
  };

  beforeAll(() => {
    project = new TrialProject("latency", program);
    before = shell(SNAPSHOT);
  });
  afterAll(() => {
    run({ ASKED: "" }, "destroy", "--yes", "--skip-preview");
    expect(shell(SNAPSHOT)).toBe(before);
    project?.remove();
  });

  it("is measured where a loop polls, and refused where the kernel would take its CPU or has no tracer", () => {
    const { code, said } = up({ ASKED: "polling,real-time,hardware,timerlat" });
    expect(code, said).not.toBe(0);
    expect(said).toMatch(
      /real-time throttling of dut would take the CPU .* observed kernel\.sched_rt_runtime_us 950000/,
    );
    expect(said).toMatch(
      /the kernel of dut has no tracer hwlat: .* expected a kernel built with CONFIG_HWLAT_TRACER/,
    );
    expect(said).toMatch(
      /the kernel of dut has no tracer timerlat: .* expected a kernel built with CONFIG_TIMERLAT_TRACER/,
    );
    const { polling } = records();
    expect(polling).toMatchObject({ kind: "oslat", subject: "dut, CPUs 3", functional: true });
    expect(polling?.metrics).toMatchObject([{ name: "host.polling.gap", unit: "ns" }]);
    expect(polling?.metrics[0]?.samples).toBeGreaterThan(1000);
    expect(polling?.disturbances).toMatchObject({ machineChecks: 0 });
    expect(shell(SNAPSHOT)).toBe(before);
  });

  it("of a container is its start, and the memory that it takes by then", () => {
    const { code, said } = up({ ASKED: "container-start" });
    expect(code, said).toBe(0);
    const { "container-start": start } = records();
    expect(start).toMatchObject({ kind: "boot-time", subject: "container trial-start, to a command inside" });
    expect(start?.metrics.map(({ name, unit }) => [name, unit])).toEqual([
      ["container.boot", "ms"],
      ["container.start", "ms"],
      ["container.memory", "bytes"],
    ]);
    const [answered, , memory] = start?.metrics ?? [];
    expect(answered?.samples).toBe(2);
    expect(memory?.max).toBeGreaterThan(16 * 1024);
    expect(memory?.max).toBeLessThan(64 * 1024 ** 2);
    expect(start?.tool).toMatchObject({ command: ["systemctl", "start", "nfvlab-lxc-trial-start.service"] });
    expect(start?.tool.version).toMatch(/^LXC \d/);
    expect(start?.invalidReasons).toEqual([]);
    expect(shell("systemctl is-active nfvlab-lxc-trial-start")).toBe("active");
  });

  describe.runIf(longTrials)(
    "of a guest that times its own exits (skipped unless NFVLAB_LONG_TRIALS is set: each exit takes an emulated processor long)",
    () => {
      beforeAll(() => {
        shell("modprobe kvm_amd 2>/dev/null || modprobe kvm_intel");
      });

      it("is timed on KVM, with what there is none of told", () => {
        const { code, said } = up({ ASKED: "exit-cost" });
        expect(code, said).toBe(0);
        const { "exit-cost": cost } = records();
        expect(cost).toMatchObject({ kind: "exit-cost", subject: "dut, CPUs 2-3", functional: true });
        expect(cost?.invalidReasons).toEqual([]);
        const operations = ["none", "hypercall", "cpuid", "user-space"].map((name) => `guest.exit.${name}`);
        const others = ["guest.notification", "guest.notification.halted", "guest.polling.round-trip"];
        expect(cost?.metrics.map(({ name }) => name)).toEqual(
          [...operations, ...others, "host.getppid"].flatMap((name) => [name, `${name}.cycles`]),
        );
        const median = (name: string) =>
          cost?.metrics.find((metric) => metric.name === `${name}.cycles`)?.percentiles["50"] ?? 0;
        expect(median("guest.exit.hypercall")).toBeGreaterThan(median("guest.exit.none"));
        expect(median("guest.exit.user-space")).toBeGreaterThan(median("guest.exit.cpuid"));
        expect(cost?.remarks?.join()).toMatch(/^no figure of vmfunc: /);
        expect(cost?.tool.version).toMatch(/^QEMU \d+/);
        expect(shell(SNAPSHOT)).toBe(before);
      });

      it("is ended half-way with its QEMU", () => {
        const given = up({ ASKED: "exit-cost", CUT: "exit-cost" });
        expect(given.code, given.said).not.toBe(0);
        shell("sleep 6");
        expect(shell(SNAPSHOT)).toBe(before);
        expect(shell("ls -d /run/nfvlab-exits 2>/dev/null || true")).toBe("");
      });
    },
  );

  describe.runIf(longTrials)(GUEST, () => {
    it("is measured in it, counted of it, and timed", () => {
      const { code, said } = up({ ASKED: "guest-polling,exits,boot", GUEST: "1" });
      expect(code, said).toBe(0);
      const { "guest-polling": polling, exits, boot } = records();
      expect(polling?.metrics).toMatchObject([{ name: "guest.polling.gap", unit: "ns" }]);
      expect(exits?.metrics[0]).toMatchObject({ name: "guest.exits", unit: "1/s" });
      expect(exits?.metrics.map(({ name }) => name)).toContain("guest.exits.halt");
      expect(exits?.metrics[0]?.max).toBeGreaterThan(0);
      expect(exits?.invalidReasons).toEqual([]);
      const [answered, started] = boot?.metrics ?? [];
      expect([answered?.name, started?.name]).toEqual(["guest.boot", "guest.start"]);
      const memory = boot?.metrics.find(({ name }) => name === "guest.memory");
      expect(memory?.max).toBeGreaterThan(32 * 1024 ** 2);
      expect(memory?.max).toBeLessThan(512 * 1024 ** 2);
      expect(answered?.max).toBeGreaterThan(started?.max ?? 0);
      expect(boot?.invalidReasons).toEqual([]);
      expect(shell("virsh -q domstate trial-latency")).toBe("running");
    });

    it.each([
      ["polling", () => shell("pgrep -c -x oslat || true")],
      ["guest-polling", () => inGuest("pgrep -x oslat | wc -l")],
    ])("is ended half-way with all that it started, and measured by the next up: %s", (name, running) => {
      const asked = { ASKED: `exits,boot,${name}`, GUEST: "1" };
      const given = up({ ...asked, CUT: name });
      expect(given.code, given.said).not.toBe(0);
      expect(records()[name]).toBeUndefined();
      shell("sleep 6");
      expect(running()).toBe("0");
      const again = up(asked);
      expect(again.code, again.said).toBe(0);
      expect(records()[name]?.metrics[0]?.samples).toBeGreaterThan(1000);
    });

    /** Output of a program in the guest, through its agent. */
    const inGuest = (script: string): string => {
      const ask = <T>(command: object) =>
        (
          JSON.parse(shell(`virsh -q qemu-agent-command trial-latency '${JSON.stringify(command)}'`)) as {
            return: T;
          }
        ).return;
      const { pid } = ask<{ pid: number }>({
        execute: "guest-exec",
        arguments: { path: "/bin/sh", arg: ["-c", script], "capture-output": true },
      });
      for (let tries = 0; tries < 30; tries++) {
        const { exited, ...said } = ask<{ exited: boolean; "out-data"?: string }>({
          execute: "guest-exec-status",
          arguments: { pid },
        });
        if (exited)
          return Buffer.from(said["out-data"] ?? "", "base64")
            .toString("utf8")
            .trim();
      }
      throw new Error(`${script} does not end`);
    };
  });
}
