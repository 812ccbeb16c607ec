import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatBootArguments, parseBootArguments } from "../../sdk/observe/boot-arguments.ts";
import { bootEvidence, bootLog } from "../../sdk/observe/boot-evidence.ts";
import {
  fieldNames,
  fieldOfParameter,
  formatArgument,
  type Shown,
  table,
} from "../../sdk/plan/boot-argument-table.ts";
import {
  checkBootArguments,
  judge,
  observedSet,
  readBootArguments,
  renderBootArguments,
  requireFitting,
} from "../../sdk/plan/boot-arguments.ts";
import { isKnownParameter, nearestParameter } from "../../sdk/plan/boot-parameter-names.ts";
import { BootArgumentSet } from "../../sdk/schema/boot-arguments.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import type { InputError } from "../../sdk/units/errors.ts";
import { said } from "../observe/recorded.ts";

const cpus = fc
  .uniqueArray(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 8 })
  .map((list) => CpuSet.of(list).format());
const word = fc.stringMatching(/^[a-z][a-z0-9_.,:=@/+%^~*!-]{0,12}$/);
const freeValue = fc.oneof(
  fc.constant(true as const),
  fc.integer({ min: -5, max: 1e6 }),
  word,
  fc.array(word, { minLength: 2, maxLength: 3 }),
);
const flags = fc.subarray(["domain", "nohz", "managed_irq"] as const, { minLength: 1 });
const count = fc.oneof(
  fc.integer({ min: 1, max: 4096 }),
  fc.dictionary(fc.constantFrom("0", "1", "12"), fc.integer({ min: 0, max: 99 }), {
    minKeys: 1,
    noNullPrototype: true,
  }),
);
const pools = fc.uniqueArray(fc.record({ size: fc.constantFrom("1GiB" as const, "2MiB" as const), count }), {
  minLength: 1,
  selector: ({ size }) => size,
});

/** What the kernel may be given for each field, made from what its row reads. */
const candidates = [
  ...["0", "1", "2", "9", "1000", "on", "off", "enable", "disable", undefined, "1G", "2M", "force"],
  ...[
    "always",
    "never",
    "pt",
    "passive",
    "guided",
    "poll",
    "reliable",
    "tsc",
    "ignore_ce",
    "auto,nosmt",
    "full",
  ],
];
const fieldValue = Object.fromEntries(
  fieldNames.map((field) => {
    const values = candidates.map((text) => table[field].read(text)).filter((value) => value !== undefined);
    return [field, fc.constantFrom(...values)];
  }),
);
const set = fc
  .record(
    {
      ...fieldValue,
      isolcpus: fc.record({ cpus, flags }, { requiredKeys: ["cpus"] }),
      nohzFull: cpus,
      rcuNocbs: cpus,
      irqaffinity: cpus,
      kthreadCpus: cpus,
      hugepages: pools.map((list) => list.toSorted((a, b) => (a.size < b.size ? -1 : 1))),
      extra: fc.dictionary(
        fc.constantFrom("console", "threadirqs", "loglevel", "kvm.nx_huge_pages"),
        freeValue,
        {
          minKeys: 1,
          noNullPrototype: true,
        },
      ),
      unlisted: fc.dictionary(fc.constantFrom("acme_turbo", "acme.depth"), freeValue, {
        minKeys: 1,
        noNullPrototype: true,
      }),
    },
    { requiredKeys: [] },
  )
  .filter((made) => Object.keys(made).length > 0)
  .map((made) => made as BootArgumentSet);

const line = (made: BootArgumentSet) => renderBootArguments(made).map(formatArgument).join(" ");

