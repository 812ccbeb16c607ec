/**
 * How late timers wake a thread up, untuned beside tuned: cyclictest on CPUs of one host and in a guest on them, idle and beside load of the host's processor, memory,
 * and input and output. The untuned series come first, then the tuning with its reboot, then the tuned series; a second `up` measures nothing again.
 *
 * Of a guest vCPU 1 is measured, and vCPU 0 keeps house. The tuned one boots with what profile `realtimeGuest` wants on its line.
 *
 * Stands up an emulated server, where the figures show that the path works and nothing more. For a real host set `connection` as a secret JSON, `housekeepingCpus`,
 * `isolatedCpus` (two or more) with their `numaNode`, and perhaps `loadCpus`, `guestMemory` and `profile`. `interval`, `duration`, `repetitions` and `percentile` are of one measurement,
 * `loads` names those that are measured, `idle,stream,cache` for instance.
 */
import * as pulumi from "@pulumi/pulumi";
import {
  CyclictestBenchmark,
  type CyclictestBenchmarkArgs,
  EmulatedServer,
  planTuning,
  planTuningOutput,
  sideBySide,
  TunedHost,
  type TunedHostArgs,
  tuningByHand,
  VhostUserVnf,
  type VhostUserVnfArgs,
} from "../components/index.ts";
import { CpuSet } from "../sdk/units/cpuset.ts";
import { bytes } from "../sdk/units/size.ts";
import { cpusOf } from "./machine.ts";

type Profile = Parameters<typeof planTuning>[0]["profile"];
type Duration = NonNullable<CyclictestBenchmarkArgs["interval"]>;
type Percentile = NonNullable<CyclictestBenchmarkArgs["percentile"]>;
type CoLoad = NonNullable<CyclictestBenchmarkArgs["coLoad"]>;
type Connection = Parameters<typeof planTuning>[0]["host"]["connection"];
type Series = Readonly<Record<string, CyclictestBenchmark>>;

const config = new pulumi.Config();
const cpus = cpusOf(config, { housekeeping: "0-1", isolated: "2-3" });
// Not CPU 0 where there is another one: somebody has to answer while it is loaded.
const loadCpus = config.get("loadCpus") ?? "1";
const memory = (config.get("guestMemory") ?? "256MiB") as VhostUserVnfArgs["memory"];
const pool = {
  size: "2MiB",
  count: bytes(memory) / bytes("2MiB"),
  numaNode: config.getNumber("numaNode") ?? 1,
} as const;
const given = config.getSecretObject<Connection>("connection");
const { connection, tuning, timing } = given === undefined ? emulated() : await real(given);

const loads = (config.get("loads") ?? "idle,cpu,memory,io").split(",");
const coLoadOf = (load: string) => ({ kind: load as CoLoad["kind"], cpus: loadCpus });

// Two names of one machine: as it was found, and tuned. The pages of the first are there again after the boot by the arguments of the second.
const found = new TunedHost("as-found", { connection, cpus, hugepages: [pool] });
const untuned = series("untuned", { on: found, once: true });
const plainGuest = guestOf("vnf-as-found", { host: found, once: true }, untuned);
const untunedGuest = series("untuned-guest", { on: plainGuest, cpus: "1", once: true });

const dut = new TunedHost(
  "dut",
  { connection, cpus, tuning, reboot: { allow: true } },
  { dependsOn: [...Object.values(untuned), ...Object.values(untunedGuest)] },
);
const tuned = series("tuned", { on: dut });
const guestPlan = planTuningOutput({
  host: found.reference,
  profile: "realtimeGuest",
  cpus: { housekeeping: "0", isolated: "1" },
});
const tunedGuest = series("tuned-guest", {
  on: guestOf(
    "vnf",
    { host: dut, ...bootOf(plainGuest), bootLine: pulumi.unsecret(guestPlan.bootLine) },
    tuned,
  ),
  cpus: "1",
});

/** One benchmark for each load. Measurements wait for each other by themselves. */
function series(name: string, args: Pick<CyclictestBenchmarkArgs, "on" | "cpus" | "once">): Series {
  const all = loads.map((load) => {
    const beside = load === "idle" ? {} : { coLoad: coLoadOf(load) };
    const benchmark = new CyclictestBenchmark(`${name}-${load}`, { ...args, ...timing, ...beside });
    return [load, benchmark] as const;
  });
  return Object.fromEntries(all);
}

/** A guest on the CPUs that were measured before, which are idle by then. That of the untuned host ends with its reboot. */
function guestOf(
  name: string,
  args: Pick<VhostUserVnfArgs, "host" | "boot" | "bootLine" | "once">,
  before: Series,
) {
  const unloaded = CpuSet.parse(cpus.housekeeping).minus(CpuSet.parse(loadCpus));
  return new VhostUserVnf(
    name,
    {
      ...args,
      vcpus: [...CpuSet.parse(cpus.isolated)].slice(0, 2).map(String),
      emulatorCpus: unloaded.size === 0 ? cpus.housekeeping : unloaded.format(),
      memory,
      pageSize: pool.size,
      numaNode: pool.numaNode,
    },
    { dependsOn: Object.values(before) },
  );
}

/** What another guest boots as well: an image takes a while to make. */
function bootOf({ image }: VhostUserVnf): Pick<VhostUserVnfArgs, "boot"> {
  if (image === undefined) return {};
  const files = pulumi.all([image.kernel, image.initramfs]);
  return { boot: files.apply(([kernel, initramfs]) => ({ kind: "kernel" as const, kernel, initramfs })) };
}

/** How long is measured, unless the configuration says otherwise. */
function timed(interval: Duration, duration: Duration, repetitions: number, percentile: Percentile) {
  return {
    interval: (config.get("interval") ?? interval) as Duration,
    duration: (config.get("duration") ?? duration) as Duration,
    repetitions: config.getNumber("repetitions") ?? repetitions,
    percentile: (config.get("percentile") ?? percentile) as Percentile,
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
          hugepages: [{ size: pool.size, count: { [pool.numaNode]: pool.count } }],
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
    timing: timed("500ms", "12s", 1, "50"),
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
      overrides: {
        bootArguments: { hugepages: [{ size: pool.size, count: { [pool.numaNode]: pool.count } }] },
      },
    }),
    timing: timed("200us", "10min", 6, "99.999"),
  };
}

/** Both series of one subject, a row for each load. */
function compared(subject: "host" | "guest", before: Series, after: Series) {
  const sides = loads.map((load) =>
    pulumi
      .all([before[load]?.results, after[load]?.results])
      .apply(([one, other]) =>
        one === undefined || other === undefined ? [] : [{ load, untuned: one, tuned: other }],
      ),
  );
  return pulumi.all(sides).apply((all) => sideBySide(`${subject}.timer.latency`, all.flat()));
}

export const host = compared("host", untuned, tuned);
export const guest = compared("guest", untunedGuest, tunedGuest);
/** Side by side for people: `pulumi stack output table`. */
export const table = pulumi.all([host.text, guest.text]).apply((texts) => texts.join("\n"));
