import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readIni } from "../../sdk/plan/tuning-profile/ini.ts";
import { nfv } from "../../sdk/plan/tuning-profile/nfv.ts";
import { override } from "../../sdk/plan/tuning-profile/override.ts";
import { placedSettings, settingsOf } from "../../sdk/plan/tuning-profile/profile.ts";
import { realtime } from "../../sdk/plan/tuning-profile/realtime.ts";
import { realtimeGuest } from "../../sdk/plan/tuning-profile/realtime-guest.ts";
import { profileToTuned } from "../../sdk/plan/tuning-profile/tuned-export.ts";
import { type TunedMachine, tunedCpuList } from "../../sdk/plan/tuning-profile/tuned-functions.ts";
import { tunedToProfile } from "../../sdk/plan/tuning-profile/tuned-import.ts";
import { TunedVariables } from "../../sdk/plan/tuning-profile/tuned-variables.ts";
import type { TuningOverrides } from "../../sdk/schema/tuning-plan.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { InputError } from "../../sdk/units/errors.ts";
import { refusalOf } from "./refusal.ts";

const golden = (name: string) => `../golden/tuning-profile/${name}.txt`;
const fixture = (name: string) => readFileSync(join(import.meta.dirname, "../fixtures/tuned", name), "utf8");
const machineOf = (count: number, packages: number): TunedMachine => ({
  vendor: "intel",
  cpus: Array.from({ length: count }, (_, cpu) => ({
    cpu,
    online: true,
    package: Math.floor((cpu * packages) / count),
  })),
});
const sixteen = machineOf(16, 2);
const texts = {
  "lab-base": fixture("lab-base.conf"),
  "/etc/tuned/lab-dut-variables.conf": fixture("lab-dut-variables.conf"),
};
const read = (text: string, machine: TunedMachine = sixteen) => tunedToProfile("own", text, {}, machine);
const reasonsOf = (text: string) =>
  Object.fromEntries(read(text).notApplied.map(({ key, reason }) => [key, reason]));

