import { networkLinks } from "../../observe/links.ts";
import { pinnedRedirects } from "../../observe/xdp.ts";
import {
  checkRedirect,
  foundDown,
  modeRefused,
  observedRedirect,
  pinsOf,
  planRedirect,
  removeRedirect,
  requireRedirect,
  verifyRedirect,
} from "../../plan/xdp-redirect.ts";
import { CommandError } from "../../remote/command-error.ts";
import type { Inputs, Outputs, State } from "../../schema/definition.ts";
import { xdpRedirect } from "../../schema/xdp.ts";
import { type Handler, Incomplete, type Operation } from "../handler.ts";
import { xdpObject } from "../xdp-object.ts";

type Redirect = Inputs<typeof xdpRedirect>;

const probes = { links: networkLinks, pinned: pinnedRedirects };
const TURN = "links";

export const xdpRedirectHandler: Handler<typeof xdpRedirect> = {
  definition: xdpRedirect,
  probes,

  id: ({ host, name }) => `${host.name}/xdp/${name}`,
  locate: (rest) => {
    const name = /^xdp\/([^/]+)$/.exec(rest)?.[1];
    return name === undefined ? undefined : { name };
  },
  check: checkRedirect,

  create: (operation, inputs) => bring(operation, inputs, []),
  read: async (operation, state) =>
    observedRedirect(state, await operation.host(state.host).observe(probes), operation.tag),
  update: (operation, inputs, prior) => bring(operation, inputs, prior.foundDown),

  delete: (operation, state) => {
    const host = operation.host(state.host);
    return host.inTurn(TURN, async () => {
      await host.execute(removeRedirect(state, await host.observeNow(probes), operation.tag));
    });
  },
};

async function bring(
  operation: Operation,
  inputs: Redirect,
  wasDown: readonly string[],
): Promise<Outputs<typeof xdpRedirect>> {
  const host = operation.host(inputs.host);
  return host.inTurn(TURN, async () => {
    const before = await host.observeNow(probes);
    requireRedirect(inputs, before, operation.tag);
    const found = { foundDown: foundDown(inputs, before, wasDown), pins: pinsOf(inputs, operation.tag) };
    let after = before;
    try {
      await host.execute(planRedirect(inputs, before, operation.tag, await xdpObject()));
      after = await host.observeNow(probes);
      const state = { ...inputs, ...found, attached: true } as State<typeof xdpRedirect>;
      verifyRedirect(observedRedirect(state, after, operation.tag), inputs);
    } catch (error) {
      const refusal = error instanceof CommandError ? modeRefused(inputs, error.result.stderr) : undefined;
      throw new Incomplete((refusal ?? error) as Error, { ...found, attached: false });
    }
    return { ...found, attached: true };
  });
}
