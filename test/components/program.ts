import * as pulumi from "@pulumi/pulumi";

/** A resource as the program registered it. */
export interface Registered {
  /** Type tokens from the outermost parent inwards, the resource's own last. */
  readonly types: readonly string[];
  readonly name: string;
  /** Name of its parent; undefined where the stack is. */
  readonly parent: string | undefined;
  /** Inputs, secrets as {@link secret} writes them. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Names of everything that is registered before it, sorted. */
  readonly waitsFor: readonly string[];
  readonly deletedWith: string | undefined;
  /** Properties whose changes are ignored. */
  readonly ignores: readonly string[];
  /** What a component registered as its outputs; undefined where it registered none. */
  outputs?: Readonly<Record<string, unknown>>;
}

/** How a secret looks among recorded values. */
export const secret = (value: unknown) => ({ secret: value });

type State = Readonly<Record<string, unknown>>;

/** What the provider would answer: inputs, and what state holds beside them, the same for all of a type or by what was asked. */
export type Answers = Readonly<Record<string, State | ((inputs: State) => State)>>;

/** What functions of the provider would answer, by token. */
export type Functions = Readonly<Record<string, (inputs: Readonly<Record<string, unknown>>) => object>>;

/** The parts of the runtime's protocol that say what was asked for; its own types are internal. */
interface Registration {
  getType(): string;
  getName(): string;
  getParent(): string;
  getObject(): { toJavaScript(): Record<string, unknown> };
  getDependenciesList(): string[];
  getDeletedwith(): string;
  getIgnorechangesList(): string[];
}
interface OutputsRegistration {
  getUrn(): string;
  getOutputs(): { toJavaScript(): Record<string, unknown> };
}
type Call<R> = (request: R, ...rest: unknown[]) => unknown;
interface Monitor {
  registerResource: Call<Registration>;
  registerResourceOutputs: Call<OutputsRegistration>;
}

/**
 * Runs a program on Pulumi's mocks until nothing of it is under way, and tells what it registered. The mocks' own callbacks leave out parents,
 * dependencies and outputs, so the requests themselves are recorded.
 */
export async function register(
  program: () => unknown,
  options: { readonly answers?: Answers; readonly preview?: boolean; readonly functions?: Functions } = {},
): Promise<Registered[]> {
  const { answers = {}, preview = false, functions = {} } = options;
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs, custom }) => ({
        id: custom === false || preview ? undefined : `${name}-id`,
        state: { ...inputs, ...(preview ? {} : answerTo(answers[type], inputs)) },
      }),
      call: ({ token, inputs }) => {
        const result = functions[token]?.(inputs);
        if (result === undefined) throw new Error(`nothing answers ${token}`);
        return result;
      },
    },
    "lab",
    "test",
    preview,
  );
  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  const registered: Registered[] = [];
  const { registerResource, registerResourceOutputs } = monitor;
  monitor.registerResource = (request, ...rest) => {
    const parent = request.getParent();
    registered.push({
      types: [...(parent === "" ? [] : typesOf(parent)), request.getType()],
      name: request.getName(),
      parent: parent === "" ? undefined : nameOf(parent),
      inputs: recorded(request.getObject().toJavaScript()) as Record<string, unknown>,
      waitsFor: request.getDependenciesList().map(nameOf).sort(),
      deletedWith: request.getDeletedwith() === "" ? undefined : nameOf(request.getDeletedwith()),
      ignores: request.getIgnorechangesList(),
    });
    return registerResource.call(monitor, request, ...rest);
  };
  monitor.registerResourceOutputs = (request, ...rest) => {
    const of = registered.find(({ name, types }) => {
      const urn = request.getUrn();
      return name === nameOf(urn) && types.at(-1) === typesOf(urn).at(-1);
    });
    if (of !== undefined)
      of.outputs = recorded(request.getOutputs().toJavaScript()) as Record<string, unknown>;
    return registerResourceOutputs.call(monitor, request, ...rest);
  };
  await program();
  await pulumi.runtime.disconnect();
  return registered;
}

/** What a program computes from resources, once the runtime is done with them. */
export async function evaluated<T>(program: () => T): Promise<T> {
  let result: T | undefined;
  await register(() => {
    result = program();
  });
  return result as T;
}

/** One of them by name. */
export function named(registered: readonly Registered[], name: string): Registered {
  const found = registered.filter((resource) => resource.name === name);
  const [only] = found;
  if (only === undefined || found.length > 1) {
    throw new Error(
      `${found.length} resources are called ${name}; there are ${registered.map((r) => r.name).join(", ")}`,
    );
  }
  return only;
}

/** Who is whose child, in the order of registration. */
export function outline(registered: readonly Registered[]): string[] {
  return registered.map(({ types, name, parent }) => `${parent ?? "stack"} > ${name} (${types.at(-1)})`);
}

function typesOf(urn: string): string[] {
  return (urn.split("::")[2] ?? "").split("$");
}

function nameOf(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const KINDS: Readonly<Record<string, "secret" | "resource">> = {
  "1b47061264138c4ac30d75fd1eb44270": "secret",
  "5cf8f73096256a8f31e491e813e4eb8e": "resource",
};
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Values of the wire as a reader would write them: `{ secret }`, `{ resource }`, `"(unknown)"`. */
function recorded(value: unknown): unknown {
  if (value === UNKNOWN) return "(unknown)";
  if (Array.isArray(value)) return value.map(recorded);
  if (typeof value !== "object" || value === null) return value;
  const fields = value as Record<string, unknown>;
  const kind = KINDS[String(fields[SIGNATURE])];
  if (kind === "secret") return secret(recorded(fields.value));
  if (kind === "resource") return { resource: nameOf(String(fields.urn)) };
  return Object.fromEntries(Object.entries(fields).map(([key, item]) => [key, recorded(item)]));
}

function answerTo(answer: Answers[string] | undefined, inputs: State): State | undefined {
  return typeof answer === "function" ? answer(inputs) : answer;
}
