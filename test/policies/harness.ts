import { type PolicyResource, type StackValidationPolicy, unknownCheckingProxy } from "@pulumi/policy";
import { runtime } from "@pulumi/pulumi";

/** What the engine sends for a value that a preview can't know. */
export const unknown = runtime.unknownValue;

export interface Declared {
  readonly type: string;
  readonly name: string;
  readonly props: Readonly<Record<string, unknown>>;
  /** Name of the resource that this is a child of. */
  readonly parent?: string;
  /** Names of the resources that each property depends on. */
  readonly dependsOn?: Readonly<Record<string, readonly string[]>>;
}

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
      opts: { protect: false, ignoreChanges: [], aliases: [], additionalSecretOutputs: [] } as never,
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

export interface Judged {
  /** Findings at the level of the policy. */
  readonly violations: readonly string[];
  /** Findings that the policy itself gives as advice. */
  readonly advice: readonly string[];
  /** Resource of each finding, violations first. */
  readonly about: readonly string[];
  readonly notApplicable?: string;
}

class NotApplicable extends Error {}

/** Runs a stack policy as the pack's server does, short of the wire. */
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

/** Findings as one text, the form of the golden files. */
export function textOf({ violations, advice }: Judged): string {
  return [
    ...violations.map((text) => `[mandatory] ${text}\n`),
    ...advice.map((text) => `[advisory] ${text}\n`),
  ].join("");
}

function nameIn(urn: string | undefined): string {
  return urn?.split("::").at(-1) ?? "";
}
