import * as pulumi from "@pulumi/pulumi";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { type Answers, named, type Registered, register, secret } from "../components/program.ts";

const connection = { kind: "ssh", host: "10.0.0.7", hostKey: "ssh-ed25519 AAAA", privateKey: "secret" };
const metrics = [
  { name: "host.timer.latency", unit: "ns", samples: 9, percentiles: { 50: 2, 99: 8 }, max: 9 },
];
const record = { valid: true, functional: true, invalidReasons: [], metrics, fingerprint: { hash: "a" } };
const answers = {
  "nfvlab:host:Facts": { identity: { bootId: "boot-1" } },
  "nfvlab:host:Reboot": { bootId: "boot-2" },
  "nfvlab:host:BootArguments": { pending: [] },
  "nfvlab:emulate:Server": { connection },
  "nfvlab:bench:Cyclictest": { record },
};
const tuning = {
  ...{ profile: "nfv", cpus: { housekeeping: "0-1", isolated: "2-15" }, conflicts: [], bootLine: "" },
  resources: { moduleParameters: [], bootArguments: { arguments: { nohzFull: "2-15" } } },
};

function configure(values: Readonly<Record<string, string>>, secrets: readonly string[] = []) {
  const all = Object.entries(values).map(([key, value]) => [`lab:${key}`, value]);
  pulumi.runtime.setAllConfig(
    Object.fromEntries(all),
    secrets.map((key) => `lab:${key}`),
  );
}

/** What a stack registers, and what it exports. */
async function run(
  stack:
    | "exit-cost"
    | "interrupt-latency"
    | "inspect"
    | "live-migration"
    | "lxc-or-kvm"
    | "packet-paths"
    | "pvp"
    | "pvvp"
    | "sr-iov"
    | "vm-to-vm",
  functions = {},
  more: Answers = {},
) {
  let exported: Record<string, unknown> = {};
  const registered = await register(
    async () => {
      exported = await import(`../../stacks/${stack}.ts`);
    },
    { answers: { ...answers, ...more }, functions },
  );
  const exportOf = (name: string) =>
    new Promise((resolve) => (pulumi.output(exported[name]) as pulumi.Output<unknown>).apply(resolve));
  return { registered, exportOf };
}

const runs = (registered: readonly Registered[]) =>
  registered.filter(({ types }) => types.at(-1) === "nfvlab:bench:Cyclictest");

beforeEach(() => {
  vi.resetModules();
  configure({});
});

