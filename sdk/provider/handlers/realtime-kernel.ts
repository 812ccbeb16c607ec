import { bootEvidence } from "../../observe/boot-evidence.ts";
import { bootLoader, bootLoaderProbed } from "../../observe/boot-loader.ts";
import { packagedKernels } from "../../observe/packaged-kernels.ts";
import type { FoundLoader } from "../../plan/boot-sets.ts";
import { requireOneShot, requireStaged } from "../../plan/grub-menu.ts";
import {
  chooseSteps,
  type FoundDefault,
  foundDefault,
  holdSteps,
  kernelStates,
  pinSteps,
  promoteAgain,
  realtimePackage,
  requireKernel,
  requireMenu,
  unchooseSteps,
  usualRelease,
} from "../../plan/realtime-kernel.ts";
import type { Inputs, Outputs } from "../../schema/definition.ts";
import { realtimeKernel } from "../../schema/realtime-kernel.ts";
import type { Handler, Host, Operation } from "../handler.ts";
import { install, PACKAGES_TURN, removeAdded } from "../installing.ts";
import { BOOT_LOADER, bootPending, rememberLoader, restoreLoader } from "../rebooting.ts";

type Wanted = Inputs<typeof realtimeKernel>;

const KERNEL = "realtime-kernel";
const PACKAGES = "realtime-kernel-packages";
const REBOOT_MS = 600_000;
const probes = { kernels: packagedKernels, loader: bootLoader, evidence: bootEvidence };

export const realtimeKernelHandler: Handler<typeof realtimeKernel> = {
  definition: realtimeKernel,
  probes,

  id: ({ host }) => `${host.name}/realtime-kernel`,
  locate: (rest) => (rest === "realtime-kernel" ? {} : undefined),

  create: (operation, inputs) => bring(operation, inputs),

  read: async (operation, state) => {
    const host = operation.host(state.host);
    const { kernels, loader, evidence } = await host.observe(probes);
    if (state.package === undefined && state.kernel === undefined && loader.kernel === undefined)
      return undefined;
    const name = state.package ?? realtimePackage(loader.system, kernels.architecture, host.name);
    return { ...{ added: {} }, ...state, ...kernelStates(name, kernels, loader, evidence) };
  },

  update: (operation, inputs, prior) => bring(operation, inputs, prior),

  delete: async (operation, state) => {
    const host = operation.host(state.host);
    await host.inTurn(BOOT_LOADER, () =>
      withdraw(operation, host, async () => {
        const { evidence } = await host.observeNow(probes);
        const isRunning = evidence.kernelRelease === state.kernel;
        if (isRunning && state.rebootOnDelete === "allow") {
          const options = { reason: `kernel ${state.kernel} is removed`, timeoutMs: REBOOT_MS };
          const { failed } = await bootPending(operation, state.host, options);
          if (failed !== undefined) throw failed.error;
        } else if (isRunning) {
          operation.warn(
            `${host.name} runs kernel ${state.kernel} until its next reboot, which is pending: modules that it has not loaded are gone with the package`,
          );
        }
        await remove(operation, host, state.added);
      }),
    );
  },
};

async function bring(
  operation: Operation,
  inputs: Wanted,
  prior?: Outputs<typeof realtimeKernel>,
): Promise<Outputs<typeof realtimeKernel>> {
  const host = operation.host(inputs.host);
  return host.inTurn(BOOT_LOADER, async () => {
    const { kernels, loader, evidence } = await host.observeNow({ ...probes, loader: bootLoaderProbed });
    requireMenu(loader, host.name);
    const name = inputs.package ?? realtimePackage(loader.system, kernels.architecture, host.name);
    requireOneShot(loader, host.name);
    const before = usualRelease(loader, evidence.kernelRelease);
    let added = prior?.added ?? {};
    let isTouched = false;
    const remember = async () => {
      isTouched = true;
      await host.remember<FoundDefault>(KERNEL, foundDefault(loader), operation.urn);
      await rememberLoader(operation, host, loader);
    };
    const hold = async () => {
      await remember();
      await host.execute(holdSteps(loader, before));
      const held = await host.observeNow({ loader: bootLoader });
      await host.execute(pinSteps(held.loader, before, host.name));
    };
    try {
      const { came } = await host.inTurn(PACKAGES_TURN, () =>
        install(operation, host, { [name]: "any" }, PACKAGES, hold),
      );
      added = { ...added, ...came };
      const installed = await host.observeNow(probes);
      const release = requireKernel(name, installed.kernels, host.name);
      if (!isTouched) await remember();
      await host.execute(chooseSteps(installed.loader, before, release));
      const chosen = await host.observeNow({ loader: bootLoader });
      requireStaged(chosen.loader, host.name);
      await host.execute(promoteAgain(chosen.loader));
      const after = await host.observeNow(probes);
      await host.forget(PACKAGES);
      return { ...kernelStates(name, after.kernels, after.loader, after.evidence), added };
    } catch (error) {
      // What was there before a change that failed stays, and the next attempt goes on from it.
      if (isTouched && prior === undefined)
        await withdraw(operation, host, () => remove(operation, host, added));
      throw error;
    }
  });
}

/** Takes the choice back, does what is left while nothing starts by it any more, and puts GRUB's files back with the last of ours. */
async function withdraw(operation: Operation, host: Host, between: () => Promise<void>): Promise<void> {
  const { loader } = await host.observeNow({ loader: bootLoader });
  const found = await host.remember<FoundLoader | null>(BOOT_LOADER, null);
  const before = await host.remember<FoundDefault>(KERNEL, foundDefault(loader), operation.urn);
  await host.execute(unchooseSteps(loader, found ?? undefined, before));
  await between();
  if (loader.sets.size === 0) await restoreLoader(operation, host);
  await host.forget(KERNEL);
}

function remove(operation: Operation, host: Host, added: Readonly<Record<string, string>>): Promise<void> {
  return host.inTurn(PACKAGES_TURN, () => removeAdded(operation, host, Object.keys(added)));
}
