import type { types } from "@pulumi/command";
import type { Connection, HostReference } from "../sdk/schema/connection.ts";
import { InputError } from "../sdk/units/errors.ts";

type SshConnection = Extract<Connection, { kind: "ssh" }>;

/** A host as `@pulumi/command` reaches it, and whether a command line has to become root by itself. */
export interface SiteConnection {
  /** How it is reached. Holds credentials. */
  readonly ssh: types.input.remote.ConnectionArgs;
  /** Whether commands go through `sudo -n`. */
  readonly become: boolean;
}

/**
 * A host's connection in the words of `@pulumi/command`, which are ours but for the kind, a list of host keys (the first counts), and becoming root.
 *
 * @throws InputError `site-command-local` where the host is the engine's own machine
 */
export function siteConnection(resource: string, { name, connection }: HostReference): SiteConnection {
  if (connection.kind === "ssh") {
    const { proxy, ...own } = connection;
    const ssh = { ...hop(own), ...(proxy !== undefined && { proxy: hop(proxy) }) };
    return { ssh, become: connection.become ?? false };
  }
  throw new InputError({
    code: "site-command-local",
    resource,
    property: "on",
    problem: "a site command reaches its host by SSH",
    observed: `${name} is the machine that the engine runs on`,
    expected: "a host with a connection of kind ssh",
    hint: "use local.Command of @pulumi/command",
  });
}

function hop(connection: Omit<SshConnection, "proxy">): types.input.remote.ProxyConnectionArgs {
  const { kind: _, become: __, hostKey, user = "root", ...same } = connection;
  // What is not given is absent, which the type of the schema can't say.
  const given = same as types.input.remote.ProxyConnectionArgs;
  return { ...given, user, hostKey: [hostKey].flat()[0] ?? "" };
}
