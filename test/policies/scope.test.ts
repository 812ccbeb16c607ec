import { describe, expect, it } from "vitest";
import { isolatedWhileMeasured } from "../../policies/evidence/isolated-while-measured.ts";
import { tunedWhileMeasured } from "../../policies/evidence/tuned-while-measured.ts";
import { exclusiveCpus } from "../../policies/intent/exclusive-cpus.ts";
import { generatorApart } from "../../policies/intent/generator-apart.ts";
import { housekeepingOnEveryNode } from "../../policies/intent/housekeeping-on-every-node.ts";
import { memoryLeftForSystem } from "../../policies/intent/memory-left-for-system.ts";
import { switchSteady } from "../../policies/intent/switch-steady.ts";
import { vhostSocketsPrivate } from "../../policies/intent/vhost-sockets-private.ts";
import { vhostUserOnHugepages } from "../../policies/intent/vhost-user-on-hugepages.ts";
import { GENERATING } from "../../policies/machine.ts";
import { type Declared, judge, unknown } from "../../policies/testing.ts";
import { dut, inForce, on, type Props, real, timed, tuned } from "./case.ts";
import { benchmark, placement, testbed } from "./testbed.ts";

const nothing = { violations: [], advice: [], about: [] };
const generated = {
  type: "nfvlab:bench:Traffic",
  name: "frames-run",
  ...placement("up")({ generator: { kind: "nfvlab", cpus: "4" }, from: { kind: "ring" } }),
};
const emulated = testbed({
  daemon: { pmdSleepMax: "500us" },
  more: [generated, benchmark({ functional: true })],
});

describe("an emulated server", () => {
  it.each([housekeepingOnEveryNode, generatorApart, switchSteady, memoryLeftForSystem])(
    "may do what $name refuses of a real one",
    async (policy) => {
      expect(await judge(policy, emulated)).toMatchObject(nothing);
      // By its facts alone as well: another stack may have made it.
      const elsewhere = emulated
        .filter(({ type }) => type !== "nfvlab:emulate:Server")
        .map(({ dependsOn, ...resource }) => resource);
      expect(await judge(policy, elsewhere)).toMatchObject(nothing);
      const hardware = elsewhere.map((each) =>
        each.name === "dut-facts"
          ? { ...each, props: { ...each.props, identity: { bootId: inForce.bootId, emulated: false } } }
          : each,
      );
      const { violations, advice } = await judge(policy, hardware);
      expect([...violations, ...advice]).not.toEqual([]);
    },
  );

  it("keeps CPU 0 all the same", async () => {
    const cpus = { cpus: { housekeeping: "1" } };
    expect((await judge(housekeepingOnEveryNode, testbed(cpus))).violations).toHaveLength(1);
  });
});

describe.each(GENERATING)("a generator of %s", (type) => {
  const of = (generator: object) =>
    real(
      {},
      on(type, "frames-run", {
        generator: { kind: "nfvlab", cpus: "1-2", ...generator },
        from: { kind: "virtio-user", socketPath: "/tmp/gen0.sock" },
      }),
    );

  it("is seen: its machine, its socket, its memory, its CPUs", async () => {
    const found = await Promise.all(
      [generatorApart, vhostSocketsPrivate, vhostUserOnHugepages].map((policy) =>
        judge(policy, of({ hugepages: false })),
      ),
    );
    expect(found.map(({ violations }) => violations.length)).toEqual([1, 1, 1]);
    // CPU 1 is a vCPU of a guest there.
    const claimed = [...(await judge(exclusiveCpus, of({}))).violations].join(" ");
    expect(claimed).toContain("generator");
  });
});

