import type { PolicyResource } from "@pulumi/policy";
import type { Asking } from "./ask.ts";
import { type Where, where } from "./claims.ts";
import { GENERATING, ofType } from "./machine.ts";
import { flag, type Path, text, titleOf, UNKNOWN } from "./property.ts";

/** One end of a vhost-user socket. */
export interface SocketEnd extends Where {
  readonly path: string;
  /** Whether it makes the socket; the other end connects. */
  readonly serves: boolean | typeof UNKNOWN;
  readonly kind: "guest" | "port" | "forwarder" | "generator";
  /** Whose it is, for sentences: `nics.east of vnf`. */
  readonly holder: string;
}

/** All ends of vhost-user sockets among some resources. */
export function socketEnds(resources: readonly PolicyResource[], ask: Asking): readonly SocketEnd[] {
  return [
    ...ofType(resources, "libvirt:Domain").flatMap((domain) =>
      ask.keys(domain, "nics").flatMap((nic) => {
        if (text(domain, "nics", nic, "kind") !== "vhost-user") return [];
        const mode = text(domain, "nics", nic, "mode");
        const serves = mode === UNKNOWN ? UNKNOWN : mode !== "client";
        return end(ask, domain, ["nics", nic], "guest", serves, `nics.${nic} of ${titleOf(domain)}`);
      }),
    ),
    ...ofType(resources, "ovs:Port").flatMap((port) =>
      ask.text(port, "interface", "kind") === "dpdkvhostuserclient"
        ? end(ask, port, ["interface"], "port", false, `port ${titleOf(port)} of the switch`)
        : [],
    ),
    ...ofType(resources, "traffic:Forwarder").flatMap((forwarder) =>
      ask
        .positions(forwarder, "ports")
        .flatMap((index) =>
          virtioUser(
            ask,
            forwarder,
            ["ports", index],
            "forwarder",
            `ports[${index}] of ${titleOf(forwarder)}`,
          ),
        ),
    ),
    ...ofType(resources, ...GENERATING).flatMap((benchmark) =>
      ["from", "to"].flatMap((side) =>
        virtioUser(ask, benchmark, [side], "generator", `the generator of ${titleOf(benchmark)}`),
      ),
    ),
  ];
}

function virtioUser(
  ask: Asking,
  resource: PolicyResource,
  at: Path,
  kind: SocketEnd["kind"],
  holder: string,
): SocketEnd[] {
  if (text(resource, ...at, "kind") !== "virtio-user") return [];
  const server = flag(resource, ...at, "server");
  return end(ask, resource, at, kind, server === UNKNOWN ? UNKNOWN : server !== false, holder);
}

function end(
  ask: Asking,
  resource: PolicyResource,
  at: Path,
  kind: SocketEnd["kind"],
  serves: SocketEnd["serves"],
  holder: string,
): SocketEnd[] {
  const path = ask.text(resource, ...at, "socketPath");
  return path === undefined
    ? []
    : [{ ...where(resource, [...at, "socketPath"]), path, serves, kind, holder }];
}
