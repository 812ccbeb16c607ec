import * as pulumi from "@pulumi/pulumi";
import type { Inputs, ResourceDefinition, State } from "../schema/definition.ts";

/** A value of which any part may be an output of another resource. */
export type Wired<T> = pulumi.Input<
  T extends readonly (infer E)[]
    ? readonly Wired<E>[]
    : T extends object
      ? { readonly [K in keyof T]: Wired<T[K]> }
      : T
>;

/** What a resource of this definition is made from. */
export type ArgsOf<D extends ResourceDefinition> = { readonly [K in keyof Inputs<D>]: Wired<Inputs<D>[K]> };

/** A resource of this definition: every property of its state as an output. */
export type ResourceOf<D extends ResourceDefinition> = pulumi.CustomResource & {
  readonly [K in keyof State<D>]-?: pulumi.Output<State<D>[K]>;
};

export interface ResourceClass<D extends ResourceDefinition> {
  /** Type token, by which Pulumi tells resources that it reads back. */
  readonly __pulumiType: string;
  new (name: string, args: ArgsOf<D>, options?: pulumi.CustomResourceOptions): ResourceOf<D>;
}

/** The resource class of a definition. Classes extend it by name, so that each has a type and a docstring of its own. */
export function resourceClass<D extends ResourceDefinition>(definition: D): ResourceClass<D> {
  const outputs = Object.fromEntries(Object.keys(definition.outputs.shape).map((name) => [name, undefined]));
  return class extends pulumi.CustomResource {
    static readonly __pulumiType = definition.token;

    constructor(name: string, args: ArgsOf<D>, options: pulumi.CustomResourceOptions = {}) {
      super(definition.token, name, { ...outputs, ...args } as pulumi.Inputs, options);
    }
  } as unknown as ResourceClass<D>;
}