describe("interrupt-latency", () => {
  it("measures an emulated server and a guest on it as they are found, tunes both, and measures them again", async () => {
    const { registered, exportOf } = await run("interrupt-latency", {
      "nfvlab:host:planTuning": ({ profile, cpus }: { profile: string; cpus: object }) => {
        expect({ profile, cpus }).toEqual({
          profile: "realtimeGuest",
          cpus: { housekeeping: "0", isolated: "1" },
        });
        return { ...tuning, bootLine: "isolcpus=1 nohz_full=1" };
      },
    });
    const names = (side: string) => ["idle", "cpu", "memory", "io"].map((load) => `${side}-${load}-run`);
    const hosts = [...names("untuned"), ...names("tuned")];
    const guests = [...names("untuned-guest"), ...names("tuned-guest")];
    expect(
      runs(registered)
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...hosts, ...guests].sort());
    const inputsOf = (name: string) => named(registered, name).inputs;
    for (const name of hosts)
      expect(inputsOf(name)).toMatchObject({ subject: { kind: "host", cpus: "2-3" }, interval: "500ms" });
    for (const [side, domain] of [
      ["untuned-guest", "vnf-as-found"],
      ["tuned-guest", "vnf"],
    ] as const)
      for (const name of names(side))
        expect(inputsOf(name)["subject"]).toEqual({ kind: "guest", domain, cpus: "1" });
    for (const side of ["untuned", "untuned-guest", "tuned", "tuned-guest"])
      expect(names(side).map((name) => inputsOf(name)["coLoad"])).toEqual([
        undefined,
        ...["cpu", "memory", "io"].map((kind) => ({ kind, cpus: "1" })),
      ]);
    // Nothing that tunes comes before the untuned series are whole, and nothing tuned is measured before the boot.
    const boot = named(registered, "dut-boot-arguments");
    expect(boot.waitsFor).toEqual(expect.arrayContaining([...names("untuned"), ...names("untuned-guest")]));
    const tuners = ["dut-boot-arguments", "dut-reboot", "dut-sysctls", "dut-workqueues"];
    for (const name of [...names("tuned"), ...names("tuned-guest")])
      expect(named(registered, name).waitsFor).toEqual(expect.arrayContaining(tuners));
    for (const name of [...names("untuned"), ...names("untuned-guest")])
      expect(inputsOf(name)["triggers"]).toEqual([]);
    for (const name of [...names("tuned"), ...names("tuned-guest")])
      expect(inputsOf(name)["triggers"]).toEqual(["boot-2"]);
    expect(await exportOf("table")).toMatch(
      /^host\.timer\.latency.*\nload +untuned p50[\s\S]*\n\nguest\.timer\.latency.*\nload +untuned p50/,
    );
    for (const subject of ["host", "guest"]) {
      const { rows, caveats } = (await exportOf(subject)) as { rows: unknown[]; caveats: string[] };
      expect(rows).toHaveLength(4);
      expect(caveats).toContain(
        "both sides were measured with the same in force: what differs is chance, not tuning",
      );
    }
  });

  it("starts each guest on CPUs that nobody measures meanwhile, in pages that both boots have", async () => {
    const { registered } = await run("interrupt-latency", {
      "nfvlab:host:planTuning": () => ({ ...tuning, bootLine: "isolcpus=1 nohz_full=1" }),
    });
    const guest = {
      vcpuPins: ["2", "3"],
      emulatorCpus: "0",
      memory: "256MiB",
      pageSize: "2MiB",
      numaNode: 1,
    };
    const [plain, tuned] = ["vnf-as-found-domain", "vnf-domain"].map((name) => named(registered, name));
    for (const each of [plain, tuned]) expect(each?.inputs).toMatchObject(guest);
    const words = (each: Registered | undefined) =>
      (each?.inputs["boot"] as { arguments?: string[] } | undefined)?.arguments;
    expect(words(plain)).toBeUndefined();
    expect(registered.filter(({ types }) => types.at(-1) === "nfvlab:libvirt:BootImage")).toHaveLength(1);
    expect(words(tuned)).toEqual(["isolcpus=1", "nohz_full=1"]);
    expect(plain?.inputs).not.toHaveProperty("nics");
    // While a host's own CPUs are measured, no guest is on them; that of the untuned host is gone with the boot, and stays so.
    expect(plain?.waitsFor).toEqual(expect.arrayContaining(["untuned-idle-run", "untuned-io-run"]));
    expect(tuned?.waitsFor).toEqual(expect.arrayContaining(["dut-reboot", "tuned-idle-run", "tuned-io-run"]));
    expect([plain, tuned].map((each) => each?.ignores)).toEqual([["running"], []]);
    const pool = named(registered, "as-found-hugepages-node1-2MiB").inputs;
    expect(pool).toMatchObject({ count: 128 });
    expect(named(registered, "dut-boot-arguments").inputs["arguments"]).toMatchObject({
      hugepages: [{ size: "2MiB", count: { 1: 128 } }],
    });
  });

  it("tunes a real host by a plan that is made for it", async () => {
    configure(
      {
        ...{ connection: JSON.stringify(connection), isolatedCpus: "2-15", loadCpus: "16-31" },
        ...{ profile: "realtime", duration: "60s", guestMemory: "1GiB", numaNode: "0" },
      },
      ["connection"],
    );
    const asked: unknown[] = [];
    const { registered } = await run("interrupt-latency", {
      "nfvlab:host:planTuning": (inputs: unknown) => {
        asked.push(inputs);
        return tuning;
      },
    });
    const hugepages = [{ size: "2MiB", count: { 0: 512 } }];
    expect(asked).toMatchObject([
      {
        ...{ profile: "realtime", cpus: { housekeeping: "0-1", isolated: "2-15" } },
        overrides: { bootArguments: { hugepages } },
      },
      { profile: "realtimeGuest", cpus: { housekeeping: "0", isolated: "1" } },
    ]);
    expect(registered.map(({ types }) => types.at(-1))).not.toContain("nfvlab:emulate:Server");
    expect(named(registered, "dut-boot-arguments").inputs["arguments"]).toEqual({ nohzFull: "2-15" });
    expect(named(registered, "tuned-io-run").inputs).toMatchObject({
      ...{ coLoad: { kind: "io", cpus: "16-31" }, interval: "200us", duration: "60s", repetitions: 6 },
    });
    expect(named(registered, "vnf-domain").inputs).toMatchObject({
      ...{ memory: "1GiB", numaNode: 0, vcpuPins: ["2", "3"], emulatorCpus: "0-1" },
    });
  });
});

