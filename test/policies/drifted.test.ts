import { describe, expect, it } from "vitest";
import { tunedInForce } from "../../policies/evidence/tuned-in-force.ts";
import { labPolicy } from "../../policies/lab-policy.ts";
import { judge } from "../../policies/testing.ts";
import { nanoseconds } from "../../sdk/units/duration.ts";
import { on, real } from "./case.ts";

const idle = (resumeLatency: string) =>
  real({}, on("host:CpuIdle", "idle", { name: "isolated", cpus: "2-3", resumeLatency }));

describe("CPUs that somebody made differ", () => {
  it.each(["CPU 2: 0us, CPU 3: 100us", "CPU 2: 0us, CPU 3: unlimited", "a while"])(
    "are refused as what a refresh saw: %s",
    async (seen) => {
      const { violations } = await judge(tunedInForce, idle(seen));
      expect(violations).toHaveLength(1);
      expect(violations[0]).toContain(`resumeLatency "${seen}" of idle`);
    },
  );

  it("pass where each is quick by itself", async () => {
    expect((await judge(tunedInForce, idle("CPU 2: 0us, CPU 3: 1us"))).violations).toEqual([]);
  });
});

describe("a policy that can't read a value", () => {
  const reading = (read: () => unknown) =>
    labPolicy({
      ...{ name: "reads", description: "Reads.", severity: "low", remediationSteps: "None." },
      notApplicable: () => undefined,
      judge: () => void read(),
    });

  it("refuses and says so, and keeps no other from being asked", async () => {
    const { violations } = await judge(
      reading(() => nanoseconds("a while")),
      [],
    );
    expect(violations).toEqual([
      expect.stringMatching(
        /^a value of this stack can't be read, so that nobody can say whether this holds: not a duration: observed "a while".*; run pulumi up where somebody changed it by hand\.$/,
      ),
    ]);
  });

  it("is not excused where it is wrong itself", async () => {
    const wrong = reading(() => {
      throw new TypeError("mine");
    });
    await expect(judge(wrong, [])).rejects.toThrow("mine");
  });
});
