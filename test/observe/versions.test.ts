import { describe, expect, test } from "vitest";
import { softwareVersions } from "../../sdk/observe/versions.ts";
import { recordedMachine, said } from "./recorded.ts";

test("a server with all of a testbed but tuned", () => {
  const answer = recordedMachine("machine/debian-13/emulated-server.txt").get("versions");
  expect(softwareVersions.parse(answer!)).toEqual({
    cpuModel: "QEMU TCG CPU version 2.5+",
    microcode: "0x1000065",
    ovs: "3.5.0",
    dpdk: "24.11.8",
    qemu: "10.0.13",
    libvirt: "11.3.0",
    rtTests: "2.60",
  });
});

describe("one program alone", () => {
  // First lines as the programs print them; where from stands behind.
  test.each([
    ["ovs-vswitchd (Open vSwitch) 2.9.0\nDPDK 17.11.0", { ovs: "2.9.0", dpdk: "17.11.0" }], // Open vSwitch, howto/dpdk.rst
    ["ovs-vswitchd (Open vSwitch) 3.1.0", { ovs: "3.1.0" }], // Debian 12, built without DPDK
    ["QEMU emulator version 6.2.0 (qemu-kvm-6.2.0-22.el9)", { qemu: "6.2.0" }], // RHEL 9
    ["QEMU emulator version 2.12.0(qemu-kvm-ev-2.12.0-44)", { qemu: "2.12.0" }], // CentOS 7, no blank
    ["virtqemud (libvirt) 9.0.0", { libvirt: "9.0.0" }], // libvirt of modular daemons
    ["TUNED_VERSION_MAJOR = 2\nTUNED_VERSION_MINOR = 20\nTUNED_VERSION_PATCH = 0", { tuned: "2.20.0" }], // Debian 12, tuned/version.py
    ["cyclictest V 2.40", { rtTests: "2.40" }], // Debian 12, rt-tests 2.4
    ["Model name:                         Neoverse-N1", { cpuModel: "Neoverse-N1" }], // lscpu where /proc/cpuinfo has no name
  ])("%s", (text, expected) => {
    expect(softwareVersions.parse(said(`${text} \r\n`))).toEqual({ cpuModel: "", ...expected });
  });
});

test("only error messages are no answer", () => {
  const text = "sh: 4: ovs-vswitchd: not found\nsh: 5: qemu-system-x86_64: not found\n";
  expect(() => softwareVersions.parse(said(text))).toThrow(
    expect.objectContaining({ code: "parse", observed: expect.stringContaining("ovs-vswitchd: not found") }),
  );
});
