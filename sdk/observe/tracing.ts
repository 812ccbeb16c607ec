import type { Probe } from "./probe.ts";

/** What the kernel's tracers and the programs for them offer on a machine. */
export interface Tracing {
  readonly kernel: string;
  /** Tracers of the kernel; undefined where tracefs is not to be read. */
  readonly available: readonly string[] | undefined;
  /** The one that runs; `nop` where none does. */
  readonly current: string | undefined;
  /** Options of the tracers osnoise and timerlat, with `NO_` before one that is off. */
  readonly switches: readonly string[];
  readonly hwlatdetect: boolean;
  readonly rtla: string | undefined;
  /** Long options of `rtla timerlat hist` and `rtla osnoise hist`, without their dashes. */
  readonly options: Readonly<Record<"timerlat" | "osnoise", ReadonlySet<string>>>;
}

const LOOK = `PATH=$PATH:/usr/sbin:/sbin
echo "@kernel $(uname -r)"
for folder in /sys/kernel/tracing /sys/kernel/debug/tracing; do
  [ -r "$folder/available_tracers" ] || continue
  echo "@available $(cat "$folder/available_tracers")"
  echo "@current $(cat "$folder/current_tracer")"
  echo "@switches $(cat "$folder/osnoise/options" 2>/dev/null)"
  break
done
echo "@hwlatdetect $(command -v hwlatdetect)"
echo "@rtla $(rtla --version 2>&1 | sed -n 's/^.*rtla version //p')"
for tracer in timerlat osnoise; do rtla $tracer hist --help 2>&1 | grep -o -e '--[a-z][a-z-]*' | sort -u | sed "s/^/@$tracer /"; done
true`;

/** Asks for what \`tracing\` tells, in a guest: one that boots in seconds has mounted only what it needs. */
export const LOOK_IN_GUEST = [
  "sh",
  "-c",
  `mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null\n${LOOK}`,
] as const;

export const tracing: Probe<Tracing> = {
  name: "tracing",
  ask: { kind: "command", argv: ["sh", "-c", LOOK] },
  parse: ({ stdout }) => parseTracing(stdout),
};

export function parseTracing(text: string): Tracing {
  const linesOf = (key: string) =>
    text
      .split("\n")
      .filter((line) => line.startsWith(`@${key} `) || line === `@${key}`)
      .map((line) => line.slice(key.length + 2).trim());
  const first = (key: string) => linesOf(key).find((line) => line !== "");
  const options = (tracer: string) =>
    new Set(
      linesOf(tracer).flatMap((line) => [...line.matchAll(/--([a-z][a-z-]+)/g)].map(([, name = ""]) => name)),
    );
  return {
    kernel: first("kernel") ?? "",
    available: first("available")?.split(/\s+/),
    current: first("current"),
    switches: first("switches")?.split(/\s+/) ?? [],
    hwlatdetect: first("hwlatdetect") !== undefined,
    rtla: first("rtla"),
    options: { timerlat: options("timerlat"), osnoise: options("osnoise") },
  };
}
