import { expect } from "vitest";
import { InputError } from "../../sdk/units/errors.ts";

/** The message of the error by which a call refuses, of an InputError unless another kind is expected. */
export function refusalOf(act: () => unknown, kind: new (...args: never[]) => Error = InputError): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(kind);
    return (error as Error).message;
  }
  throw new Error("nothing was refused");
}
