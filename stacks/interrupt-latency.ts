/**
 * How late timers wake a thread up, untuned beside tuned: cyclictest on CPUs of one host, idle and beside load of the processor, of memory, and of input and output.
 * The untuned series comes first, then the tuning with its reboot, then the tuned series; a second `up` measures nothing again.
 *
 * Stands up an emulated server, where the figures show that the path works and nothing more. For a real host set `connection` as a secret JSON, `housekeepingCpus`,
 * `isolatedCpus`, and perhaps `loadCpus` and `profile`. `interval`, `duration` and `repetitions` are of one measurement.
 */
import * as pulumi from "@pulumi/pulumi";
import {
  CyclictestBenchmark,
  type CyclictestBenchmarkArgs,
  EmulatedServer,
  planTuning,
  sideBySide,
  TunedHost,
  type TunedHostArgs,
  tuningByHand,
} from "../components/index.ts";

type Profile = Parameters<typeof planTuning>[0]["profile"];
type Duration = NonNullable<CyclictestBenchmarkArgs["interval"]>;
type Connection = Parameters<typeof planTuning>[0]["host"]["connection"];

const config = new pulumi.Config();
const cpus = {
  housekeeping: config.get("housekeepingCpus") ?? "0-1",
  isolated: config.get("isolatedCpus") ?? "2-3",
};
// Not CPU 0 where there is another one: somebody has to answer while it is loaded.
const loadCpus = config.get("loadCpus") ?? "1";
const given = config.getSecretObject<Connection>("connection");
const { connection, tuning, timing } = given === undefined ? emulated() : await real(given);

const loads = {
  idle: {},
  cpu: { coLoad: { kind: "cpu", cpus: loadCpus } },
  memory: { coLoad: { kind: "memory", cpus: loadCpus } },
  io: { coLoad: { kind: "io", cpus: loadCpus } },
} as const satisfies Record<string, Pick<CyclictestBenchmarkArgs, "coLoad">>;

// Two names of one machine: as it was found, and tuned.
const found = new TunedHost("as-found", { connection, cpus });
const untuned = series("untuned", { on: found, once: true });
const dut = new TunedHost(
  "dut",
  { connection, cpus, tuning, reboot: { allow: true } },
  { dependsOn: Object.values(untuned) },
);
const tuned = series("tuned", { on: dut });

/** One benchmark for each load. Measurements wait for each other by themselves. */
function series(name: string, args: Pick<CyclictestBenchmarkArgs, "on" | "once">) {
  const all = Object.entries(loads).map(([load, { ...beside }]) => {
    const benchmark = new CyclictestBenchmark(`${name}-${load}`, { ...args, ...timing, ...beside });
    return [load, benchmark] as const;
  });
  return Object.fromEntries(all);
}

/** How long is measured, unless the configuration says otherwise. */
function timed(interval: Duration, duration: Duration, repetitions: number) {
  return {
    interval: (config.get("interval") ?? interval) as Duration,
    duration: (config.get("duration") ?? duration) as Duration,
    repetitions: config.getNumber("repetitions") ?? repetitions,
  };
}

/** A server of our own, with what a plain Debian kernel has a place for. */
function emulated() {
  const { housekeeping, isolated } = cpus;
  return {
    connection: new EmulatedServer("machine", {
      numaNodes: [
        { cpus: "0-1", memory: "1GiB" },
        { cpus: "2-3", memory: "1GiB" },
      ],
      igbCards: 0,
    }),
    tuning: tuningByHand("interrupt latency", cpus, {
      bootArguments: {
        arguments: {
          isolcpus: { cpus: isolated, flags: ["managed_irq", "domain"] },
          nohzFull: isolated,
          rcuNocbs: isolated,
          irqaffinity: housekeeping,
          nosoftlockup: true,
          skewTick: true,
        },
      },
      sysctls: {
        values: { "kernel.numa_balancing": 0, "kernel.timer_migration": 0, "vm.stat_interval": 10 },
      },
      memoryManagement: { transparentHugepages: "never", ksm: false },
      workqueues: { cpus: housekeeping, writebackCpus: housekeeping },
      irqAffinity: { defaultCpus: housekeeping, cpus: housekeeping },
    }),
    // What is emulated wakes up late, and a wake-up later than the next one's time would be lost: hence the long intervals.
    timing: timed("500ms", "10s", 3),
  };
}

/** A host that is there: its plan is made for it, and the figures mean something. */
async function real(secret: pulumi.Output<Connection>) {
  const known = await new Promise<Connection>((resolve) => secret.apply(resolve));
  return {
    connection: pulumi.secret(known) as TunedHostArgs["connection"],
    tuning: await planTuning({
      host: { name: "dut", connection: known },
      profile: (config.get("profile") ?? "nfv") as Profile,
      cpus,
    }),
    timing: timed("200us", "10min", 6),
  };
}

const sides = pulumi.all(
  Object.keys(loads).map((load) =>
    pulumi
      .all([untuned[load]?.results, tuned[load]?.results])
      .apply(([before, after]) =>
        before === undefined || after === undefined ? [] : [{ load, untuned: before, tuned: after }],
      ),
  ),
);
const compared = sides.apply((all) => sideBySide("host.timer.latency", all.flat()));

export const { rows, caveats } = compared;
/** Side by side for people: `pulumi stack output table`. */
export const table = compared.text;
