import { cpuTopology } from "../../observe/cpus.ts";
import { domains } from "../../observe/domains.ts";
import { guestAttachments, guestPlatform } from "../../observe/guest-platform.ts";
import { hugepagePools } from "../../observe/hugepages.ts";
import { listeningSockets } from "../../observe/listening-sockets.ts";
import { guestsAway } from "../../observe/migration.ts";
import { pciLinks } from "../../observe/nics.ts";
import { ovsDatabase, polling, type Switch } from "../../observe/ovs.ts";
import type { Observed } from "../../observe/probe.ts";
import {
  checkDomainOwner,
  checkGuestHost,
  domainFault,
  endGuest,
  guestCpus,
  observedDomain,
  planDomain,
  planPins,
  removeDomain,
  removeSharedMemory,
  shutdownSteps,
  verifyDomain,
} from "../../plan/domain.ts";
import { checkDomain } from "../../plan/domain-check.ts";
import { renderDomain, serialLogOf } from "../../plan/domain-xml.ts";
import { requireHome } from "../../plan/migration-whereabouts.ts";
import { requireOnline } from "../../plan/online-cpus.ts";
import { closeSockets, socketOutputs } from "../../plan/vhost-sockets.ts";
import type { Inputs } from "../../schema/definition.ts";
import { libvirtDomain } from "../../schema/libvirt.ts";
import { nanoseconds } from "../../units/duration.ts";
import { agentAnswers } from "../guest-agent.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";

const probes = { domains };
const seenBy = { ...probes, sockets: listeningSockets };
const started = { ...seenBy, database: ovsDatabase, polling };
const LINK_MS = 60_000;
const BOOT_MS = 300_000;
/** Guests share memory, and the last of them takes it along. */
const TURN = "libvirt";

export const domainHandler: Handler<typeof libvirtDomain> = {
  definition: libvirtDomain,
  probes: seenBy,

  id: ({ host, name }) => `${host.name}/libvirt/${name}`,
  check: checkDomain,

  create: bring,
  update: bring,

  read: async (operation, state) => {
    const { domains, sockets } = await operation.host(state.host).observe(seenBy);
    const found = domains.find(({ name }) => name === state.name);
    if (found === undefined) return undefined;
    return {
      ...state,
      ...observedDomain(state, found),
      uuid: found.uuid,
      running: found.state === "running",
      ...socketOutputs(state, sockets),
    };
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const find = async () => (await host.observeNow(probes)).domains.find(({ name }) => name === state.name);
    const found = await find();
    if (found === undefined) return;
    if (found.owner !== operation.tag)
      return operation.warn(
        `left guest ${state.name} alone: it belongs to ${found.owner ?? "nobody we know"}`,
      );
    if (found.state === "running") await askToShutDown(host, state);
    await host.inTurn(TURN, async () => {
      await host.execute(removeDomain((await find()) ?? found));
      await host.execute(removeSharedMemory(state, (await host.observeNow(probes)).domains));
    });
  },
};

