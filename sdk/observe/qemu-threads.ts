import { CpuSet } from "../units/cpuset.ts";
import { wholeNumberOf } from "./understood.ts";

/** A thread of a running QEMU as the kernel has it, whatever the definition says. */
export interface ObservedThread {
  readonly id: number;
  readonly name: string;
  /** Number of the vCPU that it runs; undefined for every other thread. */
  readonly vcpu?: number;
  /** QEMU's main thread, which carries the program's own name. */
  readonly main: boolean;
  readonly cpus: CpuSet;
  /** As the kernel counts them: 0 SCHED_OTHER, 1 SCHED_FIFO, 2 SCHED_RR, … */
  readonly policy: number;
  /** Of real-time policies; 0 otherwise. */
  readonly priority: number;
}

/** From /proc/PID/task: name, policy and priority of `stat`, CPUs of `status`. */
export function threadsOf(lines: readonly string[]): ObservedThread[] {
  const cpus = new Map(
    lines.flatMap((line) => {
      const [, id, list] = /^@\/proc\/\d+\/task\/(\d+)\/status:Cpus_allowed_list:\s*(\S*)$/.exec(line) ?? [];
      return id === undefined ? [] : [[Number(id), CpuSet.parse(list ?? "")] as const];
    }),
  );
  return lines.flatMap((line): ObservedThread[] => {
    // The name is in brackets and may hold brackets itself; the third field follows the last one.
    const [, id, name, rest] = /^@\/proc\/\d+\/task\/(\d+)\/stat:\d+ \((.*)\) (.*)$/.exec(line) ?? [];
    const allowed = cpus.get(Number(id));
    if (name === undefined || rest === undefined || allowed === undefined) return [];
    const field = (number: number) =>
      wholeNumberOf(`field ${number} of thread ${name}`, rest.split(" ")[number - 3] ?? "0");
    const vcpu = /^CPU (\d+)\/(?:KVM|TCG)$/.exec(name)?.[1];
    const main = /^qemu-(system|kvm)/.test(name);
    const scheduling = { policy: field(41), priority: field(40) };
    return [
      {
        id: Number(id),
        name,
        ...(vcpu !== undefined && { vcpu: Number(vcpu) }),
        main,
        cpus: allowed,
        ...scheduling,
      },
    ];
  });
}
