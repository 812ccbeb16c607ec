import type { TrafficPortCounts, TrafficReport, TrafficStream } from "../schema/traffic-report.ts";
import { HostError } from "../units/errors.ts";
import type { Answer, Probe } from "./probe.ts";
import { jsonOf, understood } from "./understood.ts";

/**
 * Reads the document that the traffic program prints at its end, behind its lines of progress and whatever DPDK says.
 *
 * @throws HostError `parse`
 */
export function parseTrafficReport(text: string): TrafficReport {
  const line = text.split("\n").findLast((candidate) => candidate.startsWith('{"nfvlabTraffic":1,'));
  try {
    const { dpdk, ended, unpaced, streams, ports } = jsonOf(line ?? "") as Printed;
    return {
      ...{ dpdk, ended, ...(unpaced === true && { unpaced }) },
      streams: streams.map(({ variation, ...stream }) => ({
        ...{ ...stream, latency: { ...NO_SAMPLE, ...stream.latency } },
        ...(variation !== undefined && { variation: { ...NO_SAMPLE, ...variation } }),
      })),
      ports,
    };
  } catch (cause) {
    throw new HostError({
      code: "parse",
      problem: "could not read what the traffic program reported",
      observed: JSON.stringify(lastWords(text)),
      expected: "a JSON document at its end",
      hint: "it was ended from outside: see its unit's journal",
      cause,
    });
  }
}

/** Without a sample there is no smallest and no largest. */
const NO_SAMPLE = { minNs: 0, maxNs: 0 } as const;
type PrintedTimes<T> = Omit<T, keyof typeof NO_SAMPLE> & { readonly [K in keyof typeof NO_SAMPLE]?: number };
type Printed = Omit<TrafficReport, "streams"> & {
  readonly streams: readonly (Omit<TrafficStream, "latency" | "variation"> & {
    readonly latency: PrintedTimes<TrafficStream["latency"]>;
    readonly variation?: PrintedTimes<NonNullable<TrafficStream["variation"]>>;
  })[];
};

/** The last things said that are no progress, by the program or by systemd of its unit: why it ended. */
export function lastWords(text: string): string {
  return text
    .split("\n")
    .filter(
      (line) =>
        /^(nfvlab-traffic|EAL|[A-Z_]+): |^nfvlab-\S+: Main process exited/.test(line) &&
        !/^EAL: (Detected|Selected) /.test(line),
    )
    .slice(-4)
    .join(" | ");
}

/** The latest line of progress in what came so far. */
export function trafficProgress(text: string): string | undefined {
  return text.split("\n").findLast((line) => /^(sent|received) \d/.test(line));
}

/**
 * Frames that came in each second of sending, of all directions, by the lines of progress: one a second, the first of them a second after the start. What came when nothing was sent any more is
 * left out: there was no load.
 */
export function receivedBySecond(text: string): number[] {
  let before = { sent: 0, received: 0 };
  return [...text.matchAll(/^sent (\d+) of (\d+), received (\d+)$/gm)].flatMap((line) => {
    const [sent, planned, received] = line.slice(1).map(Number) as [number, number, number];
    const last = before;
    before = { sent, received };
    return sent < planned && sent > last.sent ? [received - last.received] : [];
  });
}

/** What a machine has to build with. */
export interface BuildGround {
  readonly dpdk: string | undefined;
  readonly compiler: string | undefined;
  readonly architecture: string;
}

export const buildGround: Probe<BuildGround> = {
  name: "traffic-build-ground",
  ask: {
    kind: "command",
    argv: [
      "sh",
      "-c",
      'printf "dpdk %s\\n" "$(pkg-config --modversion libdpdk 2>/dev/null)"; printf "compiler %s\\n" "$(gcc -dumpfullversion 2>/dev/null)"; printf "architecture %s\\n" "$(uname -m)"',
    ],
  },
  parse: ({ stdout }) => {
    const [dpdk, compiler, architecture = ""] = ["dpdk", "compiler", "architecture"].map(
      (key) => new RegExp(`^${key} (\\S+)$`, "m").exec(stdout)?.[1],
    );
    return { dpdk, compiler, architecture };
  },
};

/** Where programs are built, each in a folder named by its hash. */
export const TRAFFIC_FOLDER = "/var/lib/nfvlab/traffic";

/** Programs that are there and are what was built, by their hash. */
export const trafficTools: Probe<ReadonlySet<string>> = {
  name: "traffic-tools",
  ask: {
    kind: "command",
    argv: [
      "sh",
      "-c",
      `cd ${TRAFFIC_FOLDER} 2>/dev/null || exit 0; for sum in */nfvlab-*.sha256; do [ -f "$sum" ] && (cd "\${sum%/*}" && sha256sum --status --check "\${sum##*/}") && echo "\${sum%/*}"; done; true`,
    ],
  },
  parse: ({ stdout }) => new Set(stdout.split("\n").filter((line) => line !== "")),
};

/** A forwarder as its unit and its status file tell of it. */
export interface ObservedForwarder {
  readonly active: boolean;
  /** Age of its counters, which it writes each second; undefined where it has written none. */
  readonly ageSeconds: number | undefined;
  readonly ports: readonly TrafficPortCounts[];
}

/** All forwarders of a machine, by their units: each tells its counters in a folder under /run that is named as its unit, and goes with it. */
export const forwarders: Probe<ReadonlyMap<string, ObservedForwarder>> = {
  name: "traffic-forwarders",
  ask: {
    kind: "command",
    argv: [
      "sh",
      "-c",
      `cd /run
for unit in nfvlab-forwarder-*; do [ -d "$unit" ] || continue
told=$(stat -c %Y "$unit/status.json" 2>/dev/null || echo 0)
printf '%s %s %s ' "$unit" "$(systemctl is-active "$unit.service")" "$(($(date +%s) - told))"
cat "$unit/status.json" 2>/dev/null || echo; done`,
    ],
  },
  parse: (answer) => understood("the forwarders of the machine", answer, () => parseForwarders(answer)),
};

function parseForwarders({ stdout }: Answer): ReadonlyMap<string, ObservedForwarder> {
  return new Map(
    [...stdout.matchAll(/^(\S+) (\S+) (-?\d+) (.*)$/gm)].map(([, unit = "", active, age, text = ""]) => {
      const status = text === "" ? undefined : (jsonOf(text) as Pick<TrafficReport, "ports">);
      return [
        unit,
        {
          active: active === "active",
          ageSeconds: status === undefined ? undefined : Math.max(0, Number(age)),
          ports: status?.ports ?? [],
        },
      ];
    }),
  );
}
