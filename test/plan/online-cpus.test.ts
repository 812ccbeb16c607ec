import { describe, expect, it } from "vitest";
import { requireOnline } from "../../sdk/plan/online-cpus.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";

const online = CpuSet.parse("0-3");

describe("CPUs that are asked for", () => {
  it("may be any that are online, or none", () => {
    expect(() => requireOnline({ pmdCpus: "2-3", lcoreCpus: undefined }, online, "dut")).not.toThrow();
  });

  it("are refused by name where the machine has not got them", () => {
    expect(() => requireOnline({ pmdCpus: "2-5" }, online, "dut")).toThrow(
      "CPU 4-5 is not online on dut: observed pmdCpus 2-5, expected CPUs among 0-3; name CPUs that lscpu lists as online there",
    );
  });
});
