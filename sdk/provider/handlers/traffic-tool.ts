import { buildGround, trafficTools } from "../../observe/traffic.ts";
import { planTool, removeTool, toolRecipe, verifyTool } from "../../plan/traffic-tool.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { trafficTool } from "../../schema/traffic.ts";
import type { Handler, Operation } from "../handler.ts";
import { sourceOf } from "../traffic-source.ts";

/** One build of one program at a time. */
const TURN = "traffic-tool";
const probes = { built: trafficTools };

export const trafficToolHandler: Handler<typeof trafficTool> = {
  definition: trafficTool,
  probes,

  id: ({ host, name }) => `${host.name}/traffic/${name}`,

  made: async ({ program = "traffic" }) => ({ recipe: toolRecipe(program, await sourceOf(program)) }),

  create: (operation, inputs) => bring(operation, inputs),

  read: async (operation, state) => {
    const { built } = await operation.host(state.host).observe(probes);
    return { ...state, built: built.has(state.hash) };
  },

  update: async (operation, inputs, prior) => {
    const outputs = await bring(operation, inputs);
    // A newer DPDK, or a newer source, has a folder of its own.
    if (outputs.hash !== prior.hash)
      await operation.host(inputs.host).execute([removeTool(prior.hash, operation.tag)]);
    return outputs;
  },

  delete: (operation, state) => operation.host(state.host).execute([removeTool(state.hash, operation.tag)]),
};

async function bring(
  operation: Operation,
  inputs: Inputs<typeof trafficTool>,
): Promise<Outputs<typeof trafficTool>> {
  const host = operation.host(inputs.host);
  const { program = "traffic" } = inputs;
  const source = await sourceOf(program);
  return host.inTurn(TURN, async () => {
    const { ground, built } = await host.observeNow({ ground: buildGround, ...probes });
    const plan = planTool(program, source, ground, operation.tag, host.name);
    await host.execute([plan.mark]);
    if (!built.has(plan.hash)) {
      operation.status(program === "traffic" ? `builds against DPDK ${plan.dpdkVersion}` : "builds");
      try {
        await host.execute(plan.build);
      } catch (error) {
        await host.transport.execute(removeTool(plan.hash, operation.tag)).catch(() => undefined);
        throw error;
      }
      verifyTool(plan, (await host.observeNow(probes)).built);
    }
    const { path, hash, recipe, dpdkVersion } = plan;
    return { path, hash, recipe, dpdkVersion, built: true };
  });
}
