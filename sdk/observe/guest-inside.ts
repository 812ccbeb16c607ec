import { quoteAll } from "../units/quoting.ts";
import { cpuTopology } from "./cpus.ts";
import { argumentKnobs } from "./domain-knobs.ts";
import { identityFiles } from "./identity.ts";

/** What is in force inside a guest, as its own kernel says. */
export interface GuestInside {
  /** Which boot of the guest this is. */
  readonly bootId: string;
  /** By name: `inside.kernel`. What the guest does not say is left out. */
  readonly knobs: Readonly<Record<string, string>>;
}

const FILES = [
  ...["osrelease", "version", "random/boot_id"].map((file) => `/proc/sys/kernel/${file}`),
  ...["/proc/cmdline", "/etc/os-release"],
  "/sys/devices/system/clocksource/clocksource0/current_clocksource",
  ...["online", "isolated", "nohz_full"].map((file) => `/sys/devices/system/cpu/${file}`),
] as const;

/** What is run in a guest for it, once. */
export const insideQuestion = [
  ...(["/bin/sh", "-c"] as const),
  `${quoteAll(["grep", "-s", "-H", "", ...FILES])}; true`,
] as const;

/**
 * Reads what `insideQuestion` printed in a guest. Boot arguments are told one by one, as those of its definition are: of what may hold a secret there is a hash.
 *
 * @throws HostError `parse`; InputError `cpu-list`
 */
export function parseGuestInside(stdout: string): GuestInside {
  const answer = { code: 0, stdout, stderr: "" };
  const { bootId, os, kernelRelease, kernelVersion, kernelArguments, clocksource } =
    identityFiles.parse(answer);
  const { online, isolated, nohzFull } = cpuTopology.parse(answer);
  const told = {
    kernel: `${kernelRelease} ${kernelVersion}`.trim(),
    os: os ?? "",
    clocksource,
    onlineCpus: online.format(),
    isolatedCpus: isolated.format(),
    nohzFullCpus: nohzFull.format(),
  };
  const knobs = Object.entries(told)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => [`inside.${name}`, value] as const);
  return {
    bootId,
    knobs: { ...Object.fromEntries(knobs), ...argumentKnobs(kernelArguments, ["inside", "bootArguments"]) },
  };
}
