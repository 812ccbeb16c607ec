import { bridgedEnd, type TunedHost } from "../components/index.ts";
import { net } from "../sdk/index.ts";

/**
 * Two bridges of a host's kernel, each with an end of a veth pair for a generator: what a function hangs between whose packets the kernel carries.
 *
 * @param devices how the names of the devices begin, at most six characters, since the kernel takes fifteen; by default as the names of the resources do
 */
export function bridgedEnds(on: TunedHost, name: string, devices = name) {
  const host = on.reference;
  const side = (direction: "in" | "out") => {
    const [resource, device] = [`${name}-${direction}`, `${devices}-${direction}`];
    const bridge = new net.LinuxBridge(resource, { host, name: device });
    const pair = new net.Veth(`${resource}-end`, {
      ...{ host, name: `${device}-port`, bridge: bridge.name },
      peer: { name: `${device}-end`, offloads: { tx: false } },
    });
    return { bridge, pair };
  };
  const [into, out] = [side("in"), side("out")];
  return {
    bridges: { in: into.bridge, out: out.bridge },
    from: bridgedEnd("generator", into.bridge, into.pair),
    to: bridgedEnd("sink", out.bridge, out.pair),
  };
}
