import { z } from "zod";
import type { FieldFacts } from "./fields.ts";

export type { ChangeCost } from "./fields.ts";

/** A type token, `nfvlab:<room>:<Type>`. */
export type Token = `nfvlab:${string}:${string}`;

/**
 * What a resource is, as data: its inputs, what state holds beside them, and what the provider needs to know to compare two states.
 * One definition feeds Check, Diff, the published schema and the types of the resource class.
 */
export interface ResourceDefinition<
  I extends z.ZodObject = z.ZodObject,
  O extends z.ZodObject = z.ZodObject,
> {
  readonly token: Token;
  readonly description: string;
  readonly inputs: I;
  readonly outputs: O;
  /** Outputs that have one right value, which may follow from the inputs: another one, found by refresh, makes the next `up` mend the resource. */
  readonly expectations?: Readonly<Partial<Record<keyof z.infer<O> & string, unknown>>>;
  /** Where two of a kind can't exist side by side, the old one goes first. Default true: things on a host have names. */
  readonly deleteBeforeReplace?: boolean;
}

export type Inputs<D extends ResourceDefinition> = z.infer<D["inputs"]>;
export type Outputs<D extends ResourceDefinition> = z.infer<D["outputs"]>;
/** What state holds: the inputs, and what was found or computed. */
export type State<D extends ResourceDefinition> = Inputs<D> & Outputs<D>;

/** Right values, or what they are by the inputs. */
type Expectations<I extends z.ZodObject, O extends z.ZodObject> = {
  readonly [K in keyof z.infer<O> & string]?: z.infer<O>[K] | ((inputs: z.infer<I>) => z.infer<O>[K]);
};

export function defineResource<I extends z.ZodObject, O extends z.ZodObject>(
  definition: ResourceDefinition<I, O> & { readonly expectations?: Expectations<I, O> },
): ResourceDefinition<I, O> {
  return definition;
}

/** The right values of outputs with these inputs. */
export function expectedOutputs(
  { expectations = {} }: ResourceDefinition,
  inputs: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(expectations).map(([name, expected]) => [
      name,
      typeof expected === "function" ? expected(inputs) : expected,
    ]),
  );
}

/** A function of the provider: inputs to a result, changing nothing. */
export interface FunctionDefinition<
  I extends z.ZodObject = z.ZodObject,
  O extends z.ZodObject = z.ZodObject,
> {
  readonly token: Token;
  readonly description: string;
  readonly inputs: I;
  readonly outputs: O;
}

export function defineFunction<I extends z.ZodObject, O extends z.ZodObject>(
  definition: FunctionDefinition<I, O>,
): FunctionDefinition<I, O> {
  return definition;
}

export type PropertyPath = readonly (string | number)[];

/**
 * The facts of the field at a path. A field without a cost of its own takes that of what holds it, so that marking a union `recreate`
 * marks everything in it.
 */
export function fieldFacts(schema: z.ZodType, path: PropertyPath, value?: unknown): FieldFacts {
  let current: z.ZodType | undefined = schema;
  let inherited: FieldFacts = {};
  let at = value;
  for (const step of [undefined, ...path]) {
    if (step !== undefined) {
      current = child(current, step, at);
      at = (at as Record<string | number, unknown> | undefined)?.[step];
    }
    if (current === undefined) return inherited;
    inherited = { ...only(inherited, ["change", "secret"]), ...(metaOf(current) as FieldFacts) };
  }
  return inherited;
}

/** The schema of what lies at a path of a value. */
export function fieldAt(schema: z.ZodType, path: PropertyPath, value: unknown): z.ZodType | undefined {
  let current: z.ZodType | undefined = schema;
  let at = value;
  for (const step of path) {
    current = child(current, step, at);
    at = (at as Record<string | number, unknown> | undefined)?.[step];
  }
  return current;
}

/** The field of a name, which may be one that every object inherits. */
export function fieldOf(schema: z.ZodObject, name: string | number): z.ZodType | undefined {
  return Object.hasOwn(schema.shape, name) ? (schema.shape[name] as z.ZodType) : undefined;
}

const secretive = new WeakMap<z.ZodType, boolean>();

/** Whether this field, or anything in it, may be secret, whatever its value. */
export function mayHoldSecrets(schema: z.ZodType): boolean {
  let known = secretive.get(schema);
  if (known === undefined) {
    known = metaOf(schema)["secret"] === true || partsOf(schema).some(mayHoldSecrets);
    secretive.set(schema, known);
  }
  return known;
}

function partsOf(schema: z.ZodType): readonly z.ZodType[] {
  const inner = innerOf(schema);
  if (inner !== undefined) return [inner];
  if (schema instanceof z.ZodObject) return Object.values(schema.shape) as z.ZodType[];
  if (schema instanceof z.ZodRecord) return [schema.valueType as z.ZodType];
  if (schema instanceof z.ZodArray) return [schema.element as z.ZodType];
  if (schema instanceof z.ZodUnion) return schema.options as readonly z.ZodType[];
  return [];
}

function metaOf(schema: z.ZodType): Record<string, unknown> {
  const inner = innerOf(schema);
  return { ...(inner === undefined ? {} : metaOf(inner)), ...(schema.meta() ?? {}) };
}

function child(schema: z.ZodType | undefined, step: string | number, value: unknown): z.ZodType | undefined {
  if (schema === undefined) return undefined;
  const inner = innerOf(schema);
  if (inner !== undefined) return child(inner, step, value);
  if (schema instanceof z.ZodObject) return fieldOf(schema, step);
  if (schema instanceof z.ZodRecord) return schema.valueType as z.ZodType;
  if (schema instanceof z.ZodArray) return schema.element as z.ZodType;
  if (schema instanceof z.ZodUnion) {
    const options = schema.options as readonly z.ZodType[];
    const fitting = options.find(
      (option) => option.safeParse(value).success && child(option, step, value) !== undefined,
    );
    return child(fitting ?? options.find((option) => child(option, step, value) !== undefined), step, value);
  }
  return undefined;
}

function innerOf(schema: z.ZodType): z.ZodType | undefined {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodReadonly
  ) {
    return schema.def.innerType as z.ZodType;
  }
  return undefined;
}

function only(facts: FieldFacts, keys: readonly (keyof FieldFacts)[]): FieldFacts {
  return Object.fromEntries(Object.entries(facts).filter(([key]) => keys.includes(key as keyof FieldFacts)));
}
