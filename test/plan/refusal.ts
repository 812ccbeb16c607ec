import { expect } from "vitest";
import { InputError } from "../../sdk/units/errors.ts";

/** The message of the InputError by which a call refuses its inputs. */
export function refusalOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as InputError).message;
  }
  throw new Error("nothing was refused");
}
