import { filesOf, type Probe } from "./probe.ts";

/** Files of a machine by path, their lines joined; of one that is not there, or can't be read, there is none. */
export type KernelFiles = ReadonlyMap<string, string>;

/** The text of every file that matches, in one question. Patterns are fixed: those of all machines, not of one resource. */
export function kernelFiles(name: string, patterns: readonly string[]): Probe<KernelFiles> {
  return {
    name: `kernel-files-${name}`,
    ask: { kind: "files", patterns },
    parse: (answer) => new Map([...filesOf(answer)].map(([path, lines]) => [path, lines.join("\n")])),
  };
}

/** Device interrupts of /proc/interrupts: number to what serves them; rows of the CPUs' own interrupts have no number. */
export function interruptsIn(text: string): Map<number, string> {
  return new Map(
    text.split("\n").flatMap((line) => {
      const match = /^\s*(\d+):\s+(.*\S)/.exec(line);
      if (match === null) return [];
      const served = (match[2] as string).split(/\s{2,}/).at(-1) as string;
      return [[Number(match[1]), served] as const];
    }),
  );
}

const SERVICES = ["tuned", "ksmtuned", "irqbalance", "thermald", "power-profiles-daemon"] as const;
export type TuningService = (typeof SERVICES)[number];

/** Services that run and set what a lab sets: what two set, nobody sets. */
export const tuningServices: Probe<readonly TuningService[]> = {
  name: "tuning-services",
  ask: { kind: "command", argv: ["systemctl", "is-active", ...SERVICES.map((name) => `${name}.service`)] },
  parse: ({ stdout }) => {
    const states = stdout.split("\n");
    return SERVICES.filter((_, index) => states[index]?.trim() === "active");
  },
};
