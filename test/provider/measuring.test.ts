import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { identityFiles } from "../../sdk/observe/identity.ts";
import type { Probe } from "../../sdk/observe/probe.ts";
import type { Host, Operation } from "../../sdk/provider/handler.ts";
import { measuring } from "../../sdk/provider/measuring.ts";
import type { FirmwareIntent } from "../../sdk/schema/inspection.ts";
import type { Metric } from "../../sdk/schema/record.ts";
import { recordedMachine, said } from "../observe/recorded.ts";

const metric: Metric = {
  ...{ name: "host.timer.latency", unit: "ns", direction: "lower", samples: 1, min: 1, mean: 1, max: 1 },
  ...{ percentiles: {}, histogram: "", overflow: 0, missing: 0, repetitions: [], median: 1 },
  interval95: { low: 1, high: 1, method: "range" },
};

/** A recorded server without an IOMMU in its ACPI tables, whose processor can virtualize. */
async function recordedWith(firmware?: FirmwareIntent) {
  const asked: string[] = [];
  const answers = new Map([
    ...recordedMachine("machine/debian-13/emulated-server.txt"),
    ["firmware-tables", said("@table FACP\n@flags fpu svm\n")] as const,
  ]);
  const host = {
    name: "dut",
    transport: { execute: async () => said("") },
    observeNow: async (probes: Readonly<Record<string, Probe<unknown>>>) =>
      Object.fromEntries(
        Object.entries(probes).map(([key, probe]) => {
          asked.push(probe.name);
          return [key, probe.parse(answers.get(probe.name) ?? said(""))];
        }),
      ),
  } as unknown as Host;
  const operation = {
    ...{ status: () => undefined, signal: new AbortController().signal, secrets: [] },
  } as unknown as Operation;
  const what = { name: "timers", kind: "cyclictest", subject: "dut", seconds: 1, firmware };
  const measured = { metrics: [metric], tool: { command: ["cyclictest"], version: "2.8" } };
  return { record: await measuring(operation, host, what, () => async () => measured), asked };
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
    const partner = { host: host(away), machineId: away };
    const what = { name: "run", kind: "live-migration", subject: home, seconds: 1, partner };
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
