import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { differencesOf } from "../../sdk/measure/differences.ts";
import { fingerprintOf, fingerprintProbes } from "../../sdk/observe/fingerprint.ts";
import { parseGuestInside } from "../../sdk/observe/guest-inside.ts";
import { type Answer, factsOf } from "../../sdk/observe/probe.ts";
import { Fingerprint } from "../../sdk/schema/record.ts";
import { insideGuest, recorded, recordedMachine } from "./recorded.ts";

/** The card whose settings the recording has. */
const CARD = "0000:00:02.0";

/** A link of PCI Express as another card shows it. */
const EXPRESS = Object.entries({
  ...{ current_link_speed: "2.5 GT/s PCIe", current_link_width: "1" },
  ...{ max_link_speed: "5.0 GT/s PCIe", max_link_width: "4" },
})
  .map(([file, value]) => `/sys/bus/pci/devices/0000:21:00.0/${file}:${value}\n`)
  .join("");

type Answers = ReadonlyMap<string, Answer>;

const answers = recordedMachine("machine/debian-13/emulated-server.txt");

function of(all: Answers, declared: Record<string, string> = {}): Fingerprint {
  return fingerprintOf(factsOf(fingerprintProbes, all), declared);
}

/** The machine's answers with one text in them changed, which must be there. */
function changed(name: string, from: string | RegExp, to: string): Answers {
  const answer = answers.get(name)!;
  const stdout = answer.stdout.replace(from, to);
  expect(stdout).not.toBe(answer.stdout);
  return new Map([...answers, [name, { ...answer, stdout }]]);
}

const before = of(answers);

test("everything that is in force, as its schema says", () => {
  expect(Fingerprint.strict().parse(before)).toEqual(before);
  expect(before).toMatchObject({
    hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    bootId: "8f11b4ff-355b-49a7-9fac-a94037f64b7e",
    firmware: "nfvlab, emulated server, 1.16.3-debian-1.16.3-2",
    kernel: "6.12.117+deb13-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1 (2026-11-12)",
    isolatedCpus: "2-3",
    hugepages: { "node0/2MiB": 192, "node0/1GiB": 0, "node1/2MiB": 64, "node1/1GiB": 0 },
    nics: {
      "0000:00:02.0": "0x1af4:0x1000, virtio-pci",
      "0000:21:00.0": "0x8086:0x10c9, igb, 0 virtual functions",
      "0000:31:00.0": "0x8086:0x10c9, igb, 0 virtual functions",
    },
    processors: { sockets: "2", cores: "4", threads: "4" },
    memory: {
      dimms: "1 x 2.5 GiB RAM",
      slots: "1 of 1: DIMM 0",
      node0: "1.25 GiB",
      node1: "1.25 GiB",
    },
    nicSettings: { [`${CARD} queues`]: "rx 1, tx 1", [`${CARD} offload tcp-segmentation-offload`]: "on" },
    versions: { ovs: "3.5.0", dpdk: "24.11.8", qemu: "10.0.13", libvirt: "11.3.0", rtTests: "2.60" },
    switchState: "answering",
    switchOptions: {
      "dpdk-init": "true",
      "dpdk-socket-mem": "128",
      "pmd-cpu-mask": "0x4",
      "pmd-sleep-max": "500",
    },
    guests: {
      "vnf probe": expect.objectContaining({
        "cputune.vcpupin.0.cpuset": "3",
        "numatune.memory.nodeset": "1",
      }),
    },
    declared: {},
  });
  expect(before.settings["/dev/cpu_dma_latency"]).toBe("2000000000");
  expect(JSON.parse(before.switchPorts.vhu0!)).toEqual({
    bridge: "br0",
    type: "dpdkvhostuserclient",
    options: { n_rxq: "1", "vhost-server-path": "/run/vhu0.sock" },
  });
});

