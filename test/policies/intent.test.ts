import { join } from "node:path";
import type { StackValidationPolicy } from "@pulumi/policy";
import { describe, expect, it } from "vitest";
import { emulatorOutsideIsolated } from "../../policies/intent/emulator-outside-isolated.ts";
import { exclusiveCpus } from "../../policies/intent/exclusive-cpus.ts";
import { hugepagesSufficient } from "../../policies/intent/hugepages-sufficient.ts";
import { oneNumaNodePerChain } from "../../policies/intent/one-numa-node-per-chain.ts";
import { oneOwnerPerCore } from "../../policies/intent/one-owner-per-core.ts";
import { switchMemoryLimited } from "../../policies/intent/switch-memory-limited.ts";
import { intent } from "../../policies/packs.ts";
import { type Declared, judge, textOf, unknown } from "../../policies/testing.ts";
import { placement, testbed } from "./testbed.ts";
import { workedReference } from "./worked-reference.ts";

const golden = (name: string) => join(import.meta.dirname, "../golden/policies", `${name}.txt`);
const nothing = { violations: [], advice: [], about: [] };
const bare: Declared[] = [
  { type: "nfvlab:host:Facts", name: "f", props: { host: { name: "dut", connection: { kind: "local" } } } },
];
/** A machine of another provider, of whose connection a preview knows nothing. */
const leased: Declared[] = [
  { type: "metal:index:Machine", name: "box", props: {} },
  {
    type: "nfvlab:ovs:Daemon",
    name: "br0-daemon",
    props: { host: unknown, pmdCpus: "2", socketMemory: { 0: "1GiB" } },
    dependsOn: { host: ["box"] },
  },
  {
    type: "nfvlab:libvirt:Domain",
    name: "vnf-domain",
    props: {
      host: unknown,
      name: "vnf",
      vcpuPins: ["2"],
      emulatorCpus: "2",
      memory: "1GiB",
      pageSize: "1GiB",
      numaNode: 0,
    },
    dependsOn: { host: ["box"] },
  },
];

describe("a testbed that is right", () => {
  it.each(intent.map((policy) => [policy.name, policy] as const))("passes %s", async (_, policy) => {
    const stack = policy as StackValidationPolicy;
    expect(await judge(stack, testbed())).toMatchObject(nothing);
    expect(await judge(stack, testbed({ stage: "first-preview" }))).toMatchObject(nothing);
    expect(await judge(stack, workedReference())).toMatchObject(nothing);
  });
});

describe("a stack without what a policy is about", () => {
  it.each([
    [exclusiveCpus, "no CPU of this stack has a role"],
    [oneOwnerPerCore, "no CPU of this stack has an exclusive role"],
    [oneNumaNodePerChain, "this stack has no chain: no guest, and no NIC that is polled"],
    [emulatorOutsideIsolated, "this stack has no guest"],
    [hugepagesSufficient, "nothing in this stack takes huge pages"],
  ] as const)("is none of the business of $name", async (policy, reason) => {
    expect(await judge(policy, bare)).toEqual({ ...nothing, notApplicable: reason });
    expect(await judge(policy, [])).toEqual({ ...nothing, notApplicable: reason });
  });
});

