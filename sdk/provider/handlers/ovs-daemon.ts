import { cpuTopology } from "../../observe/cpus.ts";
import { hugepagePools } from "../../observe/hugepages.ts";
import { answering, ovsDatabase, ovsLiveness } from "../../observe/ovs.ts";
import { knownOptions } from "../../observe/ovs-options.ts";
import { requireOnline } from "../../plan/online-cpus.ts";
import {
  checkDaemon,
  checkDaemonOwner,
  checkSwitchMemory,
  desiredOptions,
  foundOptions,
  importedOptions,
  observedOptions,
  ownDaemon,
  permitRestart,
  planDaemon,
  restartSteps,
  restoreOptions,
  verifyDaemon,
} from "../../plan/ovs-daemon.ts";
import { leftAlone } from "../../plan/restorable.ts";
import type { Inputs } from "../../schema/definition.ts";
import { ovsDaemon } from "../../schema/ovs.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";

type Found = Readonly<Record<string, string | null>>;

const JOURNAL = "ovs/daemon";
const SETTLE_MS = 60_000;
const probes = { database: ovsDatabase, live: ovsLiveness };

export const ovsDaemonHandler: Handler<typeof ovsDaemon> = {
  definition: ovsDaemon,
  probes,

  id: ({ host }) => `${host.name}/ovs`,
  locate: (rest) => (rest === "ovs" ? {} : undefined),
  check: checkDaemon,

  create: async (operation, inputs) => {
    const host = operation.host(inputs.host);
    const { database, live, known } = await host.observeNow({ ...probes, known: knownOptions });
    const observed = answering(database, live);
    const { otherConfig, version } = observed;
    checkDaemonOwner(observed, operation.tag, host.name);
    const desired = desiredOptions(inputs, { version, known });
    const found = await host.remember(JOURNAL, foundOptions(desired, otherConfig));
    return bring(operation, host, inputs, found);
  },

  read: async (operation, state) => {
    const { database, live } = await operation.host(state.host).observe(probes);
    const { otherConfig, version, dpdkVersion, initialized } = answering(database, live);
    const options =
      state.pmdCpus === undefined
        ? importedOptions({ otherConfig })
        : observedOptions(state, { otherConfig });
    return { ...state, ...options, found: state.found ?? {}, version, dpdkVersion, initialized };
  },

  update: (operation, inputs, { found }) => bring(operation, operation.host(inputs.host), inputs, found),

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { database, live, known } = await host.observeNow({ ...probes, known: knownOptions });
    const observed = answering(database, live);
    const { target, changedByOthers } = restoreOptions(
      desiredOptions(state, { version: observed.version, known }),
      state.found,
      observed.otherConfig,
    );
    if (changedByOthers.length > 0) operation.warn(leftAlone(changedByOthers));
    const plan = planDaemon(target, observed);
    await host.execute([
      ...plan.steps,
      ...(observed.owner === operation.tag ? ownDaemon(observed, undefined) : []),
    ]);
    if (plan.restartFor.length > 0) {
      if (state.restart === "allow") await host.execute(restartSteps());
      else
        operation.warn(
          "DPDK keeps running inside ovs-vswitchd until its next start: restarting was not allowed",
        );
    }
    await host.forget(JOURNAL);
  },
};

async function bring(operation: Operation, host: Host, inputs: Inputs<typeof ovsDaemon>, earlier: Found) {
  const { database, live, known, pools, cpus } = await host.observeNow({
    ...probes,
    known: knownOptions,
    pools: hugepagePools,
    cpus: cpuTopology,
  });
  const before = answering(database, live);
  const desired = desiredOptions(inputs, { version: before.version, known });
  // A key that is no longer asked for goes back to what it was; one that is new is remembered.
  const target = { ...earlier, ...desired };
  const found = { ...foundOptions(desired, before.otherConfig), ...earlier };
  requireOnline({ pmdCpus: inputs.pmdCpus, lcoreCpus: inputs.lcoreCpus }, cpus.online, host.name);
  checkSwitchMemory(inputs, before, pools);
  const plan = planDaemon(target, before);
  permitRestart(plan, inputs.restart, before);
  await host.execute([...ownDaemon(before, operation.tag), ...plan.steps]);
  if (plan.restartFor.length > 0) {
    operation.status("restarting ovs-vswitchd");
    await host.execute(restartSteps());
  }
  const after = await host.waitFor(
    probes,
    (facts) =>
      facts.live &&
      facts.database.state === "answering" &&
      facts.database.initialized &&
      facts.database.settled,
    {
      timeoutMs: SETTLE_MS,
    },
  );
  const now = answering(after.database, after.live);
  const outputs = { version: now.version, dpdkVersion: now.dpdkVersion, initialized: now.initialized, found };
  try {
    verifyDaemon(target, now, now.initialized ? "" : await lastWords(host));
  } catch (error) {
    throw new Incomplete(error as Error, outputs, observedOptions(inputs, now));
  }
  return outputs;
}

async function lastWords(host: Host): Promise<string> {
  const log = "/var/log/openvswitch/ovs-vswitchd.log";
  const { stdout } = await host.transport.execute({ argv: ["grep", "-E", "EAL|dpdk.*(ERR|EMER|WARN)", log] });
  return stdout.trim().split("\n").slice(-3).join(" | ");
}
