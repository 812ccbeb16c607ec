import { setTimeout as sleep } from "node:timers/promises";
import { type MigrationRun, outcomeOf, timesOf } from "../measure/migration.ts";
import { domains, type ObservedDomain } from "../observe/domains.ts";
import { parseMigrationJob, parseMigrationRun } from "../observe/migration.ts";
import { inUnit, stopUnit, unitOf } from "../plan/benchmarks.ts";
import { VIRSH } from "../plan/domain.ts";
import {
  cancelAfter,
  finishedJob,
  leaveNoJob,
  limitOf,
  migrateCommand,
  migrationRun,
  migrationSeconds,
  migrationTakes,
  planParameters,
  SETTLE_S,
  usualOf,
  type Way,
} from "../plan/migration.ts";
import {
  admitLink,
  closeLink,
  dismissLink,
  type Link,
  linkEndOf,
  linkKeyOf,
  linkOf,
  makeLinkKey,
  openLink,
} from "../plan/migration-link.ts";
import { forgetAway, hasCopy, noteAway, whereaboutsOf } from "../plan/migration-whereabouts.ts";
import type { Step } from "../plan/step.ts";
import { planTraffic } from "../plan/traffic-run.ts";
import type { CommandResult } from "../remote/transport.ts";
import type { Inputs } from "../schema/definition.ts";
import type { liveMigration, MigrationSettings } from "../schema/migration.ts";
import type { MigrationJob, ObservedMigration } from "../schema/migration-report.ts";
import { exactDuration, formatNanoseconds } from "../units/duration.ts";
import { HostError, VerificationError } from "../units/errors.ts";
import type { Host, Operation } from "./handler.ts";
import { type RawOutputs, runKept } from "./raw-outputs.ts";
import { besideTraffic } from "./traffic-beside.ts";

/** The two machines, and the guest that goes between them. */
export interface Journey {
  readonly operation: Operation;
  readonly inputs: Inputs<typeof liveMigration>;
  readonly home: Host;
  readonly away: Host;
  readonly uuid: string;
  readonly raw: RawOutputs;
}

type Place = "home" | "away";

/** What brings a guest home that has to go home: it is stopped for as long as that takes. */
const HOMEWARD: MigrationSettings = { downtimeLimit: "2000s" };

/**
 * The migrations of a series, there and back in turn. However it ends, by a failure or by a signal, the guest runs at home afterwards and nothing of the way is left.
 *
 * @throws VerificationError `guest-twice`, `guest-nowhere`; HostError `migration-ended`, `migration-going-on`, `migration-not-home` where it does not come back, `link-key`, `link-end`,
 *   `traffic-failed`
 */
export async function migrateInTurn(journey: Journey): Promise<MigrationRun[]> {
  const { operation, inputs, home, away } = journey;
  const { repetitions = 2, settle = "5s", domain } = inputs;
  return linked(journey, async (ways) => {
    const runs: MigrationRun[] = [];
    await home.execute([noteAway(domain, away.name)]);
    try {
      for (let repetition = 1; repetition <= repetitions; repetition += 1) {
        operation.status(`migration ${repetition}/${repetitions}${soFar(runs)}`);
        if (repetition > 1) await sleep(exactDuration(settle, "ms"), undefined, { signal: operation.signal });
        const run = await migrateMeasured(journey, repetition % 2 === 1 ? "home" : "away", ways);
        runs.push(run);
        // What comes after one that failed would be measured from elsewhere.
        if (outcomeOf(run.observed) !== "completed") break;
      }
      return runs;
    } finally {
      await bringHome(journey, ways);
    }
  });
}

function soFar(runs: readonly MigrationRun[]): string {
  const longest = Math.max(0, ...runs.map(({ observed }) => timesOf(observed.events).downtimeNs ?? 0));
  return runs.length === 0 ? "" : `, down for ${formatNanoseconds(longest)} at most so far`;
}

type Ways = Readonly<Record<Place, Way>>;

async function migrateMeasured(journey: Journey, from: Place, ways: Ways): Promise<MigrationRun> {
  const { operation, inputs, raw } = journey;
  const { traffic, settings = {} } = inputs;
  if (traffic === undefined)
    return { ...(await migrateOnce(journey, from, ways, settings)), traffic: undefined };
  const { host: generatorHost, ...rest } = traffic;
  const plan = planTraffic({
    ...rest,
    ...{ host: inputs.host, name: inputs.name, duration: `${migrationTakes(inputs).all}s` },
  });
  const sender = generatorHost === undefined ? journey.home : operation.host(generatorHost);
  const unit = unitOf(operation.tag, `${inputs.name}-traffic`);
  const { result, report } = await besideTraffic(operation, sender, { unit, plan, raw }, async () => {
    const run = await migrateOnce(journey, from, ways, settings);
    // Frames come again before it is over, or the outage would have no end.
    await sleep(AFTERWARDS_MS, undefined, { signal: operation.signal });
    return run;
  });
  return { ...result, traffic: { report, rate: traffic.rate } };
}

