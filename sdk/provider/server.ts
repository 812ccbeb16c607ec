import grpc from "@grpc/grpc-js";
import pluginpb from "@pulumi/pulumi/proto/plugin_pb.js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import providerpb from "@pulumi/pulumi/proto/provider_pb.js";
import emptypb from "google-protobuf/google/protobuf/empty_pb.js";
import { TransportPool } from "../remote/pool.ts";
import type { HostReference } from "../schema/connection.ts";
import { expectedOutputs } from "../schema/definition.ts";
import { InputError, TransportError } from "../units/errors.ts";
import { checkInputs, checkProviderConfig, requireSecretCredentials } from "./check.ts";
import { compare, type PropertyChange } from "./diff.ts";
import { connectEngine, type EngineLog, silentLog } from "./engine.ts";
import { type Failure, failureOf, initializationFailure, inputFailure } from "./failure.ts";
import { type FunctionHandler, type Handler, Incomplete, type Operation } from "./handler.ts";
import { Hosts } from "./host.ts";
import { startOperation } from "./operation.ts";
import { projectFolder } from "./project-folder.ts";
import { type Kept, keptIn } from "./run-store.ts";
import { inputsOf, outputsOf, secretsOf, stateStruct } from "./state.ts";
import { endingWithin } from "./time-limit.ts";
import { type Decoded, decode, encode, formatPath } from "./wire.ts";

type Properties = Record<string, unknown>;
type Call<Q> = grpc.ServerUnaryCall<Q, unknown>;

export interface ProviderOptions {
  readonly version: string;
  readonly handlers: readonly Handler[];
  readonly functionHandlers: readonly FunctionHandler[];
  /** The published schema as JSON text. */
  readonly schema: string;
}

/**
 * The provider as a gRPC service. Everything specific to a resource is in its handler; this file keeps the engine's contract: preview makes no
 * remote write, Check says everything at once, Diff is by property, what is half done is recorded, Cancel ends what runs.
 *
 * @see https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto
 */
export class ProviderServer {
  readonly #options: ProviderOptions;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #functions: ReadonlyMap<string, FunctionHandler>;
  readonly #cancelled = new AbortController();
  readonly #hosts: Hosts;
  #log: EngineLog = silentLog;
  /** Machines by name, for import, where a resource's inputs are not known yet. */
  #importHosts: Readonly<Record<string, HostReference["connection"]>> = {};
  /** Where runs are kept; nowhere where the stack does not say. */
  #kept: Partial<Kept> = {};

