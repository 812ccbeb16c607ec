import { describe, expect, it } from "vitest";
import { densities } from "../../components/densities.ts";
import { DensityBenchmark } from "../../components/density-benchmark.ts";
import { metricOfValues } from "../../sdk/measure/metric.ts";
import { evaluated, named, register } from "./program.ts";
import { aHost, answers as alone, golden, host, thrown } from "./testbed.ts";

const record = {
  ...{ valid: true, functional: false, invalidReasons: [] as string[] },
  ...{ fingerprint: { hash: "cafe" }, metrics: [] },
};
const answers = { ...alone, "nfvlab:bench:Density": { record } };

describe("how many a host carries", () => {
  it("is sought of containers on its isolated CPUs, and of guests from an image made for them, after them", async () => {
    const registered = await register(
      () => {
        const on = aHost({ firmware: { turbo: false } });
        const lxc = new DensityBenchmark("lxc", {
          ...{ on, instances: { kind: "container", memory: "32MiB" }, perCpu: 8, most: 40, keepFree: "1GiB" },
          ...{ startTimeout: "5s", duration: "30s", limit: "2h", repetitions: 6, rerunOn: [7] },
        });
        new DensityBenchmark("kvm", {
          ...{ on, instances: { kind: "guest", numaNode: 1, pageSize: "2MiB" }, cpus: "4-5", after: [lxc] },
          latency: { limit: "200us" },
        });
      },
      { answers },
    );
    expect(named(registered, "lxc-run").inputs).toEqual({
      ...{ host, name: "lxc", cpus: "2-7", instances: { kind: "container", memory: "32MiB" } },
      ...{ perCpu: 8, most: 40, keepFree: "1GiB", startTimeout: "5s", duration: "30s", limit: "2h" },
      ...{ repetitions: 6, firmware: { turbo: false }, triggers: ["boot-1", 7] },
    });
    const { kernel, initramfs } = alone["nfvlab:libvirt:BootImage"];
    expect(named(registered, "kvm-run").inputs).toEqual({
      ...{ host, name: "kvm", cpus: "4-5", latency: { limit: "200us" }, firmware: { turbo: false } },
      instances: { kind: "guest", kernel, initramfs, numaNode: 1, emulatorCpus: "0-1", pageSize: "2MiB" },
      triggers: ["boot-1"],
    });
    expect(named(registered, "kvm-run").waitsFor).toEqual(expect.arrayContaining(["lxc-run", "kvm-image"]));
  });

  it("is refused on CPUs that the host does not have", async () => {
    const text = await evaluated(() => {
      const on = aHost();
      return thrown(() => new DensityBenchmark("lxc", { on, cpus: "9", instances: { kind: "container" } }));
    });
    await expect(text).toMatchFileSnapshot(golden("density-benchmark-cpus"));
  });
});

describe("densities side by side", () => {
  const metric = (name: string, unit: "count" | "bytes" | "ratio" | "ns", values: readonly number[]) =>
    metricOfValues({ name, unit, direction: "lower" }, values);
  const MIB = 1024 ** 2;

  it("tell what each instance takes, what ended the search, and what speaks against the number", async () => {
    const { rows, text } = densities({
      lxc: {
        ...{ valid: true, functional: true, invalidReasons: [] },
        remarks: ["repetition 1: 41 held; with 42 a goal broke: instance 42 did not answer within 5 s"],
        metrics: [
          metric("container.density", "count", [41, 40, 42]),
          metric("container.density.pss", "bytes", [1.5 * MIB, 2 * MIB]),
          metric("container.density.host-memory", "bytes", [3 * MIB]),
          metric("container.density.cpu", "ratio", [0.0125]),
          metric(
            "container.density.latency",
            "ns",
            Array.from({ length: 10_000 }, () => 40_000),
          ),
        ],
      },
      kvm: {
        ...{
          valid: false,
          functional: false,
          invalidReasons: ["CPUs were throttled for heat while it ran: once"],
        },
        metrics: [
          metric("guest.density", "count", [6]),
          metric("guest.density.pss", "bytes", [60 * MIB]),
          metric("guest.density.hugepages", "bytes", [128 * MIB]),
        ],
      },
      none: { valid: true, functional: false, invalidReasons: [], metrics: [] },
    });
    expect(rows[0]).toMatchObject({
      name: "lxc",
      instances: 41,
      range: [40, 42],
      cpuShare: 0.0125,
      latencyNs: 40_000,
    });
    expect(rows[1]).toMatchObject({
      instances: 6,
      memoryBytes: 188 * MIB,
      hostMemoryBytes: null,
      latencyNs: null,
    });
    expect(rows[2]).toMatchObject({ instances: null, range: null });
    await expect(text).toMatchFileSnapshot(golden("densities"));
  });
});