describe("a host that was measured as it was found", () => {
  const plain = timed({ fingerprint: { ...inForce, isolatedCpus: "", clocksource: "hpet" } });

  it.each([isolatedWhileMeasured, tunedWhileMeasured])(
    "is advised by $name, and blocked once this stack tunes it",
    async (policy) => {
      const found = await judge(policy, real({}, plain));
      expect(found.violations).toEqual([]);
      expect(found.advice).toHaveLength(1);
      const prepared = await judge(policy, real({}, tuned, plain));
      expect(prepared).toEqual({ violations: found.advice, advice: [], about: found.about });
    },
  );

  it("is spoken of once, however many records show the same", async () => {
    const { violations } = await judge(
      isolatedWhileMeasured,
      real({}, tuned, plain, { ...plain, name: "again-run" }),
    );
    expect(violations).toEqual([expect.stringMatching(/^when guest-timers-run, again-run measured dut, /)]);
  });

  it("may wake up fast by the boot line, or by a bound for the whole host", async () => {
    const asleep = "/sys/devices/system/cpu/cpu*/power/pm_qos_resume_latency_us";
    const record = (kernelArguments: string, settings: object) =>
      timed({
        fingerprint: {
          ...inForce,
          kernelArguments,
          settings: { ...inForce.settings, [asleep]: "0", ...settings },
        },
      });
    const stack = (kernelArguments: string, settings: object = {}) =>
      real({}, tuned, record(kernelArguments, settings));
    for (const right of [
      stack("idle=poll"),
      stack("intel_idle.max_cstate=0 processor.max_cstate=1"),
      stack("", { "/dev/cpu_dma_latency": "2" }),
      stack("", { [asleep]: "2" }),
      stack("", { "/sys/devices/system/cpu/cpuidle/current_driver": "none" }),
    ])
      expect(await judge(tunedWhileMeasured, right)).toEqual(nothing);
    for (const wrong of [
      stack(""),
      stack("intel_idle.max_cstate=0"),
      stack("", { "/dev/cpu_dma_latency": "3" }),
      stack("", { [asleep]: "3" }),
    ])
      expect((await judge(tunedWhileMeasured, wrong)).violations).toHaveLength(1);
  });
});

describe("a system under test on another machine", () => {
  const generator = { ...dut, name: "generator" };
  const found: Props = { ...inForce, isolatedCpus: "", clocksource: "hpet" };
  const frames = (record: object, systemUnderTest: object | string = dut): Declared => ({
    ...{ type: "nfvlab:bench:Traffic", name: "frames-run" },
    props: { ...timed({ fingerprint: found, ...record }).props, host: generator, systemUnderTest },
  });
  const others = { systemUnderTest: { ...inForce, isolatedCpus: "1-8" } };

  it("is judged by what was in force there, whatever was on the machine that sent", async () => {
    const { violations, advice } = await judge(
      isolatedWhileMeasured,
      real({}, tuned, frames({ others, asked: {} })),
    );
    expect(violations).toEqual([
      expect.stringMatching(/^when frames-run measured dut, CPUs isolated were 1-8, expected 1-9,21-29 /),
    ]);
    expect(advice).toEqual([]);
    const right = real({}, tuned, frames({ others: { systemUnderTest: inForce }, asked: {} }));
    for (const policy of [isolatedWhileMeasured, tunedWhileMeasured])
      expect(await judge(policy, right)).toEqual(nothing);
  });

  it("is advised only where this stack has nothing on it", async () => {
    const elsewhere = { ...dut, name: "rack9" };
    const slow = { systemUnderTest: { ...inForce, clocksource: "hpet" } };
    const stack = real({}, tuned, frames({ others: slow, asked: {} }, elsewhere));
    const { violations, advice } = await judge(tunedWhileMeasured, stack);
    expect(violations).toEqual([]);
    expect(advice).toEqual([
      expect.stringMatching(/^when frames-run measured rack9, the clock source was hpet/),
    ]);
  });

  it("is the machine of the record where that has two names", async () => {
    const { violations } = await judge(tunedWhileMeasured, real({}, tuned, frames({ asked: {} })));
    expect(violations).toEqual([
      expect.stringMatching(/^when frames-run measured dut, the clock source was hpet/),
    ]);
  });

  it("is not judged by a record that is too old to tell of it", async () => {
    const { violations, advice } = await judge(tunedWhileMeasured, real({}, tuned, frames({})));
    expect(violations).toEqual([]);
    expect(advice).toEqual([
      expect.stringMatching(/^record\.others\.systemUnderTest of frames-run isn't known yet/),
    ]);
  });

  it("is waited for where its name isn't known yet", async () => {
    const { violations, advice } = await judge(
      tunedWhileMeasured,
      real({}, tuned, frames({ others, asked: {} }, unknown)),
    );
    expect(violations).toEqual([]);
    expect(advice).toEqual([expect.stringMatching(/^systemUnderTest of frames-run isn't known yet/)]);
  });
});

describe("pools that two resources declare", () => {
  it("are the same pages to memory-left-for-system", async () => {
    const pool = (name: string) => on("host:Hugepages", name, { numaNode: 0, size: "1GiB", count: 30 });
    expect(await judge(memoryLeftForSystem, real({}, pool("one"), pool("other")))).toEqual(nothing);
    const keep = { keep: "35GiB" };
    expect((await judge(memoryLeftForSystem, real({}, pool("one")), keep)).violations).toHaveLength(1);
  });
});
