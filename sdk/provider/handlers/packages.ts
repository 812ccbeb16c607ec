import { type InstalledPackages, installedPackages } from "../../observe/packages.ts";
import { lacking, verifyPackages, versionsOf } from "../../plan/packages.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { packages } from "../../schema/packages.ts";
import { type Handler, Incomplete, type Operation } from "../handler.ts";
import { install, PACKAGES_TURN, removeAdded } from "../installing.ts";

type Wanted = Inputs<typeof packages>;

const probes = { packages: installedPackages };

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
    return host.inTurn(PACKAGES_TURN, () => removeAdded(operation, host, Object.keys(state.added)));
  },
};

async function bring(
  operation: Operation,
  inputs: Wanted,
  had: Readonly<Record<string, string>>,
): Promise<Outputs<typeof packages>> {
  const host = operation.host(inputs.host);
  return host.inTurn(PACKAGES_TURN, async () => {
    const key = `packages/${inputs.name}`;
    const { packages: after, came } = await install(operation, host, inputs.packages, key);
    const outputs = outputsOf(inputs, after, { ...had, ...came });
    if (Object.keys(came).length > 0) await host.forget(key);
    return outputs;
  });
}

function outputsOf(
  inputs: Wanted,
  installed: InstalledPackages,
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
