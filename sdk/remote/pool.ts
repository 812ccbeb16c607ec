import { createHash } from "node:crypto";
import type { Connection } from "./connection.ts";
import { LocalTransport } from "./local-transport.ts";
import { SshTransport } from "./ssh-transport.ts";
import type { Transport } from "./transport.ts";

/** One transport for a machine and the credentials to reach it by, until `close`. Other credentials get another transport. */
export class TransportPool {
  // By digest, so that no key of this map holds a secret.
  readonly #transports = new Map<string, Transport>();

  get(connection: Connection): Transport {
    const key = createHash("sha256")
      .update(JSON.stringify(sorted(connection)))
      .digest("hex");
    let transport = this.#transports.get(key);
    if (transport === undefined) {
      transport =
        connection.kind === "local" ? new LocalTransport(connection.become) : new SshTransport(connection);
      this.#transports.set(key, transport);
    }
    return transport;
  }

  /** Every transport made so far. */
  get all(): readonly Transport[] {
    return [...this.#transports.values()];
  }

  async close(): Promise<void> {
    const transports = [...this.#transports.values()];
    this.#transports.clear();
    await Promise.all(transports.map((transport) => transport.close()));
  }
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, item]) => [name, sorted(item)]),
  );
}
