import { RELEASES_OF_OPTIONS } from "../schema/ovs-releases.ts";
import type { Probe } from "./probe.ts";

/** Options of {@link RELEASES_OF_OPTIONS} that the running ovs-vswitchd reads; undefined where its program can't be looked into. */
export type KnownOptions = ReadonlySet<string> | undefined;

// Libraries too: some distributions link the daemon to libopenvswitch.so.
const SCRIPT = `pid=$(cat /run/openvswitch/ovs-vswitchd.pid 2>/dev/null || pidof -s ovs-vswitchd) || exit 1
for program in "/proc/$pid/exe" $(grep -o '/[^ ]*libopenvswitch[^ ]*' "/proc/$pid/maps" 2>/dev/null | sort -u); do
  grep -aoF "$@" "$program"
done | sort -u`;

export const knownOptions: Probe<KnownOptions> = {
  name: "ovs-known-options",
  ask: {
    kind: "command",
    argv: [
      ...(["sh", "-c", SCRIPT, "sh"] as const),
      ...Object.keys(RELEASES_OF_OPTIONS).flatMap((option) => ["-e", option]),
    ],
  },
  parse: ({ stdout }) => {
    const found = stdout.split("\n").filter((line) => line in RELEASES_OF_OPTIONS);
    return found.length === 0 ? undefined : new Set(found);
  },
};
