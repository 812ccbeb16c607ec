import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { performanceProfileToTuning } from "../../sdk/plan/tuning-profile/performance-profile.ts";
import { bootArgumentsOf, placedSettings, settingsOf } from "../../sdk/plan/tuning-profile/profile.ts";
import { profileToTuned } from "../../sdk/plan/tuning-profile/tuned-export.ts";
import { tunedToProfile } from "../../sdk/plan/tuning-profile/tuned-import.ts";
import { BootArgumentSet } from "../../sdk/schema/boot-arguments.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { InputError } from "../../sdk/units/errors.ts";

const golden = (name: string) => `../golden/tuning-profile/${name}.txt`;
const fixture = (name: string) =>
  readFileSync(join(import.meta.dirname, "../fixtures/performance-profile", name), "utf8");
const intel = { vendor: "intel" } as const;

/** The least that the operator takes, with more under spec. */
const object = (more: object = {}, cpu: object = {}) =>
  JSON.stringify({
    apiVersion: "performance.openshift.io/v2",
    kind: "PerformanceProfile",
    metadata: { name: "least" },
    spec: {
      cpu: { reserved: "0-1", isolated: "2-7", ...cpu },
      nodeSelector: { "node-role.kubernetes.io/worker": "" },
      ...more,
    },
  });
const read = (more: object = {}, cpu: object = {}, vendor: "intel" | "amd" = "intel") =>
  performanceProfileToTuning(object(more, cpu), { vendor });

function refusalOf(text: string): string {
  try {
    performanceProfileToTuning(text, intel);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as InputError).message;
  }
  throw new Error("nothing was refused");
}

describe("a PerformanceProfile", () => {
  const whole = performanceProfileToTuning(fixture("dut.yaml"), intel);

  it("becomes settings, each from its field, and a list of what did not", async () => {
    const settings = placedSettings(whole.profile.settings)
      .filter(({ setting }) => setting.source.startsWith("PerformanceProfile"))
      .map(
        ({ section, key, setting: { value, source } }) =>
          `${section}.${key} = ${JSON.stringify(value)}  (${source})`,
      );
    const left = whole.notApplied.map(({ field, value, reason }) => `${field}: ${value}\n    ${reason}`);
    const text = [whole.profile.name, "", ...settings, "", "not applied", ...left, ""].join("\n");
    await expect(text).toMatchFileSnapshot(golden("performance-profile"));
  });

  it("loses no field: each is applied or named with its reason", () => {
    const known = [...whole.applied, ...whole.notApplied].map(({ field }) => field);
    const fields = [
      "metadata.name",
      'metadata.annotations["performance.openshift.io/enable-rps"]',
      ...["reserved", "isolated", "offlined", "shared", "balanceIsolated"].map((name) => `spec.cpu.${name}`),
      "spec.hugepages.defaultHugepagesSize",
      ...[0, 1, 2].map((index) => `spec.hugepages.pages[${index}]`),
      "spec.realTimeKernel.enabled",
      ...["highPowerConsumption", "realTime", "perPodPowerManagement", "mixedCpus"].map(
        (name) => `spec.workloadHints.${name}`,
      ),
      "spec.globallyDisableIrqLoadBalancing",
      ...[0, 1, 2, 3].map((index) => `spec.additionalKernelArgs[${index}]`),
      "spec.kernelPageSize",
      "spec.numa.topologyPolicy",
      "spec.net.userLevelNetworking",
      ...[0, 1].map((index) => `spec.net.devices[${index}]`),
      "spec.machineConfigPoolSelector",
      "spec.nodeSelector",
      "status",
    ];
    expect(known).toEqual(expect.arrayContaining(fields));
    expect(known.filter((field) => !fields.includes(field))).toEqual([]);
    expect(whole.realTimeKernel).toBe(true);
  });

  it("sets what the resources take, and goes to tuned and back", () => {
    expect(BootArgumentSet.safeParse(bootArgumentsOf(whole.profile)).error).toBeUndefined();
    const cpus = Array.from({ length: 40 }, (_, cpu) => ({ cpu, online: true, package: cpu % 2 }));
    const again = tunedToProfile("dut", profileToTuned(whole.profile), {}, { cpus, vendor: "intel" });
    expect(again.notApplied).toEqual([]);
    expect(settingsOf(again.profile)).toEqual(settingsOf(whole.profile));
  });

  it("is for Intel or for AMD", () => {
    const hints = { workloadHints: { perPodPowerManagement: true } };
    expect(bootArgumentsOf(read(hints).profile)).toMatchObject({
      intelPstate: "passive",
      intelIommu: "on",
      iommu: "pt",
    });
    const amd = bootArgumentsOf(read(hints, {}, "amd").profile);
    expect(amd).toMatchObject({ amdPstate: "passive", iommu: "pt" });
    expect(amd).not.toHaveProperty("intelIommu");
    expect(settingsOf(read(hints).profile).processor).toEqual({});
  });

  it.each([
    [
      "balances isolated CPUs unless told otherwise",
      {},
      {},
      (boot: BootArgumentSet) => boot.isolcpus === undefined,
    ],
    [
      "balances none with balanceIsolated false",
      {},
      { balanceIsolated: false },
      (boot: BootArgumentSet) => boot.isolcpus?.cpus === "2-7",
    ],
    [
      "lets interrupts go anywhere unless told otherwise",
      {},
      {},
      (boot: BootArgumentSet) => boot.irqaffinity === undefined,
    ],
    [
      "keeps them on the system's CPUs",
      { globallyDisableIrqLoadBalancing: true },
      {},
      (boot: BootArgumentSet) => boot.irqaffinity === "0-1",
    ],
    [
      "keeps them off poll-mode threads",
      {},
      { ovsDpdk: "8-9" },
      (boot: BootArgumentSet) => boot.irqaffinity === "0-7",
    ],
    [
      "isolates the CPUs of poll-mode threads",
      {},
      { ovsDpdk: "8-9" },
      (boot: BootArgumentSet) => boot.nohzFull === "2-9",
    ],
    [
      "polls when idle for power and time",
      { workloadHints: { highPowerConsumption: true } },
      {},
      (boot: BootArgumentSet) => boot.idle === "poll",
    ],
    [
      "doesn't for power alone",
      { workloadHints: { highPowerConsumption: true, realTime: false } },
      {},
      (boot: BootArgumentSet) => boot.idle === undefined && boot.intelIdleMaxCstate === 0,
    ],
    [
      "heeds bounds of frequencies",
      { hardwareTuning: { isolatedCpuFreq: 2500000, reservedCpuFreq: 2800000 } },
      {},
      (boot: BootArgumentSet) => boot.intelPstate === "active",
    ],
    [
      "takes arguments that are asked for over its own",
      { additionalKernelArgs: ["intel_pstate=active"] },
      {},
      (boot: BootArgumentSet) => boot.intelPstate === "active",
    ],
  ])("%s", (_, more, cpu, holds) => {
    expect(holds(bootArgumentsOf(read(more, cpu).profile))).toBe(true);
  });

  it("reserves pages of one size either by node or spread", () => {
    const pages = (list: object[]) => read({ hugepages: { defaultHugepagesSize: "1G", pages: list } });
    expect(
      bootArgumentsOf(
        pages([
          { size: "1G", count: 2, node: 1 },
          { size: "2M", count: 8 },
        ]).profile,
      ).hugepages,
    ).toEqual([
      { size: "1GiB", count: { "1": 2 } },
      { size: "2MiB", count: 8 },
    ]);
    const mixed = pages([
      { size: "1G", count: 2, node: 1 },
      { size: "1G", count: 8 },
    ]);
    expect(bootArgumentsOf(mixed.profile).hugepages).toEqual([{ size: "1GiB", count: 8 }]);
    expect(mixed.notApplied.map(({ field }) => field)).toContain("spec.hugepages.pages[0]");
  });

  it("gives isolated CPUs to the workload and the rest to the system, for any split", () => {
    const split = fc
      .uniqueArray(fc.integer({ min: 1, max: 127 }), { minLength: 2 })
      .chain((cpus) =>
        fc.integer({ min: 1, max: cpus.length - 1 }).map((at) => [[0, ...cpus.slice(0, at)], cpus.slice(at)]),
      )
      .map((parts) => parts.map((cpus) => CpuSet.of(cpus).format()));
    fc.assert(
      fc.property(split, fc.boolean(), ([reserved = "", isolated = ""], balanceIsolated) => {
        const settings = settingsOf(read({}, { reserved, isolated, balanceIsolated }).profile);
        expect(settings.bootArguments.nohzFull).toBe(isolated);
        expect(settings.systemd.cpuAffinity).toBe(reserved);
        expect(settings.bootArguments.isolcpus?.cpus).toBe(balanceIsolated ? undefined : isolated);
      }),
    );
  });
});

