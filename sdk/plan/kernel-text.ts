import { CpuSet } from "../units/cpuset.ts";
import { exactDuration } from "../units/duration.ts";

export type KnobValue = string | number | boolean;

/**
 * How a value and the text of a kernel file stand for each other. What `read` does not understand it gives back as it is, and `write` writes a
 * text as it is, so that whatever was found can be put back.
 */
export interface KernelText {
  readonly write: (value: KnobValue) => string;
  readonly read: (text: string) => KnobValue;
  /** Where more than the value itself will do. */
  readonly satisfies?: (observed: KnobValue, wanted: KnobValue) => boolean;
}

/** One word: `performance`. */
export const word: KernelText = { write: String, read: (text) => text.trim() };

/** The chosen one of those that the file lists: `always [madvise] never`. */
export const choice: KernelText = {
  write: String,
  read: (text) => /\[([^\]]+)\]/.exec(text)?.[1] ?? text.trim(),
};

export const number: KernelText = {
  write: String,
  read: (text) => (/^-?\d{1,15}$/.test(text.trim()) ? Number(text) : text.trim()),
};

/** `1` for true. */
export const flag: KernelText = flagOf("1", "0");
/** `0` for true: the file says what is switched off. */
export const invertedFlag: KernelText = flagOf("0", "1");

function flagOf(on: string, off: string): KernelText {
  return {
    write: (value) => (typeof value === "boolean" ? (value ? on : off) : String(value)),
    read: (text) => (text.trim() === on ? true : text.trim() === off ? false : text.trim()),
  };
}

/** A parameter of a module: `Y` and `N` where it is a boolean, else as it is. */
export const moduleParameter: KernelText = {
  write: (value) => (typeof value === "boolean" ? (value ? "Y" : "N") : String(value)),
  read: (text) => {
    const value = text.trim();
    return value === "Y" ? true : value === "N" ? false : number.read(value);
  },
  // The kernel takes 1 for Y and shows Y; it takes 1 as a number too, and shows 1.
  satisfies: (observed, wanted) =>
    typeof observed === "boolean" ? observed === booleanOf(wanted) : flag.write(wanted) === `${observed}`,
};

function booleanOf(value: KnobValue): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (/^(1|y|yes|on|true)$/i.test(`${value}`)) return true;
  return /^(0|n|no|off|false)$/i.test(`${value}`) ? false : undefined;
}

/** A CPU list as a mask of 32-bit words: `00000001,ffffffff`. */
export const cpuMask: KernelText = {
  write: (value) => written(value, (cpus) => cpus.toGroupedMask()),
  read: (text) =>
    /^[0-9a-f]+(,[0-9a-f]+)*$/i.test(text.trim()) ? CpuSet.fromMask(text).format() : text.trim(),
};

/** A CPU list; any part of the wanted CPUs will do. */
export const cpusWithin: KernelText = {
  write: (value) => written(value, (cpus) => cpus.format()),
  read: (text) => text.trim(),
  satisfies: (observed, wanted) => CpuSet.parse(`${observed}`).isSubsetOf(CpuSet.parse(`${wanted}`)),
};

function written(value: KnobValue, form: (cpus: CpuSet) => string): string {
  return /^[\d,:/^\s-]+$/.test(`${value}`) ? form(CpuSet.parse(`${value}`)) : `${value}`;
}

/**
 * How long a CPU may take to wake up, as pm_qos_resume_latency_us has it: there 0 is no restriction, and `n/a` that no latency at all is tolerated.
 * Here those are "unlimited" and "0us".
 */
export const resumeLatency: KernelText = {
  write: (value) => {
    if (value === "unlimited") return "0";
    if (!/^\d+(ns|us|ms|s|min|h)$/.test(`${value}`)) return `${value}`;
    const us = exactDuration(`${value}`, "us");
    return us === 0 ? "n/a" : `${us}`;
  },
  read: (text) => {
    const value = text.trim();
    if (value === "0") return "unlimited";
    if (value === "n/a") return "0us";
    return /^\d+$/.test(value) ? `${value}us` : value;
  },
};
