import type { Inputs } from "../schema/definition.ts";
import type { liveMigration, MigrationSettings } from "../schema/migration.ts";
import type { MigrationAbilities, MigrationStatus } from "../schema/migration-report.ts";
import { exactDuration } from "../units/duration.ts";
import { HostError, InputError } from "../units/errors.ts";
import { exactly } from "../units/size.ts";
import { VIRSH } from "./domain.ts";
import type { Step } from "./step.ts";

type MigrationInputs = Inputs<typeof liveMigration>;
type Argv = readonly [string, ...string[]];

/** Longest downtime that QEMU takes as a limit, ms. */
const MAX_DOWNTIME_MS = 2_000_000;

/** @throws InputError `migration-settings` with all that is wrong */
export function checkMigration(inputs: MigrationInputs): void {
  const wrong = [...contradictions(inputs)];
  if (wrong.length === 0) return;
  throw new InputError({
    code: "migration-settings",
    property: "settings",
    problem: "the migration contradicts itself",
    observed: wrong.join("; "),
  });
}

function* contradictions({
  settings = {},
  limit,
  settle,
  addresses,
  host,
  destination,
}: MigrationInputs): Generator<string> {
  const { connections, zeroCopy, compression, postCopy, downtimeLimit } = settings;
  const multi = connections !== undefined;
  if (zeroCopy === true && !multi) yield "zeroCopy without connections, which it needs";
  if (compression?.kind === "xbzrle" && multi)
    yield "compression xbzrle with connections, which send pages whole: leave one of them out";
  if ((compression?.kind === "zlib" || compression?.kind === "zstd") && !multi)
    yield `compression ${compression.kind} without connections, which do it`;
  if (compression !== undefined && zeroCopy === true)
    yield "zeroCopy with compression, which copies every page";
  if (postCopy !== undefined && compression?.kind === "xbzrle")
    yield "postCopy with compression xbzrle: libvirt refuses both together";
  for (const [property, value] of Object.entries({
    maxBandwidth: settings.maxBandwidth,
    "postCopy.maxBandwidth": postCopy?.maxBandwidth,
  }))
    if (value !== undefined && !isWhole(() => exactly(value, "MiB")))
      yield `${property} ${value}, not whole MiB`;
  if (downtimeLimit !== undefined && !isDowntime(downtimeLimit))
    yield `downtimeLimit ${downtimeLimit}, not whole ms from 1ms to 2000s`;
  if (
    postCopy !== undefined &&
    postCopy.after !== "first-pass" &&
    !isWhole(() => exactDuration(postCopy.after, "s"))
  )
    yield `postCopy.after ${postCopy.after}, not whole seconds`;
  if (limit !== undefined && !isWhole(() => exactDuration(limit, "s")))
    yield `limit ${limit}, not whole seconds`;
  if (settle !== undefined && !isWhole(() => exactDuration(settle, "ms")))
    yield `settle ${settle}, not whole ms`;
  if (addresses.host === addresses.destination)
    yield `both machines have address ${addresses.host} on the private network`;
  if (host.name === destination.name) yield `host and destination are both ${host.name}`;
}

function isWhole(read: () => number): boolean {
  try {
    return read() > 0;
  } catch {
    return false;
  }
}

function isDowntime(text: string): boolean {
  return isWhole(() => exactDuration(text, "ms")) && exactDuration(text, "ms") <= MAX_DOWNTIME_MS;
}