describe("a profile of tuned's", () => {
  const whole = tunedToProfile("lab-dut", fixture("lab-dut.conf"), texts, sixteen);

  it("becomes settings, each from its line, and a list of what did not", async () => {
    const settings = placedSettings(whole.profile.settings).map(
      ({ section, key, setting: { value, source } }) =>
        `${section}.${key} = ${JSON.stringify(value)}  (${source})`,
    );
    const left = whole.notApplied.map(
      ({ document, section, key, value, reason }) =>
        `${document} [${section}] ${key}=${value.replaceAll("\n", " ")}\n    ${reason}`,
    );
    const text = [
      `${whole.profile.name}: ${whole.profile.summary}`,
      "",
      ...settings,
      "",
      "not applied",
      ...left,
      "",
    ];
    await expect(text.join("\n")).toMatchFileSnapshot(golden("tuned-import"));
  });

  it("loses no line: each is applied, read, or named with its reason", () => {
    const documents = { ...texts, "lab-dut": fixture("lab-dut.conf") };
    const known = new Set(
      [...whole.applied, ...whole.read, ...whole.notApplied].map(({ document, section, key }) =>
        JSON.stringify([document, section, key]),
      ),
    );
    let count = 0;
    for (const [document, text] of Object.entries(documents)) {
      const ini = readIni(text, document.startsWith("/") ? "variables" : undefined);
      expect(ini.problems).toEqual([]);
      for (const { section, key } of ini.lines) {
        count += 1;
        expect(known).toContain(JSON.stringify([document, section, key]));
      }
    }
    expect(count).toBeGreaterThan(50);
    const named = [...whole.notApplied, ...whole.applied].map(({ section }) => section);
    expect(named).toContain("rtentsk");
  });

  it("loses no line of any document, and throws nothing but a refusal", () => {
    const section = fc.constantFrom(
      ...[
        "main",
        "variables",
        "bootloader",
        "sysctl",
        "sysfs",
        "cpu",
        "vm",
        "scheduler",
        "systemd",
        "irqbalance",
        "modules",
        "odd one",
      ],
    );
    const key = fc.constantFrom(
      ...[
        "include",
        "replace",
        "drop",
        "enabled",
        "type",
        "devices",
        "cmdline",
        "cmdline_x",
        "isolated_cores",
        "group.a",
      ],
      ...[
        "vm.swappiness",
        "kernel.sched_rt_period_us",
        "force_latency",
        "governor",
        "no_turbo",
        "cpu_affinity",
        "banned_cpus",
        "kvm",
      ],
      ...[
        "/sys/kernel/mm/ksm/run",
        "/sys/devices/virtual/workqueue/cpumask",
        "transparent_hugepages",
        "__proto__",
        "a-b",
      ],
    );
    const value = fc.oneof(
      fc.constantFrom(
        ...[
          "",
          "1",
          "false",
          "2-5",
          "${isolated_cores}",
          "${f:cpulist_invert:2-3}",
          "${f:exec:id}",
          "\\${x}",
          "}",
          "${",
          "a|b",
          "-quiet",
        ],
        ...[
          "+nohz_full=2-3 quiet",
          "hugepagesz=1G hugepages=1 hugepages=2",
          "isolcpus=managed_irq,2",
          "0:f:2:*:^\\[rcuc",
          "cstate.id:1|None",
        ],
        ...[
          "performance|powersave",
          "kvm",
          "cpu",
          "vm.swappiness;governor",
          "ple_gap=0 x",
          "constructor",
          "0xff,,1-2,^1",
        ],
      ),
      fc.string({ maxLength: 12 }).map((text) => text.replaceAll(/[\r\n]/g, " ")),
    );
    const document = fc
      .array(fc.tuple(section, fc.array(fc.tuple(key, value), { maxLength: 5 })), { maxLength: 6 })
      .map((sections) =>
        sections
          .map(([name, lines]) => [`[${name}]`, ...lines.map(([k, v]) => `${k}=${v}`), ""].join("\n"))
          .join(""),
      );
    let refused = 0;
    fc.assert(
      fc.property(document, document, (child, parent) => {
        const documents = {
          own: `[main]\ninclude=parent\n${child}`,
          parent: parent.replaceAll("include=", "included="),
        };
        try {
          const {
            profile,
            applied,
            read: heeded,
            notApplied,
          } = tunedToProfile("own", documents.own, documents, sixteen);
          const named = new Set(
            [...applied, ...heeded, ...notApplied].map(
              ({ document: in_, section: s, key: k }) => `${in_}[${s}]${k}`,
            ),
          );
          for (const [name, text] of Object.entries(documents)) {
            for (const line of readIni(text).lines)
              expect(named).toContain(`${name}[${line.section}]${line.key}`);
          }
          for (const { setting } of placedSettings(profile.settings)) expect(setting.value).toBeDefined();
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
          refused += 1;
        }
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeLessThan(250);
  });

  it("names for each setting the line that it is from", () => {
    const places = placedSettings(whole.profile.settings).map(({ section, key }) => `${section}.${key}`);
    expect([...new Set(whole.applied.flatMap(({ settings }) => settings))].sort()).toEqual(
      [...places].sort(),
    );
  });

  it("is for the machine that it is read for", () => {
    const amd = tunedToProfile("lab-dut", fixture("lab-dut.conf"), texts, { ...sixteen, vendor: "amd" });
    expect(settingsOf(amd.profile).bootArguments).toMatchObject({ amdPstate: "disable" });
    expect(settingsOf(amd.profile).bootArguments).not.toHaveProperty("intelPstate");
  });

  it("without what it includes says what is missing", () => {
    const { notApplied } = tunedToProfile(
      "lab-dut",
      "[main]\ninclude=lab-base\n[variables]\ninclude=/etc/x.conf\n",
      {},
      sixteen,
    );
    expect(notApplied.map(({ key, reason }) => [key, reason])).toEqual([
      ["include", "the text of the profile lab-base is not given: hand it over by that name"],
      ["include", "the file /etc/x.conf is not given: hand it over by its path"],
    ]);
  });

  it("that tuned would not load is refused with all reasons", () => {
    const text =
      "stray=1\n[main]\ninclude=other\n[variables]\nassert1=${f:assertion:same CPUs:1:2}\n[sysctl]\nvm.swappiness\n";
    expect(refusalOf(() => tunedToProfile("own", text, { other: "[main]\ninclude=own\n" }, sixteen))).toBe(
      "own: tuned would not load this profile\n" +
        '  - own, line 1: it stands before any section: "stray=1"\n' +
        '  - own, line 7: it is neither key=value nor a [section]: "vm.swappiness"\n' +
        "  - other and own include each other\n" +
        '  - an assertion of the profile fails: same CPUs: "1" is not "2": ' +
        "observed 4 faults, expected a tuned.conf with what it includes; " +
        "try it with tuned-adm verify where it is in force, and set the variables that its comments name",
    );
  });

  it("whose isolated cores nobody set is refused, as its own assertion says", () => {
    const noCores = { ...texts, "/etc/tuned/lab-dut-variables.conf": "queue_count=4\n" };
    expect(refusalOf(() => tunedToProfile("lab-dut", fixture("lab-dut.conf"), noCores, sixteen))).toContain(
      'an assertion of the profile fails: isolated_cores are set: it is "${isolated_cores}"',
    );
  });
});

describe("sections merge as in tuned", () => {
  const merged = (child: string) =>
    tunedToProfile(
      "child",
      `[main]\ninclude=parent\n${child}`,
      {
        parent:
          "[sysctl]\nvm.swappiness=10\nvm.stat_interval=10\n[bootloader]\ncmdline_a=quiet skew_tick=1\n",
      },
      sixteen,
    );
  const sysctlsOf = (child: string) => settingsOf(merged(child).profile).sysctls;

  it.each([
    ["the child's value wins", "[sysctl]\nvm.swappiness=1\n", { "vm.swappiness": 1, "vm.stat_interval": 10 }],
    ["replace takes all before it away", "[sysctl]\nreplace=1\nvm.swappiness=1\n", { "vm.swappiness": 1 }],
    ["drop takes some away", "[sysctl]\ndrop=vm.stat_interval\n", { "vm.swappiness": 10 }],
    ["a section can be switched off", "[sysctl]\nenabled=false\n", {}],
    [
      "a section of another name has its type",
      "[more]\ntype=sysctl\nvm.swappiness=2\n",
      { "vm.swappiness": 2, "vm.stat_interval": 10 },
    ],
  ])("%s", (_, child, expected) => {
    expect(sysctlsOf(child)).toEqual(expected);
  });

  it("a command line of the same suffix replaces, one with - takes words away", () => {
    const words = (child: string) => {
      const { bootArguments, extraBootArguments, unlistedBootArguments } = settingsOf(merged(child).profile);
      return { ...bootArguments, ...extraBootArguments, ...unlistedBootArguments };
    };
    expect(words("")).toEqual({ quiet: true, skewTick: true });
    expect(words("[bootloader]\ncmdline_a=+nohz=on\n")).toEqual({ nohz: true });
    expect(words("[bootloader]\ncmdline_b=-quiet\n")).toEqual({ skewTick: true });
    expect(words("[bootloader]\ncmdline_a=-quiet\n")).toEqual({});
  });

  it.each(["constructor", "toString", "mystery"])(
    "a section or a function %s is one that nobody knows",
    (name) => {
      expect(
        reasonsOf(`[${name}]\nkey=1\n[sysctl]\nvm.x=\${f:${name}:1}\n[bootloader]\ncmdline=${name}=1\n`),
      ).toEqual({
        key: "no plug-in of tuned's that is known here",
        "vm.x": `the function ${name} is not answered: no function of that name is known here`,
      });
    },
  );

  it("a parent's devices are forgotten, as all options about the section are", () => {
    const parent = { parent: "[cpu]\ndevices=cpu1\ngovernor=powersave\n" };
    const { profile, notApplied } = tunedToProfile(
      "child",
      "[main]\ninclude=parent\n[cpu]\nboost=1\n",
      parent,
      sixteen,
    );
    expect(settingsOf(profile).processor).toEqual({ governor: "powersave", turbo: true });
    expect(notApplied.map(({ key }) => key)).toEqual(["devices"]);
  });

  it("options for some devices alone are not for a profile", () => {
    expect(reasonsOf("[cpu]\ndevices=cpu1\ngovernor=powersave\n")).toMatchObject({
      governor: "its section is for some devices or machines alone: devices",
    });
  });
});

describe("the command line", () => {
  it.each([
    ["isolcpus=managed_irq,2-3", /without domain isolates nothing/],
    ["mce=off", /uncorrectable memory errors/],
    ["root=/dev/sda1", /what the machine boots/],
    ["skew_tick=2", /none that skew_tick has/],
    ["pcie_asmp=off", /pcie_aspm was meant/],
    ["hugepages=0:x", /./],
    ["nohz_full=x", /CPU list/],
    ["hugepagesz=1G", /no hugepages= stands behind it/],
    ["hugepages=0", /whole number from 1/],
  ])("refuses %s", (word, reason) => {
    const { profile, notApplied } = read(`[bootloader]\ncmdline=${word}\n`);
    expect(placedSettings(profile.settings)).toEqual([]);
    expect(notApplied).toEqual([expect.objectContaining({ key: "cmdline", value: word })]);
    expect(notApplied[0]?.reason).toMatch(reason);
  });

  it("takes the last of two, and of two pools of one size the first, as the kernel does", () => {
    const { profile, notApplied } = read(
      "[bootloader]\ncmdline=tsc=nowatchdog tsc=reliable hugepagesz=1G hugepages=4 hugepagesz=1G hugepages=8 hugepages=1\n",
    );
    expect(settingsOf(profile).bootArguments).toEqual({
      tsc: "reliable",
      hugepages: [{ size: "1GiB", count: 4 }],
    });
    expect(notApplied.map(({ value }) => value)).toEqual([
      "tsc=nowatchdog",
      "hugepagesz=1G",
      "hugepages=8",
      "hugepages=1",
    ]);
  });

  it("reads - and _ in names as one, and keeps words that repeat", () => {
    const { profile } = read("[bootloader]\ncmdline=nohz-full=2-3 console=tty0 console=ttyS0,115200\n");
    const { bootArguments, extraBootArguments } = settingsOf(profile);
    expect(bootArguments).toEqual({ nohzFull: "2-3" });
    expect(extraBootArguments).toEqual({
      console: ["tty0", "ttyS0,115200"],
    });
  });
});

describe("values and functions", () => {
  const expand = (text: string, machine: TunedMachine = sixteen) => {
    const variables = new TunedVariables(machine);
    const value = variables.expand(text);
    return { value, why: variables.unsettled(value) };
  };

  it.each([
    ["${f:calc_isolated_cores:1}", "1-7,9-15"],
    ["${f:calc_isolated_cores}", "1-7,9-15"],
    ["${f:cpulist_invert:2-15}", "0-1"],
    ["${f:cpulist2hex:0-3,8}", "0000010f"],
    ["${f:cpulist2hex_invert:8-15}", "000000ff"],
    ["${f:hex2cpulist:0000010f}", "0-3,8"],
    ["${f:cpulist_online:14-17}", "14-15"],
    ["${f:cpulist2devs:1-2}", "cpu1,cpu2"],
    ["${f:package2cpus:1}", "cpu8,cpu9,cpu10,cpu11,cpu12,cpu13,cpu14,cpu15"],
    ["${f:strip: a :b }", "a b"],
    ["${f:kb2s:4}${f:s2kb:8}", "84"],
    ["${f:regex_search_ternary:Y:[yY]:yes:no}", "yes"],
    ["${f:lscpu_check:Vendor ID\\:\\s*GenuineIntel:intel:amd}", "intel"],
    ["${f:cpulist_pack:${f:cpulist_unpack:1-3,5}}", "1-3,5"],
    ["\\${f:strip:x}", "${f:strip:x}"],
  ])("%s is %s", (text, value) => {
    expect(expand(text)).toMatchObject({ value });
  });

  it.each([
    ["${f:exec:uname:-r}", "the function exec is not answered: it runs a command on the machine"],
    ["${f:strip:${f:exec:id}}", "the function exec is not answered: it runs a command on the machine"],
    ["${f:colour:red}", "the function colour is not answered: no function of that name is known here"],
    [
      "${f:cpuinfo_check:avx512:a:b}",
      'the function cpuinfo_check is not answered: what /proc/cpuinfo has for "avx512" is not known',
    ],
    [
      "${f:virt_check:a:b}",
      "the function virt_check is not answered: whether the machine is a guest is not said",
    ],
    ["${nothing}", "the variable nothing is not defined"],
  ])("%s stays, and says why", (text, why) => {
    expect(expand(text)).toEqual({ value: text.replace("${f:strip:${f:exec:id}}", text), why });
  });

  it("a CPU list and its mask are one, for any machine", () => {
    const cpus = fc
      .uniqueArray(fc.integer({ min: 0, max: 127 }), { minLength: 1 })
      .map((list) => CpuSet.of(list));
    fc.assert(
      fc.property(cpus, (set) => {
        const { value: mask } = expand(`\${f:cpulist2hex:${set}}`);
        expect(mask).toMatch(/^[\da-f]{8}(,[\da-f]{8})*$/);
        expect(expand(`\${f:hex2cpulist:${mask}}`).value).toBe(set.format());
        expect(tunedCpuList(`0x${mask}`)?.format()).toBe(set.format());
      }),
    );
  });

  it("INI has comments, values over several lines, and keys that come twice", () => {
    const ini = readIni(
      "# a\n[s]\na = 1 # b\nb=x#y\n ; not a comment that ends b\n  z\n\n[t]\na=1\na=2\n=3\n",
    );
    expect(ini.lines.map(({ section, key, value }) => [section, key, value])).toEqual([
      ["s", "a", "1"],
      ["s", "b", "x#y\nz"],
      ["t", "a", "1"],
      ["t", "a", "2"],
    ]);
    expect(ini.problems).toEqual([{ line: 11, text: "=3", problem: "it has no key before the =" }]);
  });
});

describe("an export for tuned", () => {
  const isolation = { housekeeping: CpuSet.parse("0-1"), isolated: CpuSet.parse("2-15") };
  const list = fc
    .uniqueArray(fc.integer({ min: 0, max: 15 }), { minLength: 1 })
    .map((cpus) => CpuSet.of(cpus).format());
  const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
  const changes = fc.record({
    bootArguments: fc.record({
      isolcpus: maybe(
        fc.record({ cpus: list, flags: fc.constant(["domain", "nohz"] as ("domain" | "nohz")[]) }),
      ),
      nosmt: maybe(fc.constantFrom(true as const, "force" as const)),
      audit: maybe(fc.boolean()),
      idle: maybe(fc.constantFrom("poll" as const, "halt" as const)),
      defaultHugepagesz: maybe(fc.constantFrom("1GiB" as const, "2MiB" as const)),
      hugepages: maybe(
        fc
          .tuple(
            fc.integer({ min: 1, max: 999 }),
            fc.dictionary(fc.constantFrom("0", "1"), fc.nat(64), { minKeys: 1 }),
          )
          .map(([count, byNode]) => [
            { size: "1GiB" as const, count: byNode },
            { size: "2MiB" as const, count },
          ]),
      ),
      nohzFullPatienceDelay: maybe(fc.nat(5000)),
    }),
    sysctls: fc.dictionary(fc.constantFrom("kernel.x", "vm.y"), fc.oneof(fc.integer(), word)),
    memory: fc.record({
      defrag: maybe(fc.constantFrom("never" as const, "defer+madvise" as const)),
      ksm: maybe(fc.boolean()),
    }),
    processor: fc.record({
      turbo: maybe(fc.boolean()),
      minimumPerformance: maybe(fc.nat(100)),
      resumeLatency: maybe(
        fc.oneof(
          fc.constant("unlimited" as const),
          fc.nat(500).map((us) => `${us}us` as const),
        ),
      ),
      idleBound: maybe(
        fc.array(
          fc.oneof(
            fc.record({ microseconds: fc.nat(200) }),
            fc.record({ state: fc.oneof(fc.nat(9), fc.constant("C1E")) }),
            fc.record({ state: fc.nat(9), unlessZero: fc.constant(true as const) }),
          ),
          { minLength: 1, maxLength: 3 },
        ),
      ),
    }),
    interrupts: fc.record({ defaultCpus: maybe(list), unbalancedCpus: maybe(list) }),
    kernel: fc.record({ workqueueCpus: maybe(list), ignoreCorrectedErrors: maybe(fc.boolean()) }),
    systemd: fc.record({ cpuAffinity: maybe(list) }),
    kvm: fc.dictionary(
      fc.constantFrom("kvm.halt_poll_ns" as const, "kvm_intel.ple_gap" as const, "kvm_amd.avic" as const),
      fc.oneof(fc.nat(), fc.constant("N")),
    ),
    kernelThreads: fc.dictionary(
      fc.constantFrom("ksoftirqd", "rcuc", "ktimers"),
      fc.record({
        policy: fc.constantFrom("fifo" as const, "rr" as const, "other" as const),
        priority: fc.integer({ min: 1, max: 99 }),
      }),
    ),
    unlistedBootArguments: fc.dictionary(
      fc.stringMatching(/^acme_laboratory\.[a-z]{1,6}$/),
      fc.oneof(
        fc.constant(true as const),
        fc.integer(),
        word,
        fc.array(word, { minLength: 2, maxLength: 3 }),
      ),
      { maxKeys: 2 },
    ),
  });

  it("is read back as the same settings, with nothing left out", () => {
    const make = fc.constantFrom(nfv, realtime, realtimeGuest);
    const vendor = fc.constantFrom("intel" as const, "amd" as const);
    fc.assert(
      fc.property(make, vendor, changes, (of, kind, wanted) => {
        const profile = override(of(isolation, { vendor: kind }), wanted as TuningOverrides);
        const again = tunedToProfile(profile.name, profileToTuned(profile), {}, { ...sixteen, vendor: kind });
        expect(again.notApplied).toEqual([]);
        expect(settingsOf(again.profile)).toEqual(settingsOf(profile));
        expect(again.profile.summary).toBe(profile.summary);
      }),
    );
  });

  it("says at each line why it is there", async () => {
    await expect(profileToTuned(realtime(isolation, { vendor: "intel" }))).toMatchFileSnapshot(
      "../golden/tuning-profile/tuned-export.conf",
    );
  });

  it("of an import sets what the import set", () => {
    const { profile } = tunedToProfile("lab-dut", fixture("lab-dut.conf"), texts, sixteen);
    const again = tunedToProfile("lab-dut", profileToTuned(profile), {}, sixteen);
    expect(settingsOf(again.profile)).toEqual(settingsOf(profile));
  });

  it("is refused where tuned would read a value otherwise", () => {
    const profile = override(nfv(isolation, { vendor: "intel" }), {
      sysctls: { "kernel.core_pattern": "${x} #1" },
    });
    expect(refusalOf(() => profileToTuned(profile))).toContain(
      "observed kernel.core_pattern=${x} #1, expected values without",
    );
  });
});
