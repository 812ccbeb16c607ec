import type * as pulumi from "@pulumi/pulumi";
import { Density } from "../sdk/resources/bench.ts";
import type { ArgsOf, Wired } from "../sdk/resources/lab-resource.ts";
import { BootImage } from "../sdk/resources/libvirt.ts";
import type { DensityInstances, density } from "../sdk/schema/density.ts";
import type { ResultRecord } from "../sdk/schema/record.ts";
import type { CpuList } from "../sdk/units/cpuset.ts";
import type { Duration } from "../sdk/units/duration.ts";
import type { Size } from "../sdk/units/size.ts";
import { type BenchmarkResults, declaredOf, type Measured, measured } from "./benchmarks.ts";
import { given } from "./given.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent } from "./lab-component.ts";
import { checkMeasuringCpus } from "./measuring-cpus.ts";
import type { TunedHost } from "./tuned-host.ts";

type Guests = Extract<DensityInstances, { kind: "guest" }>;

/** Guests of one vCPU without a network. */
export interface DensityGuestsArgs {
  /** Guests on KVM. */
  readonly kind: "guest";
  /** A boot image that is there. Default: one made on the host from its own packages. */
  readonly image?: BootImage;
  /** Memory of each, a multiple of the page size. Default 128MiB. */
  readonly memory?: Size;
  /** Size of the pages that back it: of a pool of huge pages that the host has on the node, or `4KiB`, the default. */
  readonly pageSize?: NonNullable<Guests["pageSize"]>;
  /** NUMA node of their memory: that of their CPUs. */
  readonly numaNode: number;
  /** CPUs of QEMU's other threads. Default: the host's housekeeping CPUs. */
  readonly emulatorCpus?: CpuList;
}

/** LXC containers with the host's programs and without a network. */
export interface DensityContainersArgs {
  /** Containers of LXC. */
  readonly kind: "container";
  /** Most memory that each may take. Default 64MiB. */
  readonly memory?: Size;
}

export interface DensityBenchmarkArgs {
  /** The host that carries them. */
  readonly on: TunedHost;
  /** What is started beside each other. */
  readonly instances: DensityGuestsArgs | DensityContainersArgs;
  /** CPUs that they run on, each on one of them, in turn. Default: the host's isolated CPUs. */
  readonly cpus?: CpuList;
  /** Most instances of one CPU, 1 to 1000. Default 1. */
  readonly perCpu?: number;
  /** Most instances, 1 to 1000. Default 1000; CPUs, memory and huge pages may allow fewer. */
  readonly most?: number;
  /** Memory that stays free on each NUMA node that they take theirs from. Default: 4GiB or a tenth of it, what is more; on an emulated server a tenth. */
  readonly keepFree?: Size;
  /** Goal: how long each may take to its first answer, whole seconds. Default 60s. */
  readonly startTimeout?: Duration;
  /** Goal of the wake-ups of a thread in each, of all at the same time: `{ percentile: "99.9", limit: "200us", interval: "1ms" }`. Default: none. */
  readonly latency?: NonNullable<ArgsOf<typeof density>["latency"]>;
  /** How long all run beside each other before they are judged, whole seconds. Default 20s. */
  readonly duration?: Duration;
  /** How long one repetition may take, whole seconds. Default 1h. */
  readonly limit?: Duration;
  /** How often the number is sought, 1 to 100, default 3; a confidence interval needs 6. */
  readonly repetitions?: number;
  /** Waits for these before it measures. */
  readonly after?: readonly pulumi.Resource[];
  /** Measures again when one of these changes; the host's bootId always counts. */
  readonly rerunOn?: readonly pulumi.Input<unknown>[];
}

/**
 * How many guests or containers a host carries beside each other until a goal breaks. What it starts ends with it; functions that stand on the same CPUs are measured with it, and had better be off.
 *
 * @throws InputError `component-inputs` where these are no CPUs
 * @example
 * const containers = new DensityBenchmark("lxc-density", { on: dut, instances: { kind: "container" }, perCpu: 16, latency: { limit: "200us" } });
 * const guests = new DensityBenchmark("kvm-density", {
 *   on: dut, instances: { kind: "guest", numaNode: 1 }, perCpu: 16, latency: { limit: "200us" }, after: [containers],
 * });
 */
export class DensityBenchmark extends LabComponent<Measured> {
  /** The whole record: the number, what each took, what ended it (`remarks`), fingerprint. */
  declare readonly record: pulumi.Output<ResultRecord>;
  declare readonly results: pulumi.Output<BenchmarkResults>;

  constructor(name: string, args: DensityBenchmarkArgs, options: pulumi.ComponentResourceOptions = {}) {
    const { on, instances, cpus = on.cpus.isolated as CpuList } = args;
    const check = new InputCheck("DensityBenchmark", name);
    checkMeasuringCpus(check, "cpus", cpus, on);
    check.done();
    super("DensityBenchmark", name, { ...on.lifetime(), ...options }, (scope) => {
      const { perCpu, most, keepFree, startTimeout, latency, duration, limit, repetitions } = args;
      const host = on.reference;
      const own = given({ perCpu, most, keepFree, startTimeout, latency, duration, limit, repetitions });
      const image =
        instances.kind === "guest"
          ? (instances.image ?? scope.child(BootImage, "image", { host, name }))
          : undefined;
      const run = scope.child(
        Density,
        "run",
        {
          ...{ host, name, cpus, instances: instancesOf(args, image), ...own, ...declaredOf(on) },
          triggers: [on.bootId, ...(args.rerunOn ?? [])],
        },
        { dependsOn: [...on.preparation, ...(args.after ?? [])] },
      );
      return measured(run.record);
    });
  }
}

function instancesOf(
  { on, instances }: DensityBenchmarkArgs,
  image: BootImage | undefined,
): Wired<DensityInstances> {
  if (instances.kind === "container" || image === undefined)
    return { kind: "container", ...given({ memory: instances.memory }) };
  const { memory, pageSize, numaNode, emulatorCpus = on.cpus.housekeeping as CpuList } = instances;
  const { kernel, initramfs } = image;
  return { kind: "guest", kernel, initramfs, numaNode, emulatorCpus, ...given({ memory, pageSize }) };
}