const AFTERWARDS_MS = 2000;

/** One migration from where the guest is to the other machine, and a look at both where that left it. */
async function migrateOnce(
  journey: Journey,
  from: Place,
  ways: Ways,
  settings: MigrationSettings,
): Promise<Omit<MigrationRun, "traffic">> {
  const { operation, inputs, raw } = journey;
  const { domain, name } = inputs;
  const [left, reached] = from === "home" ? [journey.home, journey.away] : [journey.away, journey.home];
  const unit = unitOf(operation.tag, name);
  await left.execute([stopUnit(unit), ...planParameters(domain, settings)]);
  const output = await runKept(raw, left, {
    ...unitRun(journey, settings, ways[from]),
    signal: operation.signal,
  });
  const at = await settledAt(journey);
  const observed = told(journey, left, output, (at === "home" ? journey.home : journey.away).name);
  const isThere = at === (from === "home" ? "away" : "home");
  if (!isThere) return { observed, job: undefined };
  operation.status(`${domain} is on ${reached.name}`);
  return { observed, job: (await accountOf(reached, domain, raw)) ?? (await accountOf(left, domain, raw)) };
}

/** One migration as its unit on the machine that the guest leaves. */
function unitRun({ operation, inputs }: Journey, settings: MigrationSettings, way: Way) {
  const { domain, name } = inputs;
  const limit = limitOf(inputs);
  const { unit: seconds, all } = migrationTakes(inputs);
  const script = migrationRun(domain, limit, migrateCommand(domain, settings, way));
  return {
    argv: inUnit(unitOf(operation.tag, name), seconds, script, [cancelAfter(domain)]),
    timeoutMs: all * 1000,
  };
}

/**
 * What the script told of a migration.
 *
 * @param runsOn where the guest was found afterwards
 * @throws HostError `migration-ended` where it came to no end: what is not seen is not measured
 */
function told(
  { operation, inputs: { domain, name } }: Journey,
  left: Host,
  { stdout, stderr, durationMs }: Pick<CommandResult, "stdout" | "stderr" | "durationMs">,
  runsOn: string,
): ObservedMigration {
  try {
    return parseMigrationRun(stdout.trim() === "" ? stderr : stdout);
  } catch (cause) {
    throw new HostError({
      code: "migration-ended",
      problem: `a migration of ${domain} was ended from outside, and nothing is measured`,
      observed: `its unit on ${left.name} ended after ${Math.round(durationMs / 1000)} s without a report; the guest was then found on ${runsOn}, running once, and was left at home`,
      hint: `journalctl -u ${unitOf(operation.tag, name)} on ${left.name} tells what ended it`,
      cause,
    });
  }
}

/** libvirt keeps its account on both machines; of a post-copy only on the one that the guest left, and there only as long as the guest is defined. */
async function accountOf(host: Host, domain: string, raw: RawOutputs): Promise<MigrationJob | undefined> {
  const { code, stdout } = await runKept(raw, host, { argv: finishedJob(domain) });
  return code === 0 ? parseMigrationJob(stdout) : undefined;
}

/** Where the guest is, once nothing goes on any more and what a migration left behind is gone. Works without the operation's signal, which may have ended it. */
async function settledAt(journey: Journey): Promise<Place> {
  const { inputs, home, away, uuid } = journey;
  const { domain } = inputs;
  const hosts = { home, away };
  // At once: what comes in on one ends with what is cancelled on the other.
  await Promise.all([home, away].map((host) => requireNoJob(host, domain)));
  const { at, mend } = whereaboutsOf({
    domain,
    uuid,
    home: { name: home.name, guest: await guestOn(home, domain, uuid) },
    away: { name: away.name, guest: await guestOn(away, domain, uuid) },
  });
  for (const { on, step } of mend) await carryOut(hosts[on], [step]);
  return at;
}

/** @throws HostError `migration-going-on` */
async function requireNoJob(host: Host, domain: string): Promise<void> {
  const { code, stdout } = await host.transport.execute(leaveNoJob(domain));
  if (code === 0) return;
  throw new HostError({
    code: "migration-going-on",
    problem: `guest ${domain} is still being migrated, and it is not sure which machine it will run on`,
    observed: `${
      stdout.trim() === ""
        ? "libvirt does not answer"
        : stdout
            .trim()
            .split(/\s*\n\s*/)
            .slice(0, 3)
            .join(", ")
    } on ${host.name}, ${SETTLE_S} s after it was cancelled`,
    expected: "no job",
    hint: `it is left alone: a post-copy can't be cancelled, and has to come to its end (virsh domjobinfo ${domain}); then see that the guest runs once (virsh list on both machines), and run pulumi up`,
  });
}