describe("inspect", () => {
  const found = {
    ...{ knobs: [], firmware: [], machine: "", rivals: ["tuned"], summary: "1 of 1 setting as wanted" },
    ...{ counts: { asWanted: 1 }, explanation: "dut beside profile nfv" },
  };
  const inspecting = (seen: Record<string, unknown>) => ({
    "nfvlab:host:getHostFacts": () => ({ onlineCpus: "0-15" }),
    "nfvlab:host:planCpus": () => ({ housekeeping: "0-3", isolated: "4-15", hugepages: [] }),
    "nfvlab:host:planTuning": (inputs: unknown) => {
      seen["planTuning"] = inputs;
      return tuning;
    },
    "nfvlab:host:inspect": (inputs: unknown) => {
      seen["inspect"] = inputs;
      return found;
    },
  });

  it("compares the machine it runs on with a profile for two lists of CPUs, and makes nothing", async () => {
    configure({ housekeepingCpus: "0", isolatedCpus: "1", firmware: '{"turbo":false}' });
    const seen: Record<string, unknown> = {};
    const { registered, exportOf } = await run("inspect", inspecting(seen));
    expect(registered.map(({ types }) => types.at(-1))).toEqual(["nfvlab:components:HostInspection"]);
    expect(seen["planTuning"]).toMatchObject({
      ...{ profile: "nfv", cpus: { housekeeping: "0", isolated: "1" } },
      host: { name: "dut", connection: { kind: "local" } },
    });
    expect(seen["inspect"]).toMatchObject({ tuning: { profile: "nfv" }, firmware: { turbo: false } });
    expect(await exportOf("summary")).toBe("1 of 1 setting as wanted");
    expect(await exportOf("table")).toBe("dut beside profile nfv");
  });

  it("plans the CPUs by demands, and keeps a secret connection out of what it exports", async () => {
    configure({ connection: JSON.stringify(connection), demand: '{"vnfs":{}}', profile: "realtime" }, [
      "connection",
    ]);
    const seen: Record<string, unknown> = {};
    const { registered, exportOf } = await run("inspect", inspecting(seen));
    expect(seen["planTuning"]).toMatchObject({
      ...{ profile: "realtime", cpus: { housekeeping: "0-3", isolated: "4-15" } },
      host: { connection: { host: "10.0.0.7" } },
    });
    // Readable: no part of it is secret.
    expect(named(registered, "dut").outputs).toEqual({ inspection: found });
    expect(await exportOf("rivals")).toEqual(["tuned"]);
  });
});

describe.each([
  ["pvp", "PVP", "generator ─ br0 ─ vnf ─ br0 ─ sink"],
  ["pvvp", "PVVP", "generator ─ br0 ─ first ─ br0 ─ second ─ br0 ─ sink"],
] as const)("%s", (stack, deployment, drawing) => {
  it("sends frames through its guests, each of which forwards on CPUs of its own", async () => {
    configure({ rate: "100", count: "1000" });
    const { registered, exportOf } = await run(stack);
    expect(await exportOf("deployment")).toBe(deployment);
    expect(await exportOf("drawing")).toBe(drawing);
    const guests = registered.filter(({ types }) => types.at(-1) === "nfvlab:libvirt:Domain");
    expect(guests.map(({ inputs }) => inputs["vcpuPins"])).toEqual(
      guests.map((_, index) => [`${4 + index}`]),
    );
    for (const { inputs } of guests) expect(inputs["boot"]).toMatchObject({ bridgedNics: ["in", "out"] });
    const traffic = named(registered, `${stack}-frames-run`);
    expect(traffic.inputs).toMatchObject({ rate: 100, count: 1000, generator: { cpus: "3" } });
    expect(traffic.waitsFor).toEqual(
      expect.arrayContaining([`${stack}-flows-br0`, ...guests.map(({ name }) => name)]),
    );
  });
});

