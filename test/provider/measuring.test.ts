import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { identityFiles } from "../../sdk/observe/identity.ts";
import type { Probe } from "../../sdk/observe/probe.ts";
import { setFile } from "../../sdk/plan/grub-menu.ts";
import type { Host, Operation } from "../../sdk/provider/handler.ts";
import { measuring } from "../../sdk/provider/measuring.ts";
import type { FirmwareIntent } from "../../sdk/schema/inspection.ts";
import { type Metric, ResultRecord } from "../../sdk/schema/record.ts";
import { recordedMachine, said } from "../observe/recorded.ts";

const metric: Metric = {
  ...{ name: "host.timer.latency", unit: "ns", direction: "lower", samples: 1, min: 1, mean: 1, max: 1 },
  ...{ percentiles: {}, histogram: "", overflow: 0, missing: 0, repetitions: [], median: 1 },
  interval95: { low: 1, high: 1, method: "range" },
};

type Answers = ReadonlyMap<string, ReturnType<typeof said>>;

/** A recorded server without an IOMMU in its ACPI tables, whose processor can virtualize. */
const recordedAnswers: Answers = new Map([
  ...recordedMachine("machine/debian-13/emulated-server.txt"),
  ["firmware-tables", said("@table FACP\n@flags fpu svm\n")] as const,
]);

/** The answers with texts in them replaced. */
function changed(...changes: readonly (readonly [probe: string, from: string, to: string])[]): Answers {
  const answers = new Map(recordedAnswers);
  for (const [probe, from, to] of changes) {
    const answer = answers.get(probe)!;
    expect(answer.stdout).toContain(from);
    answers.set(probe, { ...answer, stdout: answer.stdout.replaceAll(from, to) });
  }
  return answers;
}

/** A machine that answers so; the last of several answers from then on. */
function machine(name: string, ...looks: readonly Answers[]) {
  const asked: string[] = [];
  let look = 0;
  const host = {
    name,
    transport: {
      execute: async ({ argv }: { readonly argv: readonly string[] }) => {
        asked.push(argv.join(" "));
        return said("");
      },
    },
    observeNow: async (probes: Readonly<Record<string, Probe<unknown>>>) => {
      const answers = looks[Math.min(look, looks.length - 1)] as Answers;
      if (Object.values(probes).some((probe) => probe.name === "disturbances")) look += 1;
      return Object.fromEntries(
        Object.entries(probes).map(([key, probe]) => {
          asked.push(probe.name);
          return [key, probe.parse(answers.get(probe.name) ?? said(""))];
        }),
      );
    },
  } as unknown as Host;
  return { host, asked };
}

const operation = {
  ...{ status: () => undefined, signal: new AbortController().signal, secrets: [] },
} as unknown as Operation;
const measured = { metrics: [metric], tool: { command: ["cyclictest"], version: "2.8" } };
const what = { name: "timers", kind: "cyclictest", subject: "dut", seconds: 1, asked: { name: "timers" } };

async function recordedWith(firmware?: FirmwareIntent) {
  const { host, asked } = machine("dut", recordedAnswers);
  return {
    record: await measuring(operation, host, { ...what, firmware }, () => async () => measured),
    asked,
  };
}

it("holds in the record what was declared of the firmware, with what the machine shows of it", async () => {
  const { record } = await recordedWith({ virtualization: true, usbLegacySupport: false });
  expect(record.fingerprint.declared).toEqual({
    "firmware.virtualization": "on, verified: svm",
    "firmware.usbLegacySupport": "off, not verifiable: no machine shows it: look in the firmware's menu",
  });
  expect(record).toMatchObject({ valid: true, invalidReasons: [] });
});

it("is not valid where the machine contradicts what was declared", async () => {
  const { record } = await recordedWith({ iommu: true });
  expect(record.fingerprint.declared).toEqual({
    "firmware.iommu": "on, contradicted: neither DMAR nor IVRS",
  });
  expect(record.valid).toBe(false);
  expect(record.invalidReasons).toEqual([
    "firmware.iommu is declared on, and the machine shows it off: neither DMAR nor IVRS",
  ]);
});

it("asks nothing of a firmware of which nothing is declared, and compares as before", async () => {
  const { record, asked } = await recordedWith();
  expect(record.fingerprint.declared).toEqual({});
  expect(asked).not.toContain("firmware-tables");
  const declared = await recordedWith({ usbLegacySupport: false });
  expect(declared.record.fingerprint.hash).not.toBe(record.fingerprint.hash);
  expect((await recordedWith({})).record.fingerprint.hash).toBe(record.fingerprint.hash);
});

/** The machine once it boots next with other arguments. */
function pending(answers: Answers): Answers {
  const set = Buffer.from(setFile([{ name: "nohz_full", value: "3" }], undefined)).toString("base64");
  return new Map(answers).set("boot-loader", said(`@file /etc/default/grub.d/90-nfvlab-ticks.cfg ${set}\n`));
}

