import { setTimeout as sleep } from "node:timers/promises";
import { factsOf, type Observed, type Probe } from "../observe/probe.ts";
import { ownedElsewhere } from "../plan/sole-owner.ts";
import type { Step } from "../plan/step.ts";
import { askAll } from "../remote/batch.ts";
import type { TransportPool } from "../remote/pool.ts";
import { SharedAnswers } from "../remote/shared-answers.ts";
import type { Transport } from "../remote/transport.ts";
import type { HostReference } from "../schema/connection.ts";
import type { Host } from "./handler.ts";

type Probes = Readonly<Record<string, Probe<unknown>>>;

const UNDO_FOLDER = "/var/lib/nfvlab/undo";

// Keeps the first entry: what was found before the first write, not what a retry finds. Its second line, where it has one, is its owner.
const REMEMBER = `umask 077; mkdir -p "$(dirname "$1")"
if [ ! -s "$1" ]; then printf '%s\\n%s' "$2" "$3" > "$1.part" && sync "$1.part" && mv "$1.part" "$1"; fi
cat "$1"`;

/** All machines of one plugin process, each with one connection and one set of shared answers. */
export class Hosts {
  readonly #pool: TransportPool;
  readonly #everything: readonly Probe<unknown>[];
  readonly #shared = new Map<Transport, SharedAnswers>();
  readonly #turns = new Map<Transport, Map<string, Promise<unknown>>>();

  constructor(pool: TransportPool, everything: readonly Probe<unknown>[]) {
    this.#pool = pool;
    this.#everything = everything;
  }

  /** The machine for one operation: its commands end when the operation is aborted. */
  open(reference: HostReference, signal: AbortSignal): Host {
    const transport = this.#pool.get(reference.connection);
    let shared = this.#shared.get(transport);
    if (shared === undefined) {
      // Shared reads belong to no single operation; those that wait for them stop waiting when aborted.
      shared = new SharedAnswers((questions) => askAll(transport, questions), this.#everything);
      this.#shared.set(transport, shared);
    }
    let turns = this.#turns.get(transport);
    if (turns === undefined) {
      turns = new Map();
      this.#turns.set(transport, turns);
    }
    return new ConnectedHost(reference.name, transport, { shared, turns }, signal);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

class ConnectedHost implements Host {
  readonly name: string;
  readonly transport: Transport;
  readonly #shared: SharedAnswers;
  readonly #turns: Map<string, Promise<unknown>>;
  readonly #signal: AbortSignal;

  constructor(
    name: string,
    transport: Transport,
    { shared, turns }: { readonly shared: SharedAnswers; readonly turns: Map<string, Promise<unknown>> },
    signal: AbortSignal,
  ) {
    this.name = name;
    this.transport = transport;
    this.#shared = shared;
    this.#turns = turns;
    this.#signal = signal;
  }

  async observe<P extends Probes>(probes: P): Promise<Observed<P>> {
    return factsOf(probes, await this.#shared.get(Object.values(probes)));
  }

  async observeNow<P extends Probes>(probes: P): Promise<Observed<P>> {
    return factsOf(probes, await askAll(this.transport, Object.values(probes), { signal: this.#signal }));
  }

  async execute(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      this.#shared.invalidate();
      try {
        await this.transport.run({ ...step, signal: this.#signal });
      } catch (error) {
        if (error instanceof Error) error.message = `could not ${step.purpose}: ${error.message}`;
        throw error;
      } finally {
        this.#shared.invalidate();
      }
    }
  }

  async waitFor<P extends Probes>(
    probes: P,
    ready: (facts: Observed<P>) => boolean,
    { timeoutMs, everyMs = 1000 }: { timeoutMs: number; everyMs?: number },
  ): Promise<Observed<P>> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const facts = await this.observeNow(probes);
      if (ready(facts) || performance.now() >= deadline) return facts;
      await sleep(everyMs, undefined, { signal: this.#signal });
    }
  }

  async remember<T>(key: string, found: T, owner = ""): Promise<T> {
    const entry = undoPath(key);
    const { stdout } = await this.transport.run({
      argv: ["sh", "-c", REMEMBER, "sh", entry, JSON.stringify(found), owner],
      signal: this.#signal,
    });
    const [first = "", other = ""] = stdout.split("\n");
    if (owner !== "" && other !== "" && other !== owner)
      throw ownedElsewhere(key, this.name, { owner, other, entry });
    return JSON.parse(first) as T;
  }

  async forget(key: string): Promise<void> {
    await this.transport.run({ argv: ["rm", "-f", undoPath(key)], signal: this.#signal });
  }

  inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const done = (this.#turns.get(key) ?? Promise.resolve()).then(work);
    this.#turns.set(
      key,
      done.catch(() => undefined),
    );
    return done;
  }
}

function undoPath(key: string): string {
  return `${UNDO_FOLDER}/${key.replaceAll("/", "~")}.json`;
}
