import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  checkLatency,
  heldLatency,
  holderText,
  planHolder,
  planRelease,
  requireLatencyDevice,
  verifyLatency,
} from "../../sdk/plan/latency-holder.ts";

describe("the service that holds a wake-up latency", () => {
  it.each([
    ["0us", 0],
    ["20us", 20],
    ["1ms", 1000],
    ["10s", 10_000_000],
  ])("writes %s as the device takes it", (latency, us) => {
    const folder = mkdtempSync(join(tmpdir(), "nfvlab-latency-"));
    try {
      const device = join(folder, "device");
      writeFileSync(device, "");
      const line = /^ExecStart=\/bin\/sh -c '(.*)'$/m.exec(holderText(latency))?.[1] ?? "";
      const script = line
        .replaceAll("\\\\", "\\") // as systemd reads it
        .replace("/dev/cpu_dma_latency", device)
        .replace("exec sleep infinity", "true");
      expect(spawnSync("/bin/sh", ["-c", script]).status).toBe(0);
      expect(readFileSync(device)).toHaveLength(4);
      expect(readFileSync(device).readInt32LE()).toBe(us);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("is made where it is not there, stopped or another, and left where it is right", () => {
    const text = holderText("20us");
    expect(planHolder("quiet", "20us", { text, running: true })).toEqual([]);
    for (const found of [undefined, { text, running: false }, { text: holderText("5us"), running: true }]) {
      const steps = planHolder("quiet", "20us", found);
      expect(steps.at(-1)?.argv).toEqual(["systemctl", "restart", "nfvlab-dma-latency-quiet.service"]);
    }
    expect(planHolder("quiet", "20us", undefined)[0]?.stdin).toBe(text);
    expect(planRelease("quiet", undefined)).toEqual([]);
    expect(planRelease("quiet", { text, running: false })[0]?.argv).toEqual([
      "systemctl",
      "disable",
      "--now",
      "nfvlab-dma-latency-quiet.service",
    ]);
  });

  it("shows what it holds in the user's spelling, and nothing while it does not run", () => {
    const found = { text: holderText("1ms"), running: true };
    expect(heldLatency("1000us", found)).toBe("1000us");
    expect(heldLatency("20us", found)).toBe("1000us");
    expect(heldLatency(undefined, found)).toBe("1000us");
    expect(heldLatency("1ms", { ...found, running: false })).toBeUndefined();
    expect(heldLatency("1ms", { ...found, text: `${found.text}# by hand\n` })).toBe("unknown");
  });

  it("is verified by what all holders together ask for", () => {
    expect(() => verifyLatency("20us", 5, "quiet")).not.toThrow();
    expect(() => verifyLatency("20us", 2_000_000_000, "quiet")).toThrow(
      "dmaLatency: no request for the wake-up latency is in force: observed 2000000000us, expected at most 20us; " +
        "look at it: systemctl status nfvlab-dma-latency-quiet.service",
    );
  });

  it("is refused without a device, and beyond what the device takes", () => {
    expect(() => requireLatencyDevice(undefined, "dut")).toThrow(/no readable \/dev\/cpu_dma_latency/);
    expect(() => checkLatency("500ns")).toThrow(
      "dmaLatency: not a latency that the kernel can be asked for: observed 500ns, expected whole µs, at most 2147483647us",
    );
    expect(() => checkLatency("1h")).toThrow("at most 2147483647us");
  });
});
