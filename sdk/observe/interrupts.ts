import { filesOf, type Probe } from "./probe.ts";
import { byStandingName } from "./standing-names.ts";

/**
 * Which CPUs each interrupt may go to, by the names of what asked for it: `interrupt virtio*-input.*`. Where irqbalance runs, that alone is told, since it moves
 * them by itself. Those of devices that guests have are left out: they are there as long as a guest is.
 */
export const interruptSettings: Probe<Readonly<Record<string, string>>> = {
  name: "interrupt-affinities",
  ask: {
    kind: "command",
    argv: [
      "sh",
      "-c",
      "if pidof irqbalance > /dev/null; then echo irqbalance; else grep -H . /proc/irq/[0-9]*/smp_affinity_list /sys/kernel/irq/[0-9]*/actions 2> /dev/null; fi; true",
    ],
  },
  parse: (answer) => {
    if (answer.stdout.trim() === "irqbalance") return { irqbalance: "running" };
    const [cpus, actions] = [new Map<string, string>(), new Map<string, string>()];
    for (const [path, [value = ""]] of filesOf(answer)) {
      const [, tree, number = ""] = /^\/(proc|sys\/kernel)\/irq\/(\d+)\//.exec(path) ?? [];
      (tree === "proc" ? cpus : actions).set(number, value.trim());
    }
    return byStandingName(
      "interrupt",
      [...actions].flatMap(([number, action]) => {
        const allowed = cpus.get(number);
        return allowed === undefined || action === "" || action.startsWith("vfio")
          ? []
          : [[action, allowed] as const];
      }),
    );
  },
};