describe("boot arguments", () => {
  it("are read from what they are written as", () => {
    fc.assert(
      fc.property(set, (made) => {
        expect(BootArgumentSet.safeParse(made).error?.issues ?? []).toEqual([]);
        expect(readBootArguments(renderBootArguments(made))).toEqual(made);
        const kernel = renderBootArguments(made);
        expect(parseBootArguments(formatBootArguments({ kernel, init: [] })).kernel).toEqual(kernel);
      }),
    );
  });

  it("keep the user's spelling where it means the same, and show what is otherwise", () => {
    const wanted = {
      nohzFull: "3,2",
      skewTick: true,
      hugepages: [
        { size: "2MiB", count: 64 },
        { size: "1GiB", count: 1 },
      ],
      extra: { loglevel: "3", console: ["ttyS1"] },
    } as const;
    expect(observedSet(wanted as never, renderBootArguments(wanted as never))).toEqual(wanted);
    const changed = parseBootArguments(line(wanted as never).replace("skew_tick=1", "skew_tick=0")).kernel;
    expect(observedSet(wanted as never, changed)).toEqual({ ...wanted, skewTick: false });
  });

  it("have a field each, which takes what the table reads", () => {
    for (const field of fieldNames) expect(fieldOfParameter.get(table[field].name), field).toBe(field);
    expect([...fieldNames, "hugepages", "extra", "unlisted"].sort()).toEqual(
      Object.keys(BootArgumentSet.shape).sort(),
    );
  });

  it("are written in one order, sizes before their pages", () => {
    expect(
      line({
        skewTick: true,
        extra: { console: ["tty0", "ttyS1,115200n8"], threadirqs: true },
        hugepages: [
          { size: "2MiB", count: { 1: 64, 0: 32 } },
          { size: "1GiB", count: 4 },
        ],
        defaultHugepagesz: "1GiB",
        isolcpus: { cpus: "2,3", flags: ["managed_irq", "domain"] },
        nohzFull: "2-3",
        nosmt: true,
        mitigations: "auto,nosmt",
      }),
    ).toMatchInlineSnapshot(
      `"isolcpus=domain,managed_irq,2-3 nohz_full=2-3 default_hugepagesz=1G hugepagesz=1G hugepages=4 hugepagesz=2M hugepages=0:32,1:64 skew_tick=1 mitigations=auto,nosmt nosmt console=tty0 console=ttyS1,115200n8 threadirqs"`,
    );
  });

  it("are refused all at once", () => {
    const wrong: BootArgumentSet = {
      isolcpus: { cpus: "0-3", flags: ["nohz", "managed_irq"] },
      nohzFull: "2-3",
      irqaffinity: "1-2",
      rcuNocbPoll: true,
      hugepages: [
        { size: "2MiB", count: 1 },
        { size: "2MiB", count: 2 },
      ],
      extra: {
        pcie_asmp: "off",
        "skew-tick": 1,
        init: "/bin/sh",
        mce: "off",
        frobnicate: true,
        consle: "ttyS0",
      },
      unlisted: { quiet: true },
    };
    expect(() => checkBootArguments(wrong)).toThrowErrorMatchingSnapshot();
    expect(() => checkBootArguments({})).toThrow(/there is no argument in it/);
    expect(() => checkBootArguments({ unlisted: { frobnicate: true } })).not.toThrow();
  });

  it("never switch machine checks off", () => {
    const { error } = BootArgumentSet.safeParse({ mce: "off" });
    expect(error?.issues[0]?.message).toMatch(/uncorrectable memory errors go unseen/);
  });

  it("hold nothing that a shell or GRUB would read as its own", () => {
    for (const value of [
      "a b",
      'a"b',
      "a$b",
      "a;b",
      "a'b",
      "a`b",
      "a\nb",
      "a\\b",
      "a{b",
      "a|b",
      "a>b",
      "a#b",
      "",
    ])
      expect(BootArgumentSet.safeParse({ extra: { loglevel: value } }).success, value).toBe(false);
  });
});

describe("a name with a slip in it", () => {
  it.each([
    ["pcie_asmp", "pcie_aspm"],
    ["isolcpu", "isolcpus"],
    ["nohz_ful", "nohz_full"],
    ["rcu-nocb", "rcu_nocbs"],
    ["consoel", "console"],
    ["crashkrenel", "crashkernel"],
  ])("%s is told to be %s", (wrong, right) => {
    expect(nearestParameter(wrong, fieldOfParameter.keys())).toBe(right);
  });

  it("is none where it is far from all", () => {
    expect(nearestParameter("frobnicate", fieldOfParameter.keys())).toBeUndefined();
    expect(isKnownParameter("systemd.unit")).toBe(true);
    expect(isKnownParameter("crashkernel")).toBe(true);
  });

  it("is found for every known name that loses a letter, unless that is a name too", () => {
    for (const name of fieldOfParameter.keys()) {
      if (name.length < 6) continue;
      fc.assert(
        fc.property(fc.nat(name.length - 1), (at) => {
          const wrong = name.slice(0, at) + name.slice(at + 1);
          if (fieldOfParameter.has(wrong) || isKnownParameter(wrong)) return;
          expect(nearestParameter(wrong, fieldOfParameter.keys())).toBeDefined();
        }),
        { numRuns: 10 },
      );
    }
  });
});

