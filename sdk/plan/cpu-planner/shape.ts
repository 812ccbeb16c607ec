import { CpuDemand } from "../../schema/cpu-demand.ts";
import { InputError } from "../../units/errors.ts";

/** What keeps a demand from being one at all: programs that are not type-checked may pass anything. */
export function checkShape(demand: unknown): InputError[] {
  const { error } = CpuDemand.safeParse(demand);
  return (error?.issues ?? []).flatMap((issue): InputError[] => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) =>
        fault([...issue.path, key], "there is no such property", "leave it out"),
      );
    }
    const [, observed, expected] = /^observed (.*), expected (.*)$/s.exec(issue.message) ?? [];
    return observed === undefined || expected === undefined
      ? [fault(issue.path, "not what it must be", issue.message)]
      : [
          new InputError({
            code: "cpu-plan-demand",
            property: pathOf(issue.path),
            problem: "not what it must be",
            observed,
            expected,
          }),
        ];
  });
}

function fault(path: readonly PropertyKey[], problem: string, hint: string): InputError {
  return new InputError({ code: "cpu-plan-demand", property: pathOf(path), problem, hint });
}

function pathOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "demand";
  return path
    .map((step, at) => {
      if (typeof step === "number") return `[${step}]`;
      const name = String(step);
      if (!/^[A-Za-z_][\w-]*$/.test(name)) return `["${name}"]`;
      return at === 0 ? name : `.${name}`;
    })
    .join("");
}
