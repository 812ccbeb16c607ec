import * as pulumi from "@pulumi/pulumi";
import {
  BootArguments,
  CpuFrequency,
  CpuIdle,
  IrqAffinity,
  IrqBalance,
  KernelThreads,
  MachineChecks,
  MemoryManagement,
  ModuleParameters,
  RealtimeKernel,
  Reboot,
  Swap,
  Sysctls,
  SystemdCpus,
  Workqueues,
} from "../sdk/resources/host.ts";
import type { HostReference } from "../sdk/schema/connection.ts";
import type { PageSize } from "../sdk/schema/hugepages.ts";
import type { InspectedTuning } from "../sdk/schema/inspection.ts";
import type { TuningPlan } from "../sdk/schema/tuning-plan.ts";
import { type CpuList, CpuSet } from "../sdk/units/cpuset.ts";
import type { Duration } from "../sdk/units/duration.ts";
import type { InputCheck } from "./input-check.ts";
import type { Scope } from "./lab-component.ts";

export interface HostCpus {
  /** CPUs of the operating system, interrupts and emulator threads; CPU 0 among them. */
  readonly housekeeping: CpuList;
  /** CPUs that the kernel was told to leave alone. Poll-mode threads and vCPUs run here. */
  readonly isolated: CpuList;
}

export interface HostTuningArgs {
  /** Who may use which CPU: two lists, or a whole plan of `planCpus`. Declared, not set: boot arguments isolate them, those of `tuning` or others. */
  readonly cpus: HostCpus;
  /** How it is tuned: a plan of `planTuning`, as it is. Nothing of it is left to tuned. */
  readonly tuning?: TuningPlan;
  /** Whether it runs a kernel with PREEMPT_RT: Debian's own, or that of a package. Default false: the kernel that it has. */
  readonly realtimeKernel?:
    | boolean
    | {
        /** Package that is the kernel, or needs it, where it is none of Debian's. */
        readonly package: string;
      };
  /** May boot arguments of `tuning`, or a real-time kernel, reboot it? Without this they wait, and a warning says so. */
  readonly reboot?: RebootPermission;
  /** Huge pages that the machine is to have, a pool for each node and size. */
  readonly hugepages?: readonly {
    /** Size of a page. */
    readonly size: PageSize;
    /** Pages in the pool, 0 up. */
    readonly count: number;
    /** Node that they lie on. */
    readonly numaNode: number;
  }[];
  /** Kernel parameters by key, `{ "kernel.numa_balancing": 0 }`: set now and at every boot, with those of `tuning`. */
  readonly sysctls?: Readonly<Record<string, string | number>>;
  /** `off` for a machine that is not to swap at all. Default: swap as it is, and vm.swappiness of `tuning`. */
  readonly swap?: "off";
}

export interface RebootPermission {
  /** Says that the machine may be taken away for minutes, with all that runs on it, where boot arguments wait for it. */
  readonly allow: true;
  /** Whether it may be so at delete as well, so that the boot arguments are out of force. Default allow; with deny a warning says that a reboot is pending. */
  readonly onDelete?: "allow" | "deny";
  /** Until SSH answers again, 1 s to 1 h. Default 600s. */
  readonly bootTimeout?: Duration;
  /** Why, for the log of the machine. Default: the profile's name. */
  readonly reason?: string;
}

/** What all of it comes to, as an inspection would compare the machine with it. */
export function wantedOf({ tuning, sysctls, swap, hugepages }: HostTuningArgs): InspectedTuning {
  const { resources } = tuning ?? {};
  const values = { ...resources?.sysctls?.values, ...sysctls };
  return {
    ...(tuning !== undefined && { profile: tuning.profile }),
    resources: {
      ...resources,
      ...(Object.keys(values).length > 0 && { sysctls: { values } }),
      ...(swap === "off" && { swap: {} }),
    },
    ...(hugepages !== undefined && hugepages.length > 0 && { hugepages: [...hugepages] }),
  };
}

type Resources = readonly pulumi.CustomResource[];

/** What counts from a boot on, in the order of its coming about. */
interface BootTuning {
  readonly bootArguments: BootArguments | undefined;
  readonly kernel: RealtimeKernel | undefined;
  /** What a module or a service reads at its next start. */
  readonly files: Resources;
  readonly reboot: Reboot | undefined;
}

