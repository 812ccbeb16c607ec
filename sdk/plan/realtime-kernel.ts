import type { ObservedBootLoader } from "../observe/boot-loader.ts";
import type { PackagedKernels } from "../observe/packaged-kernels.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import { environmentOf } from "../units/grub-environment.ts";
import { KERNEL_FILE } from "../units/grub-menu.ts";
import type { Shown } from "./boot-argument-table.ts";
import { type FoundLoader, HEADER, textOfFound, writeFile } from "./boot-sets.ts";
import {
  defaultEntry,
  ENVIRONMENT,
  goesBySaved,
  isStaged,
  ownEntry,
  PROVEN,
  provenFile,
  regenerate,
  releaseOf,
  removeOurs,
  savedSteps,
  setDefault,
  stagedEntry,
} from "./grub-menu.ts";
import type { Step } from "./step.ts";

/**
 * The package that is the distribution's real-time kernel.
 *
 * @throws HostError `realtime-kernel` where it has none, with what it takes to get one
 */
export function realtimePackage(system: string, architecture: string, host: string): string {
  const refused = (problem: string, expected: string, hint: string) =>
    new HostError({
      ...{ code: "realtime-kernel", property: "package", problem, expected, hint },
      observed: `${system || "no /etc/os-release"}${architecture === "" ? "" : `, ${architecture}`}`,
    });
  const [name] = system.split(" ");
  if (name === "ubuntu")
    throw refused(
      `the archive of ${host} has no real-time kernel without a subscription`,
      "a machine with Ubuntu Pro",
      "attach it (pro attach), have the kernel installed (pro enable realtime-kernel), and name its package here: linux-image-realtime or the one that pro installed",
    );
  if (!/\bdebian\b/.test(system))
    throw refused(
      `real-time kernels are installed on Debian, which ${host} is not`,
      "Debian with GRUB",
      "on RHEL enable the repository for Real Time or NFV, install kernel-rt, choose it with grubby --set-default, and leave this resource out",
    );
  const flavour = { amd64: "rt-amd64", arm64: "rt-arm64", armhf: "rt-armmp" }[architecture];
  if (flavour === undefined)
    throw refused(
      "Debian builds no real-time kernel for this architecture",
      "amd64, arm64 or armhf",
      "name the package of one that was built for it",
    );
  return `linux-image-${flavour}`;
}

/** @throws HostError `realtime-kernel` where the boot loader has no menu that a kernel is chosen in */
export function requireMenu({ kind }: Pick<ObservedBootLoader, "kind">, host: string): void {
  if (kind === "grub-menu") return;
  throw new HostError({
    ...{ code: "realtime-kernel", property: "host" },
    problem: `a kernel is chosen in a menu that grub-mkconfig writes, which ${host} does not boot by`,
    observed: kind === "systemd-boot" ? "systemd-boot" : "GRUB with entries in /boot/loader/entries",
    expected: "Debian or Ubuntu with GRUB",
    hint: "install the kernel by hand, make it the default with grubby --set-default or bootctl set-default, and leave this resource out: boot arguments then go with it",
  });
}

/** Whether the running kernel is fully preemptible. Only kernels with the whole patch set have the file. */
export function isRealtime({ files }: Pick<Shown, "files">): boolean {
  const version = files.get("/proc/sys/kernel/version") ?? "";
  const file = files.get("/sys/kernel/realtime");
  return /\bPREEMPT_RT\b/.test(version) && (file === undefined || file === "1");
}

/** What a running kernel falls short of the one that was chosen. */
export function shortOfKernel(release: string | undefined, shown: Shown): string[] {
  if (release === undefined) return [];
  if (shown.kernelRelease !== release) return [`kernel ${release} (${shown.kernelRelease} runs)`];
  return isRealtime(shown) ? [] : [`PREEMPT_RT of kernel ${release}`];
}

/** Release of what the machine boots where nobody chooses. */
export function usualRelease(loader: ObservedBootLoader, running: string): string {
  const named = loader.entries.find(({ id }) => id === defaultEntry(loader)) ?? ownEntry(loader);
  return releaseOf(named?.kernel ?? "") ?? running;
}

/** The text of the file that chooses a kernel. `before` is what our other entries keep to, whatever kernel comes first in the menu by now. */
export function kernelFile(before: string, release: string | undefined): string {
  const chosen = release === undefined ? "" : `NFVLAB_CHOSEN_KERNEL="${release}"\n`;
  return `${HEADER}GRUB_DEFAULT=saved\nNFVLAB_KERNEL="${before}"\n${chosen}`;
}

/**
 * What keeps the machine at the kernel that it has while another one comes: a new kernel may sort before it, and be the first entry from then on. The menu is made anew
 * where it does not name each kernel yet.
 */
export function holdSteps(loader: ObservedBootLoader, before: string): Step[] {
  const file = writeFile(KERNEL_FILE, kernelFile(before, undefined), "644");
  const isPinnable = pathOf(loader, before) !== undefined && goesBySaved(loader);
  return [
    ...savedSteps(loader),
    ...(loader.kernel === undefined ? [file] : []),
    // The package's own hook makes the menu anew once more.
    ...(isPinnable ? [] : regenerate()),
  ];
}