/**
 * Lets the guest run at home again, by one more migration where it is not there, and forgets that it was away.
 *
 * @throws HostError `migration-not-home`
 */
async function bringHome(journey: Journey, ways: Ways): Promise<void> {
  const { operation, inputs, home, away } = journey;
  const { domain, name, settings = {} } = inputs;
  const unit = unitOf(operation.tag, name);
  for (const host of [home, away]) await carryOut(host, [stopUnit(unit)]);
  const at = await settledAt(journey).catch(async (error: unknown) => {
    // Of one that runs nowhere there is no second copy to fear, unless one stands still there.
    if (
      error instanceof VerificationError &&
      error.code === "guest-nowhere" &&
      !hasCopy(await guestOn(away, domain, journey.uuid))
    )
      await carryOut(home, [forgetAway(domain)]);
    throw error;
  });
  // A QEMU that the guest did not leave still has what it was asked for.
  await carryOut(at === "home" ? home : away, planParameters(domain, usualOf(settings))).catch(
    (error: unknown) =>
      operation.warn(
        `the QEMU of ${domain} keeps the limits of its migration: ${error instanceof Error ? error.message : error}`,
      ),
  );
  if (at === "away") {
    await carryOut(away, planParameters(domain, HOMEWARD));
    const { code, stdout, stderr } = await away.transport.execute(unitRun(journey, HOMEWARD, ways.away));
    if ((await settledAt(journey)) === "away")
      throw new HostError({
        code: "migration-not-home",
        problem: `guest ${domain} does not come back to ${home.name}, and runs on ${away.name}`,
        observed: stderr.trim() || stdout.trim().split("\n").at(-1) || `exit code ${code}`,
        hint: `end it there (virsh destroy ${domain} on ${away.name}), remove /var/lib/nfvlab/away/${domain} on ${home.name}, and run pulumi up`,
      });
  }
  await carryOut(home, [forgetAway(domain)]);
}

/** Both links, one each way, for as long as the work takes. */
async function linked<T>(journey: Journey, work: (ways: Ways) => Promise<T>): Promise<T> {
  const { operation, inputs, home, away } = journey;
  const { addresses } = inputs;
  const [out, back] = [linkOf(operation.tag, "out"), linkOf(operation.tag, "back")];
  const ends = [
    { link: out, from: home, to: away, fromAddress: addresses.host, address: addresses.destination },
    { link: back, from: away, to: home, fromAddress: addresses.destination, address: addresses.host },
  ] as const;
  try {
    operation.status("links the two machines");
    for (const end of ends) await open(journey, end);
    return await work({
      home: { socket: out.socket, address: addresses.destination },
      away: { socket: back.socket, address: addresses.host },
    });
  } finally {
    for (const { link, from, to } of ends) {
      await carryOut(from, [closeLink(link)]).catch(() => undefined);
      await carryOut(to, [dismissLink(link)]).catch((error: unknown) =>
        operation.warn(
          `the key ${link.mark} is still among those that ${to.name} lets in, until its time is over: ${error instanceof Error ? error.message : error}`,
        ),
      );
    }
  }
}

async function open(
  { operation, inputs }: Journey,
  {
    link,
    from,
    to,
    fromAddress,
    address,
  }: {
    readonly link: Link;
    readonly from: Host;
    readonly to: Host;
    readonly fromAddress: string;
    readonly address: string;
  },
): Promise<void> {
  const { sshPort: port = 22 } = inputs;
  const seconds = migrationSeconds(inputs);
  const said = async (host: Host, step: Step) =>
    (await host.transport.run({ ...step, signal: operation.signal })).stdout;
  // An engine that was lost may have left one.
  await from.execute([closeLink(link)]);
  const key = linkKeyOf(await said(from, makeLinkKey(link)), from.name);
  const end = linkEndOf(await said(to, admitLink(link, key, fromAddress, seconds)), to.name);
  await from.execute([openLink(link, end, { address, port, seconds })]);
}

/** As `execute`, without the signal that may have ended everything else. */
async function carryOut(host: Host, steps: readonly Step[]): Promise<void> {
  for (const step of steps) await host.transport.run(step);
}

/** The guest as a machine has it now. A libvirt that does not answer is no libvirt without the guest. */
async function guestOn(host: Host, domain: string, uuid: string): Promise<ObservedDomain | undefined> {
  const { ask } = domains;
  if (ask.kind !== "command") return undefined;
  await carryOut(host, [
    { purpose: "ask libvirt of its guests", argv: [...VIRSH, "list", "--all", "--name"] },
  ]);
  const found = domains.parse(await host.transport.execute({ argv: ask.argv }));
  return found.find((guest) => guest.name === domain && guest.uuid === uuid);
}
