import { aptSimulation, installedPackages } from "../../observe/packages.ts";
import {
  additions,
  foreignRemovals,
  installPackages,
  lacking,
  removePackages,
  requireAdditions,
  requireDpkg,
  simulateInstall,
  simulateRemoval,
  unknownPackages,
  updateLists,
  verifyPackages,
  versionsOf,
} from "../../plan/packages.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { packages } from "../../schema/packages.ts";
import { type Handler, type Host, Incomplete, type Operation } from "../handler.ts";

type Wanted = Inputs<typeof packages>;

const probes = { packages: installedPackages };
/** dpkg works for one at a time. */
const TURN = "dpkg";

export const packagesHandler: Handler<typeof packages> = {
  definition: packages,
  probes,

  id: ({ host, name }) => `${host.name}/packages/${name}`,

  create: (operation, inputs) => bring(operation, inputs, {}),

  read: async (operation, state) => {
    const { packages: installed } = await operation.host(state.host).observe(probes);
    const versions = versionsOf(state.packages, installed);
    return {
      ...state,
      packages: Object.fromEntries(
        Object.entries(state.packages).map(([name, version]) => [
          name,
          version === "any" ? version : (versions[name] ?? version),
        ]),
      ),
      installed: versions,
      complete: lacking(state.packages, installed).length === 0,
    };
  },

  update: (operation, inputs, prior) => bring(operation, inputs, prior.added),

  delete: (operation, state) => {
    const host = operation.host(state.host);
    return host.inTurn(TURN, async () => {
      await remove(operation, host, Object.keys(state.added));
    });
  },
};

async function bring(
  operation: Operation,
  inputs: Wanted,
  had: Readonly<Record<string, string>>,
): Promise<Outputs<typeof packages>> {
  const host = operation.host(inputs.host);
  return host.inTurn(TURN, async () => {
    const { packages: before } = await host.observeNow(probes);
    requireDpkg(before, host.name);
    const names = lacking(inputs.packages, before);
    if (names.length > 0) {
      await requireInstallable(host, names);
      operation.status(`installs ${names.join(", ")}`);
      // Kept until all is there, so that a second attempt still knows what came with the first.
      const key = journalKey(inputs);
      const base = await host.remember(key, [...(before?.keys() ?? [])], operation.urn);
      await host.execute([installPackages(names)]);
      const { packages: after } = await host.observeNow(probes);
      const outputs = outputsOf(inputs, after, { ...had, ...additions(base, after) });
      await host.forget(key);
      return outputs;
    }
    return outputsOf(inputs, before, had);
  });
}

function outputsOf(
  inputs: Wanted,
  installed: ReadonlyMap<string, string> | undefined,
  added: Record<string, string>,
): Outputs<typeof packages> {
  const outputs = { installed: versionsOf(inputs.packages, installed), added, complete: true };
  try {
    verifyPackages(inputs.packages, installed);
  } catch (error) {
    throw new Incomplete(error as Error, { ...outputs, complete: false });
  }
  return outputs;
}

async function requireInstallable(host: Host, names: readonly string[]): Promise<void> {
  let answer = await host.transport.execute(simulateInstall(names));
  if (answer.code !== 0) {
    // A machine whose lists are old, or gone, knows no package.
    await host.transport.execute(updateLists());
    answer = await host.transport.execute(simulateInstall(names));
  }
  if (answer.code !== 0) throw unknownPackages(names, answer.stderr, host.name);
  requireAdditions(aptSimulation(answer.stdout), names, host.name);
}

async function remove(operation: Operation, host: Host, added: readonly string[]): Promise<void> {
  const { packages: now } = await host.observeNow(probes);
  const names = added.filter((name) => now?.has(name) === true).sort();
  if (names.length === 0) return;
  const { code, stdout, stderr } = await host.transport.execute(simulateRemoval(names));
  const foreign = code === 0 ? foreignRemovals(aptSimulation(stdout), names) : [stderr.trim()];
  if (foreign.length > 0) {
    operation.warn(
      `left installed, since others need them by now: ${names.join(", ")} (${foreign.join(", ")})`,
    );
    return;
  }
  await host.execute([removePackages(names)]);
}

function journalKey({ name }: Pick<Wanted, "name">): string {
  return `packages/${name}`;
}
