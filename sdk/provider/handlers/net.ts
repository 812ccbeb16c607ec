import { networkLinks } from "../../observe/links.ts";
import {
  bridgeKind,
  type LinkKind,
  macvtapKind,
  namespaceKind,
  tapKind,
  vethKind,
} from "../../plan/net-kinds.ts";
import { linkAt, verifyFields } from "../../plan/net-link.ts";
import type { HostReference } from "../../schema/connection.ts";
import type { Inputs, Outputs, ResourceDefinition, State } from "../../schema/definition.ts";
import { linuxBridge, macvtap, networkNamespace, tap, veth } from "../../schema/net.ts";
import { type Handler, Incomplete, type Operation } from "../handler.ts";

const probes = { links: networkLinks };
/** Who looks before another has written would see a bridge without its ports. */
const TURN = "links";

interface Named {
  readonly host: HostReference;
  readonly name: string;
  readonly namespace?: string | undefined;
}

/** The handler of a kind of link: one look at all links, one plan, one look back. `part` is the first part of its ids on a host. */
function linkHandler<D extends ResourceDefinition>(
  definition: D,
  part: string,
  kind: LinkKind<D>,
): Handler<D> {
  const withInputs = (state: Readonly<Record<string, unknown>>) =>
    Object.entries(state).filter(([field]) => field in definition.inputs.shape);
  const outputsOf = (state: State<D>) =>
    Object.fromEntries(
      Object.entries(state).filter(([field]) => field in definition.outputs.shape),
    ) as Outputs<D>;

  const bring = (operation: Operation, inputs: Inputs<D>, prior: Partial<State<D>>): Promise<Outputs<D>> => {
    const named = inputs as unknown as Named;
    const host = operation.host(named.host);
    return host.inTurn(TURN, async () => {
      const { links: before } = await host.observeNow(probes);
      kind.require(inputs, before, operation.tag);
      // Kept on the machine until all is there: a second attempt finds up what the first set up.
      const key = `${part}/${named.name}`;
      const found =
        kind.found && (await host.remember(key, kind.found(inputs, before, prior), operation.urn));
      await host.execute(kind.plan(inputs, before, operation.tag, prior));
      const { links: after } = await host.observeNow(probes);
      const state = kind.observe({ ...inputs, ...found, up: true } as State<D>, after);
      const outputs = { ...found, ...(state === undefined ? { up: false } : outputsOf(state)) } as Outputs<D>;
      try {
        verifyFields({ ...inputs, up: true }, state ?? {}, `${part} ${named.name}`);
      } catch (error) {
        throw new Incomplete<D>(
          error as Error,
          outputs,
          Object.fromEntries(withInputs(state ?? {})) as Partial<Inputs<D>>,
        );
      }
      if (kind.found !== undefined) await host.forget(key);
      return outputs;
    });
  };
  const handler = {
    definition,
    probes,
    id: ({ host, name, namespace }: Named) =>
      `${host.name}/${namespace === undefined ? "" : `netns/${namespace}/`}${part}/${name}`,
    locate: (rest: string) => {
      const [, namespace, name] = new RegExp(`^(?:netns/([^/]+)/)?${part}/([^/]+)$`).exec(rest) ?? [];
      return name === undefined ? undefined : { name, ...(namespace !== undefined && { namespace }) };
    },
    ...(kind.check !== undefined && { check: kind.check }),
    create: (operation: Operation, inputs: Inputs<D>) => bring(operation, inputs, {}),
    update: bring,
    read: async (operation: Operation, state: State<D>) => {
      const { links } = await operation.host((state as unknown as Named).host).observe(probes);
      return kind.observe(state, links);
    },
    delete: async (operation: Operation, state: State<D>) => {
      const host = operation.host((state as unknown as Named).host);
      await host.inTurn(TURN, async () => {
        const { links } = await host.observeNow(probes);
        const link = linkAt(links, kind.place(state));
        if (link?.owner === operation.tag) await host.execute(kind.remove(state, links));
        else if (link !== undefined)
          operation.warn(
            `left ${part} ${(state as unknown as Named).name} alone: it belongs to ${link.owner ?? "nobody we know"}`,
          );
      });
    },
  };
  return handler as unknown as Handler<D>;
}

export const networkNamespaceHandler = linkHandler(networkNamespace, "netns", namespaceKind);
export const linuxBridgeHandler = linkHandler(linuxBridge, "bridge", bridgeKind);
export const vethHandler = linkHandler(veth, "veth", vethKind);
export const tapHandler = linkHandler(tap, "tap", tapKind);
export const macvtapHandler = linkHandler(macvtap, "macvtap", macvtapKind);
