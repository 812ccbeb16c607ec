import type { ObservedTuned } from "../observe/tuned.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import type { Step } from "./step.ts";
import { planFile } from "./tmpfiles.ts";

export type TunedVariables = Readonly<Record<string, string>>;

/** What was there before, as delete brings it back. */
export interface FoundTuned {
  readonly profile: string;
  readonly mode: "auto" | "manual";
  readonly isRunning: boolean;
  readonly isEnabled: boolean;
}

const SERVICE = "tuned.service";
const STORE = "/var/lib/nfvlab/undo/tuned";
const SELECT_TIMEOUT_MS = 300_000;

// What TuneD and its plugins write: selection, variables, boot loader, modules, systemd, irqbalance.
const FILES =
  "/etc/tuned /etc/default/grub /boot/grub/grub.cfg /boot/grub2/grub.cfg /etc/modprobe.d/tuned.conf /etc/modprobe.d/kvm.rt.tuned.conf " +
  "/etc/systemd/system.conf.d/00-tuned.conf /etc/default/irqbalance /etc/sysconfig/irqbalance";

const COPY = `copy() {
  rm -rf "$1.part" && mkdir -p "$1.part"
  for path in ${FILES}; do [ ! -e "$path" ] || cp -a --parents "$path" "$1.part"; done
  rm -rf "$1" && mv "$1.part" "$1"
}`;

/** Keeps a copy of every file that TuneD may change, on the machine and for its owner alone; one that is there already stays. */
export function keepFound(): Step {
  return {
    purpose: "keep the files that TuneD changes",
    argv: ["sh", "-c", `set -eu\numask 077\n${COPY}\n[ -e ${STORE}/found ] || copy ${STORE}/found`],
  };
}

/** Notes what the files are after TuneD changed them: what reads otherwise later is somebody else's. */
export function keepWritten(): Step {
  return {
    purpose: "note the files as TuneD left them",
    argv: ["sh", "-c", `set -eu\numask 077\n${COPY}\ncopy ${STORE}/written`],
  };
}

const EACH = `[ -d found ] && [ -d written ] || exit 0
{ (cd found && find . -type f); (cd written && find . -type f); } | sort -u | sed 's/^\\.//' |`;

/** Marks, before TuneD takes anything back, the files that are as it left them; prints the others. */
export function markUnchanged(): Step {
  return {
    purpose: "see who has changed TuneD's files",
    argv: [
      "sh",
      "-c",
      `cd ${STORE} 2>/dev/null || exit 0
: > unchanged
${EACH} while read -r path; do
  if cmp -s "$path" "written$path" || { [ ! -e "$path" ] && [ ! -e "written$path" ]; }; then echo "$path" >> unchanged; else echo "$path"; fi
done`,
    ],
  };
}

/** Puts the marked files back as they were found, and forgets the copies. */
export function restoreFiles(): Step {
  return {
    purpose: "put TuneD's files back",
    argv: [
      "sh",
      "-c",
      `set -eu
cd ${STORE} 2>/dev/null || exit 0
while read -r path; do
  if [ ! -e "found$path" ]; then rm -f "$path"; rmdir "$(dirname "$path")" 2>/dev/null || true
  elif ! cmp -s "$path" "found$path"; then cp -a "found$path" "$path.part" && mv "$path.part" "$path"; fi
done < unchanged
rm -rf ${STORE}`,
    ],
  };
}

export function forgetFiles(): Step {
  return { purpose: "forget TuneD's files", argv: ["rm", "-rf", STORE] };
}

/**
 * Refuses what TuneD would fail at, or pass over without a word.
 *
 * @throws HostError `tuned-missing`, `tuned-profile-unknown`, `tuned-variables`
 */
export function requireTuned(
  profile: string,
  definition: string | undefined,
  variables: TunedVariables,
  observed: ObservedTuned,
  host: string,
): void {
  if (!observed.isInstalled)
    throw new HostError({
      code: "tuned-missing",
      problem: `TuneD is not installed on ${host}`,
      observed: "no unit tuned.service",
      hint: "install its package, tuned, or tune the machine by resources of single knobs: planTuning",
    });
  if (definition === undefined && !observed.profiles.has(profile))
    throw new HostError({
      code: "tuned-profile-unknown",
      property: "profile",
      problem: `TuneD on ${host} has no profile of that name`,
      observed: profile,
      expected: [...observed.profiles.keys()].sort().join(", "),
      hint: "choose one of these, install the package that brings it, or give its definition",
    });
  const text = definition ?? observed.definitions.get(profile) ?? "";
  if (Object.keys(variables).length > 0 && !text.includes(variablesPath(profile)))
    throw new HostError({
      code: "tuned-variables",
      property: "variables",
      problem: `profile ${profile} takes no variables on ${host}`,
      observed: Object.keys(variables).sort().join(", "),
      expected: `include=${variablesPath(profile)} in section [variables] of its tuned.conf`,
      hint: "leave variables out, or choose a profile that reads them",
    });
}