async function bring(operation: Operation, inputs: Inputs<typeof libvirtDomain>) {
  const host = operation.host(inputs.host);
  const { name } = inputs;
  const before = await host.observeNow({
    domains,
    cpus: cpuTopology,
    pools: hugepagePools,
    database: ovsDatabase,
    platform: guestPlatform,
    attachments: guestAttachments,
    pciLinks,
    guestsAway,
  });
  const existing = before.domains.find((domain) => domain.name === name);
  checkDomainOwner(inputs, existing, operation.tag);
  requireOnline(guestCpus(inputs), before.cpus.online, inputs.host.name);
  const running = existing?.state === "running";
  const { start = true } = inputs;
  if (!running) requireHome(name, before.guestsAway);
  if (!running && start) checkGuestHost(inputs, { ...before, switch: switchOf(before.database) });
  const xml = renderDomain(inputs, { tag: operation.tag, cpuFlags: before.platform.cpuFlags });
  const doing = running ? "changing" : start ? "starting" : "defining";
  operation.status(`${doing} ${name}`);
  await host.execute(planDomain(inputs, existing, xml, before.platform.qemuUser));
  if (!start) return leaveOff(host, inputs);
  const after = await host.observeNow(seenBy);
  const defined = after.domains.find((domain) => domain.name === name);
  if (defined !== undefined) await host.execute(planPins(inputs, defined));
  await host.execute(closeSockets(inputs, after.sockets));

  // The switch's port is connected only once the guest's driver is up, so the guest is waited for first.
  const booted = inputs.guestAgent === false ? undefined : await bootFault(operation, host, name);
  operation.status(`waiting for the switch to serve ${name}`);
  const facts = await host.waitFor(started, (now) => faultIn(inputs, now) === undefined, {
    timeoutMs: LINK_MS,
  });
  const wrong = booted ?? faultIn(inputs, facts);
  const domain = facts.domains.find((candidate) => candidate.name === name);
  const outputs = {
    uuid: domain?.uuid ?? "",
    running: domain?.state === "running",
    serialLog: serialLogOf(name),
    ...socketOutputs(inputs, facts.sockets),
  };
  try {
    verifyDomain(name, wrong, wrong === undefined ? "" : await lastConsoleLines(host, name));
  } catch (error) {
    throw new Incomplete(error as Error, outputs, domain === undefined ? {} : observedDomain(inputs, domain));
  }
  return outputs;
}

/** A guest that is defined and does not run. */
async function leaveOff(host: Host, inputs: Inputs<typeof libvirtDomain>) {
  const find = async () =>
    (await host.observeNow(probes)).domains.find((domain) => domain.name === inputs.name);
  let domain = await find();
  if (domain?.state === "running") {
    await askToShutDown(host, inputs);
    domain = await find();
  }
  if (domain !== undefined) await host.execute([...endGuest(domain), ...planPins(inputs, domain)]);
  const after = (await find())?.state;
  const fault =
    after === undefined ? "it is not defined" : after === "shut off" ? undefined : `it is ${after}`;
  verifyDomain(inputs.name, fault, "");
  return {
    uuid: domain?.uuid ?? "",
    running: false,
    serialLog: serialLogOf(inputs.name),
    sockets: {},
    socketsPrivate: true,
  };
}

/** As long as it may take; what does not listen goes on. */
async function askToShutDown(
  host: Host,
  { name, shutdownTimeout = "20s" }: Pick<Inputs<typeof libvirtDomain>, "name" | "shutdownTimeout">,
): Promise<void> {
  await host.execute(shutdownSteps(name));
  await host.waitFor(
    probes,
    ({ domains: all }) => all.find((domain) => domain.name === name)?.state !== "running",
    { timeoutMs: nanoseconds(shutdownTimeout) / 1e6 },
  );
}

function faultIn(
  inputs: Inputs<typeof libvirtDomain>,
  { domains: all, database, polling }: Observed<typeof started>,
): string | undefined {
  const domain = all.find(({ name }) => name === inputs.name);
  return domainFault(inputs, domain, switchOf(database).interfaces, polling);
}

async function bootFault(operation: Operation, host: Host, name: string): Promise<string | undefined> {
  const begun = performance.now();
  const seconds = () => Math.round((performance.now() - begun) / 1000);
  while (performance.now() - begun < BOOT_MS) {
    if (await agentAnswers(host, name, operation.signal)) return undefined;
    operation.status(`${name} boots: ${seconds()} s`);
  }
  return `its agent did not answer within ${seconds()} s`;
}

async function lastConsoleLines(host: Host, name: string): Promise<string> {
  const { stdout } = await host.transport.execute({ argv: ["tail", "-n", "3", serialLogOf(name)] });
  return stdout.trim().split("\n").join(" | ");
}

function switchOf(database: Switch) {
  return database.state === "answering" ? database : { bridges: [], interfaces: [] };
}
