import * as pulumi from "@pulumi/pulumi";

type Child<A, R> = new (name: string, args: A, options?: pulumi.CustomResourceOptions) => R;

/** What a component builds its children with: names and parents come by themselves. */
export interface Scope {
  /** Makes a child named `${component}-${role}`, parented to the component. */
  child<A, R>(type: Child<A, R>, role: string, args: A, options?: pulumi.CustomResourceOptions): R;
}

/**
 * Base of all components. It parents every child, names it `${name}-${role}`, and registers what `build` gives as the component's outputs: none of
 * the three can be forgotten. A role's name is part of the child's URN: renaming one needs an alias.
 *
 * @example
 * class Pair extends LabComponent<{ first: Hugepages }> {
 *   declare readonly first: Hugepages;
 *   constructor(name: string, host: Wired<HostReference>, options?: pulumi.ComponentResourceOptions) {
 *     super("Pair", name, options, (scope) => ({
 *       first: scope.child(Hugepages, "node0", { host, numaNode: 0, size: "2MiB", count: 4 }),
 *     }));
 *   }
 * }
 */
export abstract class LabComponent<Built extends object> extends pulumi.ComponentResource {
  /** Its name in the program, with which the names of its children begin. */
  readonly name: string;
  readonly #deletedWith: pulumi.Resource | undefined;

  protected constructor(
    type: string,
    name: string,
    options: pulumi.ComponentResourceOptions | undefined,
    build: (scope: Scope) => Built,
  ) {
    super(`nfvlab:components:${type}`, name, {}, options);
    this.name = name;
    // A machine that is deleted takes what is on it along; nothing asks it to tidy up first.
    const { deletedWith, dependsOn } = options ?? {};
    this.#deletedWith = deletedWith;
    const built = build({
      child: (childType, role, args, childOptions) =>
        new childType(`${name}-${role}`, args, {
          ...(deletedWith !== undefined && { deletedWith }),
          ...childOptions,
          dependsOn: pulumi
            .all([listOf(dependsOn), listOf(childOptions?.dependsOn)])
            .apply((lists) => lists.flat()),
          parent: this,
        }),
    });
    Object.assign(this, built);
    this.registerOutputs(
      Object.fromEntries(Object.entries(built).filter(([, value]) => !pulumi.Resource.isInstance(value))),
    );
  }

  /** Options for what lives on this: gone with the machine that this is gone with. */
  lifetime(): { deletedWith?: pulumi.Resource } {
    return this.#deletedWith === undefined ? {} : { deletedWith: this.#deletedWith };
  }
}

type Dependencies = pulumi.ResourceOptions["dependsOn"];

/** What a component waits for, its children wait for. */
function listOf(dependencies: Dependencies): pulumi.Output<pulumi.Resource[]> {
  return pulumi.output(dependencies ?? []).apply((list) => [list].flat() as pulumi.Resource[]);
}