/** What makes the default name its kernel, where it is the first entry, whichever that is. */
export function pinSteps(loader: ObservedBootLoader, before: string, host: string): Step[] {
  const named = defaultEntry(loader);
  const path = pathOf(loader, before);
  if (named.startsWith("nfvlab-") || named === path) return [];
  if (path === undefined) {
    throw new VerificationError({
      code: "boot-entry",
      problem: `the boot menu of ${host} has no entry for the kernel that it boots now`,
      observed: loader.entries.map(({ kernel }) => kernel).join(", ") || "no entry",
      expected: `an entry for /boot/vmlinuz-${before}`,
      hint: "look at /etc/grub.d/10_linux and at what lies in /boot; that kernel has to stay to fall back on",
    });
  }
  return [setDefault(path)];
}

/** The entry of a release by the name that GRUB's commands take, `gnulinux-advanced-1>gnulinux-6.12-advanced-1`. */
function pathOf(loader: ObservedBootLoader, release: string): string | undefined {
  const entry = loader.entries.find(
    ({ id, kernel, own, arguments: line }) =>
      own === undefined &&
      releaseOf(kernel) === release &&
      // The entry for everybody has no release in its id, and becomes that of another kernel.
      id.includes(release) &&
      !line.some(({ name }) => name === "single" || name === "recovery"),
  );
  return entry && [...entry.submenus, entry.id].join(">");
}

/** What makes the chosen kernel that of the staged entry. */
export function chooseSteps(loader: ObservedBootLoader, before: string, release: string): Step[] {
  const text = kernelFile(loader.kernel?.before ?? before, release);
  return [
    ...savedSteps(loader),
    ...(loader.files.get(KERNEL_FILE) === text ? [] : [writeFile(KERNEL_FILE, text, "644")]),
    ...regenerate(),
  ];
}

/** What makes an entry the default again that was found healthy before, and is staged as it was then. */
export function promoteAgain(loader: ObservedBootLoader): Step[] {
  const staged = stagedEntry(loader);
  const isProven = staged !== undefined && loader.files.get(PROVEN) === provenFile(staged);
  return isProven && defaultEntry(loader) !== staged.id ? [setDefault(staged.id)] : [];
}

/** How a machine booted before the kernel came. */
export interface FoundDefault {
  readonly entry: string;
  /** The file that kept the entry which was found healthy. */
  readonly proven: string | null;
}

export function foundDefault(loader: ObservedBootLoader): FoundDefault {
  return { entry: defaultEntry(loader), proven: loader.files.get(PROVEN) ?? null };
}

/**
 * What takes the choice back. Boot arguments that stay have an entry of the machine's own kernel from then on: the default where it was found healthy before, else one
 * that waits for a Reboot.
 */
export function unchooseSteps(
  loader: ObservedBootLoader,
  found: FoundLoader | undefined,
  before: FoundDefault,
): Step[] {
  const isLast = loader.sets.size === 0;
  const staged = stagedEntry({ sets: loader.sets });
  const isProven = staged !== undefined && before.proven === provenFile(staged);
  const saved = loader.environment?.get("saved_entry") ?? "";
  const isOurs =
    saved.startsWith("nfvlab-") || saved === pathOf(loader, loader.kernel?.before ?? "") || saved === "";
  const block = textOfFound(found, ENVIRONMENT);
  const machines = block === undefined ? undefined : environmentOf(block).get("saved_entry");
  const usual = !before.entry.startsWith("nfvlab-") || isProven ? before.entry : (machines ?? "0");
  return [
    ...(isOurs && usual !== saved ? [setDefault(usual)] : []),
    ...removeOurs(KERNEL_FILE, isLast, found),
    ...(isLast
      ? []
      : isProven && before.proven !== null
        ? [writeFile(PROVEN, before.proven, "644")]
        : [{ purpose: `remove ${PROVEN}`, argv: ["rm", "-f", PROVEN] } satisfies Step]),
    ...regenerate(),
  ];
}

/**
 * The kernel that a package brought.
 *
 * @throws HostError `realtime-kernel` where there is none, or one without PREEMPT_RT by its configuration in /boot
 */
export function requireKernel(name: string, { releases, realtime }: PackagedKernels, host: string): string {
  const release = releases.get(name);
  if (release !== undefined && realtime.has(release)) return release;
  throw new HostError({
    ...{ code: "realtime-kernel", property: "package" },
    problem: `${name} is installed on ${host} and has brought no real-time kernel`,
    observed:
      release === undefined
        ? "no /boot/vmlinuz-* that it owns or needs"
        : `no CONFIG_PREEMPT_RT=y in /boot/config-${release}`,
    expected: "a package that is a kernel with PREEMPT_RT, or depends on one",
    hint: "name such a package; `apt-cache search linux-image` lists what the sources of the machine have",
  });
}

export interface KernelStates {
  readonly kernel: string;
  readonly entry: string;
  readonly installed: boolean;
  readonly configured: boolean;
  readonly promoted: boolean;
  readonly running: boolean;
}

/** How far a kernel has come: there, what the next boot takes, what every boot takes, what runs. */
export function kernelStates(
  name: string,
  { releases }: PackagedKernels,
  loader: ObservedBootLoader,
  shown: Pick<Shown, "files" | "kernelRelease">,
): KernelStates {
  const release = releases.get(name);
  const staged = stagedEntry(loader);
  return {
    kernel: release ?? "",
    entry: staged?.id ?? "",
    installed: release !== undefined,
    configured: release !== undefined && staged?.release === release && isStaged(loader),
    promoted: release !== undefined && staged?.release === release && defaultEntry(loader) === staged.id,
    running: shown.kernelRelease === release && isRealtime(shown),
  };
}
