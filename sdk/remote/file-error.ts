import { HostError } from "../units/errors.ts";

/** A file that the machine does not let us read or write. */
export function fileError(verb: "read" | "write", path: string, host: string, cause: Error): HostError {
  return new HostError({
    code: "file",
    problem: `could not ${verb} ${path} on ${host}`,
    observed: cause.message,
    hint: `check that it ${verb === "read" ? "exists" : "can be made: that its folder exists"} and what the user may do there`,
    cause,
  });
}
