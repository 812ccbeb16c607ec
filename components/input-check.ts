import { type CpuList, CpuSet } from "../sdk/units/cpuset.ts";
import { type ErrorFacts, InputError } from "../sdk/units/errors.ts";

/**
 * Gathers what is wrong with a component's inputs, so that a user reads all of it at once. It looks only at what the provider can't see later: how
 * properties of one component, and of components that refer to each other, go together. Each property by itself is the provider's to check.
 *
 * @throws InputError `component-inputs`, whose cause is an AggregateError of one InputError a finding
 * @example
 * const check = new InputCheck("VhostUserVnf", name);
 * const emulatorCpus = check.cpus("emulatorCpus", args.emulatorCpus);
 * check.done();
 */
export class InputCheck {
  readonly #type: string;
  readonly #name: string;
  readonly #found: InputError[] = [];

  constructor(type: string, name: string) {
    this.#type = type;
    this.#name = name;
  }

  wrong(facts: ErrorFacts & { readonly property: string }): void {
    this.#found.push(new InputError({ ...facts, resource: this.#name }));
  }

  /** A list as a set; undefined where it is none, which is then noted. */
  cpus(property: string, list: CpuList): CpuSet | undefined {
    try {
      return CpuSet.parse(list);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      this.wrong({ ...error, property });
      return undefined;
    }
  }

  /** Like {@link cpus}, for a role that needs at least one. */
  someCpus(property: string, list: CpuList): CpuSet | undefined {
    const cpus = this.cpus(property, list);
    if (cpus?.size !== 0) return cpus;
    this.wrong({
      code: "cpus-missing",
      property,
      problem: "names no CPU",
      observed: JSON.stringify(list),
      expected: "at least one CPU",
    });
    return undefined;
  }

  done(): void {
    if (this.#found.length === 0) return;
    const sentences = this.#found.map(({ message }) => `\n  - ${message}`).join("");
    throw new InputError({
      code: "component-inputs",
      resource: this.#name,
      problem: `${this.#type} "${this.#name}" can't be made from its inputs${sentences}`,
      cause: new AggregateError(this.#found),
    });
  }
}
