import { afterAll, beforeAll, expect, it } from "vitest";
import type { ResultRecord } from "../../sdk/schema/record.ts";
import { modulePath, TrialProject } from "./trial-project.ts";
import type { TrialServer } from "./trial-server.ts";

/** What Debian's real-time kernel traces of CPU 3, one after the other; what is to be cut lasts longer than it is given. */
const program = `
import * as pulumi from "@pulumi/pulumi";
import { bench } from ${modulePath("sdk/index.ts")};

const host = { name: "dut", connection: pulumi.secret(JSON.parse(process.env.CONNECTION)) };
const cut = process.env.CUT;
const run = (name) => ({ host, name, duration: name === cut ? "300s" : "5s", repetitions: 1 });
const onHost = { kind: "host", cpus: "3" };
const made = [
  (name, options) => new bench.Hwlatdetect(name, { ...run(name), cpus: "3" }, options),
  (name, options) => new bench.Rtla(name, { ...run(name), subject: onHost, percentile: "50", tracer: { kind: "timerlat", interval: "20ms" } }, options),
  (name, options) => new bench.Rtla(name, { ...run(name), subject: onHost, tracer: { kind: "osnoise", period: "1s", runtime: "500ms" } }, options),
];
const names = ["hwlat", "timerlat", "osnoise"];
let before = [];
names.forEach((name, index) => {
  if (cut !== undefined && name !== cut) return;
  before = [made[index](name, { dependsOn: before, ...(name === cut && { customTimeouts: { create: "20s" } }) })];
});
`;

/** What a tracer that is cut off could leave behind. */
const SNAPSHOT = `cat /sys/kernel/tracing/current_tracer /sys/kernel/tracing/osnoise/options; ls /sys/kernel/tracing/instances
systemctl list-units --all --plain --no-legend 'nfvlab-*' | cut -d' ' -f1
pgrep -a rtla; pgrep -af '[h]wlatdetect'; ls -d /run/nfvlab-* 2>/dev/null; true`;

/** Tracers of a kernel that has them: measured, not again on an unchanged up, and ended half-way without a trace. */
export function describeTracers(server: () => TrialServer): void {
  let project: TrialProject;
  let before = "";
  const snapshot = () => server().shell.run(SNAPSHOT);
  const run = (environment: Record<string, string>, ...args: string[]) =>
    project.pulumi(args, { ...server().environment, ...environment });
  const up = (environment: Record<string, string> = {}, ...more: string[]) =>
    run(environment, "up", "--yes", "--skip-preview", ...more);
  const records = (): Record<string, ResultRecord> => {
    const { deployment } = JSON.parse(run({}, "stack", "export").said) as {
      deployment: { resources?: { urn: string; outputs?: { record?: ResultRecord } }[] };
    };
    return Object.fromEntries(
      (deployment.resources ?? []).flatMap(({ urn, outputs }) =>
        outputs?.record === undefined ? [] : [[urn.split("::").at(-1), outputs.record]],
      ),
    );
  };

  beforeAll(() => {
    project = new TrialProject("tracers", program);
    before = snapshot();
  });
  afterAll(() => {
    run({}, "destroy", "--yes", "--skip-preview");
    project?.remove();
  });

  it("has the tracers that latency is traced by, and is measured once", () => {
    const first = up();
    expect(first.code, first.said).toBe(0);
    const { hwlat, timerlat, osnoise } = records();
    expect(hwlat).toMatchObject({ kind: "hwlatdetect", functional: true });
    expect(timerlat).toMatchObject({ kind: "rtla-timerlat", functional: true });
    expect(timerlat?.metrics.map(({ name }) => name)).toEqual(["host.timerlat.irq", "host.timerlat.thread"]);
    const [irq, thread] = timerlat?.metrics ?? [];
    expect(irq?.samples).toBeGreaterThan(100);
    expect(thread?.max).toBeGreaterThan(irq?.percentiles["50"] ?? Number.POSITIVE_INFINITY);
    expect(osnoise).toMatchObject({ kind: "rtla-osnoise", functional: true });
    expect(osnoise?.metrics.map(({ name, unit }) => [name, unit])).toEqual([["host.osnoise.noise", "ns"]]);
    expect(snapshot()).toBe(before);
    const again = up({}, "--expect-no-changes");
    expect(again.code, again.said).toBe(0);
  });

  it.each(["hwlat", "timerlat", "osnoise"])("is left as it was by one that is ended half-way: %s", (name) => {
    const gone = run({}, "destroy", "--yes", "--skip-preview");
    expect(gone.code, gone.said).toBe(0);
    expect(up({ CUT: name }).code).not.toBe(0);
    expect(records()[name]).toBeUndefined();
    server().shell.run("sleep 6");
    expect(snapshot()).toBe(before);
  });

  it("is measured by the next up", () => {
    const next = up();
    expect(next.code, next.said).toBe(0);
    expect(Object.keys(records()).sort()).toEqual(["hwlat", "osnoise", "timerlat"]);
  });
}