describe("exit-cost", () => {
  const path = "/var/lib/nfvlab/traffic/1/nfvlab-exits";
  const timed = (name: string, median: number) => [
    { name, unit: "ns", samples: 9, percentiles: { 50: median / 2 }, max: 9 },
    { name: `${name}.cycles`, unit: "cycles", samples: 9, percentiles: { 50: median }, max: 9 },
  ];
  const more = {
    "nfvlab:traffic:Tool": { path },
    "nfvlab:bench:ExitCost": { record: { ...record, metrics: timed("guest.exit.hypercall", 3360) } },
    "nfvlab:bench:ExitRate": { record },
  };

  it("times exits on CPUs that a guest takes later, and counts that guest's", async () => {
    const { registered, exportOf } = await run("exit-cost", {}, more);
    expect(named(registered, "exits").inputs).toMatchObject({ program: "exits" });
    expect(named(registered, "exit-cost-run").inputs).toMatchObject({
      cpus: "2-3",
      program: path,
      repetitions: 1,
    });
    const guest = named(registered, "vnf-domain");
    expect(guest.inputs).toMatchObject({ vcpuPins: ["2", "3"] });
    expect(guest.waitsFor).toContain("exit-cost-run");
    expect(named(registered, "exit-rate-run").waitsFor).toContain("vnf-domain");
    expect(await exportOf("operations")).toEqual([
      { operation: "guest.exit.hypercall", cycles: 3360, ns: 1680, p99Ns: null, cores: 25 },
    ]);
    expect(await exportOf("table")).toMatch(/^null hypercall +3360 +1\.68 µs +– +25\.0 +1500-1600$/m);
  });

  it("takes a real host's CPUs, and its time", async () => {
    configure(
      {
        ...{ connection: JSON.stringify(connection), housekeepingCpus: "0-3", isolatedCpus: "4-9" },
        ...{ exitCpus: "8-9", vnfCpus: "4-5" },
      },
      ["connection"],
    );
    const { registered } = await run("exit-cost", {}, more);
    expect(registered.some(({ types }) => types.at(-1) === "nfvlab:emulate:Server")).toBe(false);
    expect(named(registered, "exit-cost-run").inputs).toMatchObject({
      ...{ cpus: "8-9", samples: 100_000, repetitions: 6, limit: "2min" },
    });
    expect(named(registered, "vnf-domain").inputs).toMatchObject({ vcpuPins: ["4", "5"] });
    expect(named(registered, "exit-rate-run").inputs).toMatchObject({ duration: "1min", repetitions: 6 });
  });
});

describe("vm-to-vm", () => {
  it("sends the same frames from one guest to the other by a switch, a bridge and shared memory", async () => {
    configure({ rate: "100", count: "1000" });
    const program = { path: "/var/lib/nfvlab/traffic/1/nfvlab-exchange" };
    const { registered, exportOf } = await run("vm-to-vm", {}, { "nfvlab:traffic:Tool": program });
    expect(await exportOf("drawings")).toEqual({
      "vhost-user": "east ─ br0 ─ west",
      "vhost-net": "east ─ lan ─ west",
      ivshmem: "east ─ ring ─ west",
    });
    expect(await exportOf("deployments")).toEqual({
      "vhost-user": "VM2VM",
      "vhost-net": "VM2VM",
      ivshmem: "VM2VM",
    });
    expect(named(registered, "exchange").inputs).toMatchObject({ program: "exchange" });
    const guests = ["east", "west"].map((name) => named(registered, `${name}-domain`));
    expect(guests.map(({ inputs }) => inputs["vcpuPins"])).toEqual([["3"], ["4"]]);
    for (const { inputs } of guests)
      expect(inputs["sharedMemory"]).toEqual({ ring: { kind: "ivshmem-plain", size: "4MiB" } });
    for (const image of ["east-image", "west-image"])
      expect(named(registered, image).inputs["programs"]).toEqual([program.path]);
    for (const [way, kind] of [
      ["vhost-user", "interface"],
      ["vhost-net", "interface"],
      ["ivshmem", "memory"],
    ]) {
      const frames = named(registered, `${way}-frames-run`);
      expect(frames.inputs).toMatchObject({
        ...{ rate: 100, count: 1000 },
        from: { domain: "east", port: { kind } },
        to: { domain: "west", port: { kind } },
      });
      expect(frames.waitsFor).toEqual(expect.arrayContaining(["east-domain", "west-domain"]));
    }
    // Only the switch is told by flows.
    expect(
      registered.filter(({ types }) => types.at(-1) === "nfvlab:ovs:Flows").map(({ name }) => name),
    ).toEqual(["vhost-user-flows-br0"]);
  });
});

