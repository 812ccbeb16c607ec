import { trafficTools } from "../../observe/traffic.ts";
import { trexGround } from "../../observe/trex.ts";
import { planRunner, removeTool, runnerRecipe, verifyTool } from "../../plan/traffic-tool.ts";
import {
  checkTrexTool,
  fetchTrex,
  forgetTrex,
  isTrex,
  noteTrex,
  trexFolder,
  verifyTrex,
} from "../../plan/trex-tool.ts";
import type { Inputs } from "../../schema/definition.ts";
import { trex } from "../../schema/traffic.ts";
import type { Handler, Operation } from "../handler.ts";
import { sourceOf } from "../traffic-source.ts";

const probes = { built: trafficTools, ground: trexGround };
/** One archive is fetched once. */
const TURN = "trex";

export const trexHandler: Handler<typeof trex> = {
  definition: trex,
  probes,

  id: ({ host, name }) => `${host.name}/trex/${name}`,
  check: checkTrexTool,

  made: async () => ({ hash: runnerRecipe(await sourceOf("trex")) }),

  create: bring,
  update: async (operation, inputs, prior) => {
    const outputs = await bring(operation, inputs);
    // A newer runner has a folder of its own.
    if (outputs.hash !== prior.hash)
      await operation.host(inputs.host).execute([removeTool(prior.hash, operation.tag)]);
    return outputs;
  },

  read: async (operation, state) => {
    const { built, ground } = await operation.host(state.host).observe(probes);
    return { ...state, present: built.has(state.hash) && isTrex(state, ground.folders.get(state.path)) };
  },

  delete: (operation, state) =>
    operation
      .host(state.host)
      .execute([removeTool(state.hash, operation.tag), forgetTrex(state, operation.tag)]),
};

async function bring(operation: Operation, inputs: Inputs<typeof trex>) {
  const host = operation.host(inputs.host);
  const runner = planRunner("trex", await sourceOf("trex"), operation.tag);
  return host.inTurn(TURN, async () => {
    try {
      await host.execute([noteTrex(inputs, operation.tag)]);
      if (inputs.source.kind === "url") operation.status("fetches TRex where it is not there");
      await host.execute(fetchTrex(inputs, operation.tag));
      verifyTrex(inputs, (await host.observeNow(probes)).ground, host.name);
      await host.execute([runner.mark, ...runner.build]);
      verifyTool(runner, (await host.observeNow(probes)).built);
    } catch (error) {
      const undo = [removeTool(runner.hash, operation.tag), forgetTrex(inputs, operation.tag)];
      for (const step of undo) await host.transport.execute(step).catch(() => undefined);
      throw error;
    }
    return { path: trexFolder(inputs), program: runner.path, hash: runner.hash, present: true };
  });
}