/** Names that QEMU has for what is asked of it, by the property that asks. */
function needs(settings: MigrationSettings): {
  readonly capabilities: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
} {
  const { connections, zeroCopy, compression, autoConverge, postCopy } = settings;
  const given = (wanted: unknown, property: string, name: string) =>
    wanted === undefined || wanted === false ? {} : { [property]: name };
  return {
    capabilities: {
      ...given(connections, "connections", "multifd"),
      ...given(zeroCopy, "zeroCopy", "zero-copy-send"),
      ...given(autoConverge, "autoConverge", "auto-converge"),
      ...given(postCopy, "postCopy", "postcopy-ram"),
      ...(compression?.kind === "xbzrle" && { compression: "xbzrle" }),
    },
    parameters: {
      ...given(settings.downtimeLimit, "downtimeLimit", "downtime-limit"),
      ...given(settings.switchoverBandwidth, "switchoverBandwidth", "avail-switchover-bandwidth"),
      ...given(settings.zeroPageDetection, "zeroPageDetection", "zero-page-detection"),
      ...given(autoConverge?.max, "autoConverge.max", "max-cpu-throttle"),
      ...given(autoConverge?.threshold, "autoConverge.threshold", "throttle-trigger-threshold"),
      ...given(postCopy?.maxBandwidth, "postCopy.maxBandwidth", "max-postcopy-bandwidth"),
      ...(compression !== undefined &&
        compression.kind !== "xbzrle" && { compression: "multifd-compression" }),
    },
  };
}

/**
 * Refuses what the QEMU that runs the guest does not know.
 *
 * @throws HostError `migration-unsupported` with all of it
 */
export function requireAbilities(
  settings: MigrationSettings,
  { capabilities, parameters }: MigrationAbilities,
  version: string,
): void {
  const needed = needs(settings);
  const lacking = [
    ...Object.entries(needed.capabilities).flatMap(([property, name]) =>
      capabilities.has(name) ? [] : [`${property} (capability ${name})`],
    ),
    ...Object.entries(needed.parameters).flatMap(([property, name]) =>
      parameters.has(name) ? [] : [`${property} (parameter ${name})`],
    ),
  ];
  if (lacking.length === 0) return;
  throw new HostError({
    code: "migration-unsupported",
    property: "settings",
    problem: "the QEMU that runs the guest can't be asked for this",
    observed: `${version} without ${lacking.join(", ")}`,
    hint: "leave these settings out, or start the guest anew with a newer QEMU",
  });
}

/**
 * Refuses a guest that its QEMU would not let go, before anything is made ready for it.
 *
 * @throws HostError `migration-blocked` with all that holds it
 */
export function requireUnblocked(domain: string, { blocked }: MigrationStatus): void {
  if (blocked.length === 0) return;
  throw new HostError({
    code: "migration-blocked",
    property: "domain",
    problem: `guest ${domain} can't be migrated as it is`,
    observed: blocked.join("; "),
    hint: "make it for migration: cpu.migratable true, and nothing of its host passed through",
  });
}

/** Asks of a running guest's QEMU what it is able to do. */
export const monitor = (domain: string, execute: string, args?: object): Argv => [
  ...VIRSH,
  "qemu-monitor-command",
  domain,
  JSON.stringify({ execute, ...(args !== undefined && { arguments: args }) }),
];

// virsh ends well where QEMU refuses: the refusal is in its answer.
const ASK = 'said=$("$@") || exit; case $said in *\'"error":\'*) echo "$said" >&2; exit 1;; esac';

/** What is set in QEMU before a migration: what libvirt has no option for. It holds for this run of the guest, and is set again before each migration. */
export function planParameters(domain: string, settings: MigrationSettings): Step[] {
  const { downtimeLimit, switchoverBandwidth, zeroPageDetection, autoConverge } = settings;
  const parameters = {
    ...(switchoverBandwidth !== undefined && {
      "avail-switchover-bandwidth": exactly(switchoverBandwidth, "KiB") * 1024,
    }),
    ...(zeroPageDetection !== undefined && { "zero-page-detection": zeroPageDetection }),
    ...(autoConverge?.max !== undefined && { "max-cpu-throttle": autoConverge.max }),
    ...(autoConverge?.threshold !== undefined && { "throttle-trigger-threshold": autoConverge.threshold }),
  };
  return [
    ...(downtimeLimit === undefined
      ? []
      : [
          {
            purpose: `limit the downtime of ${domain} to ${downtimeLimit}`,
            argv: [
              ...VIRSH,
              "migrate-setmaxdowntime",
              domain,
              `${exactDuration(downtimeLimit, "ms")}`,
            ] as const,
          },
        ]),
    ...(Object.keys(parameters).length === 0
      ? []
      : [
          {
            purpose: `set ${Object.keys(parameters).join(", ")} of ${domain}`,
            argv: ["sh", "-c", ASK, "sh", ...monitor(domain, "migrate-set-parameters", parameters)] as const,
          },
        ]),
  ];
}