/** Notes what of a plan goes with nothing else that the host is given. */
export function checkTuning(
  check: InputCheck,
  { tuning, reboot, realtimeKernel = false, ...args }: HostTuningArgs,
): void {
  if (reboot !== undefined && realtimeKernel === false && tuning?.resources.bootArguments === undefined) {
    check.wrong({
      code: "reboot-for-nothing",
      property: "reboot",
      problem: "nothing is tuned that waits for a reboot",
      observed: tuning === undefined ? "no tuning" : "a plan without boot arguments",
      expected: "tuning with boot arguments, or realtimeKernel",
      hint: "leave reboot out, or give the host a plan of planTuning",
    });
  }
  if (tuning === undefined) return;
  for (const sentence of tuning.conflicts)
    check.wrong({ code: "tuned-twice", property: "tuning", problem: sentence });
  checkCpus(check, args.cpus, tuning);
  const { bootArguments, sysctls } = tuning.resources;
  for (const [key, value] of Object.entries(args.sysctls ?? {})) {
    const planned = sysctls?.values[key];
    if (planned === undefined || `${planned}` === `${value}`) continue;
    check.wrong({
      code: "sysctl-twice",
      property: `sysctls["${key}"]`,
      problem: `the profile ${tuning.profile} sets it otherwise`,
      observed: `${value}`,
      expected: `${planned}`,
      hint: `leave it out here, or change the profile: overrides: { sysctls: { ${JSON.stringify(key)}: ${JSON.stringify(value)} } }`,
    });
  }
  for (const [index, { numaNode, size }] of (args.hugepages ?? []).entries()) {
    const atBoot = bootArguments?.arguments.hugepages?.find((pool) => pool.size === size);
    if (atBoot === undefined) continue;
    if (typeof atBoot.count !== "number" && atBoot.count[`${numaNode}`] === undefined) continue;
    check.wrong({
      code: "pool-twice",
      property: `hugepages[${index}]`,
      problem: "the boot arguments of the profile fill the same pool",
      observed: `node ${numaNode}, ${size}`,
      expected: "one of both",
    });
  }
}

function checkCpus(
  check: InputCheck,
  { housekeeping, isolated }: HostCpus,
  { cpus, profile }: TuningPlan,
): void {
  const roles = [
    ["housekeeping", housekeeping],
    ["isolated", isolated],
  ] as const;
  for (const [role, list] of roles) {
    const planned = CpuSet.parse(cpus[role]);
    const given = parsed(list);
    if (given === undefined || given.equals(planned)) continue;
    check.wrong({
      code: "cpus-otherwise",
      property: `cpus.${role}`,
      problem: `the plan of profile ${profile} is for other CPUs`,
      observed: list,
      expected: planned.format(),
      hint: "give the host the plan's own: cpus: tuning.cpus",
    });
  }
}

/** What is no list is noted elsewhere. */
function parsed(list: string): CpuSet | undefined {
  try {
    return CpuSet.parse(list);
  } catch {
    return undefined;
  }
}

/**
 * Boot arguments, then what modules and services read when they start, then the reboot that brings all of it into force. Deleted the other way round, so that
 * the reboot of the arguments' delete finds the files gone.
 */
