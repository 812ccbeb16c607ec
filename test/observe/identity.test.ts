import { describe, expect, test } from "vitest";
import { identityFiles, isEmulated, virtualization } from "../../sdk/observe/identity.ts";
import { recordedMachine, said } from "./recorded.ts";

const answer = recordedMachine("machine/debian-13/emulated-server.txt").get("identity")!;

test("who an emulated server is, and what it booted", () => {
  expect(identityFiles.parse(answer)).toEqual({
    hostname: "dut",
    machineId: "0584e05d61bd4d6f9619d1a4494567b6",
    bootId: "8f11b4ff-355b-49a7-9fac-a94037f64b7e",
    vendor: "nfvlab",
    product: "emulated server",
    serial: "dut",
    uuid: "0584e05d-61bd-4d6f-9619-d1a4494567b6",
    bios: "1.16.3-debian-1.16.3-2",
    kernelRelease: "6.12.117+deb13-amd64",
    kernelVersion: "#1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1 (2026-11-12)",
    realtime: false,
    kernelArguments: expect.stringMatching(/^BOOT_IMAGE=\S+ root=LABEL=nfvlab .* hugepages=0:192,1:64$/),
    clocksource: "tsc",
  });
});

test("without the right to read the firmware's tables there is less, not nothing", () => {
  const lines = answer.stdout.split("\n").filter((line) => !line.startsWith("/sys/class/dmi/"));
  const identity = identityFiles.parse(said(lines.join("\n")));
  expect(identity.bootId).toBe("8f11b4ff-355b-49a7-9fac-a94037f64b7e");
  expect(identity).not.toHaveProperty("serial");
  expect(identity).not.toHaveProperty("vendor");
});

test.each([
  ['PRETTY_NAME="Debian GNU/Linux 13 (trixie)"', "Debian GNU/Linux 13 (trixie)"],
  ["PRETTY_NAME='Alpine Linux v3.22'", "Alpine Linux v3.22"],
  ["PRETTY_NAME=Fedora", "Fedora"],
  ['NAME="Debian"', undefined],
])("the distribution: %s", (line, os) => {
  const text = `${answer.stdout}\n/etc/os-release:ID=x\n/etc/os-release:${line}\n`;
  expect(identityFiles.parse(said(text)).os).toBe(os);
});

test.each([
  ["/sys/kernel/realtime:1", true],
  ["/sys/kernel/realtime:0", false],
  ["/proc/sys/kernel/version:#1 SMP PREEMPT_RT Debian 6.12.117-1", true],
  ["/proc/sys/kernel/version:#1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1", false],
])("real time: %s", (line, expected) => {
  expect(identityFiles.parse(said(`/proc/sys/kernel/random/boot_id:b\n${line}\n`)).realtime).toBe(expected);
});

test("colons in a value belong to it", () => {
  const text = "/proc/sys/kernel/random/boot_id:b\n/proc/cmdline:hugepages=0:1,1:3 memmap=2G$4G\n";
  expect(identityFiles.parse(said(text)).kernelArguments).toBe("hugepages=0:1,1:3 memmap=2G$4G");
});

test("a machine that does not say which boot it is gives no answer", () => {
  expect(() => identityFiles.parse(said("/proc/cmdline:quiet\n"))).toThrow(
    expect.objectContaining({ code: "parse" }),
  );
});

describe("emulated", () => {
  test.each([
    ["our own server", { vendor: "nfvlab" }, "kvm", true],
    ["run by QEMU without virtualisation", { vendor: "QEMU" }, "qemu", true],
    ["a virtual machine", { vendor: "QEMU" }, "kvm", false],
    ["bare metal", { vendor: "Dell Inc." }, "none", false],
    ["bare metal that does not say whose", {}, "none", false],
  ])("%s", (_, identity, kind, expected) => {
    expect(isEmulated(identity, kind)).toBe(expected);
  });

  test.each([
    [{ code: 0, stdout: "qemu\n", stderr: "" }, "qemu"],
    [{ code: 1, stdout: "none\n", stderr: "" }, "none"],
    [{ code: 127, stdout: "", stderr: "sh: systemd-detect-virt: not found\n" }, "none"],
  ])("systemd-detect-virt %j", (said, expected) => {
    expect(virtualization.parse(said)).toBe(expected);
  });
});
