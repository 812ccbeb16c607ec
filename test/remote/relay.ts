import { connect, createServer, type Socket } from "node:net";

export interface Relay {
  readonly port: number;
  /** Connections taken so far. */
  readonly taken: number;
  /** Resets every connection, as a firewall that lost its state does. */
  reset(): void;
  close(): Promise<void>;
}

/** A TCP relay to a port of this machine, to be interfered with. `holdMs` is how long it keeps back the server's first words; port 0 is any. */
export async function startRelay(target: number, { holdMs = 0, port = 0 } = {}): Promise<Relay> {
  const clients = new Set<Socket>();
  let taken = 0;
  const server = createServer((client) => {
    taken += 1;
    clients.add(client);
    const upstream = connect(target, "127.0.0.1");
    client.pipe(upstream);
    setTimeout(() => upstream.pipe(client), holdMs);
    const end = () => {
      clients.delete(client);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    get taken() {
      return taken;
    },
    reset() {
      for (const client of clients) client.resetAndDestroy();
    },
    async close() {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
