import { describe, expect, it } from "vitest";
import { parseExitCost } from "../../sdk/observe/exit-cost.ts";
import { recorded } from "./recorded.ts";

describe("what the exits program reports", () => {
  const text = recorded("exits/emulated.txt").stdout;

  it("is read, of the host and of the guest each its own", () => {
    const { host, guest } = parseExitCost(text);
    expect(host.operations.map(({ operation, samples }) => [operation, samples])).toEqual([["getppid", 500]]);
    expect(host.cyclesPerSecond).toBe(Number(/"cyclesPerSecond":(\d+)/.exec(text)?.[1]));
    expect(guest.operations.map(({ operation, samples }) => [operation, samples])).toEqual([
      ["none", 500],
      ["cpuid", 500],
      ["user-space", 500],
      ["polling", 500],
      ["notification", 500],
      ["notification-halted", 51],
    ]);
    expect(guest).toMatchObject({
      ...{ hypervisor: "TCGTCGTCGTCG", apic: "xapic", cyclesPerSecond: 0 },
      missing: [
        { operation: "hypercall", why: "the hypervisor is not KVM" },
        { operation: "vmfunc", why: "Intel's processors alone have the instruction" },
      ],
    });
    for (const { samples, min, max, buckets } of guest.operations) {
      expect(buckets.reduce((sum, [, count]) => sum + count, 0)).toBe(samples);
      expect(min).toBeLessThanOrEqual(buckets[0]?.[0] ?? 0);
      expect(max).toBeLessThanOrEqual(buckets.at(-1)?.[0] ?? 0);
    }
  });

  it("of a guest that failed is what it said", () => {
    const failed = text.replace(
      /\{"operation":"polling".*\n(.*\n)*/,
      '{"failed":"the guest met exception 13"}\n',
    );
    expect(() => parseExitCost(failed)).toThrow(
      "the guest that times its exits failed: observed the guest met exception 13; see the kernel's log of the host: dmesg",
    );
  });

  it.each([
    ["", /nothing/],
    [text.slice(0, 1000), /could not read/],
    [text.replace('{"done":true}\n', ""), /could not read/],
    [text.replace('"place":"host"', '"place":"guest"'), /could not read/],
    [text.replace('"samples":500', '"samples":501'), /could not read/],
  ])("is missed where it is not whole", (part, words) => expect(() => parseExitCost(part)).toThrow(words));
});