describe("what was changed by somebody changes the hash, and is named", () => {
  test.each([
    ["boot arguments", "identity", "nohz_full=2-3", "nohz_full=3", "kernelArguments"],
    ["the kernel", "identity", "6.12.117-1 (", "6.12.117-2 (", "kernel"],
    ["the firmware", "identity", "1.16.3-debian-1.16.3-2", "1.17.0", "firmware"],
    [
      "its date",
      "identity",
      "bios_version:1.16.3-debian-1.16.3-2",
      "bios_version:1.16.3-debian-1.16.3-2\n/sys/class/dmi/id/bios_date:04/01/2014",
      "firmware",
    ],
    [
      "the distribution",
      "identity",
      "/proc/cmdline:",
      '/etc/os-release:PRETTY_NAME="Debian GNU/Linux 13"\n/proc/cmdline:',
      "os",
    ],
    ["the clock", "identity", "current_clocksource:tsc", "current_clocksource:hpet", "clocksource"],
    ["another machine", "identity", "machine-id:0584", "machine-id:1584", "machineId"],
    ["isolation", "cpu-topology", "cpu/isolated:2-3", "cpu/isolated:3", "isolatedCpus"],
    ["a CPU taken offline", "cpu-topology", "cpu/online:0-3", "cpu/online:0-2", "onlineCpus"],
    ["SMT", "cpu-topology", "smt/active:0", "smt/active:1", "simultaneousMultithreading"],
    ["microcode", "versions", "0x1000065", "0x1000066", "microcode"],
    ["an upgrade", "versions", "libvirtd (libvirt) 11.3.0", "libvirtd (libvirt) 11.4.0", "versions.libvirt"],
    ["the switch's upgrade", "ovs-database", "DPDK 24.11.8", "DPDK 24.11.9", "versions.dpdk"],
    [
      "huge pages",
      "hugepage-pools",
      "hugepages-2048kB/nr_hugepages:192",
      "hugepages-2048kB/nr_hugepages:200",
      "hugepages.node0/2MiB",
    ],
    ["a NIC's driver", "pci-links", "drivers/igb\n", "drivers/vfio-pci\n", "nics.0000:21:00.0"],
    [
      "virtual functions",
      "pci-files",
      "0000:31:00.0/sriov_numvfs:0",
      "0000:31:00.0/sriov_numvfs:2",
      "nics.0000:31:00.0",
    ],
    ["a node's memory", "hardware", "@node 1 10", "@node 1 9", "memory.node1"],
    [
      "the firmware of a card",
      "nic-settings",
      "firmware-version: ",
      "firmware-version: 2",
      `nicSettings.${CARD} firmware`,
    ],
    [
      "a card's rings",
      "nic-settings",
      /(Current hardware settings:\nRX:\t+)256/,
      "$1512",
      `nicSettings.${CARD} rings`,
    ],
    [
      "a card's offload",
      "nic-settings",
      "generic-receive-offload: on",
      "generic-receive-offload: off",
      `nicSettings.${CARD} offload generic-receive-offload`,
    ],
    [
      "poll-mode CPUs",
      "ovs-database",
      '["pmd-cpu-mask","0x4"]',
      '["pmd-cpu-mask","0x8"]',
      "switchOptions.pmd-cpu-mask",
    ],
    ["a port's queues", "ovs-database", '["n_rxq","1"]', '["n_rxq","2"]', "switchPorts.vhu0"],
    [
      "a guest's pin",
      "libvirt-domains",
      "/task/4539/status:Cpus_allowed_list:\t3",
      "/task/4539/status:Cpus_allowed_list:\t2",
      "guests.vnf probe.cputune.vcpupin.0.cpuset",
    ],
    [
      "a guest's memory",
      "libvirt-domains",
      "mode='strict'",
      "mode='preferred'",
      "guests.vnf probe.numatune.memory.mode",
    ],
    [
      "a guest's MAC address",
      "libvirt-domains",
      "52:54:00:aa:00:01",
      "52:54:00:aa:00:02",
      "guests.vnf probe.devices.interface.0.mac.address",
    ],
    ["a guest that was stopped", "libvirt-domains", "@state running", "@state shut off", "guests.vnf probe"],
    ["idle states", "idle-latency-limit", "2000000000", "0", "settings./dev/cpu_dma_latency"],
    [
      "systemd's CPUs",
      "kernel-settings",
      "status:Cpus_allowed_list:\t0-1",
      "status:Cpus_allowed_list:\t0",
      "settings./proc/1/status",
    ],
    [
      "one CPU's machine checks",
      "kernel-settings",
      "machinecheck2/ignore_ce:0",
      "machinecheck2/ignore_ce:1",
      "settings./sys/devices/system/machinecheck/machinecheck*/ignore_ce",
    ],
    [
      "where an interrupt goes",
      "interrupt-affinities",
      /smp_affinity_list:0-1$/m,
      "smp_affinity_list:3",
      "settings.interrupt timer",
    ],
    [
      "a kernel thread's CPUs",
      "kernel-threads",
      /^(\/proc\/18\/status:Cpus_allowed_list:\t).*$/m,
      "$13",
      "settings.thread rcu_preempt",
    ],
    [
      "one kernel thread's priority",
      "kernel-threads",
      /^(@stat \d+ \(ksoftirqd\/2\) .* 17 2) 0 0 /m,
      "$1 2 1 ",
      "settings.thread ksoftirqd/*",
    ],
  ])("%s", (_, name, from, to, path) => {
    const after = of(changed(name, from, to));
    expect(after.hash).not.toBe(before.hash);
    expect(differencesOf(before, after).map((line) => line.slice(0, path.length + 2))).toEqual([`${path}: `]);
  });

  test("any single setting of the kernel", () => {
    const lines = answers
      .get("kernel-settings")!
      .stdout.split("\n")
      .filter((line) => /:./.test(line) && !line.startsWith("/proc/1/"));
    expect(lines.length).toBeGreaterThan(80);
    fc.assert(
      fc.property(fc.constantFrom(...lines), fc.stringMatching(/^[a-z0-9]{1,8}$/), (line, value) => {
        const [path = ""] = line.split(":");
        fc.pre(line.slice(path.length + 1).trim() !== value);
        const after = of(changed("kernel-settings", `${line}\n`, `${path}:${value}\n`));
        expect(after.hash).not.toBe(before.hash);
        expect(differencesOf(before, after)).toHaveLength(1);
      }),
      { numRuns: 80 },
    );
  });

  test("what was declared", () => {
    const declared = of(answers, { "bios.c-states": "off" });
    expect(declared.hash).not.toBe(before.hash);
    expect(declared.hash).not.toBe(of(answers, { "bios.c-states": "on" }).hash);
    expect(differencesOf(before, declared)).toEqual(["declared.bios.c-states: not there, then off"]);
  });
});