describe("exclusive-cpus", () => {
  it("refuses a vCPU on a poll-mode CPU, already in the first preview", async () => {
    const judged = await judge(
      exclusiveCpus,
      testbed({ stage: "first-preview", domain: { vcpuPins: ["2"] } }),
    );
    expect(judged.about).toEqual(["vnf-domain"]);
    await expect(textOf(judged)).toMatchFileSnapshot(golden("exclusive-cpus"));
  });

  it.each<[string, Parameters<typeof testbed>[0], string, string]>([
    ["two vCPUs of one guest", { domain: { vcpuPins: ["3", "3"] } }, "vCPU 0 of vnf", "vCPU 1 of vnf"],
    [
      "housekeeping and isolated",
      { cpus: { housekeeping: "0-2" }, daemon: { pmdCpus: "4" } },
      "housekeeping",
      "the isolated set",
    ],
    ["housekeeping and poll-mode", { daemon: { pmdCpus: "1-2" } }, "housekeeping", "the poll-mode threads"],
    ["housekeeping and a vCPU", { domain: { vcpuPins: ["0"] } }, "housekeeping", "vCPU 0 of vnf"],
    ["main threads and poll-mode", { daemon: { lcoreCpus: "2" } }, "the poll-mode threads", "main threads"],
    ["main threads and a vCPU", { daemon: { lcoreCpus: "3" } }, "main threads", "vCPU 0 of vnf"],
  ])("refuses %s on one CPU", async (_, args, one, other) => {
    const { violations } = await judge(exclusiveCpus, testbed(args));
    expect(violations).toHaveLength(1);
    expect(violations[0]).toContain(one);
    expect(violations[0]).toContain(other);
  });

  it("lets main threads of the switch and emulator threads keep house", async () => {
    expect(await judge(exclusiveCpus, testbed({ daemon: { lcoreCpus: "0" } }))).toEqual(nothing);
  });

  it("tells the guests of two machines apart", async () => {
    const elsewhere: Declared = {
      type: "nfvlab:libvirt:Domain",
      name: "other-domain",
      props: {
        host: { name: "other", connection: { kind: "local" } },
        name: "vnf",
        vcpuPins: ["2", "3"],
        emulatorCpus: "0",
      },
    };
    expect(await judge(exclusiveCpus, testbed({ more: [elsewhere] }))).toEqual(nothing);
  });

  it("judges what is known, and says what is not", async () => {
    const judged = await judge(exclusiveCpus, testbed({ domain: { vcpuPins: ["2", unknown] } }));
    await expect(textOf(judged)).toMatchFileSnapshot(golden("exclusive-cpus-unknown"));
    expect((await judge(exclusiveCpus, testbed({ daemon: { pmdCpus: unknown } }))).violations).toEqual([]);
  });

  it("says that it can't place what is on a machine without a name yet", async () => {
    await expect(textOf(await judge(exclusiveCpus, leased))).toMatchFileSnapshot(
      golden("exclusive-cpus-unplaced"),
    );
  });
});

describe("one-owner-per-core", () => {
  it("refuses a core shared by the switch and a guest", async () => {
    const judged = await judge(oneOwnerPerCore, workedReference({ "br0-daemon": { pmdCpus: "8,23" } }));
    expect(judged.about).toEqual(["vnf1-domain"]);
    await expect(textOf(judged)).toMatchFileSnapshot(golden("one-owner-per-core"));
  });

  it("lets one guest have both threads", async () => {
    const pins = { "vnf1-domain": { vcpuPins: ["1", "21"] } };
    expect(await judge(oneOwnerPerCore, workedReference(pins))).toEqual(nothing);
  });

  it("says that siblings are not known yet", async () => {
    const withoutFacts = workedReference().filter(({ name }) => name !== "dut-facts");
    const { violations, advice } = await judge(oneOwnerPerCore, withoutFacts);
    expect(violations).toEqual([]);
    expect(advice).toEqual([
      "which CPUs of dut are threads of one core isn't known yet, so whether each has one owner can't be judged; it is judged once that is known.",
    ]);
  });
});

