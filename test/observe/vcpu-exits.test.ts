import { describe, expect, it } from "vitest";
import { parseExitCounters } from "../../sdk/observe/vcpu-exits.ts";
import { recorded } from "./recorded.ts";

describe("exits of a guest, as libvirt tells them", () => {
  const text = recorded("libvirt/11.3.0/vcpu-exits.txt").stdout;

  it("are read look by look, by vCPU and by reason", () => {
    const [first, second, ...more] = parseExitCounters(text);
    expect(more).toEqual([]);
    expect([first?.atMs, second?.atMs]).toEqual([346_575, 348_795]);
    expect([...(first?.vcpus.keys() ?? [])]).toEqual([0, 1]);
    expect(Object.fromEntries(second?.vcpus.get(0) ?? [])).toEqual({
      ...{ all: 11_131, io: 1629, signal: 0, mmio: 519, request_irq: 0, notify_window: 0, irq_window: 21 },
      ...{ halt: 0, nmi_window: 0, irq: 172 },
    });
    expect(second?.vcpus.get(1)?.get("all")).toBe(35);
  });

  it("that nobody counts are told so, with what would", () => {
    const uncounted = text.replaceAll(/^ *vcpu.*\n/gm, "");
    expect(() => parseExitCounters(uncounted)).toThrow(
      "nobody counts the exits of this guest: observed virsh domstats --vcpu without vcpu.0.exits.sum, expected QEMU 7.1 and libvirt 8.10",
    );
  });

  it.each([
    ["nothing", ""],
    ["without a time", "  vcpu.0.exits.sum=1\n"],
    ["of a time that goes backwards", text.replace("@at 34596 34719", "@at 34719 34596")],
  ])("that are %s are refused", (_, broken) =>
    expect(() => parseExitCounters(broken)).toThrow("could not read the exits of the guest's vCPUs"),
  );
});