  constructor(options: ProviderOptions) {
    this.#options = options;
    this.#handlers = new Map(options.handlers.map((handler) => [handler.definition.token, handler]));
    this.#functions = new Map(options.functionHandlers.map((handler) => [handler.definition.token, handler]));
    this.#hosts = new Hosts(
      new TransportPool(),
      options.handlers.flatMap((handler) => Object.values(handler.probes)),
    );
  }

  /** Listens on loopback and gives the port. */
  async listen(engineAddress?: string): Promise<number> {
    if (engineAddress !== undefined) this.#log = connectEngine(engineAddress);
    const server = new grpc.Server({
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
    });
    server.addService(providerGrpc.ResourceProviderService, this.#service());
    return new Promise((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  async close(): Promise<void> {
    this.#cancelled.abort(new Error("cancelled"));
    await this.#hosts.close();
    this.#log.close();
  }

  #service(): grpc.UntypedServiceImplementation {
    return {
      handshake: unary((request: providerpb.ProviderHandshakeRequest) => this.#handshake(request)),
      getPluginInfo: unary(() => this.#pluginInfo()),
      attach: unary((request: pluginpb.PluginAttach) => this.#attach(request)),
      getSchema: unary(() => this.#schema()),
      checkConfig: unary((request: providerpb.CheckRequest) => this.#checkConfig(request)),
      diffConfig: unary(() => this.#diffConfig()),
      configure: unary((request: providerpb.ConfigureRequest) => this.#configure(request)),
      check: unary((request: providerpb.CheckRequest) => this.#check(request)),
      diff: unary((request: providerpb.DiffRequest) => this.#diff(request)),
      create: unary((request: providerpb.CreateRequest) => this.#create(request)),
      read: unary((request: providerpb.ReadRequest) => this.#read(request)),
      update: unary((request: providerpb.UpdateRequest) => this.#update(request)),
      delete: unary((request: providerpb.DeleteRequest) => this.#delete(request)),
      invoke: unary((request: providerpb.InvokeRequest) => this.#invoke(request)),
      cancel: unary(() => this.#cancel()),
    };
  }

  #handshake(request: providerpb.ProviderHandshakeRequest): providerpb.ProviderHandshakeResponse {
    const address = request.getEngineAddress();
    if (address !== "" && this.#log === silentLog) this.#log = connectEngine(address);
    const response = new providerpb.ProviderHandshakeResponse();
    response.setAcceptSecrets(true);
    response.setAcceptResources(false);
    response.setAcceptOutputs(false);
    return response;
  }

  #pluginInfo(): pluginpb.PluginInfo {
    const info = new pluginpb.PluginInfo();
    info.setVersion(this.#options.version);
    return info;
  }

  #attach(request: pluginpb.PluginAttach): emptypb.Empty {
    this.#log.close();
    this.#log = connectEngine(request.getAddress());
    return new emptypb.Empty();
  }

  #schema(): providerpb.GetSchemaResponse {
    const response = new providerpb.GetSchemaResponse();
    response.setSchema(this.#options.schema);
    return response;
  }

  #checkConfig(request: providerpb.CheckRequest): providerpb.CheckResponse {
    const response = new providerpb.CheckResponse();
    response.setInputs(request.getNews());
    response.setFailuresList(checkProviderConfig(decode(request.getNews())).failures.map(checkFailure));
    return response;
  }

  /** No change of the provider's configuration makes another machine of one. */
  #diffConfig(): providerpb.DiffResponse {
    const response = new providerpb.DiffResponse();
    response.setChanges(providerpb.DiffResponse.DiffChanges.DIFF_UNKNOWN);
    return response;
  }

  #configure(request: providerpb.ConfigureRequest): providerpb.ConfigureResponse {
    const config = decode(request.getArgs());
    requireSecretCredentials(config);
    const { hosts, results, resultsCredentials } = checkProviderConfig(config);
    this.#importHosts = hosts;
    this.#kept = results === undefined ? {} : keptIn(results, projectFolder(), resultsCredentials);
    const response = new providerpb.ConfigureResponse();
    response.setAcceptsecrets(true);
    response.setSupportspreview(true);
    response.setAcceptresources(false);
    response.setAcceptoutputs(false);
    return response;
  }

  #check(request: providerpb.CheckRequest): providerpb.CheckResponse {
    const handler = this.#handlerOf(request.getUrn());
    const response = new providerpb.CheckResponse();
    // The user's own spelling goes into state; defaults stay unsaid.
    response.setInputs(request.getNews());
    response.setFailuresList(checkInputs(handler, decode(request.getNews())).map(checkFailure));
    return response;
  }

  async #diff(request: providerpb.DiffRequest): Promise<providerpb.DiffResponse> {
    const urn = request.getUrn();
    const handler = this.#handlerOf(urn);
    const { definition } = handler;
    const wanted = decode(request.getNews());
    const changes = compare(
      definition,
      decode(request.getOldInputs()),
      wanted,
      decode(request.getOlds()).value,
      {
        ignored: request.getIgnorechangesList(),
        made: (await handler.made?.(wanted.value as never)) ?? {},
      },
    );
    const response = new providerpb.DiffResponse();
    const { DIFF_NONE, DIFF_SOME } = providerpb.DiffResponse.DiffChanges;
    response.setChanges(changes.length === 0 ? DIFF_NONE : DIFF_SOME);
    response.setHasdetaileddiff(true);
    response.setDeletebeforereplace(definition.deleteBeforeReplace ?? true);
    const topLevel = (list: readonly PropertyChange[]) => [
      ...new Set(list.map(({ path }) => String(path[0]))),
    ];
    response.setDiffsList(topLevel(changes));
    response.setReplacesList(topLevel(changes.filter(({ cost }) => cost === "recreate")));
    for (const change of changes) {
      const detail = new providerpb.PropertyDiff();
      detail.setKind(diffKind(change));
      detail.setInputdiff(change.input);
      response.getDetaileddiffMap().set(formatPath(change.path), detail);
    }
    const costly = changes.filter(({ cost }) => cost === "restart" || cost === "reboot");
    if (costly.length > 0) {
      const cost = costly.some((change) => change.cost === "reboot")
        ? "a reboot of the host"
        : "a restart of the daemon";
      const properties = costly.map(({ path }) => formatPath(path)).sort();
      this.#log.log("info", `${properties.join(", ")}: takes ${cost}`, urn);
    }
    const outdated = changes.filter(({ input, cost }) => !input && cost === "recreate");
    if (outdated.length > 0) {
      const outputs = outdated.map(({ path }) => formatPath(path)).sort();
      this.#log.log(
        "info",
        `${outputs.join(", ")}: takes making it anew, since nfvlab makes it otherwise now`,
        urn,
      );
    }
    return response;
  }

  async #create(request: providerpb.CreateRequest): Promise<providerpb.CreateResponse> {
    const handler = this.#handlerOf(request.getUrn());
    const inputs = decode(request.getProperties());
    const response = new providerpb.CreateResponse();
    if (request.getPreview()) {
      response.setProperties(request.getProperties());
      return response;
    }
    const secrets = secretsOf(handler.definition, inputs);
    const operation = this.#operation(request.getUrn(), request.getTimeout(), secrets);
    const id = handler.id(inputs.value as never, operation);
    const outputs = await this.#attempt(handler, id, inputs, () =>
      handler.create(operation, inputs.value as never),
    );
    response.setId(id);
    response.setProperties(stateStruct(handler.definition, { ...inputs.value, ...outputs }, inputs));
    return response;
  }

  async #update(request: providerpb.UpdateRequest): Promise<providerpb.UpdateResponse> {
    const handler = this.#handlerOf(request.getUrn());
    const inputs = decode(request.getNews());
    const prior = decode(request.getOlds()).value;
    const response = new providerpb.UpdateResponse();
    if (request.getPreview()) {
      // An update keeps what a resource computed, and makes right what has one right value.
      const outputs = outputsOf(handler.definition, prior);
      const state = {
        ...outputs,
        ...expectedOutputs(handler.definition, inputs.value),
        ...inputs.value,
      };
      response.setProperties(stateStruct(handler.definition, state, inputs));
      return response;
    }
    const secrets = secretsOf(handler.definition, inputs);
    const operation = this.#operation(request.getUrn(), request.getTimeout(), secrets);
    const outputs = await this.#attempt(handler, request.getId(), inputs, () =>
      handler.update(operation, inputs.value as never, prior as never),
    );
    response.setProperties(stateStruct(handler.definition, { ...inputs.value, ...outputs }, inputs));
    return response;
  }

  async #read(request: providerpb.ReadRequest): Promise<providerpb.ReadResponse> {
    const handler = this.#handlerOf(request.getUrn());
    const recorded = decode(request.getInputs());
    const known = { ...decode(request.getProperties()).value, ...recorded.value };
    // Of what is imported the engine knows the id alone.
    const importing = Object.keys(known).length === 0;
    const inputs = importing ? this.#locate(handler, request.getId()) : recorded;
    const prior = importing ? inputs.value : known;
    const state = (await handler.read(this.#operation(request.getUrn(), 0), prior as never)) as
      | Properties
      | undefined;
    const response = new providerpb.ReadResponse();
    if (state === undefined) return response;
    response.setId(request.getId());
    response.setProperties(stateStruct(handler.definition, state, inputs));
    response.setInputs(stateStruct(handler.definition, inputsOf(handler.definition, state), inputs));
    return response;
  }

  async #delete(request: providerpb.DeleteRequest): Promise<emptypb.Empty> {
    const handler = this.#handlerOf(request.getUrn());
    // What was made in part has inputs that never came true; its properties say what did.
    const state = { ...decode(request.getOldInputs()).value, ...decode(request.getProperties()).value };
    const urn = request.getUrn();
    try {
      await handler.delete(this.#operation(urn, request.getTimeout()), state as never);
    } catch (error) {
      throw error instanceof TransportError ? unreachableAtDelete(error, urn) : error;
    }
    return new emptypb.Empty();
  }

  async #invoke(request: providerpb.InvokeRequest): Promise<providerpb.InvokeResponse> {
    const token = request.getTok();
    const handler = this.#functions.get(token);
    if (handler === undefined) throw unknownToken(token);
    const inputs = decode(request.getArgs());
    const response = new providerpb.InvokeResponse();
    const failures = checkInputs(handler, inputs);
    if (failures.length > 0) response.setFailuresList(failures.map(checkFailure));
    else response.setReturn(encode(await handler.call(this.#operation("", 0), inputs.value as never)));
    return response;
  }

  #cancel(): emptypb.Empty {
    this.#cancelled.abort(new Error("cancelled by the user"));
    return new emptypb.Empty();
  }

  #operation(urn: string, timeoutSeconds: number, secrets: readonly string[] = []): Operation {
    const { signal } = this.#cancelled;
    const ending =
      timeoutSeconds > 0 ? endingWithin(signal, timeoutSeconds * 1000) : AbortSignal.any([signal]);
    return startOperation(urn, ending, {
      ...{ hosts: this.#hosts, log: this.#log, ...this.#kept, secrets },
    });
  }

  async #attempt(
    handler: Handler,
    id: string,
    inputs: Decoded,
    work: () => Promise<unknown>,
  ): Promise<Properties> {
    try {
      return (await work()) as Properties;
    } catch (error) {
      if (!(error instanceof Incomplete)) throw error;
      const inForce = { ...inputs.value, ...error.observedInputs };
      throw initializationFailure(error.cause, {
        id,
        properties: stateStruct(handler.definition, { ...inForce, ...error.outputs }, inputs),
        inputs: stateStruct(handler.definition, inForce, inputs),
      });
    }
  }

  /** What an import id says: its first part names the machine, the rest the thing on it. */
  #locate(handler: Handler, id: string): Decoded {
    const slash = id.indexOf("/");
    const name = id.slice(0, Math.max(slash, 0));
    const located = handler.locate?.(id.slice(slash + 1));
    if (located === undefined) {
      throw new InputError({
        code: "import-id",
        problem: `not an id of ${handler.definition.token}`,
        observed: JSON.stringify(id),
        hint:
          handler.locate === undefined
            ? "this type can't be imported"
            : "ids start with the lab's name of the host, for instance dut/node0/2MiB",
      });
    }
    const connection = this.#importHosts[name];
    if (connection === undefined) {
      throw new InputError({
        code: "import-host",
        problem: `no connection to host ${JSON.stringify(name)} is known to import from`,
        observed: Object.keys(this.#importHosts).join(", ") || "no host",
        hint: `set it: pulumi config set --secret nfvlab:hosts '{"${name}":{"kind":"ssh","host":…}}'`,
      });
    }
    return {
      value: { host: { name, connection }, ...located },
      unknown: [],
      secret: [["host", "connection"]],
    };
  }

  #handlerOf(urn: string): Handler {
    const token = urn.split("::")[2]?.split("$").at(-1) ?? "";
    const handler = this.#handlers.get(token);
    if (handler === undefined) throw unknownToken(token);
    return handler;
  }
}

/** Without its machine a resource can't be undone: the user may have to let go of it. */
function unreachableAtDelete(error: TransportError, urn: string): TransportError {
  const { code, problem, observed, expected, hint, cause } = error;
  const letGo = `where the machine is gone for good, \`pulumi state delete '${urn}'\` forgets what was on it`;
  return new TransportError({
    code,
    problem,
    ...(observed !== undefined && { observed }),
    ...(expected !== undefined && { expected }),
    hint: hint === undefined ? letGo : `${hint}; ${letGo}`,
    cause,
  });
}

function unknownToken(token: string): InputError {
  return new InputError({
    code: "type-unknown",
    problem: "this provider has no such type",
    observed: token,
    hint: "use one of the types that the nfvlab SDK exports",
  });
}

function unary<Q, R>(answer: (request: Q) => R | Promise<R>): grpc.handleUnaryCall<Q, R> {
  return async (call: Call<Q>, callback: grpc.sendUnaryData<R>) => {
    try {
      callback(null, await answer(call.request));
    } catch (error) {
      const failure = isFailure(error)
        ? error
        : error instanceof InputError
          ? inputFailure(error)
          : failureOf(error);
      callback(failure as grpc.ServiceError, null);
    }
  };
}

function isFailure(error: unknown): error is Failure {
  return typeof error === "object" && error !== null && (error as Failure).name === "Failure";
}

function checkFailure({ property, reason }: { property: string; reason: string }): providerpb.CheckFailure {
  const failure = new providerpb.CheckFailure();
  failure.setProperty(property);
  failure.setReason(reason);
  return failure;
}

function diffKind({ kind, cost }: PropertyChange): providerpb.PropertyDiff.Kind {
  const { ADD, ADD_REPLACE, DELETE, DELETE_REPLACE, UPDATE, UPDATE_REPLACE } = providerpb.PropertyDiff.Kind;
  const kinds = {
    add: [ADD, ADD_REPLACE],
    delete: [DELETE, DELETE_REPLACE],
    update: [UPDATE, UPDATE_REPLACE],
  } as const;
  return kinds[kind][cost === "recreate" ? 1 : 0];
}
