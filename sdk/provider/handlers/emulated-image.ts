import { buildImage, isImage } from "../../emulate/image.ts";
import { type ImageSpecification, TESTBED_PACKAGES } from "../../emulate/recipe.ts";
import type { Inputs } from "../../schema/definition.ts";
import { emulatedImage } from "../../schema/emulate.ts";
import { exactly } from "../../units/size.ts";
import type { Handler, Operation } from "../handler.ts";

export const emulatedImageHandler: Handler<typeof emulatedImage> = {
  definition: emulatedImage,
  probes: {},

  id: (_inputs, { stack, resourceName }) => `${stack}/image/${resourceName}`,

  create: (operation, inputs) => build(operation, inputs),
  update: (operation, inputs) => build(operation, inputs),
  read: async (_, state) => ({ ...state, present: isImage(state.folder) }),
  // The cache serves other stacks, and the next one of this.
  delete: async () => undefined,
};

async function build(operation: Operation, inputs: Inputs<typeof emulatedImage>) {
  const { folder, hash } = await buildImage(specificationOf(inputs), {
    onProgress: (text) => operation.status(text),
    signal: operation.signal,
  });
  return { folder, hash, present: true };
}

function specificationOf({
  suite = "trixie",
  extraPackages = [],
  diskSize = "6GiB",
}: Inputs<typeof emulatedImage>): ImageSpecification {
  return { suite, packages: [...TESTBED_PACKAGES, ...extraPackages], diskMib: exactly(diskSize, "MiB") };
}