describe("a PerformanceProfile is refused", () => {
  it("with everything that is wrong, and the nearest right name", async () => {
    await expect(`${refusalOf(fixture("wrong.yaml"))}\n`).toMatchFileSnapshot(
      golden("performance-profile-refused"),
    );
  });

  it("for what the operator refuses", async () => {
    const text = object(
      {
        hugepages: {
          pages: [
            { size: "4M", count: 1 },
            { size: "1G", count: 1 },
            { size: "1G", count: 2 },
          ],
        },
        workloadHints: {
          highPowerConsumption: true,
          perPodPowerManagement: true,
          realTime: false,
          mixedCpus: true,
        },
        realTimeKernel: { enabled: true },
        numa: { topologyPolicy: "strict" },
        kernelPageSize: "64k",
        hardwareTuning: { isolatedCpuFreq: 1 },
        net: { devices: [{ deviceID: "0x10fb" }, { vendorID: "8086" }] },
      },
      { reserved: "0-2", isolated: "2-x", offlined: "1" },
    );
    await expect(`${refusalOf(text)}\n`).toMatchFileSnapshot(golden("performance-profile-operator"));
  });

  it.each([
    ["that is no YAML", "a: [1\nb: 2\n", "line 2"],
    ["that is not there", "", "observed 0 YAML documents, expected one"],
    ["that are several", `${object()}\n---\n${object()}\n`, "observed 2 YAML documents, expected one"],
    ["of another kind", "kind: Tuned\n", 'observed "Tuned", expected "PerformanceProfile"'],
    ["with aliases", `a: &x 1\nb: *x\n`, "observed the alias *x"],
  ])("for a text %s", (_, text, problem) => {
    expect(refusalOf(text)).toContain(problem);
  });

  it("for any field that there is not, whose name the error says", () => {
    const names = fc.stringMatching(/^[a-z]{3,12}$/).filter((name) => !["net", "cpu", "numa"].includes(name));
    fc.assert(
      fc.property(names, (name) => {
        expect(refusalOf(object({ [name]: 1 }))).toContain(
          `spec.${name}: PerformanceProfile has no such field`,
        );
      }),
    );
  });
});
