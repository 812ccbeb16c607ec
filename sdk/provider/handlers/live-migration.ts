import {
  type MigrationRun,
  migrationFaults,
  migrationMetrics,
  recordedMigrations,
} from "../../measure/migration.ts";
import { trafficFrames } from "../../measure/traffic.ts";
import { domains, type ObservedDomain } from "../../observe/domains.ts";
import { guestAttachments, guestPlatform } from "../../observe/guest-platform.ts";
import { hostFactsOf, hostFactsProbes } from "../../observe/host-facts.ts";
import { hugepagePools } from "../../observe/hugepages.ts";
import { filesOfGuest, parseMigrationAbilities, parseMigrationStatus } from "../../observe/migration.ts";
import { ovsDatabase } from "../../observe/ovs.ts";
import { softwareVersions } from "../../observe/versions.ts";
import {
  checkMigration,
  limitOf,
  migrateCommand,
  migrationSeconds,
  monitor,
  requireAbilities,
  requireUnblocked,
} from "../../plan/migration.ts";
import { linkOf } from "../../plan/migration-link.ts";
import { checkDestination, socketFolders } from "../../plan/migration-whereabouts.ts";
import { requireOnline } from "../../plan/online-cpus.ts";
import type { Inputs } from "../../schema/definition.ts";
import { liveMigration } from "../../schema/migration.ts";
import { CpuSet } from "../../units/cpuset.ts";
import { HostError } from "../../units/errors.ts";
import type { Handler, Host, Operation } from "../handler.ts";
import { measuring } from "../measuring.ts";
import { migrateInTurn } from "../migrating.ts";

export const liveMigrationHandler: Handler<typeof liveMigration> = {
  definition: liveMigration,
  probes: {},

  id: ({ host, name }) => `${host.name}/bench/${name}`,
  check: checkMigration,

  create: async (operation, inputs) => {
    const { domain, traffic, settings = {}, firmware } = inputs;
    const [home, away] = [operation.host(inputs.host), operation.host(inputs.destination)];
    const { guest, versions } = await readyToLeave(operation, inputs, home);
    const { machineId } = await readyToReceive(guest, away);
    const seconds = migrationSeconds(inputs);
    const subject = `guest ${domain}, ${home.name} to ${away.name} and back${traffic === undefined ? "" : `, ${traffic.rate} frames/s through it`}`;
    const others = {
      destination: away,
      ...(traffic?.host !== undefined && { generator: operation.host(traffic.host) }),
    };
    let runs: MigrationRun[] = [];
    const record = await measuring(
      operation,
      home,
      {
        ...{ kind: "live-migration", name: inputs.name, subject, seconds, firmware },
        ...{ asked: inputs, others, guests: [domain] },
      },
      (facts) => {
        if (facts.identity.machineId === machineId) throw oneMachine(home, away);
        if (traffic !== undefined && traffic.host === undefined)
          requireOnline(
            { "traffic.generator.cpus": traffic.generator.cpus },
            CpuSet.parse(facts.onlineCpus),
            home.name,
          );
        return async (raw) => {
          runs = await migrateInTurn({ operation, inputs, home, away, uuid: guest.uuid, raw });
          const way = { socket: linkOf(operation.tag, "out").socket, address: inputs.addresses.destination };
          return {
            metrics: migrationMetrics(runs),
            migrations: recordedMigrations(runs),
            tool: { command: migrateCommand(domain, settings, way), version: versions },
            faults: migrationFaults(runs, limitOf(inputs)),
          };
        };
      },
    );
    const reports = runs.flatMap((run) => run.traffic?.report ?? []);
    return {
      record,
      destinationInForce: record.others?.["destination"]?.hash ?? "",
      frames: reports.length === 0 ? null : trafficFrames(reports),
    };
  },

  // A measurement is history: nothing on the machines can change it.
  read: async (_, state) => state,
  update: async (_, __, { record, destinationInForce, frames }) => ({ record, destinationInForce, frames }),
  delete: async () => undefined,
};

/** The guest, which runs at home, with a QEMU that knows what it will be asked for. */
async function readyToLeave(
  operation: Operation,
  { domain, settings = {} }: Inputs<typeof liveMigration>,
  home: Host,
): Promise<{ readonly guest: ObservedDomain; readonly versions: string }> {
  const seen = await home.observeNow({ domains, softwareVersions });
  const guest = seen.domains.find(({ name }) => name === domain);
  if (guest?.state !== "running")
    throw new HostError({
      code: "guest-not-running",
      property: "domain",
      problem: `there is no running guest ${domain} on ${home.name} to migrate`,
      observed: guest?.state ?? "no such guest",
      expected: "running",
      hint: "let the migration depend on the guest's Domain",
    });
  const { qemu = "of unknown version", libvirt = "of unknown version" } = seen.softwareVersions;
  const ask = async (question: string) =>
    (await home.transport.run({ argv: monitor(domain, question), signal: operation.signal })).stdout;
  const abilities = parseMigrationAbilities(
    await ask("query-migrate-capabilities"),
    await ask("query-migrate-parameters"),
  );
  requireAbilities(settings, abilities, `QEMU ${qemu}`);
  requireUnblocked(domain, parseMigrationStatus(await ask("query-migrate")));
  return { guest, versions: `QEMU ${qemu}, libvirt ${libvirt}` };
}

/** The destination, with everything that the guest needs there. */
async function readyToReceive(guest: ObservedDomain, away: Host): Promise<{ readonly machineId: string }> {
  const seen = await away.observeNow({
    ...{ ...hostFactsProbes, domains, pools: hugepagePools, platform: guestPlatform },
    ...{ attachments: guestAttachments, database: ovsDatabase },
  });
  const { identity, onlineCpus } = hostFactsOf(seen);
  const files = filesOfGuest(guest.xml);
  const { stdout } = await away.transport.run({
    argv: ["sh", "-c", 'for file; do [ -e "$file" ] || echo "$file"; done', "sh", ...files],
  });
  checkDestination(guest, {
    name: away.name,
    domains: seen.domains,
    onlineCpus: CpuSet.parse(onlineCpus),
    pools: seen.pools,
    attachments: seen.attachments,
    switchPorts: seen.database.state === "answering" ? seen.database.interfaces : [],
    missingFiles: stdout.split("\n").filter((line) => line !== ""),
  });
  await away.execute(socketFolders(guest, seen.platform.qemuUser));
  return { machineId: identity.machineId };
}

function oneMachine(home: Host, away: Host): HostError {
  return new HostError({
    code: "migration-one-machine",
    property: "destination",
    problem: "a guest can't be migrated to the machine that it is on",
    observed: `${home.name} and ${away.name} have one machine id`,
    expected: "two machines",
  });
}