export function variablesPath(profile: string): string {
  return `/etc/tuned/${profile}-variables.conf`;
}

/** A file of variables with these values, each in the place of its last mention, else at the end; every other line stays. */
export function withVariables(text: string, values: TunedVariables): string {
  const missing = new Map(Object.entries(values));
  const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
  const written = lines
    .toReversed()
    .flatMap((line) => {
      const key = keyOf(line);
      if (key === undefined || !(key in values)) return [line];
      const value = missing.get(key);
      missing.delete(key);
      return value === undefined ? [] : [`${key}=${value}`];
    })
    .toReversed();
  const added = [...missing].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}`);
  return [...written, ...added].map((line) => `${line}\n`).join("");
}

/** Values that a file of variables gives, by name: the last mention counts. */
export function variablesIn(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split("\n").flatMap((line) => {
      const key = keyOf(line);
      return key === undefined
        ? []
        : [
            [
              key,
              line
                .slice(line.indexOf("=") + 1)
                .replace(/#.*/, "")
                .trim(),
            ],
          ];
    }),
  );
}

function keyOf(line: string): string | undefined {
  return /^\s*([A-Za-z_]\w*)\s*=/.exec(line)?.[1];
}

/** What makes TuneD run with the profile. Selecting it anew applies its variables as they are now. */
export function selectProfile(
  profile: string,
  definition: string | undefined,
  variables: TunedVariables,
  observed: ObservedTuned,
): Step[] {
  return [
    ...(definition === undefined
      ? []
      : planFile(`${observed.ownFolder}/${profile}/tuned.conf`, definition, undefined)),
    ...(Object.keys(variables).length === 0
      ? []
      : planFile(
          variablesPath(profile),
          withVariables(observed.variables.get(profile) ?? "", variables),
          undefined,
        )),
    ...(observed.isRunning
      ? []
      : // Started without a profile, TuneD would choose one and apply it first.
        [
          ...planFile("/etc/tuned/active_profile", `${profile}\n`, undefined),
          ...planFile("/etc/tuned/profile_mode", "manual\n", undefined),
        ]),
    { purpose: "start TuneD", argv: ["systemctl", "enable", "--now", "--quiet", SERVICE] },
    {
      purpose: `select profile ${profile}`,
      argv: ["tuned-adm", "profile", profile],
      timeoutMs: SELECT_TIMEOUT_MS,
    },
  ];
}

/** What brings back the profile and the state of the service that were found; TuneD takes back itself what it has set. */
export function deselectProfile({ profile, mode, isRunning, isEnabled }: FoundTuned): Step[] {
  const select: Step =
    profile === "" || !isRunning
      ? { purpose: "select no profile", argv: ["tuned-adm", "off"], timeoutMs: SELECT_TIMEOUT_MS }
      : {
          purpose: `select profile ${profile}`,
          argv: mode === "auto" ? ["tuned-adm", "auto_profile"] : ["tuned-adm", "profile", profile],
          timeoutMs: SELECT_TIMEOUT_MS,
        };
  return [
    select,
    ...(isRunning ? [] : [{ purpose: "stop TuneD", argv: ["systemctl", "stop", SERVICE] } as const]),
    ...(isEnabled
      ? []
      : [
          {
            purpose: "keep TuneD from starting",
            argv: ["systemctl", "disable", "--quiet", SERVICE],
          } as const,
        ]),
  ];
}

/** Boot arguments of the profile that the running kernel was not started with. */
export function pendingArguments({ bootArguments, kernelArguments }: ObservedTuned): string[] {
  const started = new Set(kernelArguments);
  return bootArguments.filter((argument) => !started.has(argument));
}

/** What TuneD found otherwise now, without what only a boot can bring. */
export function liveDifferences({ differences = [] }: ObservedTuned): string[] {
  return [...new Set(differences.filter((text) => !text.startsWith("cmdline arg ")))].sort();
}

/** Differences that were not there when the profile was applied. */
export function drifted(differences: readonly string[], unapplied: readonly string[]): string[] {
  const known = new Set(unapplied.map(subjectOf));
  return differences.filter((text) => !known.has(subjectOf(text)));
}

// A value that moves by itself is no other difference: `device cpu0: 'x' = '1', expected '2'`.
function subjectOf(text: string): string {
  return text.replace(/ = '.*$/, "");
}

/** @throws VerificationError `tuned-not-taken` */
export function verifySelected(profile: string, { profile: active, isRunning }: ObservedTuned): void {
  if (active === profile && isRunning) return;
  throw new VerificationError({
    code: "tuned-not-taken",
    property: "profile",
    problem: isRunning ? "TuneD runs with another profile than was selected" : "TuneD does not run",
    observed: active === "" ? "no profile" : active,
    expected: profile,
    hint: "it says why in /var/log/tuned/tuned.log",
  });
}