describe("sr-iov", () => {
  const nics = [
    { address: "0000:00:02.0", interfaces: ["eth0"] },
    { address: "0000:21:00.0", interfaces: ["eth1"], virtualFunctions: { total: 7, active: 0 } },
  ];
  const functions = [0, 1, 2, 3].map((index) => ({ index, address: `0000:21:10.${index}` }));

  it("takes the first card with virtual functions, binds its ends to VFIO, and leaves the guest's to libvirt", async () => {
    const { registered, exportOf } = await run(
      "sr-iov",
      {},
      {
        "nfvlab:host:Facts": { identity: { bootId: "boot-1" }, nics },
        "nfvlab:pci:VirtualFunctions": { functions },
        "nfvlab:pci:VirtualFunction": ({ vf }) => ({ address: functions[Number(vf)]?.address }),
      },
    );
    expect(await exportOf("drawing")).toBe("generator ─ card ─ vnf ─ card ─ sink");
    expect(named(registered, "card").inputs).toMatchObject({ pf: "0000:21:00.0", count: 4 });
    expect(
      registered
        .filter(({ types }) => types.at(-1) === "nfvlab:pci:DriverBinding")
        .map(({ inputs }) => [inputs["address"], inputs["driver"]]),
    ).toEqual([
      ["0000:21:10.0", "vfio-pci"],
      ["0000:21:10.3", "vfio-pci"],
    ]);
    const guest = named(registered, "vnf-domain").inputs;
    expect(guest["nics"]).toMatchObject({ in: { vf: "0000:21:10.1" }, out: { vf: "0000:21:10.2" } });
    // What leaves the guest goes to where the sink's function takes it, and what is sent to where the guest's does.
    const macOf = (role: string) => named(registered, role).inputs["mac"];
    expect(guest["boot"]).toMatchObject({
      routes: [{ nic: "out", to: "198.18.0.2", nextHop: macOf("sink") }],
    });
    const frames = named(registered, "sr-iov-frames-run");
    expect(frames.inputs).toMatchObject({
      ...{ from: { kind: "pci", address: "0000:21:10.0" }, to: { kind: "pci", address: "0000:21:10.3" } },
      addresses: { toMac: macOf("vnf-in") },
    });
    expect(frames.waitsFor).toEqual(
      expect.arrayContaining(["generator-driver", "sink-driver", "vnf-domain"]),
    );
  });
});

describe("lxc-or-kvm", () => {
  it("sends the same frames through a container and two kinds of guests, each between bridges of its own", async () => {
    configure({ rate: "100", count: "1000" });
    const { registered, exportOf } = await run("lxc-or-kvm");
    expect(await exportOf("drawings")).toEqual({
      lxc: "generator ─ lxc-in ─ lxc-vnf ─ lxc-out ─ sink",
      vhost: "generator ─ vhost-in ─ vhost-vnf ─ vhost-out ─ sink",
      e1000: "generator ─ e1000-in ─ e1000-vnf ─ e1000-out ─ sink",
    });
    const models = registered
      .filter(({ types }) => types.at(-1) === "nfvlab:libvirt:Domain")
      .map(({ inputs }) =>
        Object.values(inputs["nics"] as Record<string, { model: string }>).map(({ model }) => model),
      );
    expect(models).toEqual([
      ["virtio", "virtio"],
      ["e1000", "e1000"],
    ]);
    for (const path of ["lxc", "vhost", "e1000"]) {
      const frames = named(registered, `${path}-frames-run`);
      expect(frames.inputs).toMatchObject({
        ...{ rate: 100, count: 1000, generator: { cpus: "2" } },
        from: { kind: "af_packet", interface: `${path}-in-end` },
        to: { kind: "af_packet", interface: `${path}-out-end` },
      });
      const vnfs = ["lxc-vnf-container", "vhost-vnf-domain", "e1000-vnf-domain"];
      expect(frames.waitsFor).toEqual(expect.arrayContaining([`${path}-in-end`, `${path}-out-end`, ...vnfs]));
    }
    for (const [path, what] of [
      ["lxc", { container: "lxc-vnf" }],
      ["vhost", { domain: "vhost-vnf" }],
    ] as const) {
      const start = named(registered, `${path}-start-run`);
      expect(start.inputs).toMatchObject({ ...what, repetitions: 1 });
      expect(start.waitsFor).toEqual(expect.arrayContaining(["lxc-frames-run", "e1000-frames-run"]));
    }
    // Two ways between the same bridges would be a loop.
    const bridges = registered.filter(({ types }) => types.at(-1) === "nfvlab:net:LinuxBridge");
    expect(new Set(bridges.map(({ inputs }) => inputs["name"])).size).toBe(6);
    const names = registered
      .filter(({ types }) => types.at(-1) === "nfvlab:net:Veth")
      .map(({ inputs }) => String(inputs["name"]));
    expect(names.filter((name) => name.length > 15)).toEqual([]);
    expect(registered.filter(({ types }) => types.at(-1) === "nfvlab:bench:Density")).toEqual([]);
  });

  it("seeks how many of each kind the host carries where that is asked for, one kind after the other", async () => {
    configure({ density: "4", densityLimit: "5ms", starts: "0" });
    const { registered } = await run("lxc-or-kvm");
    const common = { perCpu: 4, cpus: "2-5", latency: { limit: "5ms" }, repetitions: 1 };
    const [lxc, kvm] = ["lxc", "kvm"].map((kind) => named(registered, `${kind}-density-run`));
    expect(lxc?.inputs).toMatchObject({ ...common, instances: { kind: "container", memory: "64MiB" } });
    expect(kvm?.inputs).toMatchObject({
      ...common,
      instances: { kind: "guest", numaNode: 1, emulatorCpus: "0-1" },
    });
    expect(lxc?.waitsFor).toEqual(expect.arrayContaining(["lxc-frames-run", "e1000-frames-run"]));
    expect(kvm?.waitsFor).toContain("lxc-density-run");
  });
});

