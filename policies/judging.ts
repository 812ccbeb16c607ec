import {
  type PolicyResource,
  type ResourceValidationPolicy,
  type StackValidationPolicy,
  unknownCheckingProxy,
} from "@pulumi/policy";
import { runtime } from "@pulumi/pulumi";

/** What the engine sends for a value that a preview can't know. */
export const unknown = runtime.unknownValue;

/** A resource of a stack as a test writes it. */
export interface Declared {
  /** Type token: `nfvlab:host:Hugepages`. */
  readonly type: string;
  /** Name in the program, different from that of every other. */
  readonly name: string;
  /** Inputs and outputs; `unknown` for what a preview can't know, at any depth. */
  readonly props: Readonly<Record<string, unknown>>;
  /** Name of the resource that this is a child of. */
  readonly parent?: string;
  /** Names of the resources that each property depends on. */
  readonly dependsOn?: Readonly<Record<string, readonly string[]>>;
}

/** A stack as a policy may meet it. */
export interface Case {
  readonly stack: readonly Declared[];
  /** Configuration of the policy. Default: none. */
  readonly config?: object;
}

const NO_OPTIONS = {
  protect: false,
  ignoreChanges: [],
  aliases: [],
  additionalSecretOutputs: [],
} as unknown as PolicyResource["opts"];

/** The URN that a declared resource has in a judged stack. */
export function urnOf({ type, name }: Pick<Declared, "type" | "name">): string {
  return `urn:pulumi:dev::lab::${type}::${name}`;
}

/** Resources as a policy gets them from the engine: unknown values throw when they are read, references are objects. */
export function resourcesOf(declared: readonly Declared[]): PolicyResource[] {
  const resources = new Map<string, PolicyResource>();
  for (const { type, name, props } of declared) {
    resources.set(name, {
      type,
      name,
      urn: urnOf({ type, name }),
      props: unknownCheckingProxy(structuredClone(props)) as PolicyResource["props"],
      opts: NO_OPTIONS,
      dependencies: [],
      propertyDependencies: {},
      isType: () => false,
      asType: () => undefined,
    });
  }
  for (const { name, parent, dependsOn = {} } of declared) {
    const resource = resources.get(name) as PolicyResource;
    const named = (other: string) => {
      const found = resources.get(other);
      if (found === undefined) throw new Error(`${name} refers to ${other}, which is not in this stack`);
      return found;
    };
    if (parent !== undefined) resource.parent = named(parent);
    resource.propertyDependencies = Object.fromEntries(
      Object.entries(dependsOn).map(([property, others]) => [property, others.map(named)]),
    );
  }
  return [...resources.values()];
}

/** What a policy said of a stack. */
export interface Judged {
  /** Findings at the level of the policy. */
  readonly violations: readonly string[];
  /** Findings that the policy itself gives as advice. */
  readonly advice: readonly string[];
  /** Resource of each finding, violations first. */
  readonly about: readonly string[];
  /** Why it is not about the stack; absent where it is. */
  readonly notApplicable?: string;
}

class NotApplicable extends Error {}

/**
 * Judges a stack by one policy, as the pack's server does, short of the wire.
 *
 * @param config the policy's configuration, as a file for `--policy-pack-config` has it under the policy's name
 */
export async function judge(
  policy: StackValidationPolicy,
  declared: readonly Declared[],
  config: object = {},
): Promise<Judged> {
  const violations: Array<readonly [string, string]> = [];
  const advice: Array<readonly [string, string]> = [];
  const report = (finding: unknown, urn?: string) => {
    if (typeof finding === "string") violations.push([finding, nameIn(urn)]);
    else {
      const { message, enforcementLevel, urn } = finding as Record<string, string | undefined>;
      (enforcementLevel === "advisory" ? advice : violations).push([String(message), nameIn(urn)]);
    }
  };
  let notApplicable: string | undefined;
  try {
    await policy.validateStack(
      {
        resources: resourcesOf(declared),
        stackTags: new Map(),
        getConfig: <T extends object>() => config as T,
        notApplicable: (reason) => {
          throw new NotApplicable(reason);
        },
      },
      report,
    );
  } catch (error) {
    if (!(error instanceof NotApplicable)) throw error;
    notApplicable = error.message;
  }
  return {
    violations: violations.map(([message]) => message),
    advice: advice.map(([message]) => message),
    about: [...violations, ...advice].map(([, name]) => name),
    ...(notApplicable !== undefined && { notApplicable }),
  };
}

/**
 * A stack as a policy that mends leaves it.
 *
 * @example
 * expect(await remediated(noCounters, cases.violates.stack)).toEqual(cases.passes.stack);
 */
export async function remediated(
  { mending }: { readonly mending?: Pick<ResourceValidationPolicy, "remediateResource"> },
  declared: readonly Declared[],
  config: object = {},
): Promise<Declared[]> {
  const after: Declared[] = [];
  for (const resource of declared) {
    const copy = structuredClone(resource.props) as Record<string, unknown>;
    const { type, name } = resource;
    await mending?.remediateResource?.({
      ...{ type, name, urn: urnOf(resource), opts: NO_OPTIONS, props: unknownCheckingProxy(copy) },
      ...{ stackTags: new Map(), isType: () => false, asType: () => undefined },
      getConfig: <T extends object>() => config as T,
      notApplicable: () => undefined as never,
    });
    after.push({ ...resource, props: copy });
  }
  return after;
}

/** Findings as one text, the form of golden files. */
export function textOf({ violations, advice }: Judged): string {
  return [
    ...violations.map((text) => `[mandatory] ${text}\n`),
    ...advice.map((text) => `[advisory] ${text}\n`),
  ].join("");
}

function nameIn(urn: string | undefined): string {
  return urn?.split("::").at(-1) ?? "";
}
