/** The arguments that the user gave: one that is left out, or undefined, is not handed on, since the engine would take it for one that is there. */
export function given<A extends object>(args: A): { readonly [K in keyof A]?: Exclude<A[K], undefined> } {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined)) as {
    readonly [K in keyof A]?: Exclude<A[K], undefined>;
  };
}