describe("packet-paths", () => {
  const nics = [{ address: "0000:21:00.0", interfaces: ["eth1"], virtualFunctions: { total: 7, active: 0 } }];
  const functions = [0, 1, 2, 3].map((index) => ({ index, address: `0000:21:10.${index}` }));
  const counted = { planned: 9, sent: 9, received: 8, lost: 1, duplicated: 0, reordered: 0 };
  const latency = { name: "traffic.forward.latency", unit: "ns", samples: 8, percentiles: { 50: 7 }, max: 9 };
  const measured = {
    "nfvlab:host:Facts": { identity: { bootId: "boot-1" }, nics },
    "nfvlab:pci:VirtualFunctions": { functions },
    "nfvlab:pci:VirtualFunction": ({ vf }: Readonly<Record<string, unknown>>) => ({
      address: functions[Number(vf)]?.address,
    }),
    "nfvlab:bench:Traffic": {
      record: { ...record, metrics: [latency] },
      frames: { forward: counted, reverse: null },
    },
  };
  const all = ["e1000", "rtl8139", "vhost-net", "vhost-user", "sr-iov", "veth"];
  const runsOf = (registered: readonly Registered[]) =>
    registered.filter(({ types }) => types.at(-1) === "nfvlab:bench:Traffic");

  it("sends the same frames over every rung, once all functions are up, which start one after another", async () => {
    configure({ rate: "100", count: "1000", frameSize: "128", idle: "0us" });
    const { registered, exportOf } = await run("packet-paths", {}, measured);
    const bridged = (name: string) => [name, `generator ─ ${name}-in ─ ${name}-vnf ─ ${name}-out ─ sink`];
    expect(await exportOf("drawings")).toEqual({
      ...Object.fromEntries(["e1000", "rtl8139", "vhost-net", "veth"].map(bridged)),
      "vhost-user": "generator ─ br0 ─ vhost-user-vnf ─ br0 ─ sink",
      "sr-iov": "generator ─ card ─ sr-iov-vnf ─ card ─ sink",
    });
    const functionsOf = all.map((name) => `${name}-vnf-${name === "veth" ? "container" : "domain"}`);
    const runs = runsOf(registered).map(({ name }) => name);
    expect(runs.sort()).toEqual(all.map((name) => `${name}-frames-run`).sort());
    for (const { name, inputs, waitsFor } of runsOf(registered)) {
      expect(inputs).toMatchObject({ rate: 100, count: 1000, frameSize: 128 });
      // One setting of the generator, down to where its memory is.
      expect(inputs["generator"]).toEqual(runsOf(registered)[0]?.inputs["generator"]);
      expect(inputs["generator"]).toMatchObject({ cpus: "3", idle: "0us" });
      // A virtual function takes no frames but its own.
      const taken = name === "sr-iov-frames-run" ? { toMac: "02:00:00:00:10:01" } : undefined;
      expect(inputs["addresses"]).toEqual(taken);
      expect(waitsFor).toEqual(expect.arrayContaining(functionsOf));
    }
    for (const [index, name] of functionsOf.slice(1).entries())
      expect(named(registered, name).waitsFor).toContain(functionsOf[index]);
    // DPDK in the switch would take the generator's virtual functions too.
    expect(named(registered, "br0-daemon").inputs["ealArguments"]).toEqual(["--no-pci"]);
    const guests = registered.filter(({ types }) => types.at(-1) === "nfvlab:libvirt:Domain");
    const cpus = guests.map(({ inputs }) => inputs["vcpuPins"]);
    expect([...cpus, [named(registered, "veth-vnf-container").inputs["cpus"]]]).toEqual(
      ["4", "5", "6", "7", "8", "9"].map((cpu) => [cpu]),
    );
    const devices = registered.flatMap(({ inputs, types }) =>
      /:(LinuxBridge|Veth)$/.test(types.at(-1) ?? "")
        ? [inputs["name"], (inputs["peer"] as { name?: string } | undefined)?.name ?? "none"]
        : [],
    );
    expect(devices.length).toBe(32);
    expect(devices.filter((name) => String(name).length > 15)).toEqual([]);
  });

  it("tells count, loss, latency and layers of each", async () => {
    const { exportOf } = await run("packet-paths", {}, measured);
    const ladder = (await exportOf("ladder")) as { name: string; layers: { name: string }[] }[];
    expect(ladder.map(({ name }) => name)).toEqual(all);
    for (const rung of ladder)
      expect(rung).toMatchObject({ sent: 9, received: 8, lost: 1, medianNs: 7, longestNs: 9 });
    const layersOf = (name: string) =>
      ladder.find((rung) => rung.name === name)?.layers.map((layer) => layer.name);
    expect(layersOf("e1000")).toContain("QEMU's e1000");
    expect(layersOf("rtl8139")).toContain("QEMU's rtl8139");
    expect(layersOf("vhost-net")).toContain("vhost-net thread");
    expect(layersOf("vhost-user")).toContain("poll-mode thread");
    expect(layersOf("sr-iov")).toContain("switch of the card");
    expect(layersOf("veth")).toContain("veth");
    expect(await exportOf("table")).toMatch(/^sr-iov +9 +8 +1 +7 ns +– +9 ns/m);
  });

  it("climbs the rungs that are chosen, in their order, and makes nothing for the others", async () => {
    configure({ rungs: '["veth", "vhost-net"]', vnfCpus: '{ "vhost-net": "5", "veth": "4" }' });
    const { registered } = await run("packet-paths", {}, measured);
    const runs = runsOf(registered).map(({ name }) => name);
    expect(runs.sort()).toEqual(["veth-frames-run", "vhost-net-frames-run"]);
    const types = new Set(registered.map((each) => each.types.at(-1)));
    for (const type of ["nfvlab:ovs:Daemon", "nfvlab:pci:VirtualFunctions"])
      expect(types).not.toContain(type);
    expect(named(registered, "dut-machine-server").inputs).toMatchObject({
      ...{ igbCards: 0, numaNodes: [{ cpus: "0-5" }] },
    });
    expect(named(registered, "veth-vnf-container").inputs).toMatchObject({ cpus: "4" });
    expect(named(registered, "dut-hugepages-node0-2MiB").inputs).toMatchObject({ count: 64 });
  });

  it.each([
    ['["vhost-net", "wire"]', "wire"],
    ["[]", "without rungs"],
  ])("refuses the rungs %s", async (rungs, said) => {
    configure({ rungs });
    await expect(run("packet-paths", {}, measured)).rejects.toThrow(said);
  });
});

