import { HostError } from "../units/errors.ts";
import { unreadable } from "./parse-error.ts";

/** The counters of KVM of all vCPUs of a guest at one time. */
export interface ExitCounters {
  /** Time since the machine's boot, ms. */
  readonly atMs: number;
  /** By vCPU and by reason; `all` is their sum. */
  readonly vcpus: ReadonlyMap<number, ReadonlyMap<string, number>>;
}

/**
 * Reads what was looked at one after another: `@at`, with the time before and after in hundredths of a second, and rows of `virsh domstats --vcpu`, which has a counter for each reason that this
 * KVM counts.
 *
 * @throws HostError `exit-counters` where this libvirt, QEMU or kernel tells none, `parse`
 */
export function parseExitCounters(text: string): ExitCounters[] {
  const looks = text.split(/^@at /m).slice(1).map(lookOf);
  if (looks.length === 0 || looks.includes(undefined))
    throw unreadable("the exits of the guest's vCPUs", { code: 0, stdout: text, stderr: "" });
  const all = looks as ExitCounters[];
  if (all.every(({ vcpus }) => [...vcpus.values()].some((counters) => counters.has("all")))) return all;
  throw new HostError({
    code: "exit-counters",
    problem: "nobody counts the exits of this guest",
    observed: "virsh domstats --vcpu without vcpu.0.exits.sum",
    expected: "QEMU 7.1 and libvirt 8.10, and a guest of KVM that runs",
    hint: "start the guest, or upgrade them",
  });
}

function lookOf(section: string): ExitCounters | undefined {
  const [, from, to] = /^(\d{1,14}) (\d{1,14})\s*\n/.exec(section) ?? [];
  if (from === undefined || to === undefined || Number(to) < Number(from)) return undefined;
  const vcpus = new Map<number, Map<string, number>>();
  for (const [, vcpu = "", reason, value] of section.matchAll(ROW)) {
    const counters = vcpus.get(Number(vcpu)) ?? new Map<string, number>();
    vcpus.set(Number(vcpu), counters.set(reason === undefined ? "all" : reason.slice(0, -1), Number(value)));
  }
  return { atMs: (Number(from) + Number(to)) * 5, vcpus };
}

const ROW = /^ *vcpu\.(\d{1,5})\.([a-z_]+_)?exits\.sum=(\d{1,15})\s*$/gm;
