/**
 * A guest that forwards packets, migrated from one machine to another and back: everything as QEMU and libvirt have it, beside settings that are to make it short. Total time and downtime come from
 * QEMU, the outage from traffic that goes through the guest meanwhile. The experiment of KVM4NFV's fast live migration, whose figures stand beside ours.
 *
 * One bridge of the kernel on each machine, joined by a card each, carries all of it: frames to the guest and from it, and the guest's memory between two addresses. The guest's kernel routes, so
 * that its addresses are learned anew where it comes to, by what QEMU announces.
 *
 * Stands up two emulated servers, joined by a wire. For real hosts set `hereConnection` and `thereConnection` as secret JSONs, `hereInterface` and `thereInterface` (on a network of their own),
 * `housekeepingCpus`, `isolatedCpus`, of these `generatorCpus` and `vnfCpus`, their `numaNode`, and `guestMemory`. `rate` is of the frames; `repetitions`, `limit` and `settle` of the migrations;
 * `settings` a JSON of those that are tuned.
 */
import * as pulumi from "@pulumi/pulumi";
import {
  bridgedEnd,
  compareMigrations,
  EmulatedServer,
  LiveMigrationBenchmark,
  type LiveMigrationBenchmarkArgs,
  ServiceChain,
  TapVnf,
  type TapVnfArgs,
  TunedHost,
  type TunedHostArgs,
} from "../components/index.ts";
import { net, traffic } from "../sdk/index.ts";
import { MIGRATED_FORWARDING } from "../sdk/units/published.ts";
import { cpusOf } from "./machine.ts";

type Duration = NonNullable<LiveMigrationBenchmarkArgs["limit"]>;

const config = new pulumi.Config();
const isEmulated = config.get("hereConnection") === undefined;
const numaNode = config.getNumber("numaNode") ?? 0;
const addresses = { host: "198.18.100.1", destination: "198.18.100.2" };

/** A machine with a bridge to the other one; its first card where no interface is named. */
function machine(name: "here" | "there", address: string) {
  const connection = config.getSecretObject(`${name}Connection`) as TunedHostArgs["connection"] | undefined;
  const host = new TunedHost(name, {
    connection:
      connection ??
      new EmulatedServer(`${name}-machine`, {
        numaNodes: [{ cpus: "0-3", memory: "2GiB" }],
        igbCards: 1,
        wire: "lan",
        bootArguments: ["isolcpus=managed_irq,domain,2-3", "nohz_full=2-3", "irqaffinity=0-1"],
      }),
    cpus: cpusOf(config, { housekeeping: "0-1", isolated: "2-3" }),
  });
  const member =
    config.get(`${name}Interface`) ??
    host.facts.nics.apply(
      (nics) => nics.find(({ virtualFunctions }) => virtualFunctions !== undefined)?.interfaces[0] ?? "none",
    );
  const bridge = new net.LinuxBridge(`${name}-lan`, {
    ...{ host: host.reference, name: "lan", members: [member], addresses: [`${address}/24`] },
  });
  return { host, bridge };
}

const here = machine("here", addresses.host);
const there = machine("there", addresses.destination);

const macs = {
  generator: "02:00:00:00:20:00",
  in: "02:00:00:00:20:01",
  out: "02:00:00:00:20:02",
  sink: "02:00:00:00:20:03",
};
const end = (role: "generator" | "sink") => {
  const pair = new net.Veth(role, {
    ...{ host: here.host.reference, name: `${role}-port`, bridge: here.bridge.name },
    peer: { name: role, mac: macs[role], offloads: { tx: false } },
  });
  return bridgedEnd(role, here.bridge, pair);
};
const vnf = new TapVnf("vnf", {
  ...{ host: here.host, vcpus: config.get("vnfCpus") ?? "3", emulatorCpus: "0", numaNode },
  ...{ memory: (config.get("guestMemory") ?? "256MiB") as TapVnfArgs["memory"], pageSize: "4KiB" },
  domain: { cpu: { migratable: true } },
  nics: {
    in: { kind: "bridge", bridge: here.bridge, mac: macs.in },
    out: { kind: "bridge", bridge: here.bridge, mac: macs.out },
  },
  routes: [{ nic: "out", to: "198.18.0.2", nextHop: macs.sink }],
});
const chain = new ServiceChain("live-migration", {
  ...{ from: end("generator"), through: [vnf], to: end("sink"), directions: "forward" },
});
const tool = new traffic.Tool("traffic", { host: here.host.reference, name: "traffic" });

/** An emulated server writes and sends slower than any link, and shares its processors with the other one. */
const usual = isEmulated
  ? { rate: 100, repetitions: 2, limit: "240s", settle: "5s" }
  : { rate: 10_000, repetitions: 10, limit: "60s", settle: "30s" };
const migrate = (name: string, more: Pick<LiveMigrationBenchmarkArgs, "settings" | "image" | "after">) =>
  new LiveMigrationBenchmark(name, {
    ...{ guest: vnf, to: there.host, addresses },
    ...more,
    after: [there.bridge, ...(more.after ?? [])],
    repetitions: config.getNumber("repetitions") ?? usual.repetitions,
    limit: (config.get("limit") ?? usual.limit) as Duration,
    settle: (config.get("settle") ?? usual.settle) as Duration,
    traffic: {
      ...{ tool, over: chain, cpus: config.get("generatorCpus") ?? "2", idle: "100us", hugepages: false },
      ...{ rate: config.getNumber("rate") ?? usual.rate, addresses: { toMac: macs.in } },
    },
  });

const settings =
  config.getObject<NonNullable<LiveMigrationBenchmarkArgs["settings"]>>("settings") ??
  ({ downtimeLimit: "10ms", connections: 2, autoConverge: { initial: 20 } } as const);
const baseline = migrate("baseline", {});
const { image } = baseline;
const tuned = migrate("tuned", { settings, after: [baseline], ...(image !== undefined && { image }) });

const { total, downtime } = MIGRATED_FORWARDING;
const compared = pulumi.all([baseline.results, tuned.results]).apply(([one, other]) =>
  compareMigrations({
    baseline: one,
    tuned: other,
    published: {
      of: "OPNFV KVM4NFV, fast live migration: guest of 8 GiB, DPDK L2fwd, two servers",
      baselineNs: { total: total.before, downtime: downtime.before },
      tunedNs: { total: total.after, downtime: downtime.after },
    },
  }),
);

export const { deployment, drawing } = chain;
/** Baseline beside tuned, beside what was published. */
export const table = compared.text;
/** The same as data, with what speaks against it. */
export const { rows, caveats } = compared;
/** Frames through the guest while it was migrated. */
export const frames = { baseline: baseline.frames, tuned: tuned.frames };
/** All metrics of both. */
export const results = { baseline: baseline.results, tuned: tuned.results };
