import { type Declared, unknown } from "../../policies/testing.ts";

/** How far a stack is: a first preview knows what the program says, later ones what the machine said too. */
export type Stage = "first-preview" | "up";

export interface TestbedArgs {
  readonly stage?: Stage;
  readonly cpus?: Readonly<Record<string, unknown>>;
  readonly pool?: Readonly<Record<string, unknown>>;
  readonly daemon?: Readonly<Record<string, unknown>>;
  readonly domain?: Readonly<Record<string, unknown>>;
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly server?: Readonly<Record<string, unknown>>;
  readonly more?: readonly Declared[];
}

export const bootId = "11111111-1111-4111-8111-111111111111";

/** An emulated server of two nodes with a switch and a guest on node 1, as the components declare it. */
export function testbed({ stage = "up", ...args }: TestbedArgs = {}): Declared[] {
  const place = placement(stage);
  return [
    {
      type: "nfvlab:emulate:Server",
      name: "dut-machine-server",
      props: {
        name: "dut-machine",
        image: stage === "up" ? "/cache/abc" : unknown,
        numaNodes: [
          { cpus: "0-1", memory: "2GiB" },
          { cpus: "2-5", memory: "3GiB" },
        ],
        ...args.server,
      },
    },
    {
      type: "nfvlab:components:TunedHost",
      name: "dut",
      props: {
        cpus: { housekeeping: "0-1", isolated: "2-5", ...args.cpus },
        reference: stage === "up" ? reference : unknown,
      },
    },
    {
      type: "nfvlab:host:Facts",
      name: "dut-facts",
      parent: "dut",
      ...place(stage === "up" ? { ...facts(2, 3), ...args.facts } : {}),
    },
    {
      type: "nfvlab:host:Hugepages",
      name: "dut-hugepages",
      parent: "dut",
      ...place({ numaNode: 1, size: "2MiB", count: 512, ...args.pool }),
    },
    {
      type: "nfvlab:ovs:Daemon",
      name: "br0-daemon",
      ...place({ pmdCpus: "2", socketMemory: { 1: "256MiB" }, socketLimit: { 1: "256MiB" }, ...args.daemon }),
    },
    {
      type: "nfvlab:ovs:Port",
      name: "br0-vhu0",
      ...place({
        bridge: "br0",
        name: "vhu0",
        interface: { kind: "dpdkvhostuserclient", socketPath: "/run/nfvlab-vhost/vhu0.sock" },
      }),
    },
    {
      type: "nfvlab:libvirt:Domain",
      name: "vnf-domain",
      ...place({
        name: "vnf",
        memory: "256MiB",
        pageSize: "2MiB",
        numaNode: 1,
        vcpuPins: ["3"],
        emulatorCpus: "0-1",
        nics: {
          east: { kind: "vhost-user", socketPath: "/run/nfvlab-vhost/vhu0.sock", mac: "52:54:00:00:00:01" },
        },
        ...args.domain,
      }),
    },
    ...(args.more ?? []),
  ];
}

const reference = {
  name: "dut",
  connection: { kind: "ssh", host: "127.0.0.1", port: 22022, hostKey: "ssh-ed25519 AAAA" },
};

/** Properties of a resource on the testbed's machine: before it exists its `host` is unknown as a whole. */
export function placement(stage: Stage) {
  return (props: Readonly<Record<string, unknown>>) => ({
    props: { host: stage === "up" ? reference : unknown, ...props },
    dependsOn: { host: ["dut-machine-server"] },
  });
}

/** Facts of a machine with nodes of consecutive CPUs, one thread a core; node 0 has a NIC, 0000:05:00.0. */
function facts(...firstOfNodes: readonly number[]): Record<string, unknown> {
  const [second = 2] = firstOfNodes;
  const nodeOf = (cpu: number) => (cpu < second ? 0 : 1);
  return {
    identity: { bootId, machineId: "m", emulated: true },
    cpus: [0, 1, 2, 3, 4, 5].map((cpu) => ({ cpu, numaNode: nodeOf(cpu), siblings: `${cpu}` })),
    numaNodes: [0, 1].map((node) => ({ node, hugepages: [] })),
    nics: [{ address: "0000:05:00.0", numaNode: 0 }],
  };
}

/** A benchmark whose record has one metric, valid and of the boot that runs. */
export function benchmark(
  record: Readonly<Record<string, unknown>> = {},
  metric: Readonly<Record<string, unknown>> = {},
): Declared {
  return {
    type: "nfvlab:bench:Cyclictest",
    name: "guest-timers-run",
    ...placement("up")({
      subject: { kind: "guest", domain: "vnf", cpus: "0" },
      record: {
        kind: "cyclictest",
        subject: "guest vnf CPU 0",
        tool: { command: ["cyclictest"], version: "cyclictest 2.80" },
        startedAt: "2026-11-21T08:00:00Z",
        fingerprint: { bootId },
        functional: false,
        valid: true,
        invalidReasons: [],
        metrics: [
          {
            name: "guest.timer.latency",
            unit: "ns",
            direction: "lower",
            samples: 30000,
            overflow: 0,
            max: 95_000,
            percentiles: { 50: 4000, 90: 8000, 99: 20_000, "99.9": 60_000, "99.99": null, "99.999": null },
            interval95: { low: 3900, high: 4200, method: "order-statistics" },
            ...metric,
          },
        ],
        ...record,
      },
    }),
  };
}
