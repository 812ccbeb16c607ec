import type { Probe } from "./probe.ts";

export interface PackagedKernels {
  /** As dpkg names it, `amd64`; empty where there is no dpkg. */
  readonly architecture: string;
  /** Release by package, of those that are a kernel or need one, and whose kernel is in /boot. */
  readonly releases: ReadonlyMap<string, string>;
  /** Releases in /boot that were built with PREEMPT_RT. */
  readonly realtime: ReadonlySet<string>;
}

const SCRIPT = `echo "@architecture $(dpkg --print-architecture 2>/dev/null)"
grep -l '^CONFIG_PREEMPT_RT=y' /boot/config-* 2>/dev/null | sed 's#^/boot/config-#@realtime #'
files=$(dpkg-query -S '/boot/vmlinuz-*' 2>/dev/null | while IFS= read -r line; do
  [ -f "\${line#*: }" ] && echo "$line"
done)
[ -n "$files" ] || exit 0
echo "$files" | sed 's/^/@file /'
dpkg-query -W -f '\${db:Status-Abbrev}@package \${Package}: \${Depends}\\n' |
  sed -n 's/^.i.@package/@package/p' | grep -F "$(echo "$files" | sed 's/:.*//')"
true`;

/** The kernels that packages have brought. */
export const packagedKernels: Probe<PackagedKernels> = {
  name: "packaged-kernels",
  ask: { kind: "command", argv: ["sh", "-c", SCRIPT] },
  parse: ({ stdout }) => {
    const own = new Map(
      [...stdout.matchAll(/^@file ([^:\s]+)\S*: \/boot\/vmlinuz-(\S+)$/gm)].map(
        ([, name = "", release = ""]) => [name, release],
      ),
    );
    const releases = new Map(own);
    for (const [, name = "", needs = ""] of stdout.matchAll(/^@package (\S+): (.*)$/gm)) {
      const release = needs
        .split(/[,|]/)
        .map((need) => own.get(/^\s*([^\s:(]+)/.exec(need)?.[1] ?? ""))
        .find((found) => found !== undefined);
      if (release !== undefined && !releases.has(name)) releases.set(name, release);
    }
    return {
      architecture: /^@architecture (\S+)$/m.exec(stdout)?.[1] ?? "",
      releases,
      realtime: new Set([...stdout.matchAll(/^@realtime (\S+)$/gm)].map(([, release = ""]) => release)),
    };
  },
};
