import type { Probe } from "./probe.ts";

/** TuneD as it is installed, selected and running. */
export interface ObservedTuned {
  readonly isInstalled: boolean;
  readonly isRunning: boolean;
  readonly isEnabled: boolean;
  /** Empty where none is selected. */
  readonly profile: string;
  readonly mode: "auto" | "manual";
  /** Folder of each profile, by name. */
  readonly profiles: ReadonlyMap<string, string>;
  /** Where profiles of the machine's own belong. */
  readonly ownFolder: string;
  /** Texts of tuned.conf, of the profile that was asked about and of the active one, by profile. */
  readonly definitions: ReadonlyMap<string, string>;
  /** Texts of the variables' files, by profile; null where a profile reads one that is not there. */
  readonly variables: ReadonlyMap<string, string>;
  /** Boot arguments that TuneD has configured. */
  readonly bootArguments: readonly string[];
  /** Boot arguments that the kernel was started with. */
  readonly kernelArguments: readonly string[];
  /** What `tuned-adm verify` found otherwise; undefined where TuneD does not run, or was not asked. */
  readonly differences: readonly string[] | undefined;
}

// TuneD 2.24 moved profiles into a folder of their own.
const SCRIPT = `unit=$(systemctl show tuned.service --property=LoadState --property=ActiveState --property=UnitFileState) || exit 0
printf '%s\\n' "$unit"
say() { [ ! -f "$2" ] || printf '@%s %s %s\\n' "$1" "$2" "$(base64 -w 0 "$2")"; }
for file in active_profile profile_mode bootcmdline; do say file "/etc/tuned/$file"; done
for file in /etc/tuned/*-variables.conf; do say file "$file"; done
for conf in /usr/lib/tuned/*/tuned.conf /usr/lib/tuned/profiles/*/tuned.conf /etc/tuned/*/tuned.conf /etc/tuned/profiles/*/tuned.conf; do
  [ ! -e "$conf" ] || printf '@profile %s\\n' "\${conf%/tuned.conf}"
done
for conf in "/usr/lib/tuned/$1/tuned.conf" "/usr/lib/tuned/profiles/$1/tuned.conf" "/etc/tuned/$1/tuned.conf" "/etc/tuned/profiles/$1/tuned.conf"; do
  say file "$conf"
done
[ ! -d /usr/lib/tuned/profiles ] || echo '@folder /etc/tuned/profiles'
printf '@kernel %s\\n' "$(cat /proc/cmdline)"
[ "$2" = verify ] && systemctl is-active --quiet tuned.service || exit 0
log=/var/log/tuned/tuned.log
at=$(cat "$log" 2>/dev/null | wc -c)
LC_ALL=C tuned-adm verify --ignore-missing > /dev/null 2>&1
echo "@verified $?"
tail -c "+$((at + 1))" "$log" 2>/dev/null | sed -n 's/.*verify: failed: /@differs /p'
true`;

/** TuneD and one profile of it; `verify` asks it whether the machine is as its active profile says, which takes seconds. */
export function tuned(profile: string, verify: boolean): Probe<ObservedTuned> {
  return {
    name: `tuned-${profile}-${verify}`,
    ask: { kind: "command", argv: ["sh", "-c", SCRIPT, "sh", profile, verify ? "verify" : ""] },
    parse: ({ stdout }) => tunedIn(stdout),
  };
}

/** Marks that a resource of ours has TuneD: only then is it asked, since that takes it seconds. */
export const TUNED_JOURNAL = "/var/lib/nfvlab/undo/tuned.json";

/** TuneD where a resource of ours has it; the profile that is active is the one that it tells of. */
export const ownTuned: Probe<ObservedTuned | undefined> = {
  name: "own-tuned",
  ask: {
    kind: "command",
    argv: [
      "sh",
      "-c",
      `[ -e ${TUNED_JOURNAL} ] || exit 0\nset -- "$(cat /etc/tuned/active_profile)" verify\n${SCRIPT}`,
    ],
  },
  parse: ({ stdout }) => (stdout.trim() === "" ? undefined : tunedIn(stdout)),
};

function tunedIn(stdout: string): ObservedTuned {
  const property = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(stdout)?.[1] ?? "";
  const files = new Map(
    [...stdout.matchAll(/^@file (\S+) (\S*)$/gm)].map(([, path = "", content = ""]) => [
      path,
      Buffer.from(content, "base64").toString("utf8"),
    ]),
  );
  const folders = [...stdout.matchAll(/^@profile (\S+)$/gm)].map(([, folder = ""]) => folder);
  const nameOf = (folder: string) => folder.slice(folder.lastIndexOf("/") + 1);
  const isVerified = /^@verified \d+$/m.test(stdout);
  return {
    isInstalled: property("LoadState") === "loaded" || property("LoadState") === "masked",
    isRunning: property("ActiveState") === "active",
    isEnabled: property("UnitFileState") === "enabled",
    profile: (files.get("/etc/tuned/active_profile") ?? "").trim(),
    mode: files.get("/etc/tuned/profile_mode")?.trim() === "auto" ? "auto" : "manual",
    // Of two of one name the machine's own counts, which comes last.
    profiles: new Map(folders.map((folder) => [nameOf(folder), folder])),
    ownFolder: /^@folder (\S+)$/m.exec(stdout)?.[1] ?? "/etc/tuned",
    definitions: new Map(
      [...files].flatMap(([path, text]) =>
        path.endsWith("/tuned.conf") ? [[nameOf(path.slice(0, -"/tuned.conf".length)), text] as const] : [],
      ),
    ),
    variables: new Map(
      [...files].flatMap(([path, text]) => {
        const profile = /^\/etc\/tuned\/(.+)-variables\.conf$/.exec(path)?.[1];
        return profile === undefined ? [] : [[profile, text] as const];
      }),
    ),
    bootArguments: words(
      /^TUNED_BOOT_CMDLINE="?([^"\n]*)"?$/m.exec(files.get("/etc/tuned/bootcmdline") ?? "")?.[1] ?? "",
    ),
    kernelArguments: words(/^@kernel (.*)$/m.exec(stdout)?.[1] ?? ""),
    differences: isVerified
      ? [...stdout.matchAll(/^@differs (.*)$/gm)].map(([, text = ""]) => text.trim())
      : undefined,
  };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
