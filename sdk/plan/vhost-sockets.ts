import type { ListeningSocket } from "../observe/listening-sockets.ts";
import type { Inputs } from "../schema/definition.ts";
import type { libvirtDomain } from "../schema/libvirt.ts";
import type { Step } from "./step.ts";

type Sockets = ReadonlyMap<string, ListeningSocket>;
type Nics = Pick<Inputs<typeof libvirtDomain>, "nics">;

/** A socket that a guest serves, as it is. */
export interface ServedSocket extends ListeningSocket {
  readonly path: string;
}

/** Sockets of a guest's vhost-user NICs by the NIC's name, as far as somebody listens on them. */
export function servedSockets({ nics = {} }: Nics, sockets: Sockets): Record<string, ServedSocket> {
  return Object.fromEntries(
    Object.entries(nics).flatMap(([name, nic]) => {
      if (nic.kind !== "vhost-user" || nic.mode === "client") return [];
      const seen = sockets.get(nic.socketPath);
      return seen === undefined ? [] : [[name, { path: nic.socketPath, ...seen }]];
    }),
  );
}

/** Whether everybody on the machine may write to something of this mode. */
export function isOpenToAll(mode: string): boolean {
  return (Number.parseInt(mode, 8) & 0o002) !== 0;
}

/** Takes away what everybody else may do to a guest's sockets; their folders are made anew by its plan. */
export function closeSockets(inputs: Nics, sockets: Sockets): Step[] {
  return Object.values(servedSockets(inputs, sockets))
    .filter(({ mode }) => isOpenToAll(mode))
    .map(({ path }) => ({ purpose: `close ${path} to others`, argv: ["chmod", "o-w", path] }));
}

/** What state holds of them. */
export function socketOutputs(inputs: Nics, sockets: Sockets) {
  const served = servedSockets(inputs, sockets);
  const isPrivate = Object.values(served).every(
    (each) => !isOpenToAll(each.mode) && !isOpenToAll(each.folderMode),
  );
  return { sockets: served, socketsPrivate: isPrivate };
}
