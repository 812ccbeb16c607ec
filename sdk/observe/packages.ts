import type { Probe } from "./probe.ts";

/** Versions of all installed packages, by name as dpkg lists it; undefined where the machine has no dpkg. */
export type InstalledPackages = ReadonlyMap<string, string> | undefined;

export const installedPackages: Probe<InstalledPackages> = {
  name: "packages",
  ask: {
    kind: "command",
    argv: ["dpkg-query", "-W", "-f", "${binary:Package} ${Version} ${db:Status-Abbrev}\\n"],
  },
  parse: ({ code, stdout }) =>
    code === 127
      ? undefined
      : new Map(
          [...stdout.matchAll(/^(\S+) (\S+) .i\s*$/gm)].map(([, name = "", version = ""]) => [
            withoutNative(name),
            version,
          ]),
        ),
};

/** dpkg adds the architecture to packages of which several can be there at once. */
function withoutNative(name: string): string {
  return name.replace(/:(amd64|arm64)$/, "");
}

/** What apt would do, by package: `Inst`, `Remv` and `Conf` lines of a simulation. */
export interface AptSimulation {
  /** Packages that would come, with the version. */
  readonly installs: ReadonlyMap<string, string>;
  /** Packages that are there and would come in another version: the one there, and the one to come. */
  readonly changes: ReadonlyMap<string, { readonly from: string; readonly to: string }>;
  readonly removes: readonly string[];
}

/** Reads what `apt-get --simulate` prints. */
export function aptSimulation(stdout: string): AptSimulation {
  const installs = new Map<string, string>();
  const changes = new Map<string, { from: string; to: string }>();
  for (const [, name = "", from, to = ""] of stdout.matchAll(/^Inst (\S+) (?:\[([^\]]+)\] )?\((\S+) /gm)) {
    if (from === undefined) installs.set(withoutNative(name), to);
    else changes.set(withoutNative(name), { from, to });
  }
  return {
    installs,
    changes,
    removes: [...stdout.matchAll(/^(?:Remv|Purg) (\S+)/gm)].map(([, name = ""]) => withoutNative(name)),
  };
}