describe("what moves by itself does not", () => {
  test.each([
    ["another boot", "identity", /boot_id:\w{8}/, "boot_id:00000000"],
    ["a link that came up", "nic-settings", "speed -1", "speed 1000"],
    ["a link of PCI Express that trained", "pci-files", /^/, EXPRESS],
    ["what the kernel took of memory", "numa-nodes", /MemTotal: +\d+/, "MemTotal: 1288512"],
    ["free memory", "numa-nodes", /MemFree: +\d+/, "MemFree: 1"],
    ["huge pages in use", "hugepage-pools", /free_hugepages:\d+/, "free_hugepages:7"],
    ["a guest that connects", "ovs-database", '"disconnected"', '"connected"'],
    ["a start's number", "libvirt-domains", /id='1'/, "id='9'"],
  ])("%s", (_, name, from, to) => {
    expect(of(changed(name, from, to)).hash).toBe(before.hash);
  });

  test("the order in which facts came", () => {
    const lines = (text: string, order: (line: string) => number) =>
      text
        .trimEnd()
        .split("\n")
        .sort((a, b) => order(a) - order(b))
        .join("\n");
    fc.assert(
      fc.property(fc.func(fc.integer()), (order) => {
        const shuffled = new Map(answers);
        for (const name of ["kernel-settings", "cpu-topology", "hugepage-pools", "pci-files", "pci-links"]) {
          shuffled.set(name, { ...answers.get(name)!, stdout: lines(answers.get(name)!.stdout, order) });
        }
        expect(of(shuffled).hash).toBe(before.hash);
      }),
      { numRuns: 30 },
    );
  });

  test("a guest that was started again", () => {
    const [first, again] = ["guest-started.txt", "guest-started-again.txt"].map((file) =>
      recorded(`libvirt/11.3.0/${file}`),
    );
    expect(first!.stdout).toContain("<domain type='kvm' id='1'>");
    expect(again!.stdout).toContain("<domain type='kvm' id='4'>");
    const after = of(new Map([...answers, ["libvirt-domains", again!]]));
    expect(after.guests).toEqual(of(new Map([...answers, ["libvirt-domains", first!]])).guests);
    expect(differencesOf(before, after)).toEqual([]);
    expect(after.hash).toBe(before.hash);
  });
});

