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

/** The four things that a policy can say of a stack. */
export interface PolicyCases {
  /** It finds something. */
  readonly violates: Case;
  /** It says nothing at all. */
  readonly passes: Case;
  /** It says why it is not about this stack. */
  readonly notApplicable: Case;
  /** It accuses nobody, and says which value it waits for. */
  readonly unknown: Case;
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
 * A stack as a policy leaves it at level `remediate`.
 *
 * @example
 * expect(await remediated(noCounters, cases.violates.stack)).toEqual(cases.passes.stack);
 */
export async function remediated(
  { remediateResource }: Pick<ResourceValidationPolicy, "remediateResource">,
  declared: readonly Declared[],
  config: object = {},
): Promise<Declared[]> {
  const after: Declared[] = [];
  for (const resource of declared) {
    const copy = structuredClone(resource.props) as Record<string, unknown>;
    const { type, name } = resource;
    await remediateResource?.({
      ...{ type, name, urn: urnOf(resource), opts: NO_OPTIONS, props: unknownCheckingProxy(copy) },
      ...{ stackTags: new Map(), isType: () => false, asType: () => undefined },
      getConfig: <T extends object>() => config as T,
      notApplicable: () => undefined as never,
    });
    after.push({ ...resource, props: copy });
  }
  return after;
}

/**
 * What a policy does wrong in its four cases, a sentence each; empty where it does all four right.
 *
 * @example
 * expect(await faultsOf(enoughPages, cases)).toEqual([]);
 */
export async function faultsOf(policy: StackValidationPolicy, cases: PolicyCases): Promise<string[]> {
  const judged = async ({ stack, config }: Case) => judge(policy, stack, config);
  const [violates, passes, other, open] = await Promise.all(
    [cases.violates, cases.passes, cases.notApplicable, cases.unknown].map(judged),
  );
  const fault = (name: keyof PolicyCases, said: Judged | undefined, expected: string, isRight: boolean) =>
    isRight || said === undefined ? [] : [`${name}: observed ${heard(said)}, expected ${expected}`];
  return [
    ...fault("violates", violates, "a violation", (violates?.violations.length ?? 0) > 0),
    ...fault("passes", passes, "not a word", passes !== undefined && heard(passes) === SILENCE),
    ...fault("notApplicable", other, "the reason why it does not apply", other?.notApplicable !== undefined),
    ...fault(
      "unknown",
      open,
      "no violation, and advice that says what isn't known yet",
      open?.violations.length === 0 && open.advice.length > 0,
    ),
  ];
}

const SILENCE = "not a word";

function heard(said: Judged): string {
  if (said.notApplicable !== undefined) return `not applicable (${said.notApplicable})`;
  return textOf(said).trimEnd() || SILENCE;
}

type Place = readonly (string | number)[];

/**
 * Takes each value of a stack away in turn, as a preview that doesn't know it, and returns where the policy then accuses somebody, or neither finds what it
 * found before nor says that it can't judge. Empty for a policy that meets unknown values on purpose.
 *
 * @example
 * expect(await blindSpotsOf(enoughPages, cases.violates)).toEqual([]);
 */
export async function blindSpotsOf(
  policy: StackValidationPolicy,
  { stack, config }: Case,
): Promise<string[]> {
  const seeing = await judge(policy, stack, config);
  const spots: string[] = [];
  for (const [index, resource] of stack.entries()) {
    for (const place of placesIn(resource.props).filter((each) => isTakenWhole(resource.type, each))) {
      const { violations, advice } = await judge(policy, blinded(stack, index, place), config);
      const at = `${resource.name}: ${place.join(".")}`;
      if (violations.length > seeing.violations.length) spots.push(`${at} accuses: ${violations.at(-1)}`);
      if (violations.length < seeing.violations.length && advice.length === 0)
        spots.push(`${at} is passed over`);
    }
  }
  return spots;
}

/** Every place of a value, those of objects and lists among them. */
function placesIn(value: unknown, place: Place = []): Place[] {
  if (typeof value !== "object" || value === null) return [place];
  const inner = Object.keys(value).flatMap((key) =>
    placesIn((value as Readonly<Record<string, unknown>>)[key], [...place, key]),
  );
  return place.length === 0 ? inner : [place, ...inner];
}

function blinded(stack: readonly Declared[], index: number, place: Place): Declared[] {
  return stack.map((resource, at) => {
    if (at !== index) return resource;
    const copy = structuredClone(resource);
    let holder = copy.props as Record<string | number, unknown>;
    for (const step of place.slice(0, -1)) holder = holder[step] as typeof holder;
    holder[place.at(-1) as string] = unknown;
    return copy;
  });
}

/** Facts and records are taken all at once: no more than a whole part of them is unknown. */
function isTakenWhole(type: string, place: Place): boolean {
  return place.length === 1 || (type !== "nfvlab:host:Facts" && place[0] !== "record");
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