/** A machine as its files show it; four CPUs, two nodes of 1 GiB. */
function machine(commandLine: string, files: Readonly<Record<string, string>> = {}, log = ""): Shown {
  const all = {
    "/proc/cmdline": commandLine,
    "/proc/sys/kernel/random/boot_id": "b1",
    "/proc/sys/kernel/osrelease": "6.12.0-amd64",
    "/sys/devices/system/cpu/present": "0-3",
    "/sys/devices/system/cpu/online": "0-3",
    "/sys/devices/system/node/node0/meminfo": "Node 0 MemTotal:        1048576 kB",
    "/sys/devices/system/node/node1/meminfo": "Node 1 MemTotal:        1048576 kB",
    ...files,
  };
  const answer = Object.entries(all).flatMap(([path, text]) =>
    text.split("\n").map((row) => `${path}:${row}\n`),
  );
  return {
    ...bootEvidence.parse(said(answer.join(""))),
    iommus: [],
    log: bootLog.parse(said(`@booted 2026-11-21T08:00:00Z\n[    0.000000] Linux version 6.12.0\n${log}`)),
  };
}

describe("a machine", () => {
  const fits = (made: BootArgumentSet, shown = machine(""), base = "", others = new Map()) =>
    requireFitting(made, { shown, base: parseBootArguments(base).kernel, others });

  it("refuses what does not fit it, all at once", () => {
    const shown = machine("", {
      "/proc/sys/kernel/osrelease": "5.10.0",
      "/sys/devices/system/cpu/online": "1-3",
    });
    const made: BootArgumentSet = {
      isolcpus: { cpus: "1-3" },
      nohzFull: "2,9",
      hugepages: [{ size: "1GiB", count: { 0: 1, 7: 1 } }],
      skewTick: true,
    };
    const others = new Map([["theirs", parseBootArguments("skew-tick=1").kernel]]);
    expect(() => fits(made, shown, "quiet isolcpus=2", others)).toThrowErrorMatchingSnapshot();
  });

  it("of a newer kernel takes other CPUs for nohz_full than for isolcpus", () => {
    expect(() => fits({ isolcpus: { cpus: "3" }, nohzFull: "2-3" })).not.toThrow();
  });

  it("has an argument in force by its own evidence, not by the command line", () => {
    const made: BootArgumentSet = { isolcpus: { cpus: "3" }, transparentHugepage: "never", skewTick: true };
    const command = line(made);
    expect(judge(made, machine("quiet")).pending).toHaveLength(3);
    expect(judge(made, machine(command))).toMatchObject({
      effective: ["skew_tick=1"],
      pending: ["isolcpus=3", "transparent_hugepage=never"],
    });
    const files = {
      "/sys/devices/system/cpu/isolated": "3",
      "/sys/kernel/mm/transparent_hugepage/enabled": "always madvise [never]",
    };
    expect(judge(made, machine(command, files)).pending).toEqual([]);
    expect(judge(made, machine("quiet", files)).effective).toEqual([]);
  });

  it("counts pages by node", () => {
    const made: BootArgumentSet = { hugepages: [{ size: "2MiB", count: { 1: 64 } }] };
    const pages = (node: number, nr: string) => ({
      [`/sys/devices/system/node/node${node}/hugepages/hugepages-2048kB/nr_hugepages`]: nr,
    });
    expect(judge(made, machine(line(made), pages(0, "64"))).pending).toEqual([
      "hugepagesz=2M hugepages=1:64",
    ]);
    expect(judge(made, machine(line(made), pages(1, "64"))).pending).toEqual([]);
  });

  it("reads what the kernel logged, by dmesg or by the journal", () => {
    const made: BootArgumentSet = { rcuNocbs: "2", nohzFull: "2-3", kthreadCpus: "0", audit: false };
    const log = [
      "[    0.000000] rcu: \tOffload RCU callbacks from CPUs: 2-3.",
      "[    0.000000] dut kernel: Housekeeping: nohz_full= must match isolcpus=",
      '[    0.100000] Unknown kernel command line parameters "BOOT_IMAGE=/boot/vmlinuz kthread_cpus=0", will be passed to user space.',
      "[    0.200000] audit: disabled (until reboot)",
      "",
    ].join("\n");
    const { effective, complaints } = judge(made, machine(line(made), {}, log));
    expect(effective).toEqual(["rcu_nocbs=2", "kthread_cpus=0", "audit=0"]);
    expect(complaints).toEqual([
      "Housekeeping: nohz_full= must match isolcpus=",
      'Unknown kernel command line parameters "BOOT_IMAGE=/boot/vmlinuz kthread_cpus=0", will be passed to user space.',
    ]);
    expect(judge({ skewTick: true }, machine("skew_tick=1", {}, log)).complaints).toEqual([]);
  });

  it("names each finding of its own", () => {
    try {
      fits({ nohzFull: "9" });
      expect.unreachable();
    } catch (error) {
      const findings = ((error as InputError).cause as AggregateError).errors as InputError[];
      expect(findings.map(({ property }) => property)).toEqual(["arguments.nohzFull"]);
    }
  });
});