describe("one-numa-node-per-chain", () => {
  it("refuses a guest across two nodes, and a switch that is on neither", async () => {
    const judged = await judge(
      oneNumaNodePerChain,
      testbed({
        stage: "first-preview",
        domain: { vcpuPins: ["3", "1"] },
        daemon: { pmdCpus: "0", socketMemory: { 0: "256MiB" } },
      }),
    );
    await expect(textOf(judged)).toMatchFileSnapshot(golden("one-numa-node-per-chain"));
    expect(judged.about).toEqual(["vnf-domain", "br0-daemon", "br0-daemon"]);
  });

  it("refuses a NIC on another node than the guest behind it, or than the threads that poll it", async () => {
    const uplink: Declared = {
      type: "nfvlab:ovs:Port",
      name: "br0-uplink",
      ...placement("up")({
        bridge: "br0",
        name: "uplink",
        interface: { kind: "dpdk", devargs: "0000:05:00.0" },
      }),
    };
    const judged = await judge(oneNumaNodePerChain, testbed({ more: [uplink] }));
    await expect(textOf(judged)).toMatchFileSnapshot(golden("one-numa-node-per-chain-nic"));
    expect(judged.about).toEqual(["vnf-domain", "br0-daemon"]);
    const elsewhere = { ...uplink, props: { ...uplink.props, bridge: "br1" } };
    expect((await judge(oneNumaNodePerChain, testbed({ more: [elsewhere] }))).about).toEqual(["br0-daemon"]);
  });

  it("takes a switch without socketMemory for one that takes memory as it needs it", async () => {
    expect(await judge(oneNumaNodePerChain, testbed({ daemon: { socketMemory: undefined } }))).toEqual(
      nothing,
    );
  });

  it("asks nothing of virtual devices", async () => {
    const virtual: Declared = {
      type: "nfvlab:ovs:Port",
      name: "br0-null",
      ...placement("up")({ bridge: "br0", name: "null", interface: { kind: "dpdk", devargs: "eth_null0" } }),
    };
    expect(await judge(oneNumaNodePerChain, testbed({ more: [virtual] }))).toEqual(nothing);
  });

  it("says which value is not known yet", async () => {
    const numaNode = await judge(oneNumaNodePerChain, testbed({ domain: { numaNode: unknown } }));
    const withoutFacts = workedReference().filter(({ name }) => name !== "dut-facts");
    const topology = await judge(oneNumaNodePerChain, withoutFacts);
    const nic = await judge(oneNumaNodePerChain, workedReference({ "dut-facts": { nics: [] } }));
    const machine = await judge(oneNumaNodePerChain, leased);
    await expect([numaNode, topology, nic, machine].map(textOf).join("")).toMatchFileSnapshot(
      golden("one-numa-node-per-chain-unknown"),
    );
    for (const { violations, advice } of [numaNode, topology, nic, machine]) {
      expect(violations).toEqual([]);
      expect(advice).toHaveLength(1);
    }
  });
});

