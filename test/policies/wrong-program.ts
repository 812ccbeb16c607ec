import type { Declared } from "../../policies/testing.ts";
import { on, type Props, real } from "./case.ts";

/** A program with one mistake, and the same without it. */
export interface WrongProgram {
  readonly mistake: string;
  /** The policy that refuses it, and no other does. */
  readonly policy: string;
  readonly wrong: readonly Declared[];
  readonly right: readonly Declared[];
  readonly config?: Readonly<Record<string, object>>;
}

export const row = (
  mistake: string,
  policy: string,
  wrong: readonly Declared[],
  right: readonly Declared[] = real(),
  config?: object,
): WrongProgram => ({
  mistake,
  policy,
  wrong,
  right,
  ...(config !== undefined && { config: { [policy]: config } }),
});

/** One more resource, wrong and right. */
export const added = (
  mistake: string,
  policy: string,
  type: string,
  wrong: Props,
  right: Props,
  ...more: readonly Declared[]
) =>
  row(
    mistake,
    policy,
    real({}, on(type, "added", wrong), ...more),
    real({}, on(type, "added", right), ...more),
  );

/** One resource of the worked reference, changed. */
export const changed = (
  mistake: string,
  policy: string,
  name: string,
  wrong: Props,
  ...more: readonly Declared[]
) => row(mistake, policy, real({ [name]: wrong }, ...more), real({}, ...more));
