import { bootImages, missingPrograms, type ObservedBootImage } from "../../observe/boot-images.ts";
import {
  buildBootImage,
  IMAGE_FOLDER,
  IMAGE_PROGRAMS,
  neededPrograms,
  recipeHash,
  removeBootImage,
} from "../../plan/boot-image.ts";
import type { Inputs } from "../../schema/definition.ts";
import { bootImage } from "../../schema/libvirt.ts";
import { HostError } from "../../units/errors.ts";
import type { Handler, Operation } from "../handler.ts";

const probes = { images: bootImages };

export const bootImageHandler: Handler<typeof bootImage> = {
  definition: bootImage,
  probes,

  id: ({ host, name }) => `${host.name}/image/${name}`,
  locate: (rest) => {
    const name = /^image\/([^/]+)$/.exec(rest)?.[1];
    return name === undefined ? undefined : { name };
  },

  made: (inputs) => ({ recipe: recipeHash(inputs) }),

  create: bring,
  update: bring,

  read: async (operation, state) => {
    const { images } = await operation.host(state.host).observe(probes);
    const image = images.find(({ name }) => name === state.name);
    return image === undefined ? undefined : { ...state, ...outputsOf(image), present: image.whole };
  },

  delete: async (operation, state) => operation.host(state.host).execute(removeBootImage(state.name)),
};

async function bring(operation: Operation, inputs: Inputs<typeof bootImage>) {
  const host = operation.host(inputs.host);
  const missing = missingPrograms(neededPrograms(inputs));
  const before = await host.observeNow({ ...probes, missing });
  if (before.missing.length > 0) {
    throw new HostError({
      code: "packages-missing",
      problem: "the host lacks programs that a boot image is made from",
      observed: `no ${before.missing.join(", ")}`,
      hint: `install ${before.missing.map((program) => IMAGE_PROGRAMS[program] ?? `what has ${program}`).join(" ")}`,
    });
  }
  const existing = before.images.find(({ name }) => name === inputs.name);
  if (existing?.whole !== true || existing.recipe !== recipeHash(inputs))
    await host.execute(buildBootImage(inputs));
  const { images } = await host.observeNow(probes);
  const image = images.find(({ name }) => name === inputs.name);
  if (image?.whole !== true) {
    throw new HostError({
      code: "image-build",
      problem: `the boot image ${inputs.name} is not whole after it was built`,
      hint: "check free space in /var",
    });
  }
  return { ...outputsOf(image), present: true };
}

function outputsOf({ name, kernelRelease, sha256, recipe }: ObservedBootImage) {
  return {
    kernel: `${IMAGE_FOLDER}/${name}/kernel`,
    initramfs: `${IMAGE_FOLDER}/${name}/initramfs`,
    kernelRelease,
    sha256,
    recipe,
  };
}