/** What QEMU has by default of the parameters that these settings set in it. */
export function usualOf({
  downtimeLimit,
  switchoverBandwidth,
  zeroPageDetection,
  autoConverge,
}: MigrationSettings): MigrationSettings {
  return {
    ...(downtimeLimit !== undefined && { downtimeLimit: "300ms" }),
    ...(switchoverBandwidth !== undefined && { switchoverBandwidth: "0KiB" }),
    ...(zeroPageDetection !== undefined && { zeroPageDetection: "multifd" }),
    ...(autoConverge !== undefined && {
      autoConverge: {
        ...(autoConverge.max !== undefined && { max: 99 }),
        ...(autoConverge.threshold !== undefined && { threshold: 50 }),
      },
    }),
  };
}

/** One way of a guest: the libvirt that it goes to, by a socket on the machine that it leaves, and the address that its memory is sent to. */
export interface Way {
  readonly socket: string;
  readonly address: string;
}

/**
 * virsh's command that migrates. The guest's definition stays where it is: at its destination it is there for as long as it runs.
 *
 * @see https://libvirt.org/migration.html
 */
export function migrateCommand(domain: string, settings: MigrationSettings, { socket, address }: Way): Argv {
  const { connections, zeroCopy, compression, autoConverge, postCopy, maxBandwidth } = settings;
  const option = (name: string, value: string | number | undefined) =>
    value === undefined ? [] : [`--${name}`, `${value}`];
  return [
    ...VIRSH,
    ...["migrate", "--live", "--p2p", "--domain", domain],
    ...["--desturi", `qemu+unix:///system?socket=${socket}`],
    ...["--migrateuri", `tcp://${address}`, "--listen-address", address],
    ...(connections === undefined ? [] : ["--parallel", ...option("parallel-connections", connections)]),
    ...(zeroCopy === true ? ["--zerocopy"] : []),
    ...option("bandwidth", maxBandwidth && exactly(maxBandwidth, "MiB")),
    ...(autoConverge === undefined ? [] : ["--auto-converge"]),
    ...option("auto-converge-initial", autoConverge?.initial),
    ...option("auto-converge-increment", autoConverge?.increment),
    ...(postCopy === undefined
      ? []
      : postCopy.after === "first-pass"
        ? ["--postcopy", "--postcopy-after-precopy"]
        : ["--postcopy", "--timeout", `${exactDuration(postCopy.after, "s")}`, "--timeout-postcopy"]),
    ...option("postcopy-bandwidth", postCopy?.maxBandwidth && exactly(postCopy.maxBandwidth, "MiB")),
    ...(compression === undefined ? [] : compressed(compression)),
  ];
}

function compressed(compression: NonNullable<MigrationSettings["compression"]>): string[] {
  const methods = ["--compressed", "--comp-methods", compression.kind];
  if (compression.kind === "xbzrle")
    return compression.cacheSize === undefined
      ? methods
      : [...methods, "--comp-xbzrle-cache", `${exactly(compression.cacheSize, "KiB") * 1024}`];
  return compression.level === undefined
    ? methods
    : [...methods, `--comp-${compression.kind}-level`, `${compression.level}`];
}

/** How long things about a migration may take, s. */
export interface Patience {
  /** One question to libvirt. One that is asked while QEMU or the machine is busy may hang for ever. */
  readonly look: number;
  /** From the limit of a migration until libvirt has cancelled it. */
  readonly cancel: number;
}