describe("emulator-outside-isolated", () => {
  it("refuses emulator threads on isolated CPUs, and on poll-mode and vCPU CPUs that are not isolated", async () => {
    const judged = await judge(
      emulatorOutsideIsolated,
      testbed({ stage: "first-preview", cpus: { isolated: "4-5" }, domain: { emulatorCpus: "1-4" } }),
    );
    await expect(textOf(judged)).toMatchFileSnapshot(golden("emulator-outside-isolated"));
    expect(judged.about).toEqual(["vnf-domain", "vnf-domain", "vnf-domain"]);
  });

  it("says once what is isolated and polled", async () => {
    const { violations } = await judge(emulatorOutsideIsolated, testbed({ domain: { emulatorCpus: "1-3" } }));
    expect(violations).toHaveLength(1);
  });

  it("says which value is not known yet", async () => {
    const judged = await judge(emulatorOutsideIsolated, testbed({ domain: { emulatorCpus: unknown } }));
    expect(judged).toMatchObject({ violations: [], about: ["vnf-domain"] });
    expect(judged.advice[0]).toMatch(/^emulatorCpus of vnf-domain isn't known yet/);
    expect((await judge(emulatorOutsideIsolated, leased)).advice[0]).toMatch(
      /^host of vnf-domain isn't known yet/,
    );
  });
});

describe("hugepages-sufficient", () => {
  it("refuses guests that take more pages than the pool has, and a switch that gets too few", async () => {
    const guests = await judge(
      hugepagesSufficient,
      testbed({ stage: "first-preview", pool: { count: 127 } }),
    );
    const rest = await judge(hugepagesSufficient, testbed({ stage: "first-preview", pool: { count: 255 } }));
    await expect([guests, rest].map(textOf).join("")).toMatchFileSnapshot(golden("hugepages-sufficient"));
    expect(guests.violations).toHaveLength(1);
    expect(rest.violations).toHaveLength(1);
    expect(await judge(hugepagesSufficient, testbed({ pool: { count: 256 } }))).toEqual(nothing);
  });

  it("counts all that the switch may take, not only what it takes at its start", async () => {
    const limited = (limit: string) =>
      testbed({ daemon: { socketLimit: { 1: limit } }, pool: { count: 256 } });
    expect(await judge(hugepagesSufficient, limited("256MiB"))).toEqual(nothing);
    expect(await judge(hugepagesSufficient, limited("0KiB"))).toEqual(nothing);
    const { violations } = await judge(hugepagesSufficient, limited("512MiB"));
    expect(violations).toHaveLength(1);
  });

  it("refuses a guest on a node without a pool, where facts or a fresh server show that there are no pages", async () => {
    for (const stage of ["first-preview", "up"] as const) {
      const { violations } = await judge(hugepagesSufficient, testbed({ stage, pool: { numaNode: 0 } }));
      expect(violations[0]).toMatch(/^node 1 of dut has 0 pages of 2MiB \(no pool declared; /);
    }
  });

  it("takes pages of the boot line for what facts say of them", async () => {
    expect(await judge(hugepagesSufficient, workedReference({ "vnf1-domain": { memory: "11GiB" } }))).toEqual(
      nothing,
    );
    const { violations } = await judge(
      hugepagesSufficient,
      workedReference({ "vnf1-domain": { memory: "12GiB" } }),
    );
    expect(violations[0]).toContain("needed are 1GiB");
  });

  it("counts pools that boot arguments fill, node by node", async () => {
    const filled = (count: number) =>
      testbed({
        pool: { numaNode: 0 },
        daemon: { socketMemory: {} },
        more: [
          {
            type: "nfvlab:host:BootArguments",
            name: "dut-boot-arguments",
            ...placement("up")({ arguments: { hugepages: [{ size: "2MiB", count: { 1: count } }] } }),
          },
        ],
      });
    expect(await judge(hugepagesSufficient, filled(128))).toEqual(nothing);
    const { violations } = await judge(hugepagesSufficient, filled(127));
    expect(violations).toEqual([
      expect.stringMatching(/^node 1 of dut has 127 pages of 2MiB \(dut-boot-arguments\), needed are 128:/),
    ]);
  });

  it("says which value is not known yet", async () => {
    const count = await judge(hugepagesSufficient, testbed({ pool: { count: unknown } }));
    const memory = await judge(hugepagesSufficient, testbed({ domain: { memory: unknown } }));
    const pages = await judge(
      hugepagesSufficient,
      testbed({
        stage: "first-preview",
        pool: { numaNode: 0 },
        server: { bootArguments: ["hugepages=256"] },
      }),
    );
    const machine = await judge(hugepagesSufficient, leased);
    await expect([count, memory, pages, machine].map(textOf).join("")).toMatchFileSnapshot(
      golden("hugepages-sufficient-unknown"),
    );
    for (const { violations } of [count, memory, pages, machine]) expect(violations).toEqual([]);
  });

  it("refuses what is too little already, however much the rest will take", async () => {
    const args = { pool: { count: 100 }, daemon: { socketMemory: { 1: unknown } } };
    const { violations, advice } = await judge(hugepagesSufficient, testbed(args));
    expect(violations).toHaveLength(1);
    expect(advice).toHaveLength(1);
  });
});

describe("switch-memory-limited", () => {
  const judged = (daemon: object, domain: object = {}, ...more: readonly Declared[]) =>
    judge(switchMemoryLimited, testbed({ daemon: { ...daemon }, domain: { ...domain }, more }));
  const program = (type: string, props: object): Declared => ({
    ...{ type: `nfvlab:${type}`, name: "more" },
    ...placement("up")({ name: "more", ...props }),
  });
  const unlimited = { socketLimit: undefined };

  it("refuses a switch that grows where a guest has its memory, whatever it starts with", async () => {
    const said = await Promise.all(
      [
        unlimited,
        { socketLimit: { 1: "0KiB" } },
        { socketLimit: { 0: "256MiB" } },
        { ...unlimited, socketMemory: undefined },
        { ...unlimited, socketMemory: {} },
        { socketLimit: { 1: "255MiB" } },
      ].map((daemon) => judged(daemon)),
    );
    await expect(said.map(textOf).join("")).toMatchFileSnapshot(golden("switch-memory-limited"));
    for (const { violations, about } of said)
      expect([violations.length, ...about]).toEqual([1, "br0-daemon"]);
  });

  it.each<[string, object, object]>([
    ["has more room than it starts with", { socketLimit: { 1: "1GiB" } }, {}],
    ["has its memory on another node than the guest", unlimited, { numaNode: 0 }],
    ["has guests without huge pages", unlimited, { pageSize: "4KiB" }],
    ["runs without DPDK", { ...unlimited, init: "false" }, {}],
    ["keeps to what it starts with", { ...unlimited, ealArguments: ["--legacy-mem"] }, {}],
    ["takes none anywhere, and has a limit", { socketMemory: undefined }, {}],
  ])("passes a switch that %s", async (_, daemon, domain) => {
    expect(await judged(daemon, domain)).toEqual(nothing);
  });

  it("refuses one that takes all there is in the old way", async () => {
    const all = { ...unlimited, socketMemory: undefined, ealArguments: ["--no-pci", "--legacy-mem"] };
    expect((await judged(all)).violations).toHaveLength(1);
  });

  it.each<[string, Declared, boolean]>([
    ["a container that has them mounted", program("lxc:Container", { hugepages: true }), true],
    ["a container on the other node", program("lxc:Container", { hugepages: true, cpus: "0-1" }), false],
    ["a container without them", program("lxc:Container", { cpus: "4" }), false],
    ["a forwarder", program("traffic:Forwarder", { cpus: "4" }), true],
    ["a forwarder without them", program("traffic:Forwarder", { cpus: "4", hugepages: false }), false],
    ["TRex", program("bench:Throughput", { generator: { kind: "trex", cpus: "3-5" } }), true],
    ["the generator on the other node", program("bench:Traffic", { generator: { cpus: "0" } }), false],
  ])("counts %s among those who take huge pages, or not", async (_, declared, isTaker) => {
    const { violations } = await judged(unlimited, { pageSize: "4KiB" }, declared);
    expect(violations).toHaveLength(isTaker ? 1 : 0);
  });

  it("says of a program whose node isn't known that nobody can tell", async () => {
    const stack = workedReference({
      "dut-facts": { cpus: [] },
      "br0-daemon": { socketLimit: undefined },
      "vnf1-domain": { pageSize: "4KiB" },
    });
    const forwarder = {
      type: "nfvlab:traffic:Forwarder",
      name: "fwd",
      props: { host: { name: "dut" }, cpus: "4" },
    };
    const { violations, advice } = await judge(switchMemoryLimited, [...stack, forwarder]);
    expect(violations).toEqual([]);
    expect(advice[0]).toMatch(/^which node forwarder fwd of dut runs on isn't known yet/);
  });

  it("accuses nobody whose old way of memory isn't known", async () => {
    const { violations, advice } = await judged({ ...unlimited, ealArguments: unknown });
    expect(violations).toEqual([]);
    expect(advice).toHaveLength(1);
  });
});