it("is not valid where the machine waits for a reboot", async () => {
  const { host } = machine("dut", pending(recordedAnswers));
  const record = await measuring(operation, host, what, () => async () => measured);
  expect(record.valid).toBe(false);
  expect(record.invalidReasons).toEqual([
    expect.stringMatching(
      /^a reboot is pending: the machine runs by no entry of nfvlab's, and boots next by entry nfvlab-\S+$/,
    ),
  ]);
});

describe("a machine that takes part", () => {
  const MACHINE = ["identity", "machine-id:0584", "machine-id:1584"] as const;
  const REAL = [
    ["identity", "sys_vendor:nfvlab", "sys_vendor:Maker"],
    ["virtualization", "qemu", "none"],
  ] as const;
  const NEWER = ["versions", "libvirtd (libvirt) 11.3.0", "libvirtd (libvirt) 11.4.0"] as const;
  const of = async (...looks: readonly Answers[]) => {
    const own = machine("generator", changed(...REAL));
    const device = machine("dut", ...looks);
    const others = { systemUnderTest: device.host };
    const record = await measuring(operation, own.host, { ...what, others }, () => async () => measured);
    return { record, own, device };
  };

  it("has what is in force there in the record, and is measured on in its turn", async () => {
    const { record, own, device } = await of(changed(MACHINE, NEWER));
    expect(record).toMatchObject({ valid: true, functional: true });
    expect(record.others?.["systemUnderTest"]).toMatchObject({
      machineId: expect.stringMatching(/^1584/),
      versions: { libvirt: "11.4.0" },
    });
    for (const { asked } of [own, device])
      expect(asked.filter((words) => words.includes("nfvlab-measurement")).length).toBeGreaterThan(1);
    expect(ResultRecord.parse({ ...record, metrics: [metric] })).toBeDefined();
    const real = await of(changed(MACHINE, ...REAL));
    expect(real.record.functional).toBe(false);
  });

  it("makes the record worthless where something changes there, or the hardware does something", async () => {
    const { record } = await of(changed(MACHINE), changed(MACHINE, NEWER));
    expect(record.invalidReasons).toEqual([
      "on dut, what was in force changed while it ran: versions.libvirt: 11.3.0, then 11.4.0",
    ]);
    const machineChecks = (count: number) => {
      const answers = new Map(changed(MACHINE));
      return answers.set("disturbances", said(`@MCE ${count} machine checks\n`));
    };
    expect((await of(machineChecks(0), machineChecks(2))).record.invalidReasons).toEqual([
      "on dut, the hardware reported errors while it ran: machine check exceptions 2 times",
    ]);
  });

  it("makes the record worthless where it waits for a reboot, and is named", async () => {
    const { record } = await of(pending(changed(MACHINE)));
    expect(record.invalidReasons).toEqual([
      expect.stringMatching(
        /^on dut, a reboot is pending: the machine runs by no entry of nfvlab's, and boots next by /,
      ),
    ]);
  });

  it("that is the same by another name is none", async () => {
    const { record, device } = await of(recordedAnswers);
    expect(record).not.toHaveProperty("others");
    expect(device.asked).toEqual(["identity"]);
  });
});

it("waits for no other that waits for it, whichever of two machines each is of", async () => {
  const answers = recordedMachine("machine/debian-13/emulated-server.txt");
  const on: string[] = [];
  const host = (name: string) =>
    ({
      name,
      transport: { execute: async () => said("") },
      observeNow: async (probes: Readonly<Record<string, Probe<object>>>) =>
        Object.fromEntries(
          Object.entries(probes).map(([key, probe]) => {
            const seen = probe.parse(answers.get(probe.name) ?? said(""));
            return [key, probe === identityFiles ? { ...seen, machineId: name } : seen];
          }),
        ),
    }) as unknown as Host;
  const operation = {
    ...{ status: () => undefined, signal: new AbortController().signal, secrets: [] },
  } as unknown as Operation;
  const measured = { metrics: [metric], tool: { command: ["virsh"], version: "11" } };
  const between = (home: string, away: string) => {
    const what = {
      ...{ name: "run", kind: "live-migration", subject: home, seconds: 1 },
      ...{ asked: {}, others: { destination: host(away) } },
    };
    return measuring(operation, host(home), what, () => async () => {
      on.push(`${home} begins`);
      await sleep(50);
      on.push(`${home} ends`);
      return measured;
    });
  };
  const both = Promise.all([between("a", "b"), between("b", "a")]);
  expect(await Promise.race([both.then(() => "over"), sleep(4000, "waiting")])).toBe("over");
  // One at a time: each takes both machines.
  expect(on).toEqual(["a begins", "a ends", "b begins", "b ends"]);
});