export const PATIENCE: Patience = { look: 15, cancel: 60 };

/** Between asking a hanging question to end and ending it, s; and how long the listener may take to end. */
const [KILL_S, LISTENER_S] = [2, 5];

/**
 * How much longer than its limit the script of a migration runs at most, whatever hangs, s: two questions before it and one second, what may be asked behind the last look at
 * the time, and the report.
 */
export function runSlack({ look, cancel }: Patience): number {
  const question = look + KILL_S;
  return 2 * question + 1 + cancel + (3 * question + 1) + (1 + LISTENER_S + question);
}

/** What its unit gives it beyond its limit, s: always more than it takes by itself, so that whoever ends a migration is the script, which reports. */
export const MIGRATION_SLACK_S = runSlack(PATIENCE) + 15;

const ASKING = `ask() { timeout -k ${KILL_S} "$look" virsh --quiet --connect qemu:///system "$@" 2>/dev/null; }
now() { read -r up _ </proc/uptime; now=\${up%.*}; }
`;

// QEMU's events are the only source of its own times: the QEMU that the guest leaves is gone when the migration is over, and while it goes on libvirt passes no question on to it.
// Nothing says that the listener listens: two questions that were begun after it and are answered do.
// A client that is lost ends no migration: libvirt goes on by itself, and what counts is whether it has a job. That it was told to cancel does not mean that it heard it.
const RUN = `domain=$1 limit=$2 cancel=$3 look=$4
shift 4
${ASKING}folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'ask domjobabort "$domain"; exit 143' TERM
going_on() {
  case $job in *'Job type: '[12]*) return 0;; *'Job type: '*) return 1;; esac
  guests=$(ask list --name) || return 0
  printf '%s\\n' "$guests" | grep -qxF -- "$domain"
}
stdbuf -oL virsh --quiet --connect qemu:///system qemu-monitor-event --domain "$domain" --loop --timeout $((limit + cancel + 10 * look)) >"$folder/events" 2>/dev/null &
events=$!
ask domstate "$domain" >"$folder/said"
ask domstate "$domain" >"$folder/said"
sleep 1
{ timeout -k ${KILL_S} $((limit + cancel)) "$@" >"$folder/said" 2>&1; echo $? >"$folder/code"; } &
now
late=intime begun=$now
until [ "$(cat "$folder/code" 2>/dev/null)" = 0 ]; do
  sleep 0.5
  job=$(ask domjobinfo --rawstats "$domain") && printf '@job\\n%s\\n' "$job"
  [ ! -s "$folder/code" ] || going_on || break
  now
  [ $((now - begun)) -ge "$limit" ] || continue
  [ $((now - begun)) -lt $((limit + cancel)) ] || { late=stuck; break; }
  late=late
  ask domjobabort "$domain"
done
sleep 1
kill -INT $events
{ sleep ${LISTENER_S}; kill -KILL $events; } >/dev/null 2>&1 &
wait $events
printf '@events\\n'
cat "$folder/events"
printf '@status\\n'
ask qemu-monitor-command "$domain" '{"execute":"query-migrate"}'
code=$(cat "$folder/code" 2>/dev/null)
printf '\\n@end %s %s\\n' "\${code:-124}" $late
cat "$folder/said"
[ $late != stuck ]`;

/**
 * The script of one migration: watches, migrates, cancels what takes longer than `limitSeconds` until libvirt has done so, and reports; it ends within `runSlack` of its limit, and with code 1 where
 * libvirt did not cancel. Ended by SIGTERM it cancels too.
 */
export function migrationRun(
  domain: string,
  limitSeconds: number,
  command: Argv,
  { look, cancel }: Patience = PATIENCE,
): Argv {
  return ["sh", "-c", RUN, "sh", domain, `${limitSeconds}`, `${cancel}`, `${look}`, ...command];
}

/** VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT. */
const MIGRATION_OUT = 5;

// A libvirt that does not answer has not said that nothing goes on. What comes in can't be cancelled where it comes to: it ends with what sends it.
const LEAVE = `domain=$1 seconds=$2 look=$3
${ASKING}now
begun=$now
while :; do
  guests=$(ask list --name) && { printf '%s\\n' "$guests" | grep -qxF -- "$domain" || exit 0; }
  job=$(ask domjobinfo --rawstats "$domain")
  case $job in *'Job type: '[12]*) ;; *'Job type: '*) exit 0;; esac
  printf '%s\\n' "$job" | grep -qx 'operation: ${MIGRATION_OUT}' && ask domjobabort "$domain"
  now
  [ $((now - begun)) -lt "$seconds" ] || break
  sleep 0.5
done
printf '%s\\n' "$job"
exit 1`;

/** How long libvirt may take to end what a guest is going through, s. */
export const SETTLE_S = 120;

/**
 * Cancels a migration that nobody waits for any more, and waits until libvirt has no job of the guest: only then is it sure where the guest is. Ends with code 1, and prints the job, where that
 * stays, as a post-copy may; prints nothing where libvirt did not answer.
 */
export function leaveNoJob(domain: string, seconds = SETTLE_S, look = PATIENCE.look): Step {
  return {
    purpose: `wait for the end of what ${domain} is going through`,
    argv: ["sh", "-c", LEAVE, "sh", domain, `${seconds}`, `${look}`],
    timeoutMs: (seconds + 3 * (look + KILL_S) + 15) * 1000,
  };
}

/** What systemd gives a unit to end, and again for what comes behind it, s. */
const STOP_S = 90;
/** Within that, whatever hangs. */
const AFTER = { tries: 3, look: 10 };

/** Of a migration's unit: where anything else than its own end ends it, its time or a kill, the migration is cancelled behind it, also where no engine is left to look. */
export function cancelAfter(domain: string): string {
  const virsh = `timeout -k ${KILL_S} ${AFTER.look} virsh --quiet --connect qemu:///system`;
  const tries = Array.from({ length: AFTER.tries }, (_, index) => index + 1).join(" ");
  // Percent signs and dollars are systemd's, and so are backslashes.
  return (
    `ExecStopPost=-/bin/sh -c '[ "$$SERVICE_RESULT" = success ] || for try in ${tries}; do ` +
    `${virsh} domjobinfo --rawstats "$$1" | grep -qx "operation: ${MIGRATION_OUT}" && ${virsh} domjobabort "$$1"; sleep 1; done' sh ${domain}`
  );
}

/** How long one migration may take, from the start of its unit to where it is known what became of it, s. */
export function migrationTakes(inputs: MigrationInputs): { readonly unit: number; readonly all: number } {
  const unit = limitOf(inputs) + MIGRATION_SLACK_S;
  return { unit, all: unit + 2 * STOP_S + 15 + SETTLE_S };
}

/** What libvirt keeps of the last job of a guest, on the machine that it came to. */
export const finishedJob = (domain: string): Argv => [
  ...VIRSH,
  ...["domjobinfo", "--completed", "--keep-completed", "--rawstats", domain],
];

/** How long one migration may take, s. */
export function limitOf({ limit = "60s" }: MigrationInputs): number {
  return exactDuration(limit, "s");
}

/** What traffic takes to start, and to end, s. */
const TRAFFIC_S = 60;

/** What all migrations take at most, s. */
export function migrationSeconds(inputs: MigrationInputs): number {
  const { repetitions = 2, settle = "5s", traffic } = inputs;
  const between = Math.ceil(exactDuration(settle, "ms") / 1000) + (traffic === undefined ? 0 : TRAFFIC_S);
  // One more brings it home.
  return repetitions * (migrationTakes(inputs).all + between) + migrationTakes(inputs).all;
}