export function tuneBoot(
  scope: Scope,
  host: pulumi.Output<HostReference>,
  name: string,
  { tuning, realtimeKernel = false, reboot: permission }: HostTuningArgs,
): BootTuning {
  const { bootArguments: boot, moduleParameters = [], irqBalance, systemdCpus } = tuning?.resources ?? {};
  const mayAtDelete = permission !== undefined && permission.onDelete !== "deny";
  const bootArguments =
    boot &&
    scope.child(BootArguments, "boot-arguments", {
      ...boot,
      host,
      name,
      ...(mayAtDelete && { rebootOnDelete: "allow" }),
    });
  const after = { dependsOn: bootArguments ?? [] };
  // Deleted before the arguments, whose delete reboots the machine out of both.
  const kernel =
    realtimeKernel === false
      ? undefined
      : scope.child(
          RealtimeKernel,
          "realtime-kernel",
          {
            host,
            ...(realtimeKernel !== true && realtimeKernel),
            ...(mayAtDelete && bootArguments === undefined && { rebootOnDelete: "allow" }),
          },
          after,
        );
  const files = [
    ...moduleParameters.map((each) =>
      scope.child(ModuleParameters, `module-${each.module}`, { ...each, host }, after),
    ),
    irqBalance && scope.child(IrqBalance, "irq-balance", { ...irqBalance, host }, after),
    systemdCpus && scope.child(SystemdCpus, "systemd-cpus", { ...systemdCpus, host }, after),
  ].filter((each) => each !== undefined);
  if ((bootArguments === undefined && kernel === undefined) || permission === undefined) {
    if (bootArguments !== undefined) sayWhatWaits(bootArguments, name);
    if (kernel !== undefined) sayThatKernelWaits(kernel, name);
    return { bootArguments, kernel, files, reboot: undefined };
  }
  const { bootTimeout, reason = tuning === undefined ? "a real-time kernel" : `profile ${tuning.profile}` } =
    permission;
  const waiting = [bootArguments, kernel].filter((each) => each !== undefined);
  const reboot = scope.child(
    Reboot,
    "reboot",
    {
      host,
      allow: true,
      triggers: [bootArguments?.arguments, kernel?.kernel].filter((each) => each !== undefined),
      reason,
      ...(bootTimeout !== undefined && { bootTimeout }),
    },
    { dependsOn: [...waiting, ...files] },
  );
  return { bootArguments, kernel, files, reboot };
}

/** Nobody allowed a reboot, so nothing is done but to say so. */
function sayWhatWaits(bootArguments: BootArguments, host: string): void {
  bootArguments.pending.apply((pending: readonly string[] | undefined) => {
    if (pending === undefined || pending.length === 0) return;
    pulumi.log.warn(
      `boot arguments of ${host} wait for a reboot: ${pending.join(" ")}; allow it with reboot: { allow: true }, or reboot the machine and refresh`,
      bootArguments,
    );
  });
}

function sayThatKernelWaits(kernel: RealtimeKernel, host: string): void {
  pulumi.all([kernel.kernel, kernel.running]).apply(([release, isRunning]: [string?, boolean?]) => {
    if (isRunning !== false) return;
    pulumi.log.warn(
      `kernel ${release} of ${host} waits for a reboot: allow it with reboot: { allow: true }, or reboot the machine and refresh`,
      kernel,
    );
  });
}

/** What counts at once: the profile's kernel parameters with the host's own, and every knob of the running kernel. */
export function tuneRunning(
  scope: Scope,
  host: pulumi.Output<HostReference>,
  name: string,
  { tuning, sysctls, swap }: Pick<HostTuningArgs, "tuning" | "sysctls" | "swap">,
  dependsOn: pulumi.Resource,
): { readonly sysctls: Sysctls | undefined; readonly knobs: Resources } {
  const { resources } = tuning ?? {};
  const options = { dependsOn };
  const values = { ...resources?.sysctls?.values, ...sysctls };
  const { memoryManagement, machineChecks, cpuFrequency, cpuIdle, workqueues, irqAffinity, kernelThreads } =
    resources ?? {};
  const knobs = [
    memoryManagement &&
      scope.child(MemoryManagement, "memory-management", { ...memoryManagement, host }, options),
    swap === "off" || resources?.swap !== undefined
      ? scope.child(Swap, "swap", { host }, options)
      : undefined,
    machineChecks && scope.child(MachineChecks, "machine-checks", { ...machineChecks, host }, options),
    cpuFrequency && scope.child(CpuFrequency, "cpu-frequency", { ...cpuFrequency, host, name }, options),
    cpuIdle && scope.child(CpuIdle, "cpu-idle", { ...cpuIdle, host, name }, options),
    workqueues && scope.child(Workqueues, "workqueues", { ...workqueues, host }, options),
    kernelThreads && scope.child(KernelThreads, "kernel-threads", { ...kernelThreads, host }, options),
    irqAffinity && scope.child(IrqAffinity, "irq-affinity", { ...irqAffinity, host }, options),
  ];
  return {
    sysctls:
      sysctls === undefined && resources?.sysctls === undefined
        ? undefined
        : scope.child(Sysctls, "sysctls", { host, name, values }, options),
    knobs: knobs.filter((knob) => knob !== undefined),
  };
}
