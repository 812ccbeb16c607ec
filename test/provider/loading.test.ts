import { describe, expect, it } from "vitest";
import type { ObservedDomain } from "../../sdk/observe/domains.ts";
import { besideText, forwardingCpus } from "../../sdk/provider/loading.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";

const guest = (state: string, ...vcpuPins: string[]) => ({ state, vcpuPins }) as unknown as ObservedDomain;

describe("what forwards", () => {
  const loadable = {
    guests: [guest("running", "4", "5-6"), guest("shut off", "9")],
    pollModeCpus: CpuSet.parse("2-3"),
  };

  it("is the poll-mode threads, the vCPUs of guests that run, and the generator where it is there too", () => {
    expect(forwardingCpus(loadable, "10-11").format()).toBe("2-6,10-11");
    expect(forwardingCpus(loadable, undefined).format()).toBe("2-6");
    expect(forwardingCpus({ guests: [], pollModeCpus: CpuSet.empty }, undefined).size).toBe(0);
  });

  it("is told with the load beside it", () => {
    expect(besideText({ kind: "stream", cpus: "7" })).toBe(", stream load on CPU 7");
    expect(besideText(undefined)).toBe("");
  });
});
