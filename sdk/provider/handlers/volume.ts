import { volumes } from "../../observe/volumes.ts";
import { checkVolume, checkVolumeOwner, makeVolume, removeVolume, volumeOutputs } from "../../plan/volume.ts";
import type { Inputs } from "../../schema/definition.ts";
import { volume } from "../../schema/volume.ts";
import { HostError } from "../../units/errors.ts";
import type { Handler, Operation } from "../handler.ts";

const probes = { volumes };

export const volumeHandler: Handler<typeof volume> = {
  definition: volume,
  probes,

  id: ({ host, name }) => `${host.name}/volume/${name}`,
  check: checkVolume,

  create: bring,
  update: bring,

  read: async (operation, state) => {
    const { volumes: all } = await operation.host(state.host).observe(probes);
    const found = all.find(({ name }) => name === state.name);
    return found === undefined ? undefined : { ...state, ...volumeOutputs(state, found) };
  },

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    const { volumes: all } = await host.observeNow(probes);
    const found = all.find(({ name }) => name === state.name);
    if (found === undefined) return;
    if (found.owner === operation.tag) return host.execute(removeVolume(state.name));
    operation.warn(`left volume ${state.name} alone: it belongs to ${found.owner ?? "nobody we know"}`);
  },
};

async function bring(operation: Operation, inputs: Inputs<typeof volume>) {
  const host = operation.host(inputs.host);
  const find = async () => (await host.observeNow(probes)).volumes.find(({ name }) => name === inputs.name);
  const before = await find();
  checkVolumeOwner(inputs, before, operation.tag);
  if (before !== undefined && volumeOutputs(inputs, before).present) return volumeOutputs(inputs, before);
  operation.status(`makes ${inputs.name}`);
  await host.execute(makeVolume(inputs, operation.tag));
  const made = await find();
  if (made?.present === true) return volumeOutputs(inputs, made);
  throw new HostError({
    code: "volume-missing",
    problem: `the volume ${inputs.name} is not there after it was made`,
    hint: "check free space in /var",
  });
}