describe("live-migration", () => {
  const nics = [
    { address: "0000:00:02.0", interfaces: ["ens2"] },
    { address: "0000:21:00.0", interfaces: ["ens5"], virtualFunctions: { total: 7, active: 0 } },
  ];
  const times = (totalNs: number, downtimeNs: number, outageNs: number) =>
    Object.entries({ total: totalNs, downtime: downtimeNs, outage: outageNs }).map(([name, max]) => ({
      ...{ name: `guest.migration.${name}`, unit: "ns", samples: 2, percentiles: { 50: max }, max },
    }));
  const measured = {
    "nfvlab:host:Facts": { identity: { bootId: "boot-1" }, nics },
    "nfvlab:traffic:Tool": { path: "/var/lib/nfvlab/traffic/1/nfvlab-traffic" },
    "nfvlab:libvirt:BootImage": { kernel: "/k", initramfs: "/i" },
    "nfvlab:bench:LiveMigration": ({ settings }: Readonly<Record<string, unknown>>) => ({
      frames: null,
      destinationInForce: "b",
      record: {
        ...record,
        metrics: settings === undefined ? times(3e9, 40e6, 60e6) : times(1e9, 10e6, 50e6),
      },
    }),
  };
  const migrations = (registered: readonly Registered[]) =>
    registered.filter(({ types }) => types.at(-1) === "nfvlab:bench:LiveMigration");

  it("migrates a guest that routes between two emulated servers on a wire, first as it is and then tuned", async () => {
    configure({ rate: "50", repetitions: "4" });
    const { registered, exportOf } = await run("live-migration", {}, measured);
    expect(await exportOf("drawing")).toBe("generator ─ here-lan ─ vnf ─ here-lan ─ sink");
    const servers = registered.filter(({ types }) => types.at(-1) === "nfvlab:emulate:Server");
    expect(servers.map(({ inputs }) => [inputs["name"], inputs["wire"], inputs["igbCards"]])).toEqual([
      ["here-machine", "lan", 1],
      ["there-machine", "lan", 1],
    ]);
    const bridges = registered.filter(({ types }) => types.at(-1) === "nfvlab:net:LinuxBridge");
    expect(bridges.map(({ inputs }) => [inputs["name"], inputs["members"], inputs["addresses"]])).toEqual([
      ["lan", ["ens5"], ["198.18.100.1/24"]],
      ["lan", ["ens5"], ["198.18.100.2/24"]],
    ]);
    expect(named(registered, "vnf-domain").inputs).toMatchObject({
      cpu: { migratable: true },
      boot: { routes: [{ nic: "out", to: "198.18.0.2", nextHop: "02:00:00:00:20:03" }] },
    });
    const [baseline, tuned] = migrations(registered);
    expect(baseline?.inputs).toMatchObject({
      ...{ domain: "vnf", repetitions: 4, limit: "240s" },
      addresses: { host: "198.18.100.1", destination: "198.18.100.2" },
      host: secret({ name: "here", connection }),
      destination: secret({ name: "there", connection }),
      traffic: {
        ...{ rate: 50, addresses: { toMac: "02:00:00:00:20:01" } },
        ...{
          from: { kind: "af_packet", interface: "generator" },
          to: { kind: "af_packet", interface: "sink" },
        },
        generator: { cpus: "2", hugepages: false, program: "/var/lib/nfvlab/traffic/1/nfvlab-traffic" },
      },
    });
    expect(baseline?.inputs).not.toHaveProperty("settings");
    expect(tuned?.inputs["settings"]).toEqual({
      ...{ downtimeLimit: "10ms", connections: 2, autoConverge: { initial: 20 } },
    });
    // What the guest has here is there too, and nothing is measured twice at once.
    const images = registered.filter(({ types }) => types.at(-1) === "nfvlab:libvirt:BootImage");
    expect(images.map(({ inputs }) => [inputs["host"], inputs["name"]])).toEqual([
      [secret({ name: "here", connection }), "vnf"],
      [secret({ name: "there", connection }), "vnf"],
    ]);
    expect(baseline?.waitsFor).toEqual(
      expect.arrayContaining(["vnf-domain", "baseline-image", "there-lan", "generator", "sink"]),
    );
    expect(tuned?.waitsFor).toEqual(expect.arrayContaining(["baseline-run"]));
  });

  it("sets what was published beside it, and says what emulated servers are worth", async () => {
    const { exportOf } = await run("live-migration", {}, measured);
    expect(await exportOf("table")).toBe(
      [
        "longest of all             baseline  tuned        published   tuned",
        "total time, by QEMU             3 s    1 s    3×     2.27 s  654 ms",
        "downtime, by QEMU             40 ms  10 ms    4×      26 ms    5 ms",
        "outage, as traffic saw it     60 ms  50 ms  1.2×          –       –",
        "published: OPNFV KVM4NFV, fast live migration: guest of 8 GiB, DPDK L2fwd, two servers",
        "! functional: taken on emulated servers. It shows that the path works, not what settings gain.",
        "",
      ].join("\n"),
    );
  });

  it("takes real hosts by configuration, with as many migrations as a gate needs", async () => {
    const secret = JSON.stringify(connection);
    configure(
      {
        ...{
          hereConnection: secret,
          thereConnection: secret,
          hereInterface: "ens6f0",
          thereInterface: "ens6f1",
        },
        ...{ guestMemory: "8GiB", settings: '{"downtimeLimit":"5ms"}' },
      },
      ["hereConnection", "thereConnection"],
    );
    const { registered } = await run("live-migration", {}, measured);
    expect(registered.map(({ types }) => types.at(-1))).not.toContain("nfvlab:emulate:Server");
    expect(named(registered, "here-lan").inputs["members"]).toEqual(["ens6f0"]);
    expect(named(registered, "vnf-domain").inputs["memory"]).toBe("8GiB");
    expect(migrations(registered).map(({ inputs }) => [inputs["repetitions"], inputs["settings"]])).toEqual([
      [10, undefined],
      [10, { downtimeLimit: "5ms" }],
    ]);
  });
});
