import { join } from "node:path";
import { checkMachine } from "../../emulate/machine.ts";
import { inspectServer, removeServer, startServer } from "../../emulate/server.ts";
import type { Inputs } from "../../schema/definition.ts";
import { emulatedServer } from "../../schema/emulate.ts";
import type { Handler, Operation } from "../handler.ts";
import { projectFolder } from "../project-folder.ts";

export const emulatedServerHandler: Handler<typeof emulatedServer> = {
  definition: emulatedServer,
  probes: {},

  id: ({ name }, { stack }) => `${stack}/server/${name}`,
  check: checkMachine,

  create: (operation, inputs) => start(operation, inputs, folderOf(operation, inputs.name)),
  update: (operation, inputs, { folder }) => start(operation, inputs, folder),

  read: async (_, state) => {
    const found = await inspectServer(state.folder);
    return found === "gone" ? undefined : { ...state, running: found === "running" };
  },

  delete: async (_, { folder }) => removeServer(folder),
};

async function start(operation: Operation, inputs: Inputs<typeof emulatedServer>, folder: string) {
  const { igbCards = 2, bootArguments = [] } = inputs;
  const { connection, accelerator } = await startServer(
    folder,
    { ...inputs, igbCards, bootArguments },
    { onProgress: (text) => operation.status(text), signal: operation.signal },
  );
  return { connection: connection as never, folder, accelerator, running: true };
}

/** Servers live beside the project that made them, in the folder that git ignores. */
function folderOf({ project, stack }: Operation, name: string): string {
  const state = process.env.NFVLAB_STATE ?? join(projectFolder(), ".nfvlab");
  return join(state, "servers", `${project}.${stack}`, name);
}