describe("guests", () => {
  const [told] = Object.values(before.guests);
  const hash = "3".repeat(64);

  test("that are too many for a record are held by one hash each, the same in any order", () => {
    const [only] = factsOf(fingerprintProbes, answers).domains;
    const many = Array.from({ length: 200 }, (_, index) => ({ ...only!, name: `vnf${index}` }));
    const [one, other] = [many, many.toReversed()].map((domains) =>
      fingerprintOf({ ...factsOf(fingerprintProbes, answers), domains }),
    );
    expect(one).toEqual(other);
    expect(Object.keys(one!.guests)).toHaveLength(200);
    expect(Object.values(one!.guests).filter((guest) => typeof guest === "string").length).toBeGreaterThan(0);
    expect(JSON.stringify(one!.guests).length).toBeLessThan(400_000);
  });

  const inside = (text: string) => {
    const facts = factsOf(fingerprintProbes, answers);
    return fingerprintOf(facts, {}, new Map([["vnf probe", parseGuestInside(text)]]));
  };

  test("that say what is in force inside are told with it, and another kernel there is what differs", () => {
    const [one, other] = [
      inside(insideGuest()),
      inside(insideGuest().replaceAll("6.12.117-1", "6.12.120-1")),
    ];
    expect(Fingerprint.strict().parse(one)).toEqual(one);
    expect(one.guests["vnf probe"]).toEqual({
      ...(told as object),
      ...parseGuestInside(insideGuest()).knobs,
    });
    expect(other.hash).not.toBe(one.hash);
    expect(differencesOf(one, other)).toEqual([
      "guests.vnf probe.inside.kernel: 6.12.117+deb13-rt-amd64 #1 SMP PREEMPT_RT Debian 6.12.117-1 (2026-11-12), then 6.12.117+deb13-rt-amd64 #1 SMP PREEMPT_RT Debian 6.12.120-1 (2026-11-12)",
    ]);
  });

  test("differ by a boot argument, and not by which boot it was", () => {
    const [one, pinned] = [inside(insideGuest()), inside(insideGuest().replace("nohz_full=1 ", ""))];
    expect(differencesOf(one, pinned)).toEqual([
      "guests.vnf probe.inside.bootArguments.nohz_full: 1, then not there",
    ]);
    expect(inside(insideGuest().replace("5d0f6f2e", "6d0f6f2e")).hash).toBe(one.hash);
  });

  test("that are too many for a record differ by their hashes where something inside is another", () => {
    const facts = factsOf(fingerprintProbes, answers);
    const names = Array.from({ length: 200 }, (_, index) => `vnf${index}`);
    const with200 = (last: string) => {
      const of = (text: string) => parseGuestInside(text);
      return fingerprintOf(
        { ...facts, domains: names.map((name) => ({ ...facts.domains[0]!, name })) },
        {},
        new Map(names.map((name) => [name, of(name === "vnf99" ? last : insideGuest())])),
      );
    };
    const [one, other] = [with200(insideGuest()), with200(insideGuest().replaceAll("6.12.117-1", "6.12.9"))];
    expect(typeof one.guests["vnf99"]).toBe("string");
    expect(differencesOf(one, other)).toEqual([
      expect.stringMatching(/^guests\.vnf99: \w{64}, then \w{64}$/),
    ]);
  });

  test.each<[string, Fingerprint["guests"], Fingerprint["guests"], string[]]>([
    ["of an older record, the same", { vnf: hash }, { vnf: hash }, []],
    ["of two older records", { vnf: hash }, { vnf: "9b" }, [`guests.vnf: ${hash}, then 9b`]],
    [
      "of an older record and a newer one",
      { vnf: hash },
      { vnf: told! },
      [
        `guests.vnf: known by its hash alone (${hash}), then knob by knob: whether it is the same can't be told`,
      ],
    ],
    ["that came", {}, { vnf: told! }, ["guests.vnf: not there, then there"]],
    ["that went", { vnf: hash }, {}, [`guests.vnf: ${hash}, then not there`]],
    [
      "of which one knob is another",
      { vnf: { a: "1", b: "2" } },
      { vnf: { a: "1", b: "3" } },
      ["guests.vnf.b: 2, then 3"],
    ],
  ])("%s", (_, one, other, lines) => {
    expect(Fingerprint.parse({ ...before, guests: one }).guests).toEqual(one);
    expect(differencesOf({ ...before, guests: one }, { ...before, guests: other })).toEqual(lines);
  });
});

describe("a switch that is not there, or does not answer", () => {
  test.each([
    ["absent", { code: 127, stdout: "", stderr: "sh: ovs-vsctl: not found\n" }],
    ["silent", { code: 1, stdout: "", stderr: "ovs-vsctl: database connection failed\n" }],
  ])("%s", (state, answer) => {
    const after = of(new Map([...answers, ["ovs-database", answer]]));
    expect(after).toMatchObject({ switchState: state, switchOptions: {}, switchPorts: {} });
    // What is installed is known even so.
    expect(after.versions.ovs).toBe("3.5.0");
    expect(after.hash).not.toBe(before.hash);
  });
});
