import { describe, expect, it } from "vitest";
import { metricOf } from "../../sdk/measure/metric.ts";
import { recordOf } from "../../sdk/measure/record.ts";
import { disturbanceCounts } from "../../sdk/observe/disturbances.ts";
import type { Disturbances, Fingerprint } from "../../sdk/schema/record.ts";
import { said } from "./recorded.ts";

/** A server of Intel's with two CPUs, and the module msr. */
const intel = `@MCE 0          0   Machine check exceptions
@TRM 3          4   Thermal event interrupts
@throttled 2
@throttled 0
@smi                   57
@smi                   57
`;

const interruptions = { name: "host.polling.interruption", unit: "ns", direction: "lower" } as const;

describe("what the hardware did", () => {
  it("is counted over all CPUs", () => {
    expect(disturbanceCounts.parse(said(intel))).toEqual({
      ...{ machineChecks: 0, throttles: 2, managementInterrupts: 114 },
    });
  });

  it("is unknown where the machine does not count it", () => {
    expect(
      disturbanceCounts.parse(said("@MCE          1          0   Machine check exceptions\n@smi \n")),
    ).toEqual({
      ...{ machineChecks: 1, throttles: null, managementInterrupts: null },
    });
    expect(disturbanceCounts.parse(said(""))).toEqual({
      ...{ machineChecks: null, throttles: null, managementInterrupts: null },
    });
  });

  const record = (before: Disturbances, after: Disturbances) => {
    const fingerprint = { hash: "cafe", bootId: "1" } as Fingerprint;
    return recordOf({
      ...{ kind: "oslat", subject: "dut", before: fingerprint, after: fingerprint },
      metrics: [metricOf(interruptions, [{ buckets: [[1000, 10]], overflow: 0, max: 1000, expected: 10 }])],
      ...{ tool: { command: [], version: "" }, startedAt: "", durationMs: 1, functional: false },
      disturbances: { before, after },
    });
  };
  const quiet = { machineChecks: 1, throttles: 7, managementInterrupts: 100 };

  it("before the measurement is not held against it, and management interrupts are told", () => {
    const { valid, disturbances } = record(quiet, { ...quiet, managementInterrupts: 103 });
    expect([valid, disturbances]).toEqual([
      true,
      { machineChecks: 0, throttles: 0, managementInterrupts: 3 },
    ]);
  });

  it("makes a record invalid where it reported errors or throttled", () => {
    expect(record(quiet, { machineChecks: 2, throttles: 9, managementInterrupts: null })).toMatchObject({
      valid: false,
      invalidReasons: [
        "the hardware reported errors while it ran: machine check exceptions once",
        "CPUs were throttled for heat while it ran: 2 times",
      ],
      disturbances: { machineChecks: 1, throttles: 2, managementInterrupts: null },
    });
  });
});
