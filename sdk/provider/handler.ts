import type { Observed, Probe } from "../observe/probe.ts";
import type { Step } from "../plan/step.ts";
import type { Transport } from "../remote/transport.ts";
import type { HostReference } from "../schema/connection.ts";
import type { FunctionDefinition, Inputs, Outputs, ResourceDefinition, State } from "../schema/definition.ts";
import type { RunStore } from "./run-store.ts";

type Probes = Readonly<Record<string, Probe<unknown>>>;

/** A machine as a handler sees it. */
export interface Host {
  readonly name: string;
  readonly transport: Transport;
  /**
   * Facts as of this engine step: gathered once for all resources of the machine, in one round trip, and used until something is
   * changed on it through `execute`. For `read`.
   */
  observe<P extends Probes>(probes: P): Promise<Observed<P>>;
  /** Facts as of now, in one round trip of their own. For what is about to be changed, and for verifying it. */
  observeNow<P extends Probes>(probes: P): Promise<Observed<P>>;
  /** Carries out a plan in order; stops at the first step that fails, with a HostError that names its purpose. */
  execute(steps: readonly Step[]): Promise<void>;
  /** Polls `observeNow` until `ready` says so. Returns the last facts; the caller judges them where time ran out. */
  waitFor<P extends Probes>(
    probes: P,
    ready: (facts: Observed<P>) => boolean,
    options: { readonly timeoutMs: number; readonly everyMs?: number },
  ): Promise<Observed<P>>;
  /**
   * The undo journal on the machine itself (/var/lib/nfvlab/undo): what was found before the first write, kept where a lost engine or a lost
   * state can't lose it. `remember` keeps an earlier entry and returns the one that holds. An entry with an owner, a URN, is refused to any other.
   *
   * @throws HostError `knob-owned`
   */
  remember<T>(key: string, found: T, owner?: string): Promise<T>;
  forget(key: string): Promise<void>;
  /** Does one after another what this process does on the machine under one key: two that look before either writes see nothing of each other. */
  inTurn<T>(key: string, work: () => Promise<T>): Promise<T>;
}

/** What a handler is given for one call of the engine. */
export interface Operation {
  readonly urn: string;
  /** Eight hexadecimal digits made from the URN, for unit names and cookies. */
  readonly tag: string;
  /** Last part of the URN: the resource's name in the program. */
  readonly resourceName: string;
  readonly project: string;
  readonly stack: string;
  /** The results folder of the stack, where it names one, or where its runs are until its object store has them. */
  readonly results: string | undefined;
  /** The object store of the stack, where it names one. */
  readonly store: RunStore | undefined;
  /** Texts of the inputs that are secret: they reach no record and no file. */
  readonly secrets: readonly string[];
  /** Aborted by Ctrl-C and by the resource's custom timeout. */
  readonly signal: AbortSignal;
  /** A line that lives as long as the operation: `booting: 12 s`. */
  status(text: string): void;
  warn(text: string): void;
  host(reference: HostReference): Host;
}

/**
 * One resource type: observe, plan, execute. What is longer than about sixty lines has logic that belongs in `plan`.
 *
 * `create` is idempotent: what is there and ours, or there and identical, is adopted; what is there, different and not ours is an error that shows
 * both. `read` returns what was observed, in the user's spelling where it means the same, and undefined for what is gone. `delete` restores what
 * create found and leaves alone, with a warning, what someone else has changed since.
 */
export interface Handler<D extends ResourceDefinition = ResourceDefinition> {
  readonly definition: D;
  /** What `read` asks of a machine; asked for all resources of the machine at once. */
  readonly probes: Probes;
  /** The id of a new resource: its machine first, typeable by hand. */
  id(inputs: Inputs<D>, operation: Pick<Operation, "project" | "stack" | "resourceName">): string;
  /** For import: the inputs that an id names beside the host; undefined where the id is not of this type. Without it the type can't be imported. */
  locate?(rest: string): Partial<Inputs<D>> | undefined;
  /** What can be said against inputs beyond their schema without a machine: throws InputError. */
  check?(inputs: Inputs<D>): void;
  /**
   * Outputs as they would be today by what the provider itself brings, a recipe or a source, whatever the machine: where state has another, the next `up` makes the thing as the output's own
   * `change` says.
   */
  made?(inputs: Inputs<D>): Partial<Outputs<D>> | Promise<Partial<Outputs<D>>>;
  create(operation: Operation, inputs: Inputs<D>): Promise<Outputs<D>>;
  /** On import `state` holds what `locate` gave and the host, nothing else. */
  read(operation: Operation, state: State<D>): Promise<State<D> | undefined>;
  update(operation: Operation, inputs: Inputs<D>, prior: State<D>): Promise<Outputs<D>>;
  delete(operation: Operation, state: State<D>): Promise<void>;
}

export interface FunctionHandler<D extends FunctionDefinition = FunctionDefinition> {
  readonly definition: D;
  call(
    operation: Operation,
    inputs: import("zod").infer<D["inputs"]>,
  ): Promise<import("zod").infer<D["outputs"]>>;
}

/**
 * Thrown by create and update where something was made but is not as wanted: state keeps the resource with what is true, and the next `up`
 * goes on from there.
 */
export class Incomplete<D extends ResourceDefinition = ResourceDefinition> extends Error {
  readonly outputs: Outputs<D>;
  /** Inputs as they are in force, where they differ from what was asked. */
  readonly observedInputs: Partial<Inputs<D>>;

  constructor(cause: Error, outputs: Outputs<D>, observedInputs: Partial<Inputs<D>> = {}) {
    super(cause.message, { cause });
    this.name = "Incomplete";
    this.outputs = outputs;
    this.observedInputs = observedInputs;
  }
}
